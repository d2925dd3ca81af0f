"""The cost of entropy models, compared with the layers that decoding a picture computes."""

from __future__ import annotations

import pytest

from j2klearn.cli import main
from j2klearn.neural.context import model as context_model
from j2klearn.neural.cost import entropy_cost
from j2klearn.neural.cross import model as cross_component_model
from j2klearn.neural.integer.backends import kernels
from tests.support.cross_models import cross_model as tiny
from tests.support.cross_models import pyramids
from tests.support.small_context import random_pyramids, small_context


class Counting:
    name = "counting"

    def __init__(self):
        self.macs, self.inner = 0, kernels("native")

    def conv(self, x, layer, *, residual=None):
        self.macs += x.shape[0] * x.shape[1] * layer.weights.size
        return self.inner.conv(x, layer, residual=residual)

    def dense(self, rows, layer, *, residual=None):
        self.macs += len(rows) * layer.weights.size
        return self.inner.dense(rows, layer, residual=residual)


@pytest.mark.parametrize("changes", [{}, {"shared": True, "told": True}, {"conditioned": False}], ids=str)
def test_a_cross_component_model_computes_what_is_said(monkeypatch, changes):
    model, counting = tiny(**changes), Counting()
    segments = model.encode(pyramids((32, 48), 3), 0)
    monkeypatch.setattr(cross_component_model, "kernels", lambda backend, threads: counting)
    model.decode(segments, (32, 48), 3, 0)
    found = entropy_cost(model.config)
    # with shared modules, the coarsest level has zeros as its parent plane, which are not convolved
    spared = 9 * 3 * 3 * (4 * 6) if changes.get("shared") else 0
    assert counting.macs == pytest.approx(found.macs * 32 * 48 - spared)
    assert found.parameters == model.parameters


@pytest.mark.parametrize("predicted", [False, True])
def test_a_context_model_computes_what_is_said(monkeypatch, predicted):
    model, counting = small_context(predicted=predicted), Counting()
    segments = model.encode(random_pyramids(model, (64, 96), 3), 0)
    monkeypatch.setattr(context_model, "kernels", lambda backend, threads: counting)
    model.decode(segments, (64, 96), 3, 0)
    found = entropy_cost(model.config)
    assert counting.macs == pytest.approx(
        found.macs * 64 * 96, rel=0.01
    )  # the cost counts infinitely many levels
    assert found.parameters == model.parameters
    segments = model.encode(random_pyramids(model, (64, 96), 1), 0)
    counting.macs = 0
    model.decode(segments, (64, 96), 1, 0)
    assert counting.macs == pytest.approx(found.first * 64 * 96, rel=0.01)


def test_the_command(capsys, tmp_path):
    assert main(["structures", "--entropy"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split() for line in out.splitlines()}
    # P2: 128 features, 13 modules for luma and 13 for chroma
    assert rows["cross-component"][2] == "26,685,374"
    assert 3000 < float(rows["cross-component"][3]) < 4000
    assert float(rows["context97-small"][3]) == pytest.approx(93.3, abs=0.1)
    assert float(rows["context97"][3]) == pytest.approx(135.5, abs=0.1)
    assert main(["structures", "--entropy", str(tmp_path / "nothing.toml")]) == 2
