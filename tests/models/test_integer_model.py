"""Integer models: files of version 2, twins of float models, and the choice of the engine."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from j2klearn.core.geometry import Rect
from j2klearn.dequantisation.networks import ResidualDequantiser
from j2klearn.dequantisation.twin.network import DequantiserTwin, GuidedTwin
from j2klearn.errors import ModelError, ModelNotFoundError, OptionError
from j2klearn.models import registry
from j2klearn.models.integer import packed
from j2klearn.models.model import Model
from j2klearn.models.transport_scales import transport_scales
from j2klearn.transform.gains import measure
from tests.support.float_networks import with_float_network
from tests.support.integer_models import small_pair
from tests.support.small_models import small_model


def test_round_trip_keeps_the_id() -> None:
    model, twin = small_pair()
    again = Model.from_bytes(twin.to_bytes())
    assert again.integer
    assert again.id == twin.id != model.id
    assert again.twin_of == model.id == model.transform_id
    for name in ("first", "blocks", "last", "proposals"):
        assert np.array_equal(getattr(again.engine.twins.h2l, name), getattr(twin.engine.twins.h2l, name))


def test_weights_and_numbers_enter_the_id() -> None:
    twin = small_pair()[1]
    tensors = {**twin.tensors}
    assert Model(twin.config, tensors, {"name": "other"}).id == twin.id
    changed = {**tensors, "l2h.last": tensors["l2h.last"] // 2}
    assert Model(twin.config, changed).id != twin.id
    numbers = {**twin.config["h2l"], "offset": twin.config["h2l"]["offset"] + 1}
    assert Model({**twin.config, "h2l": numbers}, tensors).id != twin.id


def with_network() -> Model:
    """Return a small integer model with a network for de-quantisation."""
    model, twin = small_pair()
    network = DequantiserTwin(
        first=np.ones((2, 5, 3, 3), np.int16),
        first_bias=np.zeros(2, np.int32),
        body=np.ones((2, 2, 2, 3, 3), np.int16),
        body_bias=np.zeros((2, 2), np.int32),
        last=np.ones((4, 2, 3, 3), np.int16),
        last_bias=np.zeros(4, np.int32),
        first_shift=4,
        body_shifts=(4, 4),
        last_shift=4,
        output_bits=8,
    )
    config, tensors = packed(twin.engine.twins, twin_of=model.id, dequantiser=(network, bytes(32)))
    return Model(config, tensors, {"name": "small"})


def test_a_network_for_dequantisation_is_part_of_the_model() -> None:
    model = with_network()
    again = Model.from_bytes(model.to_bytes())
    assert again.dequantises
    assert again.dequantiser_twin_of == bytes(32)
    assert again.id == model.id != small_pair()[1].id
    numbers, copied = (
        m.dequantiser_for_decoding.numbers() for m in (model, pickle.loads(pickle.dumps(again)))
    )
    assert numbers == copied
    with pytest.raises(ModelError, match="floating point"):
        _ = model.dequantiser


@pytest.mark.parametrize(
    "change",
    [
        lambda c, t: ({**c, "dequantiser": _without(c["dequantiser"], "twin_of")}, t),
        lambda c, t: ({**c, "dequantiser": _without(c["dequantiser"], "last_shift")}, t),
        lambda c, t: ({**c, "dequantiser": {**c["dequantiser"], "last_shift": "4"}}, t),
        lambda c, t: ({**c, "dequantiser": {**c["dequantiser"], "side": 2}}, t),
        lambda c, t: ({**c, "dequantiser": {**c["dequantiser"], "side": 4}}, t),
        lambda c, t: ({**c, "dequantiser": {**c["dequantiser"], "body_shifts": 4}}, t),
        lambda c, t: (_without(c, "dequantiser"), t),
        lambda c, t: (c, _without(t, "dequantiser.last")),
        lambda c, t: (c, {**t, "dequantiser.more": t["dequantiser.last"]}),
        lambda c, t: (c, {**t, "dequantiser.last_bias": t["dequantiser.last_bias"].astype(np.int16)}),
        lambda c, t: (c, {**t, "dequantiser.body": np.full_like(t["dequantiser.body"], 32767)}),
    ],
)
def test_networks_for_dequantisation_that_are_refused(change: Any) -> None:
    model = with_network()
    with pytest.raises(ModelError):
        Model(*change(model.config, dict(model.tensors)))


def test_a_network_stands_for_that_of_its_own_model_only() -> None:
    default, plain = registry.resolve("hybrid97-9c-compact-dq"), registry.resolve("hybrid97-9c-compact")
    assert isinstance(default.dequantiser_for_decoding, DequantiserTwin)
    assert not isinstance(default.using("torch").dequantiser_for_decoding, DequantiserTwin)
    assert not plain.dequantises
    assert isinstance(registry.resolve("hybrid97-9c-compact-guided").dequantiser_for_decoding, GuidedTwin)
    other = registry.resolve(with_float_network())
    assert other.engine_name == "native"
    assert isinstance(other.dequantiser_for_decoding, ResidualDequantiser)


def _without(table: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != name}


CHANGES: dict[str, Any] = {
    "version 3": lambda c, t: ({**c, "version": 3}, t),
    "version True": lambda c, t: ({**c, "version": True}, t),
    "version '2'": lambda c, t: ({**c, "version": "2"}, t),
    "more": lambda c, t: ({**c, "more": 1}, t),
    "dequantiser": lambda c, t: ({**c, "dequantiser": {"width": 4, "pairs": 1}}, t),
    "structure": lambda c, t: ({**c, "structure": "fixed"}, t),
    "operator": lambda c, t: ({**c, "operator": "iwave"}, t),
    "base": lambda c, t: ({**c, "base": "1-3"}, t),
    "base list": lambda c, t: ({**c, "base": ["9-7"]}, t),
    "5/3 without gains": lambda c, t: ({**c, "base": "5-3"}, t),
    "gains": lambda c, t: ({**c, "gains": [1.0] * 9}, t),
    "gains of zero": lambda c, t: ({**c, "gains": [1.0] * 9 + [0.0]}, t),
    "gains of text": lambda c, t: ({**c, "gains": "measured"}, t),
    "no step": lambda c, t: (_without(c, "l2h"), t),
    "step": lambda c, t: ({**c, "l2h": 7}, t),
    "no number": lambda c, t: ({**c, "l2h": _without(c["l2h"], "offset")}, t),
    "more numbers": lambda c, t: ({**c, "l2h": {**c["l2h"], "first": 1}}, t),
    "text": lambda c, t: ({**c, "l2h": {**c["l2h"], "offset": "1"}}, t),
    "shifts": lambda c, t: ({**c, "l2h": {**c["l2h"], "block_shifts": 3}}, t),
    "shift list": lambda c, t: ({**c, "l2h": {**c["l2h"], "block_shifts": [[1], [2]]}}, t),
    "twin_of": lambda c, t: ({**c, "twin_of": "12"}, t),
    "twin_of number": lambda c, t: ({**c, "twin_of": 12}, t),
    "no tensor": lambda c, t: (c, _without(t, "h2l.last")),
    "more tensors": lambda c, t: (c, {**t, "h2l.more": t["h2l.last"]}),
    "float tensors": lambda c, t: (c, {**t, "h2l.last": t["h2l.last"].astype(np.float32)}),
    "shape": lambda c, t: (c, {**t, "h2l.last": t["h2l.last"][0]}),
    "sums": lambda c, t: (c, {**t, "h2l.last": np.full_like(t["h2l.last"], 32767)}),
    "exchanged": lambda c, t: ({**c, "h2l": c["l2h"]}, {**t, "h2l.first": t["l2h.first"]}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_files_that_are_refused(what: str) -> None:
    twin = small_pair()[1]
    config, tensors = CHANGES[what](twin.config, dict(twin.tensors))
    metadata = {"config": json.dumps(config), "card": "{}"}
    data = safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in tensors.items()}, metadata)
    with pytest.raises(ModelError):
        Model.from_bytes(data)


def test_mutated_files_are_refused_or_computed() -> None:
    """A damaged file raises a ModelError, or is a valid model that the engine computes without a fault."""
    data = small_pair()[1].to_bytes()
    head = 8 + int.from_bytes(data[:8], "little")
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((1, 20, 21)) * 300).astype(np.float32)
    valid = 0
    for at in range(300):
        changed = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            place = rng.integers(0, head) if at % 2 else rng.integers(head, len(data))
            changed[place] = rng.choice([rng.integers(256), rng.integers(48, 58)])
        try:
            engine = Model.from_bytes(bytes(changed)).engine
        except ModelError:
            continue
        engine.synthesise(engine.analyse(x, Rect(0, 0, 20, 21), 2))
        valid += 1
    assert 0 < valid < 300


def test_float_models_need_float_weights() -> None:
    model = small_pair()[0]
    tensors = {key: value.astype(np.int16) for key, value in model.tensors.items()}
    with pytest.raises(ModelError):
        Model(model.config, tensors)


@pytest.mark.parametrize("name", ["hybrid97-9c-compact", "hybrid97-16p7"])
def test_models_with_a_dequantiser_share_the_twin(name: str) -> None:
    models = registry.shipped()
    plain, full = models[name], models[f"{name}-dq"]
    assert plain.id != full.id
    assert plain.transform_id == full.transform_id == plain.id
    assert plain.twin is models[f"{name}-int"]
    assert full.twin is models[f"{name}-dq-int"]
    if f"{name}-guided" in models:
        assert models[f"{name}-guided"].twin is models[f"{name}-guided-int"]
    for step in ("h2l", "l2h"):
        own, other = (getattr(model.twin.engine.twins, step) for model in (plain, full))
        assert np.array_equal(own.proposals, other.proposals)


def test_engines() -> None:
    model, twin = small_pair()
    assert model.engine_name == model.transform.engine == "torch"
    assert twin.engine_name == twin.transform.engine == "native"
    both = model.twinned(twin)
    assert both.id == model.id
    assert both.engine_name == both.transform.engine == "native"
    assert both.using("native").transform is twin.engine
    assert both.using("torch").engine_name == both.using("torch").transform.engine == "torch"
    assert both.using("torch") is both.using("torch")
    assert both.using("torch").using("auto").engine_name == "native"
    assert model.twinned(None) is model
    with pytest.raises(OptionError, match="native"):
        model.using("native")
    with pytest.raises(OptionError, match="torch"):
        twin.using("torch")
    with pytest.raises(OptionError, match="engine"):
        model.using("cuda")
    with pytest.raises(ModelError):
        model.engine  # noqa: B018
    with pytest.raises(ModelError):
        twin.build()


def test_models_are_pickled_without_engines() -> None:
    model, twin = small_pair()
    both = model.twinned(twin)
    for each in (twin, both, both.using("torch")):
        expected = each.transform.engine
        again = pickle.loads(pickle.dumps(each))
        assert again.id == each.id
        assert again.transform.engine == expected


def test_lookup_of_twins(tmp_path: Path) -> None:
    model, twin = small_pair()
    find = registry.finder(lambda: [twin])
    assert find(model.id, [model]).twin is twin  # the caller's twin stands for the model in the file
    assert registry.finder(lambda: [])(model.id, [model, twin]).twin is None  # a twin in the file does not
    assert find(twin.id) is twin
    with pytest.raises(ModelNotFoundError):
        find(model.id)
    shipped = registry.shipped()["hybrid97-9c-compact"]
    path = tmp_path / "model.safetensors"
    path.write_bytes(shipped.to_bytes())
    assert registry.resolve(path).twin is shipped.twin
    assert registry.resolve(Model.from_bytes(shipped.to_bytes())).twin is shipped.twin
    path.write_bytes(twin.to_bytes())
    assert registry.resolve(path).id == twin.id


def test_gains_are_those_of_the_float_model() -> None:
    model, twin = small_pair("hybrid53")
    assert not model.matched
    assert not twin.matched
    assert twin.config["gains"] == measure(model.structure)
    assert transport_scales(twin, 5) == transport_scales(model, 5) == transport_scales(model.twinned(twin), 5)
    assert transport_scales(small_pair()[1], 5) == ()


@pytest.mark.parametrize("name", ["hybrid97", "hybrid53", "custom4s", "lifting97", "update-predict"])
def test_matched_is_that_of_the_structure(name: str) -> None:
    model = small_model(name)
    assert model.matched == model.structure.matched
