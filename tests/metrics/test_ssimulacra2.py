"""SSIMULACRA2 compared with values of the reference program, version 2.1."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.metrics.ssimulacra2 import MIN_SIDE, ssimulacra2
from j2klearn.metrics.suite import measure


@pytest.fixture(scope="module")
def scene():
    y, x = np.mgrid[:203, :301]
    red = 128 + 100 * np.sin(x / 9) * np.cos(y / 17)
    green = 90 + 80 * np.tanh((x - y) / 12) + 10 * ((x // 4 + y // 4) % 2)
    return np.clip(np.rint(np.stack([red, green, 40 + 0.6 * x], -1)), 0, 255).astype(np.uint8)


def _blurred(image):
    total = image.astype(np.uint16) + np.roll(image, 1, 0) + np.roll(image, 1, 1) + np.roll(image, 2, 1)
    return (total // 4).astype(np.uint8)


# The reference program computes in single precision, which costs it up to 0.12 where errors are small.
def test_values_are_those_of_the_reference_program(scene):
    coarse = scene // 16 * 16 + 8
    assert ssimulacra2(scene, coarse) == pytest.approx(57.481, abs=0.05)
    assert ssimulacra2(scene, _blurred(scene)) == pytest.approx(52.459, abs=0.05)
    assert ssimulacra2(scene, scene // 4 * 4 + 2) == pytest.approx(88.977, abs=0.15)
    assert ssimulacra2(scene[..., 1], coarse[..., 1]) == pytest.approx(32.758, abs=0.05)


def test_equal_pictures_and_the_bit_depth(scene):
    assert ssimulacra2(scene, scene) == 100
    coarse = scene // 16 * 16 + 8
    deep = [image.astype(np.uint16) * 257 for image in (scene, coarse)]
    assert ssimulacra2(*deep, 16) == pytest.approx(ssimulacra2(scene, coarse), abs=1e-3)


def test_pictures_that_it_cannot_measure(scene):
    small = scene[: MIN_SIDE - 1]
    assert measure(small, small, 8, ["psnr", "ssimulacra2"]) == {"psnr": 99, "ssimulacra2": None}
    four = np.dstack([scene, scene[..., 0]])
    assert measure(four, four, 8, ["psnr", "ssimulacra2"])["ssimulacra2"] is None
