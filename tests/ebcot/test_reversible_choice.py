"""The normalisation of pictures of more than 8 bits."""

from __future__ import annotations

import numpy as np

from j2klearn.core.normalisation import Normalisation
from j2klearn.ebcot.reversible_choice import rules


def test_the_range_is_that_of_the_whole_picture() -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(-300, 300, (900, 1100)).astype(np.int32)
    (expected,) = rules([[plane]], 12)
    assert expected.exponent == 2
    plane[150:750, 250:850] = 100  # a constant middle
    assert rules([[plane]], 12)[0].exponent == expected.exponent
    assert abs(rules([[plane]], 12)[0].offset - expected.offset) < 10


def test_small_planes_and_few_bits() -> None:
    assert rules([[np.zeros((3, 1), np.int32)]], 8) == ()
    assert isinstance(rules([[np.zeros((1, 1), np.int32)]], 16)[0], Normalisation)
