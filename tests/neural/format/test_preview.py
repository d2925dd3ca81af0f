"""The preview and the boxes around it: small, ordinary JPEG 2000, distinguished from other pictures."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import glymur
import numpy as np
import pytest
from jpylyzer import jpylyzer
from PIL import Image

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.core.picture import Picture
from j2klearn.errors import CodestreamError
from j2klearn.io.sources import open_source
from j2klearn.neural.format.container import UUID_BOX, is_neural, marked, open_payload, wrapped
from j2klearn.neural.format.preview import make_preview, packet_budget
from tests.support.judges import opj_decompress, psnr
from tests.support.neural_models import LOSSY


def test_budgets():
    assert [packet_budget(size) for size in (100, 5_000, 9_000, 20_000, 50_000, 500_000)] == [
        24,
        50,
        90,
        90,
        150,
        320,
    ]


@pytest.mark.parametrize(("budget", "side"), [(24, 16), (90, 32), (320, 64)])
def test_size_and_what_is_seen(photograph, budget, side):
    picture = Picture(photograph[:1024, :1536])
    preview = make_preview(picture, budget)
    assert (preview.height, preview.width, preview.components) == (round(side * 2 / 3), side, 3)
    # SOC, SIZ, COD, QCD, SOT, SOD and EOC are 87 bytes, and 3 more for every level
    packets = len(preview.codestream) - 87 - 3 * {16: 1, 32: 2, 64: 3}[side]
    assert budget - 12 <= packets <= budget + 4
    shown = j2klearn.decode(preview.codestream)
    small = Image.fromarray(photograph[:1024, :1536]).resize(
        (preview.width, preview.height), Image.Resampling.BOX
    )
    assert psnr(np.asarray(small), shown) > 18


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (7, 65), (64, 64)])
@pytest.mark.parametrize("components", [1, 2, 3, 4, 6])
def test_shapes(shape, components):
    image = np.random.default_rng(1).integers(0, 256, (*shape, components), np.uint8)
    for budget in (24, 320):
        preview = make_preview(Picture(image), budget)
        shown = j2klearn.decode(preview.codestream)
        assert shown.shape[:2] == (preview.height, preview.width)
        assert max(shown.shape[:2]) <= 64
        assert preview.components == (3 if components >= 3 else 1)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int8])
def test_other_samples_are_shown_in_8_bits(grey16, dtype):
    eight = (grey16 >> 8).astype(np.uint8)
    if dtype == np.int8:
        image = (eight.astype(int) - 128).astype(np.int8)
    elif dtype == np.int16:
        image = (grey16.astype(int) - 32768).astype(np.int16)
    else:
        image = grey16
    expected = j2klearn.decode(make_preview(Picture(eight), 320).codestream).astype(int)
    shown = j2klearn.decode(make_preview(Picture(image), 320).codestream)
    assert shown.dtype == np.uint8
    assert np.abs(shown - expected).mean() < 3


def test_twelve_bits(grey16):
    image = grey16 >> 4
    shown = j2klearn.decode(make_preview(Picture(image, 12), 320).codestream)
    assert abs(float(shown.mean()) - float(image.mean()) / 16) < 3


@pytest.fixture
def file(photograph) -> bytes:
    return j2klearn.encode(photograph[:512, :768], profile="neural", model=LOSSY, quality=20, threads=1)


def test_other_readers(file, tmp_path: Path):
    path = tmp_path / "a.jp2"
    path.write_bytes(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = glymur.Jp2k(path)[:]
    with Image.open(io.BytesIO(file), formats=["JPEG2000"]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), seen)
    np.testing.assert_array_equal(opj_decompress(path), seen)
    assert max(seen.shape[:2]) <= 64
    result = jpylyzer.checkOneFile(str(path), "jp2")
    assert result.findtext("isValid") == "True"


def test_overhead(file):
    """The bytes outside of segments, for a picture of some kilobytes."""
    info = j2klearn.info(file)
    assert info.bytes - sum(size for _, _, size in info.resolutions) < 600
    small = make_preview(Picture(np.zeros((512, 768, 3), np.uint8)), 90)
    assert len(wrapped(small, b"")) <= 350


def test_detection(file, photograph):
    ordinary = j2klearn.encode(photograph[:40, :60], model=None)
    learned = j2klearn.encode(photograph[:40, :60])
    for data, neural in ((file, True), (ordinary, False), (learned, False), (file[:250], True), (b"", False)):
        assert is_neural(io.BytesIO(data)) == neural
    assert open_payload(PartialCodestream(open_source(ordinary))) is None
    assert open_payload(PartialCodestream(open_source(file))) is not None


def test_a_preview_without_its_payload_is_no_picture(file):
    at = file.index(UUID_BOX.bytes)
    for end in (at - 8, at - 3, at + 10):
        with pytest.raises(CodestreamError, match="payload"):
            j2klearn.decode(file[:end], model=LOSSY)
        with pytest.raises(CodestreamError, match="payload"):
            j2klearn.info(file[:end])
        with pytest.raises(CodestreamError, match="payload"):
            j2klearn.open(file[:end], model=LOSSY)
    another = file[:at] + bytes(16) + file[at + 16 :]
    with pytest.raises(CodestreamError, match="payload"):
        j2klearn.decode(another, model=LOSSY)


def test_the_mark_may_be_damaged(file):
    picture = j2klearn.decode(file, model=LOSSY)
    mark = file.index(b"\x00\x00\x00\x61\x00\x00\x00\x99")
    damaged = bytearray(file)
    damaged[mark + 3] ^= 0x10
    np.testing.assert_array_equal(j2klearn.decode(bytes(damaged), model=LOSSY), picture)


def test_boxes_may_stand_elsewhere(file):
    """Tools may insert other boxes, or move the UUID box to the front."""
    picture = j2klearn.decode(file, model=LOSSY)
    start, end = file.index(b"jp2c") - 4, file.index(UUID_BOX.bytes) - 8
    extra = b"\x00\x00\x00\x0cfree1234"
    for data in (
        file[:start] + extra + file[start:end] + extra + file[end:] + extra,
        file[:start] + file[end:] + file[start:end],
    ):
        np.testing.assert_array_equal(j2klearn.decode(data, model=LOSSY), picture)


def test_marked_codestreams_differ_in_the_tile_alone(rgb):
    codestream = j2klearn.encode(rgb[:20, :30], model=None, jp2=False)
    again = marked(codestream)
    assert sum(a != b for a, b in zip(codestream, again, strict=True)) == 2
    np.testing.assert_array_equal(j2klearn.decode(again), j2klearn.decode(codestream))
