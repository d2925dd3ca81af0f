"""Targets are met, or a warning has the figure that was reached."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.ebcot.missed import distance, report_psnr, report_size
from j2klearn.errors import TargetMissedWarning

Y, X = np.mgrid[:64, :64]
NOISE = np.random.default_rng(0).normal(0, 6, X.shape)
PICTURES = {
    "grey": np.clip(128 + 60 * np.sin(X / 9) + 50 * np.cos(Y / 7) + NOISE, 0, 255),
    "page": np.where(np.random.default_rng(1).random((8, 8)) > 0.8, 0.0, 255.0).repeat(8, 0).repeat(8, 1),
}
WAYS: dict[str, dict[str, Any]] = {"auto": {}, "learned": {"fallback": False}, "9-7": {"model": None}}


def of_bits(name: str, bits: int) -> NDArray[Any]:
    return np.rint(PICTURES[name] / 255 * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def measured(image: NDArray[Any], decoded: NDArray[Any], bits: int) -> float:
    error = float(np.mean((image.astype(np.float64) - decoded) ** 2))
    return 10 * math.log10((2**bits - 1) ** 2 / error) if error else math.inf


def encoded(image: NDArray[Any], **options: Any) -> tuple[bytes, list[str]]:
    """Return the file and the warnings that a target is missed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = j2klearn.encode(image, **options)
    assert all(each.category is TargetMissedWarning for each in caught)
    assert all(Path(each.filename) == Path(__file__) for each in caught)
    return data, [str(each.message) for each in caught]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_a_psnr_is_met_or_the_warning_has_it(bits: int, name: str, way: str) -> None:
    image = of_bits(name, bits)
    for goal in (20, 40, 80) if bits in (1, 4, 12) else (30, 60):
        data, messages = encoded(image, bit_depth=bits, psnr=goal, **WAYS[way])
        reached = measured(image, j2klearn.decode(data), bits)
        assert reached >= goal - 0.1
        missed = math.isfinite(reached) and abs(reached - goal) > 0.1
        assert len(messages) == missed
        if missed:
            assert f"is {reached:.2f} dB, not {goal} dB" in messages[0]


@pytest.mark.parametrize("layers", [6, 16])
@pytest.mark.parametrize("way", ["learned", "9-7"])
def test_many_layers_do_not_make_the_last_one_too_good(layers: int, way: str) -> None:
    image = of_bits("grey", 8)
    data, messages = encoded(image, psnr=40, layers=layers, **WAYS[way])
    alone, _ = encoded(image, psnr=40, **WAYS[way])
    assert 39.9 <= measured(image, j2klearn.decode(data), 8) < 41
    assert len(data) < 1.2 * len(alone) + 20 * layers  # the headers of the packets
    assert len(messages) <= 1


def test_the_nearest_file() -> None:
    wanted = [30.0, 35.0, 40.0]
    by_distance = [
        [30.0, 35.0, 40.05],
        [30.0, 34.8, 40.5],  # too few dB in a lower layer
        [31.5, 36.5, 42.0],  # too many in all
        [29.0, 35.0, 40.0],
        [30.0, 35.0, 39.8],  # too few in the last layer
    ]
    assert sorted(by_distance, key=lambda reached: distance(reached, wanted)) == by_distance


def test_a_psnr_of_the_neural_profile() -> None:
    image = of_bits("grey", 4)[:32, :32]
    for goal in (25, 40):
        data, messages = encoded(image, bit_depth=4, psnr=goal, profile="neural")
        reached = measured(image, j2klearn.decode(data), 4)
        assert reached >= goal - 0.1
        assert len(messages) == (math.isfinite(reached) and abs(reached - goal) > 0.1)


def test_what_cannot_be_reached_is_said_and_the_best_is_written() -> None:
    image = of_bits("page", 16)
    data, messages = encoded(image, psnr=150, model=None)
    reached = measured(image, j2klearn.decode(data), 16)
    assert 90 < reached < 150
    assert len(messages) == 1
    assert f"{reached:.2f} dB, not 150 dB" in messages[0]


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
@pytest.mark.parametrize("way", WAYS)
def test_a_size_is_spent_or_the_warning_has_it(bits: int, way: str) -> None:
    image = of_bits("grey", bits)
    for bpp in (0.1, 1.0, 4.0, 40.0):
        data, messages = encoded(image, bit_depth=bits, bpp=bpp, **WAYS[way])
        wanted = bpp * image.size / 8
        exact = np.array_equal(j2klearn.decode(data), image)
        spent = min(0.9 * wanted, wanted - 256) <= len(data) or exact
        assert len(data) <= max(1024, 1.02 * wanted)
        assert len(messages) == (not spent)
        if messages:
            assert re.search(rf"has {len(data)} bytes, not {wanted:.0f}", messages[0])


@pytest.mark.parametrize("model", ["auto", None])
def test_pictures_in_parts(tmp_path: Path, model: str | None) -> None:
    path = tmp_path / "a.jp2"
    image = of_bits("grey", 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        size = j2klearn.encode_file(image, path, ratio=4, tile_size=64, model=model)
        assert size <= image.nbytes / 4
        exact = of_bits("page", 1)
        j2klearn.encode_file(exact, path, bpp=8, bit_depth=1, tile_size=64, model=model)
        assert np.array_equal(j2klearn.decode(path), exact)  # smaller than asked for, without a warning
        j2klearn.encode_file(image, path, lossless=True, tile_size=64, model=None)
    with pytest.warns(TargetMissedWarning, match=r"has \d+ bytes, not 26: ") as caught:
        j2klearn.encode_file(image, path, bpp=0.05, tile_size=16, model=model)
    assert caught[0].filename == __file__


def test_no_warning_without_a_target_that_can_be_missed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report_size(10**9, 0, lambda: False)  # no limit
        report_size(1000, 100, lambda: False)  # the headers of a small file
        report_size(500, 1000, lambda: True)  # exact
        report_size(500, 700, lambda: False)  # less than a coding pass
        report_psnr([40.08, math.inf], [40, 50])
    with pytest.warns(TargetMissedWarning, match="of layer 2 is 31.00 dB, not 33 dB: no file"):
        report_psnr([30, 31], [30, 33])
    both = r"the PSNR of layer 1 is 31.00 dB, not 30 dB, that of layer 3 is 38.00 dB, not 40 dB: no file that was tried"
    with pytest.warns(TargetMissedWarning, match=both) as caught:
        report_psnr([31, 35, 38], [30, 35, 40])
    assert len(caught) == 1
    with pytest.warns(TargetMissedWarning, match="is 35.00 dB, not 33 dB: no smaller file"):
        report_psnr([35], [33])
    with pytest.warns(TargetMissedWarning, match="5000 bytes, not 4000"):
        report_size(5000, 4000, lambda: True)
