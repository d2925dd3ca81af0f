"""Finds entropy models by name, by file, or by the id that a picture file stores."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from ..core.limits import MAX_ENTROPY_MODEL_BYTES
from ..core.pytorch import need_pytorch
from ..errors import ModelError, ModelNotFoundError
from ..models import weights
from ..models.model import Model
from ..models.registry import (
    Finder,
    ModelFile,
    finder,
    named_file,
    not_a_model,
    read_model_file,
    shipped,
    shipped_files,
)
from .entropy_model import EntropyModel

__all__ = [
    "READERS",
    "EntropyCard",
    "entropy_cards",
    "entropy_names",
    "find_entropy",
    "is_entropy_model",
    "model_finder",
    "resolve_any",
    "resolve_entropy",
    "shipped_entropy",
]


def _context(data: bytes) -> EntropyModel:
    from .context.model import ContextModel

    return ContextModel.from_bytes(data)


def _cross_component(data: bytes) -> EntropyModel:
    from .cross.model import CrossComponentModel

    return CrossComponentModel.from_bytes(data)


#: A reader for each kind of entropy model. The networks need PyTorch, so their modules are imported on first use.
READERS: dict[str, Callable[[bytes], EntropyModel]] = {
    "context": _context,
    "cross-component": _cross_component,
}


def _read(file: ModelFile) -> EntropyModel:
    if file.kind not in READERS:
        raise ModelError(
            f"the model is of the kind {str(file.kind)[:40]!r}, which this version of j2klearn does not support"
        )
    need_pytorch("the neural profile")
    return READERS[file.kind](file.data)


def entropy_names() -> list[str]:
    """Return the names of the entropy models that are shipped with the package."""
    return [name for name, file in shipped_files().items() if file.kind is not None]


class EntropyCard(NamedTuple):
    """What identifies an entropy model: its name, its id and its configuration."""

    name: str
    id: bytes
    config: Mapping[str, Any]


@functools.cache
def entropy_cards() -> Sequence[EntropyCard]:
    """Return what identifies the entropy models that are shipped with the package. This needs no PyTorch."""
    cards = []
    for name in entropy_names():
        config, tensors, card = weights.read(shipped_files()[name].data, MAX_ENTROPY_MODEL_BYTES)
        cards.append(EntropyCard(str(card.get("name", "unnamed")), weights.digest(config, tensors), config))
    return cards


@functools.cache
def shipped_entropy() -> dict[str, EntropyModel]:
    """Return the entropy models that are shipped with the package, by name."""
    return {name: _read(shipped_files()[name]) for name in entropy_names()}


@functools.lru_cache(maxsize=8)
def _from_file(path: Path, modified: int) -> Model | EntropyModel:
    file = read_model_file(path)
    if file.kind is None:
        return Model.from_bytes(file.data)
    model = _read(file)
    model.beside = tuple(_transforms_in_folder(path, model.config))
    return model


def _transforms_in_folder(path: Path, config: Mapping[str, Any]) -> list[Model]:
    """Return the transforms that an entropy model names and whose files are in the folder of its own file."""
    found = []
    for named in (config.get("transform"), config.get("dequantiser")):
        if isinstance(named, str) or named is None or Path(named["name"]).name != named["name"]:
            continue
        file = path.with_name(f"{named['name']}.safetensors")
        if file.is_file():
            model = Model.load(file)
            if model.id.hex() == named["id"]:
                found.append(model)
    return found


def is_entropy_model(model: object) -> TypeGuard[EntropyModel]:
    """Return whether a model is an entropy model rather than a transform."""
    return all(hasattr(model, name) for name in ("id", "config", "levels", "encode", "decode"))


def resolve_entropy(model: object) -> EntropyModel:
    """Return the entropy model that a caller passes as ``model=``.

    Parameters
    ----------
    model : str, Path or EntropyModel
        The name of a shipped entropy model, the path of a model file, or the model itself.

    Raises
    ------
    ModelNotFoundError
        If there is neither a shipped model nor a file of that name.
    ModelError
        If the file is not a model file, or the model is a transform.
    """
    if isinstance(model, str) and model in entropy_names():
        return shipped_entropy()[model]
    found = model
    if isinstance(model, (str, Path)) and str(model) not in shipped():
        found = _from_file(*named_file(model, entropy_names()))
    if is_entropy_model(found):
        return found
    if not isinstance(model, (str, Path, Model)):
        raise ModelError(not_a_model(model))
    raise ModelError(
        f"the model {getattr(found, 'name', found)} is a transform, but the neural profile needs an entropy model: "
        f"{', '.join(entropy_names()) or 'none is installed'}"
    )


def resolve_any(model: str | Path | Model | EntropyModel) -> Model | EntropyModel:
    """Return the transform or the entropy model that a caller passes as ``model=``.

    Raises
    ------
    ModelNotFoundError
        If there is neither a shipped model nor a file of that name.
    ModelError
        If the file is not a model file, or the argument is of another type.
    """
    if not isinstance(model, (str, Path)):
        if isinstance(model, Model) or is_entropy_model(model):
            return model
        raise ModelError(not_a_model(model))
    if str(model) in shipped():
        return shipped()[str(model)]
    if str(model) in entropy_names():
        return shipped_entropy()[str(model)]
    return _from_file(*named_file(model, [*shipped(), *entropy_names()]))


def model_finder(model: str | Path | Model | EntropyModel | None) -> Finder:
    """Return a function that finds the transform of a file, given what a caller passes as ``model=``.

    The caller may pass a transform, or an entropy model with transforms in the folder of its file. It is resolved only
    when a file needs a model, so ordinary files can be read whatever the caller passes.
    """

    def candidates() -> Sequence[Model]:
        given = None if model is None else resolve_any(model)
        return [given] if isinstance(given, Model) else list(getattr(given, "beside", ()))

    return finder(candidates)


def find_entropy(prefix: bytes, extra: Sequence[EntropyModel] = ()) -> EntropyModel:
    """Return the entropy model whose id begins with `prefix`.

    Parameters
    ----------
    prefix : bytes
        The first 8 bytes of an id.
    extra : sequence of EntropyModel
        Models to search before the shipped ones.

    Raises
    ------
    ModelNotFoundError
        If there is no such model.
    """
    for model in [*extra, *shipped_entropy().values()]:
        if model.id.startswith(prefix):
            return model
    raise ModelNotFoundError(
        f"this file needs the entropy model whose id begins with {prefix.hex()}, which is not installed: upgrade "
        "j2klearn, or get the model file from the creator of the picture and pass it as model="
    )
