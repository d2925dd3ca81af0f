"""Regions of learned files: from code-blocks where that is possible, else from the carrier of every level."""

from __future__ import annotations

import io

import numpy as np
import pytest
from skimage import data as photographs

import j2klearn
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


def test_files_whose_code_blocks_cannot_be_read_give_the_same_samples(files, monkeypatch):
    for data in files:
        expected = parts(data)
        near = parts(io.BytesIO(data))  # the packets are chosen one by one
        with monkeypatch.context() as patch:
            patch.setattr(
                transport.BlockReader, "read", lambda *_: (_ for _ in ()).throw(UnsupportedError("no"))
            )
            carrier = parts(data)
        for one, other, last in zip(expected, near, carrier, strict=True):
            assert np.array_equal(one, other)
            assert np.array_equal(one, last)
