"""The models of the package: found by name and by id, and read when they are needed."""

from __future__ import annotations

import pytest

from j2klearn.models import registry
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_MODEL, find, resolve, shipped


def test_a_model_is_one_object() -> None:
    assert resolve(DEFAULT_MODEL) is shipped()[DEFAULT_MODEL] is resolve(DEFAULT_MODEL)


def test_the_model_of_most_files_is_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    name, read, transform = f"{DEFAULT_MODEL}-int", list[str](), registry._transform
    wanted = shipped()[name].id

    def remembered(name: str) -> Model:
        read.append(name)
        return transform(name)

    monkeypatch.setattr(registry, "_transform", remembered)
    found = registry._Shipped().of_id(wanted)
    assert found is not None
    assert found.id == wanted
    assert set(read) == {name}


def test_every_model_is_found_by_its_id_with_its_twin() -> None:
    assert len(shipped()) > 10
    for name, model in shipped().items():
        assert find(model.id) is model, name
        assert model.integer or model.twin is None or model.twin.twin_of == model.transform_id
