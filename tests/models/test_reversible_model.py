"""Reversible models: files of version 3."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from j2klearn.errors import ModelError
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve
from j2klearn.transform.integer.reversible_base import BASES, NON_SEPARABLE
from tests.support.integer_models import small_pair
from tests.support.reversible_models import small_reversible


@pytest.mark.parametrize("base", BASES)
def test_round_trip_keeps_the_id(base: str) -> None:
    model = small_reversible(base=base)
    for again in (Model.from_bytes(model.to_bytes()), pickle.loads(pickle.dumps(model))):
        assert again.reversible
        assert again.integer
        assert again.id == model.id != small_reversible(1, base).id
        assert again.reversible_engine.base == BASES[base]
        assert again.twin_of is None
        assert np.array_equal(again.reversible_engine.l2h.last, model.reversible_engine.l2h.last)


@pytest.mark.parametrize(
    ("name", "base"), [(DEFAULT_LOSSLESS_MODEL, NON_SEPARABLE), ("reversible53-16p7", "5-3")]
)
def test_shipped_models_are_reversible_and_predict_nothing_from_a_constant(name: str, base: str) -> None:
    model = resolve(name)
    assert model.reversible
    assert model.name == name
    assert model.config["base"] == base
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
        ({"base": ["5-3"]}, "does not support the structure"),
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
