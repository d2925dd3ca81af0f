"""The checks of integer operators: a wrong array or number, and sums that could leave 32 bits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from j2klearn.errors import ModelError
from j2klearn.transform.integer.engine import Twins
from j2klearn.transform.integer.operator import OperatorTwin, largest_sum


def good() -> dict[str, Any]:
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return rng.integers(-100, 100, shape).astype(np.int16)

    return {
        "first": weights(4, 3, 3, 3),
        "blocks": weights(2, 4, 4, 3, 3),
        "last": weights(2, 4, 3, 3),
        "proposals": weights(2, 3, 9, 9),
        "input_bits": 6,
        "first_shift": 10,
        "block_shifts": [10, 11],
        "last_shift": 9,
        "proposal_shift": 12,
        "offset": 10,
        "output_bits": 6,
    }


def test_sizes() -> None:
    twin = OperatorTwin(**good())
    assert (twin.inputs, twin.outputs, twin.count) == (3, 1, 2)
    assert (twin.opacity_radius, twin.proposal_radius, twin.radius) == (4, 4, 4)
    assert twin.multiplications == 4 * 27 + 2 * 4 * 36 + 2 * 36 + 2 * 243


ONES = np.ones((2, 3, 9, 9), np.int16)

BAD: dict[str, dict[str, Any]] = {
    "float weights": {"first": np.zeros((4, 3, 3, 3), np.float32)},
    "no array": {"first": [1]},
    "even kernel": {"first": np.zeros((4, 3, 2, 2), np.int16)},
    "kernel of 9": {"last": np.zeros((2, 4, 9, 9), np.int16)},
    "not square": {"last": np.zeros((2, 4, 3, 1), np.int16)},
    "other width": {"blocks": np.zeros((2, 5, 5, 3, 3), np.int16)},
    "odd blocks": {"blocks": np.zeros((1, 4, 4, 3, 3), np.int16), "block_shifts": [1]},
    "ten layers": {"blocks": np.zeros((10, 4, 4, 3, 3), np.int16), "block_shifts": [1] * 10},
    "no proposals": {"proposals": np.zeros((0, 3, 9, 9), np.int16)},
    "proposals left over": {"proposals": np.zeros((3, 3, 9, 9), np.int16)},
    "four outputs": {"proposals": np.zeros((8, 3, 9, 9), np.int16)},
    "large proposals": {"proposals": np.zeros((2, 3, 27, 27), np.int16)},
    "other inputs": {"proposals": np.zeros((2, 2, 9, 9), np.int16)},
    "-32768": {"first": np.full((4, 3, 3, 3), -32768, np.int16)},
    "33 proposals": {
        "last": np.zeros((33, 4, 3, 3), np.int16),
        "proposals": np.zeros((33, 3, 9, 9), np.int16),
    },
    "empty": {"last": np.zeros((0, 4, 3, 3), np.int16), "proposals": np.zeros((0, 3, 9, 9), np.int16)},
    "input bits": {"input_bits": 16},
    "output bits": {"output_bits": -1},
    "shift": {"first_shift": 31},
    "block shift": {"block_shifts": [10, -1]},
    "shifts": {"block_shifts": [10]},
    "float shift": {"last_shift": 9.0},
    "boolean shift": {"last_shift": True},
    "huge shift": {"proposal_shift": 10**30},
    "offset": {"offset": 0},
    "large offset": {"offset": 32768},
    "first sums": {"first": np.full((4, 3, 3, 3), 3000, np.int16)},
    "block sums": {"blocks": np.full((2, 4, 4, 3, 3), 8000, np.int16)},
    "last sums": {"last": np.full((2, 4, 3, 3), -8000, np.int16)},
    "proposal sums": {"proposals": ONES * 270},
    "rounding": {"proposals": ONES * 269, "proposal_shift": 30},
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_refused(what: str) -> None:
    with pytest.raises(ModelError):
        OperatorTwin(**{**good(), **BAD[what]})


def test_the_largest_sums_that_are_accepted() -> None:
    OperatorTwin(**{**good(), "proposals": ONES * 269, "proposal_shift": 20})
    weights = np.array([[[[3, -5]]], [[[-1, -1]]]])
    assert largest_sum(weights, 10, 4, signed=False) == 5 * 10 + 8
    assert largest_sum(weights, 10, 0, signed=True) == 8 * 10


def test_twins_need_the_operators_of_a_hybrid_structure() -> None:
    h2l = OperatorTwin(**good())
    l2h = dataclasses.replace(h2l, first=h2l.first[:, :1].copy(), proposals=np.zeros((6, 1, 5, 5), np.int16))
    Twins("9-7", h2l, l2h)
    for arguments in (("1-3", h2l, l2h), ("9-7", l2h, h2l), ("9-7", h2l, h2l)):
        with pytest.raises(ModelError):
            Twins(*arguments)
