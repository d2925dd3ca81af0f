"""Reversible models: files of version 3."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from j2klearn.errors import ModelError
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve
from tests.support.integer_models import small_pair
from tests.support.reversible_models import small_reversible


def test_round_trip_keeps_the_id() -> None:
    model = small_reversible()
    for again in (Model.from_bytes(model.to_bytes()), pickle.loads(pickle.dumps(model))):
        assert again.reversible
        assert again.integer
        assert again.id == model.id != small_reversible(1).id
        assert again.twin_of is None
        assert np.array_equal(again.reversible_engine.l2h.last, model.reversible_engine.l2h.last)


def test_the_shipped_model_is_reversible_and_predicts_nothing_from_a_constant() -> None:
    model = resolve(DEFAULT_LOSSLESS_MODEL)
    assert model.reversible
    assert model.name == DEFAULT_LOSSLESS_MODEL
    assert not model.reversible_engine.l2h.proposals.sum((2, 3)).any()


def test_lossy_and_lossless_engines_are_told_apart() -> None:
    with pytest.raises(ModelError, match="for lossless coding"):
        _ = small_reversible().transform
    with pytest.raises(ModelError, match="for lossy coding"):
        _ = small_pair()[1].reversible_engine


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "9-7"}, "does not support the structure"),
        ({"structure": "hybrid"}, "does not support the structure"),
        ({"gains": [1.0]}, "unknown one"),
        ({"l2h": {}}, "incomplete"),
        ({"l2h": None}, "incomplete"),
        ({"version": 4}, "models of version 4"),
        ({"version": True}, "models of version True"),
    ],
)
def test_invalid_configurations_are_refused(changes: dict[str, Any], message: str) -> None:
    model = small_reversible()
    with pytest.raises(ModelError, match=message):
        Model({**model.config, **changes}, model.tensors)


def test_invalid_weights_are_refused() -> None:
    model = small_reversible()
    numbers = {**model.config["l2h"], "block_shifts": 3}
    with pytest.raises(ModelError, match="list of block_shifts"):
        Model({**model.config, "l2h": numbers}, model.tensors)
    with pytest.raises(ModelError, match="do not match"):
        Model(model.config, {k: v for k, v in model.tensors.items() if k != "l2h.last"})
    one_output = {**model.tensors, "l2h.proposals": model.tensors["l2h.proposals"][:3]}
    with pytest.raises(ModelError, match="1 input and 3 outputs"):
        Model(model.config, one_output)
