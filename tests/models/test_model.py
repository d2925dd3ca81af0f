"""Model files and the registry: ids, and checks of untrusted files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from j2klearn.core.limits import MAX_MODEL_BYTES
from j2klearn.errors import ModelError, ModelNotFoundError
from j2klearn.models import registry
from j2klearn.models.model import Model

CONFIG: dict[str, Any] = {
    "structure": "hybrid",
    "base": "9-7",
    "operator": "proposal-opacity",
    "h2l": {"proposals": 2, "width": 3, "blocks": 1, "first_kernel": 3, "zero_dc": False},
    "l2h": {"proposals": 2, "width": 3, "blocks": 1, "first_kernel": 1, "zero_dc": True},
}


@pytest.fixture
def model() -> Model:
    from j2klearn.models.build import build

    return Model.of(build(CONFIG), CONFIG, {"name": "small"})


def changed(model: Model, **changes: Any) -> bytes:
    """Return a model file with changed metadata or tensors."""
    tensors = safetensors.numpy.load(model.to_bytes())
    tensors = changes.pop("tensors", lambda t: t)(tensors)
    metadata = {"config": json.dumps(model.config), "card": "{}", **changes}
    return safetensors.numpy.save(tensors, {k: v for k, v in metadata.items() if v is not None})


def test_round_trip_keeps_the_id(model: Model) -> None:
    again = Model.from_bytes(model.to_bytes())
    assert again.id == model.id
    assert len(again.id) == 32
    assert again.name == "small"
    assert again.parameters == model.parameters
    for a, b in zip(again.build().state_dict().values(), model.build().state_dict().values(), strict=True):
        assert np.array_equal(a, b)


def test_the_card_does_not_enter_the_id_but_weights_and_configuration_do(model: Model) -> None:
    tensors = safetensors.numpy.load(model.to_bytes())
    assert Model(CONFIG, tensors, {"name": "other"}).id == model.id
    key = next(iter(tensors))
    assert Model(CONFIG, {**tensors, key: tensors[key] + 1}).id != model.id
    assert Model({**CONFIG, "base": "5-3"}, tensors).id != model.id


@pytest.mark.parametrize(
    "changes",
    [
        {"config": None},
        {"config": "not json"},
        {"config": "[]"},
        {"config": json.dumps({**CONFIG, "structure": 7})},
        {"config": json.dumps({**CONFIG, "more": 1})},
        {"config": json.dumps({**CONFIG, "h2l": {}})},
        {"config": json.dumps({**CONFIG, "h2l": {**CONFIG["h2l"], "width": 65}})},
        {"config": json.dumps({**CONFIG, "h2l": {**CONFIG["h2l"], "width": "3"}})},
        {"config": json.dumps({**CONFIG, "h2l": {**CONFIG["h2l"], "blocks": 1000}})},
        {"config": json.dumps({**CONFIG, "h2l": {**CONFIG["h2l"], "first_kernel": 4}})},
        {"card": None},
        {"tensors": lambda t: {k: v.astype(np.float64) for k, v in t.items()}},
        {"tensors": lambda t: {k: np.full_like(v, np.nan) for k, v in t.items()}},
        {"tensors": lambda t: {k: np.full_like(v, np.inf) for k, v in t.items()}},
    ],
)
def test_files_that_are_refused(model: Model, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        Model.from_bytes(changed(model, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"config": json.dumps({**CONFIG, "structure": "unheard of"})},
        {"config": json.dumps({**CONFIG, "operator": "unheard of"})},
        {"config": json.dumps({**CONFIG, "h2l": {**CONFIG["h2l"], "width": 4}})},
        {"tensors": lambda t: dict(list(t.items())[1:])},
        {"tensors": lambda t: {k: v.reshape(-1) for k, v in t.items()}},
    ],
)
def test_networks_that_cannot_be_built(model: Model, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        Model.from_bytes(changed(model, **changes)).build()


@pytest.mark.parametrize("data", [b"", b"\x00" * 8, b"\xff" * 100, b"x" * (MAX_MODEL_BYTES + 1)])
def test_no_model_at_all(data: bytes) -> None:
    with pytest.raises(ModelError):
        Model.from_bytes(data)


def test_every_truncation_is_refused(model: Model) -> None:
    data = model.to_bytes()
    for end in range(0, len(data), 97):
        with pytest.raises(ModelError):
            Model.from_bytes(data[:end])


def test_registry(model: Model, tmp_path: Path) -> None:
    name, shipped = next(iter(registry.shipped().items()))
    assert registry.resolve(name) is shipped
    assert registry.find(shipped.id) is shipped
    assert shipped.name == name
    path = tmp_path / "own.safetensors"
    path.write_bytes(model.to_bytes())
    assert registry.resolve(path).id == model.id
    assert registry.resolve(str(path)).id == model.id
    assert registry.find(model.id, [model]) is model
    with pytest.raises(ModelNotFoundError, match=model.id.hex()):
        registry.find(model.id)
    with pytest.raises(ModelNotFoundError, match=name):
        registry.resolve("nothing")
    path.write_bytes(b"no model")
    with pytest.raises(ModelError):
        registry.resolve(path)
