"""The fuzz targets read their seeds, and what the fuzzers found once; see docs/dev/fuzzing.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import NATIVE, Outcome, table
from tests.fuzz.targets import TARGETS, corrected, read

_SEEDS = Path(__file__).with_name("seeds")


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    target = TARGETS[name]
    results = [read(target, path.read_bytes()) for path in sorted(_SEEDS.joinpath(target.seeds).iterdir())]
    assert any(results)  # some are damaged, or too odd for the target


def test_every_target_has_seeds() -> None:
    folders = {*NATIVE.values(), *(target.seeds for target in TARGETS.values())}
    assert folders == {path.name for path in _SEEDS.iterdir()}


def test_checksums_are_corrected() -> None:
    data = _SEEDS.joinpath("files", "learned.jp2").read_bytes()
    assert corrected(data) == data
    at = data.rindex(b"\0\0J2KL")
    changed = data[: at + 10] + bytes([data[at + 10] ^ 1]) + data[at + 11 :]
    assert corrected(changed) != changed


def test_the_table_is_aligned() -> None:
    outcomes = [
        Outcome("json", 1234567, 20576.1, 5, 6, 7, [], False),
        Outcome("x", 1, 1.0, 2, 3, 4, [Path()], True),
    ]
    lines = table(outcomes).splitlines()
    assert lines[1].split() == ["json", "1,234,567", "20,576", "5", "6", "7", "0"]
    assert len({len(line) for line in lines}) == 1
