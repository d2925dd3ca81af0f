"""The normalisation of components: it is undone exactly, and damaged fields are refused."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.geometry import Rect
from j2klearn.core.normalisation import (
    MAX_EXPONENT,
    RULE_BYTES,
    Normalisation,
    normalise,
    normalised_bands,
    read_rules,
    restore,
    restore_bands,
)
from j2klearn.core.subbands import Subbands
from j2klearn.errors import SegmentError

RULES = (Normalisation(3, -1234), Normalisation(), Normalisation(15, 5))


def test_fields_are_read_as_they_were_written() -> None:
    data = b"".join(rule.to_bytes() for rule in RULES)
    assert len(data) == RULE_BYTES * len(RULES)
    assert data[:5] == b"\x03\xff\xff\xfb\x2e"
    assert read_rules(data) == RULES
    assert read_rules(b"") == ()


@pytest.mark.parametrize(
    "rule", [Normalisation(MAX_EXPONENT + 1), Normalisation(1, 1 << 18), Normalisation(0, -(1 << 31))]
)
def test_fields_out_of_range_are_refused(rule: Normalisation) -> None:
    with pytest.raises(SegmentError, match="out of range"):
        read_rules(rule.to_bytes())


@pytest.mark.parametrize("bit_depth", [8, 12, 16])
def test_restoring_undoes_normalising(bit_depth: int) -> None:
    samples = np.random.default_rng(1).integers(-2000, 2000, (3, 7, 9))
    planes = (samples * 2.0 ** (8 - bit_depth)).astype(np.float32)
    out = planes.copy()
    normalise(out, RULES, bit_depth)
    assert np.array_equal(out[0], (planes[0] + 1234 * 2.0 ** (8 - bit_depth)) * 8)
    assert np.array_equal(out[1], planes[1])
    restore(out, RULES, bit_depth)
    assert np.allclose(out, planes, atol=2.0 ** (8 - bit_depth) / 100)
    normalise(planes, (), bit_depth)  # no rules: no change
    restore(planes, (), bit_depth)
    assert np.array_equal(planes, (samples * 2.0 ** (8 - bit_depth)).astype(np.float32))


def test_only_ll_is_shifted() -> None:
    area = Rect(0, 0, 8, 8)
    bands = Subbands.from_flat(np.arange(64, dtype=np.float32), area, 2)
    before = [band.copy() for band in bands.bands()]
    rule = Normalisation(2, 6)
    normalised_bands(bands, rule, 8)
    for index, (band, old) in enumerate(zip(bands.bands(), before, strict=True)):
        assert np.array_equal(band, (old - (0 if index else 6)) * 4)
    restore_bands(bands, rule, 8)
    assert all(np.array_equal(band, old) for band, old in zip(bands.bands(), before, strict=True))
    normalised_bands(bands, rule, 8, low=False)
    assert np.array_equal(bands.ll, before[0])
