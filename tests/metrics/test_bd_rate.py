"""Bjontegaard deltas: published values, and properties that hold for all curves."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.metrics.bd_rate import Curve, average, bd_metric, bd_rate, compare, least_gain

# JCTVC-E137: two pairs of curves (kbit/s, dB), and their BD-rates (in %) in the tests of Netflix's vmaf and of
# Android's media quality suite.
PUBLISHED = [
    (
        ([18883.6928, 33905.6656, 61279.976, 108048.8736], [34.2911, 37.247, 40.3953, 43.6471]),
        ([18910.912, 33928.7472, 61299.9936, 108061.2784], [34.3147, 37.2761, 40.4232, 43.6768]),
        -0.465215420752807,
    ),
    (
        ([1017.6184, 2394.488, 7622.7456, 40433.8848], [32.0603, 33.8977, 35.3756, 37.5761]),
        ([1017.0984, 2390.0944, 7587.0024, 40370.12], [32.0822, 33.9194, 35.4025, 37.5982]),
        -1.8779823450567612,
    ),
]

RATES = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 1.0])


def curve(offset: float = 0.0, factor: float = 1.0) -> Curve:
    """Return a concave curve as photographs have, with `offset` dB added and rates multiplied by `factor`."""
    return Curve(RATES * factor, 36 + 4.2 * np.log2(RATES) + 0.2 * RATES + offset)


@pytest.mark.parametrize(("anchor", "test", "expected"), PUBLISHED)
def test_published_values(anchor, test, expected):
    assert bd_rate(Curve.of(*anchor), Curve.of(*test)) == pytest.approx(expected, abs=0.001)


def test_a_codec_with_a_tenth_fewer_bits():
    assert bd_rate(curve(), curve(factor=0.9)) == pytest.approx(-10, abs=0.01)
    assert bd_rate(curve(), curve(factor=1.25)) == pytest.approx(25, abs=0.01)
    assert bd_rate(curve(), curve()) == pytest.approx(0, abs=1e-9)


def test_a_codec_half_a_decibel_better():
    assert bd_metric(curve(), curve(offset=0.5)) == pytest.approx(0.5, abs=0.01)


def test_points_that_do_not_rise_are_left_out():
    saturated = Curve(np.append(RATES, [1.0, 1.2]), np.append(curve().quality, [30.0, curve().quality[-1]]))
    assert np.array_equal(saturated.rising().rate, RATES)
    assert bd_rate(curve(), saturated) == pytest.approx(0, abs=1e-9)


def test_curves_without_a_common_ground_have_no_delta():
    assert bd_rate(curve(), curve(offset=40)) is None
    assert bd_rate(curve(), Curve(RATES[:3], curve().quality[:3])) is None
    assert least_gain(curve(), curve(factor=100)) is None


def test_least_gain_is_the_worst_point():
    test = curve(offset=0.5)
    test.quality[2] -= 0.8
    assert least_gain(curve(), test) == pytest.approx(-0.3, abs=1e-9)


def test_a_curve_read_off_between_its_points():
    there = curve().at([0.05, 0.2, 0.5, 2.0])
    assert np.array_equal(np.isnan(there.quality), [True, False, False, True])
    assert there.quality[1] == pytest.approx(curve().quality[1])
    assert curve().quality[2] < there.quality[2] < curve().quality[3]


def test_averages_keep_the_points_that_all_have():
    short = curve().at(RATES * 1.5)
    mean = average([curve(), short])
    assert len(mean.rate) == int(np.isfinite(short.quality).sum())


def test_comparison_over_pictures():
    factors = {"a": 0.8, "b": 0.9, "c": 1.1}
    anchors = {name: curve(offset) for name, offset in (("a", 0), ("b", 3), ("c", -2))}
    tests = {name: Curve(anchor.rate * factors[name], anchor.quality) for name, anchor in anchors.items()}
    found = compare(anchors, tests)
    assert found["per_picture"] == pytest.approx({"a": -20, "b": -10, "c": 10}, abs=0.01)
    assert (found["better_on"], found["of"], found["worst"]) == (2, 3, ["c", "b", "a"])
    low, high = found["interval"]
    assert -20.1 < low < found["bd_rate"] < high < 10.1
    assert found["least_gain"]["picture"] == "c"
    assert found["least_gain"]["value"] < 0
    assert found["mean"] == pytest.approx(-20 / 3, abs=0.01)
    assert compare(anchors, tests) == found  # the bootstrap is seeded


def test_a_codec_asked_for_qualities_loses_nothing_against_itself():
    """Averages at equal quality differ from averages at equal rates: interpolate both curves at equal rates."""
    codec = {"easy": curve(6), "hard": curve(-6)}
    qualities = np.linspace(20, 44, 25)
    asked = {}
    for name, each in codec.items():
        offset = each.quality[-1] - 36.2
        rates = 2 ** ((qualities - 36 - offset) / 4.2)
        asked[name] = Curve(rates, 36 + 4.2 * np.log2(rates) + 0.2 * rates + offset)
    assert compare(codec, asked)["bd_rate"] > 20
    assert compare(codec, asked, RATES)["bd_rate"] == pytest.approx(0, abs=0.1)
    assert compare(asked, codec, None, RATES)["bd_rate"] == pytest.approx(0, abs=0.1)
    assert compare(asked, asked, RATES, RATES)["bd_rate"] == pytest.approx(0, abs=1e-9)
    assert compare(codec, asked)["mean"] == pytest.approx(0, abs=0.1)


def test_one_picture_has_no_interval_and_none_have_nothing():
    assert compare({"a": curve()}, {"a": curve(offset=1)})["interval"] is None
    assert compare({"a": curve()}, {})["bd_rate"] is None
