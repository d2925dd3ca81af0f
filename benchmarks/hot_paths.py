"""The hot paths one by one, for pytest-benchmark.

python -m pytest benchmarks/hot_paths.py
python -m pytest benchmarks/hot_paths.py --benchmark-save=before    # and later --benchmark-compare
"""

from __future__ import annotations

import glymur
import numpy as np
import pytest

import j2klearn
from j2klearn import _native
from j2klearn.colour import Picture, pixels, planes
from j2klearn.encoder import DEFAULT_MODEL
from j2klearn.geometry import Rect
from j2klearn.layout import default_threads
from j2klearn.registry import resolve
from j2klearn.transform import analyse, synthesise

SIDE = 1024
LEVELS = 5
MODELS = {"learned": DEFAULT_MODEL, "9-7": None}


@pytest.fixture(scope="module")
def rgb():
    return np.ascontiguousarray(glymur.Jp2k(glymur.data.nemo())[200 : 200 + SIDE, 900 : 900 + SIDE])


@pytest.fixture(scope="module")
def components(rgb):
    return planes(Picture(rgb, None))


@pytest.mark.parametrize("model", MODELS)
def test_encode(benchmark, rgb, model):
    benchmark(j2klearn.encode, rgb, bpp=1, model=MODELS[model])


@pytest.mark.parametrize("model", MODELS)
def test_decode(benchmark, rgb, model):
    benchmark(j2klearn.decode, j2klearn.encode(rgb, bpp=1, model=MODELS[model]))


@pytest.mark.parametrize("model", MODELS)
def test_decode_region(benchmark, rgb, model):
    data = j2klearn.encode(rgb, bpp=1, model=MODELS[model])
    benchmark(j2klearn.decode, data, region=(300, 300, 428, 428))


def test_colour(benchmark, rgb):
    benchmark(planes, Picture(rgb, None))


def test_colour_back(benchmark, components):
    benchmark(pixels, components, 8, ict=True)


def test_base_wavelet(benchmark, components):
    benchmark(_native.analyse, components[0], (0, 0), default_threads())


def test_analysis(benchmark, components):
    area, model = Rect(0, 0, SIDE, SIDE), resolve(DEFAULT_MODEL)
    benchmark(lambda: analyse(components, area, LEVELS, model, default_threads()))


def test_synthesis(benchmark, components):
    area, model = Rect(0, 0, SIDE, SIDE), resolve(DEFAULT_MODEL)

    def fresh():  # `synthesise` empties its list
        return (analyse(components, area, LEVELS, model, default_threads()), model, default_threads()), {}

    benchmark.pedantic(synthesise, setup=fresh, rounds=5)
