"""Damaged and truncated files of the neural profile give an error or the right picture, never another picture."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.errors import CodestreamError, J2KError, TruncatedWarning
from j2klearn.neural.format.container import UUID_BOX
from tests.support.judges import psnr
from tests.support.neural_models import LOSSLESS, LOSSY, Deflate


@pytest.fixture(scope="module")
def picture(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:121, :150])


def encode(image: NDArray[Any], model: Deflate = LOSSY, **options: Any) -> bytes:
    return j2klearn.encode(image, profile="neural", model=model, threads=1, **options)


def decode(data: bytes, model: Deflate = LOSSY, **options: Any) -> NDArray[Any]:
    return j2klearn.decode(data, model=model, threads=1, **options)


@pytest.mark.parametrize("model", [LOSSY, LOSSLESS])
def test_every_flipped_byte(rgb, model):
    """Flip every byte of the boxes, the preview, the header and the segments."""
    image = rgb[:20, :13]
    data = encode(image, model, **({"lossless": True} if model is LOSSLESS else {"quality": 30}))
    whole = decode(data, model)
    exact = 0
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0xFF if at % 2 else 1 << at % 8
        with warnings.catch_warnings():
            # glymur warns about the main header; a picture with a warning of truncation has to be complete all the same
            warnings.simplefilter("ignore")
            try:
                seen = decode(bytes(damaged), model)
            except J2KError:
                continue
        np.testing.assert_array_equal(seen, whole, err_msg=f"byte {at} of {len(data)}")
        exact += 1
    start = data.index(UUID_BOX.bytes)
    assert (
        start * 0.3 < exact <= start
    )  # damage to packets of the preview does not matter, damage to the payload does


def test_other_ways_in_say_so_too(rgb):
    data = encode(rgb[:20, :13], quality=30)
    whole = decode(data)
    start = data.index(UUID_BOX.bytes)
    for at in [*range(0, start, 11), *range(start, len(data), 7)]:
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        for read in (
            lambda file: j2klearn.open(file, model=LOSSY)[:],
            lambda file: j2klearn.Jp2kr(file, transform=LOSSY)[:],
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    seen = read(bytes(damaged))
                except (J2KError, RuntimeError):  # glymur raises RuntimeError
                    continue
            np.testing.assert_array_equal(seen, whole, err_msg=f"byte {at} of {len(data)}")


def test_every_cut_of_a_small_file(rgb):
    image = rgb[:20, :99, 1]
    data = encode(image, quality=60)
    coarse = (
        len(data) - j2klearn.info(data).resolutions[-1][2]
    )  # up to 64 samples resolutions stand or fall together
    for end in range(coarse):
        with pytest.raises(CodestreamError):
            decode(data[:end])
    with pytest.warns(TruncatedWarning, match="1 of 4 resolutions"):
        first = decode(data[:coarse])
    assert 20 < psnr(image, first) < psnr(image, decode(data)) - 3
    for end in range(coarse + 1, len(data), 9):
        with pytest.warns(TruncatedWarning, match="cut off"):
            np.testing.assert_array_equal(decode(data[:end]), first)


def test_more_bytes_are_never_worse(picture):
    data = encode(picture, quality=60)
    sizes = [size for _, _, size in j2klearn.info(data).resolutions]
    best, values = 0.0, set()
    for end in np.linspace(len(data) - sum(sizes), len(data) - 1, 40).astype(int):
        missing = len(data) - end
        if missing > sum(sizes[-2:]):
            with pytest.raises(CodestreamError):
                decode(data[:end])
            continue
        with pytest.warns(TruncatedWarning, match="of 5 resolutions"):
            value = psnr(picture, decode(data[:end]))
        assert value >= best
        best = value
        values.add(value)
    assert len(values) == 2
    assert psnr(picture, decode(data)) > best + 3


def test_parts_of_cut_files(picture):
    data = encode(picture, quality=60)
    sizes = [size for _, _, size in j2klearn.info(data).resolutions]
    cut = data[: len(data) - sizes[-1]]  # the finest resolution is missing, and not a byte more
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for reduce in (1, 2, 5):
            np.testing.assert_array_equal(decode(cut, reduce=reduce), decode(data, reduce=reduce))
    shorter = cut[:-1]
    with pytest.warns(TruncatedWarning, match="1 of 4 resolutions"):
        low = decode(shorter, reduce=1)
    assert low.shape == (61, 75, 3)
    with pytest.warns(TruncatedWarning, match="2 of 5 resolutions"):
        whole = decode(shorter)
    with pytest.warns(TruncatedWarning):
        np.testing.assert_array_equal(decode(shorter, region=(5, 6, 70, 80)), whole[5:70, 6:80])
    with pytest.warns(TruncatedWarning):
        assert j2klearn.open(shorter, model=LOSSY)[5:70, 6:80].shape == (65, 74, 3)


def test_cut_lossless_files(picture):
    data = encode(picture, LOSSLESS, lossless=True)
    with pytest.warns(TruncatedWarning):
        value = psnr(picture, decode(data[:-1], LOSSLESS))
    assert value > 20
    np.testing.assert_array_equal(decode(data[:-1], LOSSLESS, reduce=1), decode(data, LOSSLESS, reduce=1))


def test_damage_spares_lower_resolutions(picture):
    data = encode(picture, quality=60)
    damaged = bytearray(data)
    damaged[-5] ^= 4
    with pytest.raises(CodestreamError, match="checksum of a segment"):
        decode(bytes(damaged))
    np.testing.assert_array_equal(decode(bytes(damaged), reduce=1), decode(data, reduce=1))


def test_cut_and_damaged_files(picture):
    data = encode(picture, quality=60)
    whole = decode(data)
    random = np.random.default_rng(5)
    seen = 0
    for _ in range(150):
        cut = bytearray(data[: random.integers(200, len(data) + 1)])
        for at in random.integers(100, len(cut), 2):
            cut[at] ^= 1 << random.integers(8)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                picture_read = decode(bytes(cut))
            except J2KError:
                continue
        seen += 1
        assert picture_read.shape == whole.shape
        if not any(issubclass(each.category, TruncatedWarning) for each in caught):
            np.testing.assert_array_equal(picture_read, whole)
    assert seen < 60


def test_sizes_that_lie(picture):
    """A header with a valid checksum may hold any values. They are checked before memory is allocated."""
    from dataclasses import replace

    from j2klearn.core.picture import Picture
    from j2klearn.errors import LimitError, SegmentError
    from j2klearn.neural.format.container import wrapped
    from j2klearn.neural.format.payload import Header, write_payload
    from j2klearn.neural.format.preview import make_preview

    preview = make_preview(Picture(picture), 24)
    header = Header(
        height=121,
        width=150,
        components=3,
        precision=8,
        is_signed=False,
        component_transform=True,
        levels=5,
        lossless=False,
        model_prefix=LOSSY.id[:8],
        shifts=((0, 0), (0, 0)),
    )
    segments = [b"x"] * 5
    for change, error in (
        ({"height": (1 << 32) - 1, "width": (1 << 32) - 1, "levels": 29}, LimitError),
        ({"height": 50_000, "width": 50_000, "levels": 13}, LimitError),
        ({"levels": 4}, SegmentError),
        ({"levels": 32}, SegmentError),
    ):
        other = replace(header, **change)
        data = wrapped(preview, write_payload(other, (segments * 9)[: max(1, other.levels)]))
        with pytest.raises(error):
            decode(data)
        with pytest.raises(error):
            _ = j2klearn.open(data, model=LOSSY)[:5, :5]
        if error is LimitError:
            assert j2klearn.info(data).height == other.height


def test_impossible_coefficients(picture, monkeypatch):
    """A hostile payload may decode to extreme coefficients: pixels are clipped, or an error is raised."""
    from j2klearn.neural.coefficients.pyramid import Pyramid

    for model, options in ((Deflate(), {"quality": 30}), (Deflate("5-3"), {"lossless": True})):
        data = encode(picture, model, **options)
        decode_model = model.decode

        def wild(*arguments: Any, decode_model: Any = decode_model, **more: Any) -> list[Pyramid]:
            pyramids = decode_model(*arguments, **more)
            for pyramid in pyramids:
                pyramid.ll[:] = (1 << 30) - 1
                pyramid.details[0][0][:] = -(1 << 30)
            return list(pyramids)

        monkeypatch.setattr(model, "decode", wild)
        if model.config["transform"] == "5-3":
            with pytest.raises(CodestreamError, match="no picture has"):
                decode(data, model)
        else:
            assert decode(data, model).shape == picture.shape
