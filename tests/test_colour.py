"""Pixels to components and back."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.colour import Picture, pixels, planes
from j2klearn.errors import InputError


@pytest.mark.parametrize(
    ("dtype", "depth"), [(np.uint8, 8), (np.uint16, 10), (np.uint16, 12), (np.uint16, 16)]
)
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_round_trip_is_exact(dtype: type, depth: int, channels: tuple[int, ...]) -> None:
    generator = np.random.default_rng(depth)
    image = generator.integers(0, 1 << depth, (37, 23, *channels)).astype(dtype)
    picture = Picture(image, depth)
    back = pixels(planes(picture), depth, ict=picture.components == 3)
    assert back.dtype == dtype
    difference = np.abs(back.astype(np.int64) - image.reshape(back.shape))
    assert difference.max() <= (0 if depth < 16 else 1)  # float32 has 24 bits for what takes 16 and the ICT


def test_components_are_in_8_bit_grey_levels() -> None:
    white = np.full((2, 2, 3), 65535, np.uint16)
    luma, cb, _ = planes(Picture(white))
    assert np.allclose(luma, 127.996, atol=1e-3)
    assert np.allclose(cb, 0, atol=1e-3)


def test_overshoot_is_clipped() -> None:
    assert pixels(np.array([[[-200.0, 200.0]]], np.float32), 8, ict=False).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("image", "depth"),
    [
        (np.zeros((4, 4), np.float32), None),
        (np.full((4, 4), np.nan), None),
        (np.zeros((4, 4), np.int16), None),
        (np.zeros((4, 4), bool), None),
        (np.zeros(4, np.uint8), None),
        (np.zeros((4, 4, 2), np.uint8), None),
        (np.zeros((4, 4, 4), np.uint8), None),
        (np.zeros((2, 4, 4, 3), np.uint8), None),
        (np.zeros((0, 4), np.uint8), None),
        (np.zeros((4, 0, 3), np.uint8), None),
        (np.zeros((4, 4), np.uint8), 12),
        (np.zeros((4, 4), np.uint16), 7),
        (np.zeros((4, 4), np.uint16), 12.0),
        (np.full((4, 4), 4096, np.uint16), 12),
        ("picture", None),
        (None, None),
    ],
)
def test_refused(image: object, depth: int | None) -> None:
    with pytest.raises(InputError):
        Picture(image, depth)
