"""The models of the package: found by name and by id, and read when they are needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import j2klearn
from j2klearn.errors import ModelError
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


@pytest.mark.parametrize("model", [5, b"hybrid97", ["hybrid97"], object])
def test_a_model_of_another_type(model: object, tmp_path: Path) -> None:
    """The message does not take it for an entropy model."""
    image = np.zeros((16, 16), np.uint8)
    data = j2klearn.encode(image, bpp=4, fallback=False)
    for call in (
        lambda: j2klearn.encode(image, model=model),
        lambda: j2klearn.encode(image, profile="neural", model=model),
        lambda: j2klearn.Jp2k(tmp_path / "a.jp2", data=image, transform=model, cratios=[10]),
        lambda: j2klearn.Jp2k(data, transform=model),
    ):
        with pytest.raises(ModelError, match="a model is the name of a shipped model"):
            call()
    assert not list(tmp_path.iterdir())
