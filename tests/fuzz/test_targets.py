"""The fuzz targets read their seeds, and what the fuzzers found once; see docs/dev/fuzzing.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import NATIVE, Outcome, table
from tests.fuzz.smoke import smoke
from tests.fuzz.targets import TARGETS, Target, corrected, read

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


def test_a_smoke_run_finds_faults_and_reads_the_same_inputs_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(data: bytes) -> None:
        read_twice.append(data)
        if data[:4] != b"\xff\x4f\xff\x51":
            raise ValueError("a fault")

    read_twice: list[bytes] = []
    results = [smoke("example", Target(run), 2) for _ in range(2)]
    assert results[0] == results[1]
    assert read_twice[: len(read_twice) // 2] == read_twice[len(read_twice) // 2 :]
    inputs, valid, faults = results[0]
    assert inputs == valid + len(faults)
    assert 0 < len(faults) < inputs
    assert "example fails on a copy of learned.jp2" in capsys.readouterr().err


def test_the_table_is_aligned() -> None:
    outcomes = [
        Outcome("json", 1234567, 20576.1, 5, 6, 7, [], False),
        Outcome("x", 1, 1.0, 2, 3, 4, [Path()], True),
    ]
    lines = table(outcomes).splitlines()
    assert lines[1].split() == ["json", "1,234,567", "20,576", "5", "6", "7", "0"]
    assert len({len(line) for line in lines}) == 1
