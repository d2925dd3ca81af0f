"""The probe: the range of the samples, and the quantiser step of a rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data as photographs

from j2klearn.core.normalisation import Normalisation
from j2klearn.core.picture import Picture
from j2klearn.ebcot.probe import Probe


def scene(low: float, high: float, dtype: str, shape: tuple[int, int] = (96, 120)) -> NDArray[Any]:
    """Return a photograph whose samples go from `low` to `high`."""
    part = photographs.camera()[100 : 100 + shape[0], 150 : 150 + shape[1]].astype(np.float64)
    part = (part - part.min()) / (part.max() - part.min())
    return np.rint(low + part * (high - low)).astype(dtype)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "exponent"),
    [
        (0, 255, "u1", 0),
        (0, 65535, "u2", 0),
        (-32768, 32767, "i2", 0),
        (0, 30000, "u2", 0),
        (0, 4095, "u2", 4),
        (1000, 1400, "u2", 7),
        (-1024, 3071, "i2", 4),
        (-3000, -2000, "i2", 6),
        (200, 230, "u1", 3),
        (-8, 7, "i1", 4),
    ],
)
def test_a_narrow_range_is_normalised(low: int, high: int, dtype: str, exponent: int) -> None:
    (rule,) = Probe.of(Picture(scene(low, high, dtype))).normalisation([slice(0, 1)]) or (Normalisation(),)
    # a range of four standard deviations may be a little longer than the samples
    assert rule.exponent in (exponent, max(0, exponent - 1))
    if rule.exponent:  # the middle of the range, without the level shift of unsigned samples
        shift = 0 if dtype[0] == "i" else 1 << (int(dtype[1]) * 8 - 1)
        assert abs(rule.offset + shift - (low + high) / 2) <= (high - low) * 0.1 + 1


def test_components_of_a_group_share_the_factor() -> None:
    image = np.dstack([scene(0, 4095, "u2"), scene(0, 60, "u2"), scene(0, 65535, "u2")])
    probe = Probe.of(Picture(image, colorspace="grey", component_transform=False))
    assert [rule.exponent for rule in probe.normalisation([slice(0, 1), slice(1, 2), slice(2, 3)])] == [
        3,
        10,
        0,
    ]
    assert [rule.exponent for rule in probe.normalisation([slice(0, 2), slice(2, 3)])] == [3, 3, 0]
    assert probe.normalisation([slice(0, 3)]) == ()


def test_broken_pixels_do_not_matter() -> None:
    image = scene(1000, 1400, "u2")
    image[3, 5], image[60, 7] = 65535, 0
    (rule,) = Probe.of(Picture(image)).normalisation([slice(0, 1)])
    assert rule.exponent >= 4


def test_constant_components() -> None:
    deep = Probe.of(Picture(np.full((20, 30), -77, np.int16)))
    assert deep.normalisation([slice(0, 1)]) == (Normalisation(15, -77),)
    opaque = np.dstack([scene(0, 255, "u1")] * 3 + [np.full((96, 120), 255, np.uint8)])
    assert Probe.of(Picture(opaque)).normalisation([slice(0, 3), slice(3, 4)]) == ()


def test_the_step_falls_with_the_rate_and_follows_the_contrast() -> None:
    full, weak = (Probe.of(Picture(scene(0, high, "u2"))) for high in (65535, 4095))
    steps = [full.step(bits) for bits in (0.25, 1.0, 3.0)]
    assert steps == sorted(steps, reverse=True)
    assert steps[2] < 8
    for bits in (0.25, 1.0, 3.0):
        assert full.step(bits) / weak.step(bits) == pytest.approx(16, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (33, 1), (2, 3)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    probe = Probe.of(Picture(np.random.default_rng(0).integers(0, 900, shape).astype(np.uint16)))
    assert probe.whole
    assert probe.step(1.0) > 0
    assert len(probe.normalisation([slice(0, 1)])) == 1


def test_a_large_picture_is_read_in_windows() -> None:
    image = np.random.default_rng(0).integers(0, 255, (1500, 2200), np.uint8)
    read: list[tuple[int, int]] = []

    def rows(top: int, end: int) -> Picture:
        read.append((top, end))
        return Picture(image[top:end])

    probe = Probe.read(1500, 2200, rows)
    assert not probe.whole
    assert read[0][0] == 0
    assert read[-1][1] >= 1499
    assert sum(end - top for top, end in read) == 512
    mosaic = probe.mosaic()
    assert (mosaic.height, mosaic.width) == (512, 1024)
    assert np.array_equal(mosaic.samples[:128, :256], image[:128, :256])
    assert np.array_equal(mosaic.samples[-128:, -256:], image[read[-1][0] : read[-1][1], -256:])
