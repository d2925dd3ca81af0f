"""Finding models: by name, by file, or by the id that a file carries.

There are two kinds, told apart by ``kind`` in their configuration: transforms, which have none, and the entropy models
of the neural profile.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from ..core.limits import MAX_ENTROPY_MODEL_BYTES
from ..errors import ModelError, ModelNotFoundError
from .model import Model

if TYPE_CHECKING:
    from ..neural.entropy_model import EntropyModel


__all__ = [
    "DEFAULT_MODEL",
    "entropy_names",
    "find",
    "find_entropy",
    "is_entropy_model",
    "resolve",
    "resolve_any",
    "resolve_entropy",
    "shipped",
    "shipped_entropy",
]

#: The transform that ``model="auto"`` means.
DEFAULT_MODEL = "hybrid97-9c-compact-dq"

#: Kinds of entropy models, and the classes whose `from_bytes` reads them.
_ENTROPY = {
    "context": ("j2klearn.neural.context.model", "ContextModel"),
    "cross-component": ("j2klearn.neural.cross.model", "CrossComponentModel"),
}


def _kind(data: bytes) -> str | None:
    """Return the kind of an entropy model in a safetensors file; None for all else, sound or not."""
    try:
        header = int.from_bytes(data[:8], "little")
        config = json.loads(json.loads(data[8 : 8 + header])["__metadata__"]["config"])
        kind = config.get("kind")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return kind if isinstance(kind, str) else None


def _entropy_model(data: bytes, kind: str) -> EntropyModel:
    if kind not in _ENTROPY:
        raise ModelError(
            f"the model is of the kind {kind[:40]!r}, which this version of j2klearn does not know"
        )
    module, name = _ENTROPY[kind]
    model: EntropyModel = getattr(import_module(module), name).from_bytes(data)
    return model


@functools.cache
def _files() -> dict[str, tuple[bytes, str | None]]:
    """Return the model files that come with the package by name, and of what kind they are."""
    files = {}
    folder = resources.files(__package__)
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".safetensors"):
            data = entry.read_bytes()
            files[entry.name.removesuffix(".safetensors")] = data, _kind(data)
    return files


@functools.cache
def shipped() -> dict[str, Model]:
    """Return the transforms that come with the package, by name."""
    return {name: Model.from_bytes(data) for name, (data, kind) in _files().items() if kind is None}


def entropy_names() -> list[str]:
    """Return the names of the entropy models that come with the package."""
    return [name for name, (_, kind) in _files().items() if kind is not None]


@functools.cache
def shipped_entropy() -> dict[str, EntropyModel]:
    """Return the entropy models that come with the package, by name."""
    return {name: _entropy_model(data, kind) for name, (data, kind) in _files().items() if kind is not None}


@functools.lru_cache(maxsize=8)
def _from_file(path: Path, changed: int) -> Model | EntropyModel:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_ENTROPY_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
    if len(data) > MAX_ENTROPY_MODEL_BYTES:
        raise ModelError(f"a model file of more than {MAX_ENTROPY_MODEL_BYTES} bytes is not accepted")
    kind = _kind(data)
    if kind is None:
        return Model.from_bytes(data)
    model = _entropy_model(data, kind)
    for named in (model.config.get("transform"), model.config.get("dequantiser")):
        if not isinstance(named, str) and named is not None:
            _look_beside(path, named)
    return model


#: Transforms that lie beside the files of entropy models which name them, by id.
_BESIDE: dict[bytes, Model] = {}


def _look_beside(path: Path, named: Any) -> None:
    """Read the transform that an entropy model names, if it lies in the same folder under its name."""
    file = path.with_name(f"{named['name']}.safetensors")
    if Path(named["name"]).name == named["name"] and file.is_file():
        model = Model.load(file)
        if model.id.hex() == named["id"]:
            _BESIDE[model.id] = model


def _named(model: str | Path, known: Sequence[str]) -> Model | EntropyModel:
    path = Path(model)
    if path.is_file():
        return _from_file(path.resolve(), path.stat().st_mtime_ns)
    raise ModelNotFoundError(
        f"there is no model {str(model)!r}: it is the path of a model file, or one of {', '.join(known) or 'none'}"
    )


def is_entropy_model(model: object) -> TypeGuard[EntropyModel]:
    """Tell whether a model is an entropy model rather than a transform."""
    return all(hasattr(model, name) for name in ("id", "config", "levels", "encode", "decode"))


def resolve(model: str | Path | Model | EntropyModel) -> Model:
    """Return the transform that a caller names.

    Parameters
    ----------
    model : str, Path or Model
        The name of a shipped model, or the path of a model file.

    Raises
    ------
    ModelNotFoundError
        If there is no shipped model and no file of that name.
    ModelError
        If the file is not a model, or an entropy model.
    """
    if isinstance(model, str) and model in shipped():
        return shipped()[model]
    found: Any = model
    if isinstance(model, (str, Path)) and str(model) not in entropy_names():
        found = _named(model, list(shipped()))
    if isinstance(found, Model):
        return found
    raise ModelError(
        f"the model {getattr(found, 'name', found)} is an entropy model, which goes with profile='neural'"
    )


def resolve_entropy(model: str | Path | Model | EntropyModel) -> EntropyModel:
    """Return the entropy model that a caller names.

    Parameters
    ----------
    model : str, Path or EntropyModel
        The name of a shipped entropy model, or the path of the file of one.

    Raises
    ------
    ModelNotFoundError
        If there is no shipped model and no file of that name.
    ModelError
        If the file is not a model, or a transform.
    """
    if isinstance(model, str) and model in entropy_names():
        return shipped_entropy()[model]
    found: Any = model
    if isinstance(model, (str, Path)) and str(model) not in shipped():
        found = _named(model, entropy_names())
    if is_entropy_model(found):
        return found
    raise ModelError(
        f"the model {getattr(found, 'name', found)} is a transform, and the neural profile needs an entropy model: "
        f"{', '.join(entropy_names()) or 'none is installed'}"
    )


def resolve_any(model: str | Path | Model | EntropyModel) -> Model | EntropyModel:
    """Return the transform or the entropy model that a caller names; see `resolve`.

    Raises
    ------
    ModelNotFoundError
        If there is no shipped model and no file of that name.
    ModelError
        If the file is not a model.
    """
    if not isinstance(model, (str, Path)):
        return model
    if str(model) in shipped():
        return shipped()[str(model)]
    if str(model) in entropy_names():
        return shipped_entropy()[str(model)]
    return _named(model, [*shipped(), *entropy_names()])


def find(model_id: bytes, extra: Sequence[Model] = ()) -> Model:
    """Return the transform with a given id, from `extra`, the shipped ones, or beside the entropy models read so far.

    Raises
    ------
    ModelNotFoundError
        If it is not installed.
    """
    for model in [*extra, *shipped().values(), *_BESIDE.values()]:
        if model.id == model_id:
            return model
    raise ModelNotFoundError(
        f"this file needs the model with id {model_id.hex()}, which is not installed: upgrade j2klearn, or get the "
        "model file from whoever made the picture and pass it as model="
    )


def find_entropy(prefix: bytes, extra: Sequence[EntropyModel] = ()) -> EntropyModel:
    """Return the entropy model whose id begins with `prefix`, from `extra` or from the shipped ones.

    Raises
    ------
    ModelNotFoundError
        If it is not installed.
    """
    for model in [*extra, *shipped_entropy().values()]:
        if model.id.startswith(prefix):
            return model
    raise ModelNotFoundError(
        f"this file needs the entropy model whose id begins with {prefix.hex()}, which is not installed: upgrade "
        "j2klearn, or get the model file from whoever made the picture and pass it as model="
    )
