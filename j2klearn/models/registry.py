"""Lookup of transform models by name, by the path of a model file, or by the id in a coded file.

Entropy models of the neural profile are model files too. Only their configuration has a ``kind``. This module returns
their bytes; `j2klearn.neural.registry` parses them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..core.limits import MAX_ENTROPY_MODEL_BYTES
from ..errors import ModelError, ModelNotFoundError
from .model import Model

__all__ = [
    "DEFAULT_LOSSLESS_MODEL",
    "DEFAULT_MODEL",
    "Finder",
    "ModelFile",
    "find",
    "finder",
    "named_file",
    "not_a_model",
    "read_model_file",
    "resolve",
    "shipped",
    "shipped_files",
]

#: The transform that ``model="auto"`` selects.
DEFAULT_MODEL = "hybrid97-16p7-guided"

#: The transform that ``model="auto"`` selects for lossless coding.
DEFAULT_LOSSLESS_MODEL = "nonseparable53-16p7"


class ModelFile(NamedTuple):
    """A model file: its bytes, and the kind of the entropy model in it (None for a transform)."""

    data: bytes
    kind: str | None


class Finder(Protocol):
    """A function that finds the model of a file by its id, among `extra` and other models; see `find`."""

    def __call__(self, model_id: bytes, extra: Sequence[Model] = ()) -> Model: ...


def _config(data: bytes) -> Mapping[str, Any]:
    """Return the configuration in the header of a safetensors file; an empty one for any other data, valid or not."""
    try:
        header = int.from_bytes(data[:8], "little")
        config = json.loads(json.loads(data[8 : 8 + header])["__metadata__"]["config"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _kind(config: Mapping[str, Any]) -> str | None:
    """Return the kind of the entropy model with a configuration; None for a transform."""
    kind = config.get("kind")
    return kind if isinstance(kind, str) else None


@functools.cache
def _entries() -> dict[str, Traversable]:
    """Return the model files in the package by name."""
    found = sorted(resources.files(__package__).iterdir(), key=lambda entry: entry.name)
    suffix = ".safetensors"
    return {entry.name.removesuffix(suffix): entry for entry in found if entry.name.endswith(suffix)}


@functools.cache
def _configs() -> dict[str, Mapping[str, Any]]:
    """Return the configurations of the model files in the package, without reading their weights."""
    found = {}
    for name, entry in _entries().items():
        with entry.open("rb") as stream:
            length = stream.read(8)
            found[name] = _config(length + stream.read(int.from_bytes(length, "little")))
    return found


@functools.cache
def shipped_files() -> Mapping[str, ModelFile]:
    """Return the model files in the package, transforms and entropy models, by name."""
    return {
        name: ModelFile(entry.read_bytes(), _kind(_configs()[name])) for name, entry in _entries().items()
    }


@functools.cache
def _transform(name: str) -> Model:
    """Return a transform in the package without its twin."""
    return Model.from_bytes(_entries()[name].read_bytes())


class _Shipped(Mapping[str, Model]):
    """The transforms in the package by name. Each one is read when it is asked for."""

    def __init__(self) -> None:
        self._names = [name for name, config in _configs().items() if _kind(config) is None]
        self._read: dict[str, Model] = {}

    def __getitem__(self, name: str) -> Model:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self.with_twin(_transform(name))
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def with_twin(self, model: Model) -> Model:
        """Return a model with its twin, if that is in the package."""
        if model.integer:
            return model
        wanted = model.transform_id.hex()
        names = [name for name in self._names if _configs()[name].get("twin_of") == wanted]
        return _with_twin(model, map(_transform, names))

    def of_id(self, model_id: bytes) -> Model | None:
        """Return the model with an id; None if there is none. Those that most files name are read first."""
        usual = (f"{DEFAULT_MODEL}-int", DEFAULT_LOSSLESS_MODEL)
        for name in sorted(self._names, key=lambda name: name not in usual):
            if _transform(name).id == model_id:
                return self[name]
        return None


@functools.cache
def shipped() -> _Shipped:
    """Return the transforms in the package, by name. Float models know their twins."""
    return _Shipped()


def _with_twin(model: Model, known: Iterable[Model]) -> Model:
    """Return a model with its twin, if that is among the known models."""
    if model.integer:
        return model
    twins = [other for other in known if other.twin_of is not None and other.twin_of == model.transform_id]
    # its own network for de-quantisation is better than none, and none is better than another one's
    twins.sort(key=lambda twin: (twin.dequantiser_twin_of != model.id, twin.dequantises))
    return model.twinned(twins[0] if twins else None)


def read_model_file(path: Path) -> ModelFile:
    """Read a model file: a transform or an entropy model.

    Raises
    ------
    ModelError
        If the file cannot be read, or is larger than `MAX_ENTROPY_MODEL_BYTES`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_ENTROPY_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
    if len(data) > MAX_ENTROPY_MODEL_BYTES:
        raise ModelError(f"the model file is larger than the limit of {MAX_ENTROPY_MODEL_BYTES} bytes")
    return ModelFile(data, _kind(_config(data)))


def named_file(model: str | Path, known: Sequence[str]) -> tuple[Path, int]:
    """Return the path of the model file that a caller names, and the time of its last change in nanoseconds.

    Parameters
    ----------
    model : str or Path
        The path.
    known : sequence of str
        Names of shipped models, for the message of the error.

    Raises
    ------
    ModelNotFoundError
        If there is no such file.
    """
    path = Path(model)
    if path.is_file():
        return path.resolve(), path.stat().st_mtime_ns
    raise ModelNotFoundError(
        f"there is no model {str(model)!r}: give the path of a model file, or one of {', '.join(known) or 'none'}"
    )


@functools.lru_cache(maxsize=8)
def _from_file(path: Path, changed: int) -> Model | None:
    """Return the transform in a file; None if the file holds an entropy model."""
    file = read_model_file(path)
    return Model.from_bytes(file.data) if file.kind is None else None


def not_a_model(value: object) -> str:
    """Return the message for what a caller passes as ``model=`` if it is of another type than models are."""
    return f"a model is the name of a shipped model, the path of a model file, or a model, not {value!r}"


def resolve(model: object) -> Model:
    """Return the transform that a caller names.

    Parameters
    ----------
    model : str, Path or Model
        The name of a shipped model, the path of a model file, or the model itself.

    Raises
    ------
    ModelNotFoundError
        If there is neither a shipped model nor a file with this name.
    ModelError
        If the file is not a valid model file, or if the model is an entropy model.
    """
    if isinstance(model, str) and model in shipped():
        return shipped()[model]
    found = model
    if isinstance(model, (str, Path)) and str(model) not in _entries():
        found = _from_file(*named_file(model, list(shipped())))
    if isinstance(found, Model):
        return found if found.twin else shipped().with_twin(found)
    if not isinstance(model, (str, Path)) and not hasattr(model, "config"):
        raise ModelError(not_a_model(model))
    raise ModelError(
        f"the model {getattr(model, 'name', model)} is an entropy model, which requires profile='neural'"
    )


def find(model_id: bytes, extra: Sequence[Model] = ()) -> Model:
    """Return the transform with a given id.

    Parameters
    ----------
    model_id : bytes
        The id, 32 bytes.
    extra : sequence of Model
        Models to search before the shipped ones.

    Raises
    ------
    ModelNotFoundError
        If no model has this id.
    """
    for model in extra:
        if model.id == model_id:
            return model if model.twin else shipped().with_twin(model)
    if found := shipped().of_id(model_id):
        return found
    raise ModelNotFoundError(
        f"this file needs the model with id {model_id.hex()}, which is not installed: upgrade j2klearn, or ask the "
        "author of the picture for the model file and pass it as model="
    )


def finder(known: Callable[[], Sequence[Model]]) -> Finder:
    """Return a `Finder` that also searches the models that `known` returns, and takes twins from them.

    Parameters
    ----------
    known : callable
        Returns models. It is called on each search, not before.
    """

    def find_among(model_id: bytes, extra: Sequence[Model] = ()) -> Model:
        models = known()
        # a model in the file is no twin: only its own id tells what it is
        return _with_twin(find(model_id, [*models, *extra]), models)

    return find_among
