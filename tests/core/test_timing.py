"""Timing of the stages of coding."""

from __future__ import annotations

import time

import pytest

import j2klearn
from j2klearn.core.timing import StageClock, stage
from j2klearn.models.registry import DEFAULT_MODEL


class Clock:
    """A clock that the test advances: on a busy machine a sleep takes any time."""

    def __init__(self):
        self.now = 5.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def test_inner_stages_count_for_themselves_alone(clock):
    with StageClock() as found, stage("outer"):
        clock.now += 2
        with stage("inner"):
            clock.now += 5
        clock.now += 1
        with stage("inner"):
            clock.now += 0.5
    clock.now += 9
    assert found.seconds == {"outer": 3, "inner": 5.5}


def test_without_a_clock_nothing_is_kept():
    with stage("outer"):
        pass
    with StageClock() as clock:
        pass
    with stage("outer"):
        pass
    assert clock.seconds == {}


def test_an_error_closes_its_stage(clock):
    def fail():
        clock.now += 1
        raise ValueError("wrong")

    with StageClock() as found:
        with pytest.raises(ValueError, match="wrong"), stage("outer"):
            fail()
        clock.now += 4
        with stage("next"):
            clock.now += 2
    assert found.seconds == {"outer": 1, "next": 2}


@pytest.mark.parametrize("model", [DEFAULT_MODEL, None])
def test_coding_names_its_stages_and_they_make_up_the_time(rgb, model):
    learned = model is not None
    with StageClock() as encoding:
        start = time.perf_counter()
        data = j2klearn.encode(rgb, bpp=1, model=model)
        taken = time.perf_counter() - start
    # pictures with learned steps are coded by native calls, unless something wants to see the progress
    assert set(encoding.seconds) == {"colour"} | ({"native"} if learned else {"transport", "tier-1/2"})
    assert sum(encoding.seconds.values()) <= taken
    with StageClock() as watched:
        j2klearn.encode(rgb, bpp=1, model=model, progress=lambda share, stage: None)
    stages = {"analysis", "native"} if learned else set()  # native: the measurement of the noise
    assert set(watched.seconds) == {"transport", "tier-1/2", "colour"} | stages
    with StageClock() as decoding:
        j2klearn.decode(data)
    # small pictures with learned steps are decoded by one native call, unless something wants to see the progress
    assert set(decoding.seconds) == ({"native"} if learned else {"transport", "tier-1/2"})
    with StageClock() as watched:
        j2klearn.decode(data, progress=lambda share, stage: None)
    assert set(watched.seconds) == {"transport", "tier-1/2"} | (
        {"colour", "synthesis", "de-quantisation"} if learned else set()
    )
