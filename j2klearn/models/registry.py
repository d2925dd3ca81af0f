"""Transform models by name, by file, or by the id that a file carries.

Entropy models of the neural profile are model files, too: ``kind`` in their configuration tells them apart. Here they
are bytes; `j2klearn.neural.registry` reads them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple, Protocol

from ..core.limits import MAX_ENTROPY_MODEL_BYTES
from ..errors import ModelError, ModelNotFoundError
from .model import Model

__all__ = [
    "DEFAULT_MODEL",
    "Finder",
    "ModelFile",
    "find",
    "finder",
    "named_file",
    "read_model_file",
    "resolve",
    "shipped",
    "shipped_files",
]

#: The transform that ``model="auto"`` means.
DEFAULT_MODEL = "hybrid97-9c-compact-dq"


class ModelFile(NamedTuple):
    """A model file: its bytes, and the kind of entropy model that it holds; None for a transform."""

    data: bytes
    kind: str | None


class Finder(Protocol):
    """How the model of a file is found by its id, among `extra` models and others; see `find`."""

    def __call__(self, model_id: bytes, extra: Sequence[Model] = ()) -> Model: ...


def _kind(data: bytes) -> str | None:
    """Return the kind of an entropy model in a safetensors file; None for anything else, valid or not."""
    try:
        header = int.from_bytes(data[:8], "little")
        config = json.loads(json.loads(data[8 : 8 + header])["__metadata__"]["config"])
        kind = config.get("kind")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return kind if isinstance(kind, str) else None


@functools.cache
def shipped_files() -> Mapping[str, ModelFile]:
    """Return the model files that come with the package, by name."""
    files = {}
    for entry in sorted(resources.files(__package__).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".safetensors"):
            data = entry.read_bytes()
            files[entry.name.removesuffix(".safetensors")] = ModelFile(data, _kind(data))
    return files


@functools.cache
def shipped() -> dict[str, Model]:
    """Return the transforms that come with the package, by name."""
    files = shipped_files().items()
    return {name: Model.from_bytes(file.data) for name, file in files if file.kind is None}


def read_model_file(path: Path) -> ModelFile:
    """Read a model file of either kind.

    Raises
    ------
    ModelError
        If it cannot be read, or is larger than `MAX_ENTROPY_MODEL_BYTES`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_ENTROPY_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
    if len(data) > MAX_ENTROPY_MODEL_BYTES:
        raise ModelError(f"a model file of more than {MAX_ENTROPY_MODEL_BYTES} bytes is not accepted")
    return ModelFile(data, _kind(data))


def named_file(model: str | Path, known: Sequence[str]) -> tuple[Path, int]:
    """Return the path of the model file that a caller names, and when it was changed last (ns).

    Raises
    ------
    ModelNotFoundError
        If there is no such file; `known` are the names that could have been meant.
    """
    path = Path(model)
    if path.is_file():
        return path.resolve(), path.stat().st_mtime_ns
    raise ModelNotFoundError(
        f"there is no model {str(model)!r}: it is the path of a model file, or one of {', '.join(known) or 'none'}"
    )


@functools.lru_cache(maxsize=8)
def _from_file(path: Path, changed: int) -> Model | None:
    """Return the transform in a file; None where it holds an entropy model."""
    file = read_model_file(path)
    return Model.from_bytes(file.data) if file.kind is None else None


def resolve(model: object) -> Model:
    """Return the transform that a caller names.

    Parameters
    ----------
    model : str, Path or Model
        The name of a shipped model, the path of a model file, or the model itself.

    Raises
    ------
    ModelNotFoundError
        If there is no shipped model and no file of that name.
    ModelError
        If the file is not a model, or what is named is an entropy model.
    """
    if isinstance(model, str) and model in shipped():
        return shipped()[model]
    found = model
    if isinstance(model, (str, Path)) and str(model) not in shipped_files():
        found = _from_file(*named_file(model, list(shipped())))
    if isinstance(found, Model):
        return found
    raise ModelError(
        f"the model {getattr(model, 'name', model)} is an entropy model, which goes with profile='neural'"
    )


def find(model_id: bytes, extra: Sequence[Model] = ()) -> Model:
    """Return the transform with a given id, from `extra` or from the shipped ones.

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


def finder(known: Callable[[], Sequence[Model]]) -> Finder:
    """Return a `find` that looks among the models that `known` returns as well; it is called when a file needs one."""

    def find_among(model_id: bytes, extra: Sequence[Model] = ()) -> Model:
        return find(model_id, [*known(), *extra])

    return find_among
