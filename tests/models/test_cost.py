"""The measured cost of configurations, compared with P1, Table III."""

from __future__ import annotations

import pytest

from j2klearn.cli import main
from j2klearn.models.cost import PAPER, cost
from j2klearn.training.shipped import configurations
from tests.support.small_models import OPERATORS, STRUCTURES, configuration

CONFIGS = configurations()


@pytest.mark.parametrize("name", PAPER)
def test_table_iii_of_the_paper(name: str) -> None:
    """Parameters within 5 %, regions of support exactly."""
    measured, published = cost(CONFIGS[name]), PAPER[name]
    assert measured.parameters == pytest.approx(1000 * published.parameters, rel=0.05)
    assert measured.support == published.support
    # steps that do not read each other's output read less than the table says
    assert max(measured.reads) <= measured.support


def test_the_4s_reads_all_that_the_table_says() -> None:
    """Down the columns each of its four steps reads the output of the one before, so it reads all 162 rows."""
    assert cost(CONFIGS["custom4s-5c"]).reads == (162, 122)


def test_multiply_accumulates() -> None:
    """A weight is used once per cell. A level has a quarter as many cells as samples: in total a third per pixel."""
    measured = cost(CONFIGS["hybrid97-9c-compact"])
    assert measured.macs == pytest.approx(measured.parameters / 3, rel=0.01)
    four = cost(configuration("custom4s"))
    assert four.macs == pytest.approx(four.parameters * 2 / 3, rel=0.01)


def test_every_structure_is_configured_with_every_operator() -> None:
    def kind(config: dict) -> tuple[str, ...]:
        steps = {"predict", "update", "h2l", "l2h"} & set(config)
        return config["structure"], config["base"], config["operator"], *sorted(steps)

    configured = {kind(config) for config in CONFIGS.values()}
    for name in ("hybrid97", "custom4s", "custom5s", "lifting97", "update-predict"):
        for operator in OPERATORS:
            assert kind(configuration(name, operator)) in configured
    assert set(PAPER) <= set(CONFIGS)
    assert STRUCTURES.keys() >= {"custom4ms", "hybrid53"}


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture, tmp_path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[model]\nstructure = "hybrid"\nbase = "5-3"\noperator = "iwave++"\n')
    assert main(["structures", str(path)]) == 1
    assert "lacks one of its steps" in capsys.readouterr().err
    path.write_text(path.read_text() + "h2l = { width = 4 }\nl2h = { width = 4 }\n")
    assert main(["structures", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["own", "946"]
    assert main(["structures", str(tmp_path / "none.toml")]) == 2
    path.write_text("a = 1\n")
    assert main(["structures", str(path)]) == 2
    assert "it has no table [model]" in capsys.readouterr().err
