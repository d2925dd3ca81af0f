"""Timings of the hot paths, for pytest-benchmark.

python -m pytest benchmarks/hot_paths.py
python -m pytest benchmarks/hot_paths.py --benchmark-save=before    # and later --benchmark-compare
"""

from __future__ import annotations

import glymur
import numpy as np
import pytest

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.core.threads import default_threads
from j2klearn.models.registry import DEFAULT_MODEL, resolve
from j2klearn.native import wavelet
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.range_coder import Decoder, Encoder, cost_bits
from j2klearn.neural.integer.backends import kernels
from j2klearn.neural.integer.layer import Layer
from j2klearn.transform.colour import pixels, planes

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
    benchmark(wavelet.analyse, components[0], (0, 0), default_threads())


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_analysis(benchmark, components, engine):
    area, transform = Rect(0, 0, SIDE, SIDE), resolve(DEFAULT_MODEL).using(engine).transform
    benchmark(lambda: transform.analyse(components, area, LEVELS, default_threads()))


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_synthesis(benchmark, components, engine):
    area, transform = Rect(0, 0, SIDE, SIDE), resolve(DEFAULT_MODEL).using(engine).transform

    def fresh():  # `synthesise` empties its list
        return (transform.analyse(components, area, LEVELS, default_threads()), default_threads()), {}

    benchmark.pedantic(transform.synthesise, setup=fresh, rounds=5)


@pytest.mark.parametrize("backend", ["native", "torch"])
@pytest.mark.parametrize("channels", [32, 64])
def test_integer_convolution(benchmark, backend, channels):
    """Convolve a plane as large as a quarter of a finest subband of a 768 x 512 picture."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-300, 300, (channels, 3, 3, channels)).astype(np.int16)
    layer = Layer(weights, np.zeros(channels, np.int32), np.full(channels, 12, np.int32), low=0, high=4095)
    plane = rng.integers(0, 1000, (128, 192, channels)).astype(np.int16)
    which = kernels(backend, threads=default_threads())
    benchmark(which.conv, plane, layer)


@pytest.mark.parametrize("scale", [0.15, 1, 20])
@pytest.mark.parametrize("way", ["encode", "decode", "cost"])
def test_symbols(benchmark, way, scale):
    """Code as many coefficients as a 768 x 512 picture has pixels."""
    rng = np.random.default_rng(0)
    count = 768 * 512
    logits, means = rng.integers(-100, 100, (count, 3)), rng.integers(-10, 10, (count, 3))
    scales = 64 * np.log(scale) + rng.normal(size=(count, 3)) * 30
    parameters = np.rint(np.stack([logits, means, scales], 1)).astype(np.int16)
    values = np.rint(rng.logistic(size=count) * np.exp(parameters[:, 2, 0] / 64)).astype(np.int32)
    which = mixture("logistic", threads=default_threads())

    def encode():
        encoder = Encoder(which)
        encoder.encode(values, parameters)
        return encoder.finish()

    data = encode()
    ways = {
        "encode": encode,
        "decode": lambda: Decoder(data, which).decode(parameters),
        "cost": lambda: cost_bits(values, parameters, which),
    }
    benchmark(ways[way])
