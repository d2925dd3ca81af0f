"""The clock of stages."""

from __future__ import annotations

import time

import pytest

import j2klearn
from j2klearn.core.timing import StageClock, stage
from j2klearn.models.registry import DEFAULT_MODEL


def test_inner_stages_count_for_themselves_alone():
    with StageClock() as clock, stage("outer"):
        time.sleep(0.02)
        with stage("inner"):
            time.sleep(0.05)
        time.sleep(0.02)
    assert clock.seconds["outer"] == pytest.approx(0.04, abs=0.015)
    assert clock.seconds["inner"] == pytest.approx(0.05, abs=0.015)


def test_without_a_clock_nothing_is_kept():
    with stage("outer"):
        pass
    with StageClock() as clock:
        pass
    with stage("outer"):
        pass
    assert clock.seconds == {}


def test_an_error_closes_its_stage():
    with StageClock() as clock:
        with pytest.raises(ValueError, match="wrong"), stage("outer"):
            raise ValueError("wrong")
        with stage("next"):
            time.sleep(0.01)
    assert clock.seconds["outer"] < 0.01 <= clock.seconds["next"]


@pytest.mark.parametrize("model", [DEFAULT_MODEL, None])
def test_coding_names_its_stages_and_they_make_up_the_time(rgb, model):
    learned = model is not None
    with StageClock() as encoding:
        start = time.perf_counter()
        data = j2klearn.encode(rgb, bpp=1, model=model)
        taken = time.perf_counter() - start
    assert set(encoding.seconds) == {"transport", "tier-1/2"} | ({"colour", "analysis"} if learned else set())
    assert sum(encoding.seconds.values()) <= taken
    with StageClock() as decoding:
        j2klearn.decode(data)
    assert set(decoding.seconds) == {"transport", "tier-1/2"} | (
        {"colour", "synthesis", "de-quantisation"} if learned else set()
    )
