"""Finding models: by name, by file, or by the id that a codestream carries."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from .errors import ModelNotFoundError
from .model import Model

__all__ = ["find", "resolve", "shipped"]


@functools.cache
def shipped() -> dict[str, Model]:
    """Return the models that come with the package, by name."""
    folder = resources.files(__package__) / "models"
    models = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".safetensors"):
            models[entry.name.removesuffix(".safetensors")] = Model.from_bytes(entry.read_bytes())
    return models


@functools.lru_cache(maxsize=8)
def _from_file(path: Path, changed: int) -> Model:
    return Model.load(path)


def resolve(model: str | Path | Model) -> Model:
    """Return the model that a caller names.

    Parameters
    ----------
    model : str, Path or Model
        The name of a shipped model, or the path of a model file.

    Raises
    ------
    ModelNotFoundError
        If there is no shipped model and no file of that name.
    ModelError
        If the file is not a model.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, str) and model in shipped():
        return shipped()[model]
    path = Path(model)
    if path.is_file():
        return _from_file(path.resolve(), path.stat().st_mtime_ns)
    raise ModelNotFoundError(
        f"there is no model {str(model)!r}: it is the path of a model file, or one of {', '.join(shipped())}"
    )


def find(model_id: bytes, extra: Sequence[Model] = ()) -> Model:
    """Return the model with a given id, from `extra` or from the shipped ones.

    Raises
    ------
    ModelNotFoundError
        If it is not installed.
    """
    for model in [*extra, *shipped().values()]:
        if model.id == model_id:
            return model
    raise ModelNotFoundError(
        f"this file needs the model with id {model_id.hex()}, which is not installed: upgrade j2klearn, or get the "
        "model file from whoever made the picture and pass it as model="
    )
