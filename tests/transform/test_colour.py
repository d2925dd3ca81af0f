"""Conversion of pixels to component planes and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from j2klearn.core.picture import Picture, sample_range
from j2klearn.errors import InputError, OptionError
from j2klearn.native import pixels as native
from j2klearn.native.instructions import available_instructions
from j2klearn.transform.colour import inverse_transform, pixels, planes

#: T.800 equations G-9 to G-11.
FORWARD = (
    (0.299, 0.587, 0.114),
    (-0.299 / 1.772, -0.587 / 1.772, 0.5),
    (0.5, -0.587 / 1.402, -0.114 / 1.402),
)


def test_the_transforms_are_inverse() -> None:
    np.testing.assert_allclose(np.array(FORWARD) @ inverse_transform(), np.eye(3), atol=1e-12)


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
    assert difference.max() <= (0 if depth < 16 else 1)  # the ICT in float32 cannot keep 16 bits exactly


def test_components_are_in_8_bit_grey_levels() -> None:
    white = np.full((2, 2, 3), 65535, np.uint16)
    luma, cb, _ = planes(Picture(white))
    assert np.allclose(luma, 127.996, atol=1e-3)
    assert np.allclose(cb, 0, atol=1e-3)


def test_overshoot_is_clipped() -> None:
    assert pixels(np.array([[[-200.0, 200.0]]], np.float32), 8, ict=False).tolist() == [[0, 255]]


@pytest.mark.parametrize("ict", [False, True])
@pytest.mark.parametrize(("depth", "signed"), [(8, False), (5, True), (12, False), (16, True)])
def test_native_code_rounds_every_operation_by_itself(depth: int, signed: bool, ict: bool) -> None:
    source = np.random.default_rng(depth).normal(0, 150, (4, 37, 61)).astype(np.float32)
    source[0, 0, :3] = np.inf, -np.inf, np.nan
    exact = source.copy()
    for index, (_, *weights) in enumerate(inverse_transform() if ict else ()):
        exact[index] = source[0]
        for weight, other in zip(weights, source[1:3], strict=True):
            exact[index] += np.float32(weight) * other if weight else 0
    exact = (exact + np.float32(0 if signed else 128)) * np.float32(2.0 ** (depth - 8))
    low, high = sample_range(depth, signed=signed)
    exact = np.clip(np.nan_to_num(np.rint(exact), nan=low, posinf=high, neginf=low), low, high)
    dtype = np.dtype(f"{'i' if signed else 'u'}{1 if depth <= 8 else 2}")
    for name in available_instructions():
        for threads in (1, 3):
            out = native.pixels(source, depth, ict=ict, signed=signed, threads=threads, instructions=name)
            np.testing.assert_array_equal(out.view(dtype), np.moveaxis(exact, 0, 2).astype(dtype), name)


@pytest.mark.parametrize("components", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(
    ("dtype", "depth"), [(np.uint8, 8), (np.int8, 5), (np.uint16, 8), (np.uint16, 16), (np.int16, 12)]
)
def test_native_planes_round_every_operation_by_itself(components: int, dtype: type, depth: int) -> None:
    signed = np.dtype(dtype).kind == "i"
    low, high = sample_range(depth, signed=signed)
    samples = np.random.default_rng(depth).integers(low, high + 1, (97, 703, components)).astype(dtype)
    scale = np.float32(2.0 ** (8 - depth))
    ict = components in (3, 4)
    exact = np.moveaxis(samples, 2, 0).astype(np.float32) * scale
    if ict:
        red, green, blue = np.moveaxis(samples[..., :3], 2, 0).astype(np.float32)
        for index, factors in enumerate(FORWARD):
            weights = np.array(factors, np.float32) * scale
            exact[index] = (red * weights[0] + green * weights[1]) + blue * weights[2]
    if not signed:
        exact[[0, *range(3 if ict else 1, components)]] -= 128
    for name in available_instructions():
        for threads in (1, 3):
            out = native.planes(samples, depth, ict=ict, threads=threads, instructions=name)
            np.testing.assert_array_equal(out, exact, name)
    picture = Picture(samples, depth)
    assert picture.ict == (components >= 3)
    if picture.ict == ict:
        np.testing.assert_array_equal(planes(picture), exact)


@pytest.mark.parametrize(
    ("image", "depth"),
    [
        (np.zeros((4, 4), np.float32), None),
        (np.full((4, 4), np.nan), None),
        (np.zeros((4, 4), np.int32), None),
        (np.zeros(4, np.uint8), None),
        (np.zeros((4, 4, 256), np.uint8), None),
        (np.zeros((2, 4, 4, 3), np.uint8), None),
        (np.zeros((0, 4), np.uint8), None),
        (np.zeros((4, 0, 3), np.uint8), None),
        (np.zeros((4, 4), np.uint8), 12),
        (np.zeros((4, 4), np.uint16), 0),
        (np.zeros((4, 4), np.uint16), 17),
        (np.full((4, 4), -9, np.int8), 4),
        (np.zeros((4, 4), np.uint16), 12.0),
        (np.full((4, 4), 4096, np.uint16), 12),
        ("picture", None),
        (None, None),
    ],
)
def test_refused(image: object, depth: int | None) -> None:
    with pytest.raises(InputError):
        Picture(image, depth)


@pytest.mark.parametrize("components", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.int8, 5), (np.uint16, 12), (np.int16, 16)])
def test_components_and_signs_come_back(components: int, dtype: type, depth: int) -> None:
    low, high = sample_range(depth, signed=np.dtype(dtype).kind == "i")
    image = np.random.default_rng(4).integers(low, high + 1, (7, 9, components)).astype(dtype)
    picture = Picture(image, depth)
    back = pixels(planes(picture), depth, ict=picture.ict, signed=picture.signed)
    assert back.dtype == dtype
    # the ICT in float32 cannot keep 16 bits exactly
    assert np.abs(back.astype(int) - image.reshape(back.shape)).max() <= (1 if depth == 16 else 0)


def test_what_the_components_are() -> None:
    def facts(components: int, **options: Any) -> tuple[int, bool, bool]:
        picture = Picture(np.zeros((2, 2, components), np.uint8), **options)
        return picture.colours, picture.alpha, picture.ict

    assert facts(1) == (1, False, False)
    assert facts(2) == (1, True, False)
    assert facts(3) == (3, False, True)
    assert facts(4) == (3, True, True)
    assert facts(5) == (3, False, True)
    assert facts(5, alpha=True) == (3, True, True)
    assert facts(4, alpha=False, component_transform=False) == (3, False, False)
    assert facts(4, colorspace="grey") == (1, False, False)
    for options in (
        {"colorspace": "cmyk"},
        {"alpha": True},
        {"colorspace": "grey", "component_transform": True},
    ):
        with pytest.raises(OptionError):
            facts(3, **options)
    with pytest.raises(OptionError):
        facts(2, colorspace="rgb")
