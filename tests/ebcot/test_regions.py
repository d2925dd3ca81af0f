"""Regions of learned files: from code-blocks where that is possible, else from the carrier of every level."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from skimage import data as photographs

import j2klearn
from j2klearn.ebcot.native_reader import NativeReader
from j2klearn.errors import UnsupportedError
from j2klearn.native import transport

AREAS = [(10, 20, 60, 90), (0, 0, 1, 1), (100, 3, 120, 110)]


@pytest.fixture(scope="module", params=["hybrid97-9c-compact", None], ids=["compact", "default"])
def files(request):
    """A tiled file with two layers, and one without tiles."""
    image = photographs.astronaut()[100:220, 200:310]
    model = {} if request.param is None else {"model": request.param}
    return [
        j2klearn.encode(image, bpp=[1, 3], tile_size=48, fallback=False, threads=1, **model),
        j2klearn.encode(image, bpp=2, precincts=[(64, 64)], fallback=False, threads=1, **model),
    ]


def parts(data, **options):
    return [
        j2klearn.decode(data, region=area, reduce=reduce, layers=1 - reduce, threads=1, **options)
        for area in AREAS
        for reduce in (0, 1)
    ]


def test_code_blocks_give_the_samples_of_the_whole_picture(files, monkeypatch):
    for data in files:
        wholes = [j2klearn.decode(data, reduce=reduce, layers=1 - reduce, threads=1) for reduce in (0, 1)]
        with monkeypatch.context() as patch:
            patch.setattr(transport, "Decoder", None)  # nothing is decoded but code-blocks
            found = parts(data)
        for part, (area, reduce) in zip(found, [(a, r) for a in AREAS for r in (0, 1)], strict=True):
            y0, x0, y1, x1 = (-(-at >> reduce) for at in area)
            assert np.array_equal(part, wholes[reduce][y0:y1, x0:x1])


def refuse(*_, **__):
    raise UnsupportedError("no")


def test_files_whose_code_blocks_cannot_be_read_give_the_same_samples(files, monkeypatch):
    for data in files:
        expected = parts(data)
        near = parts(io.BytesIO(data))  # the packets are chosen one by one
        with monkeypatch.context() as patch:
            patch.setattr(NativeReader, "part", refuse)
            python = parts(data)
            patch.setattr(transport.BlockReader, "read", refuse)
            carrier = parts(data)
        for one, *others in zip(expected, near, python, carrier, strict=True):
            for other in others:
                assert np.array_equal(one, other)


def test_regions_are_decoded_by_one_native_call(files, monkeypatch):
    calls = []

    def counted(self, *arguments, **options):
        calls.append(options["draft"])
        return decode(self, *arguments, **options)

    decode = NativeReader.part
    monkeypatch.setattr(NativeReader, "part", counted)
    picture = j2klearn.open(files[0], threads=1)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda area: picture.read(area), AREAS * 2))
    for part, area in zip(found, AREAS * 2, strict=True):
        assert np.array_equal(part, j2klearn.decode(files[0], region=area, threads=2))
    assert len(calls) == 4 * len(AREAS)
    one = picture.read(AREAS[0], components=[1])
    assert np.array_equal(one, j2klearn.decode(files[0], components=[1])[10:60, 20:90])
    calls.clear()
    j2klearn.decode(files[0], region=AREAS[0], engine="torch", threads=1)
    assert not calls
