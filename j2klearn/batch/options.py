"""How a collection is coded: options of `encode`, checked before any work and known by a digest."""

from __future__ import annotations

import hashlib
import inspect
import json
import numbers
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api.encode import encode, read_layout, read_profile, read_transform
from ..core.targets import read_targets
from ..ebcot.effort import check_effort
from ..errors import OptionError
from ..models.model import Model
from ..models.registry import shipped
from ..neural.registry import entropy_names

__all__ = ["Coding", "read_options"]

#: A picture that has room for any options; what is wrong with them for this one is wrong for all.
_SIDE = 1 << 16

#: Options that say nothing about the files that come out.
_SILENT = ("threads", "max_pixels")


@dataclass(frozen=True)
class Coding:
    """Keyword arguments for `encode`, and a digest of those that a file depends on."""

    arguments: dict[str, Any]
    digest: str


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, one way for equal values."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    return [_plain(part) for part in value] if isinstance(value, Sequence) else str(value)


def read_options(options: dict[str, Any]) -> Coding:
    """Check keyword arguments of `encode`, as far as that goes without a picture.

    Raises
    ------
    TypeError
        If `encode` knows no such argument.
    J2KError
        As `encode` does.
    """
    bound = inspect.signature(encode).bind((), **options)
    bound.apply_defaults()
    arguments = {key: value for key, value in bound.arguments.items() if key not in ("image", "progress")}
    if arguments["threads"] not in (None, 1) or not arguments.pop("jp2"):
        raise OptionError("a collection is coded into JP2 files, by processes of one thread each")
    arguments["threads"] = 1
    neural = read_profile(arguments["profile"], {**arguments, "jp2": True})
    model_id = _check_neural(arguments) if neural else _check(arguments)
    model = arguments["model"]
    if isinstance(model, str | Path) and str(model) not in ("auto", *shipped(), *entropy_names()):
        arguments["model"] = os.path.abspath(model)  # workers may run in another folder
    known = {key: _plain(value) for key, value in arguments.items() if key not in _SILENT}
    known["model"] = model_id
    if not neural:  # the digest of which is older than profiles are
        del known["profile"], known["quality"]
    if not known["effort"]:  # as in journals that are older than efforts are
        del known["effort"]
    text = json.dumps(known, sort_keys=True)
    return Coding(arguments, hashlib.sha256(text.encode()).hexdigest()[:16])


def _check(arguments: dict[str, Any]) -> str:
    """Check options of the EBCOT profile; return the id of the model, or the name of the wavelet."""
    transform = read_transform(
        arguments["model"],
        arguments["wavelet"],
        lossless=arguments["lossless"],
        embed_model=arguments["embed_model"],
    )
    layout = inspect.signature(read_layout).parameters
    read_layout(_SIDE, _SIDE, **{key: value for key, value in arguments.items() if key in layout})
    _check_target(read_targets, arguments)
    check_effort(arguments["effort"])
    return transform.id.hex() if isinstance(transform, Model) else transform


def _check_neural(arguments: dict[str, Any]) -> str:
    """Check options of the neural profile; return the id of the model."""
    from ..neural.encode import find_model, read_target

    _check_target(read_target, arguments)
    return find_model(arguments["model"], lossless=arguments["lossless"]).id.hex()


def _check_target(read: Callable[..., object], arguments: dict[str, Any]) -> None:
    targets = inspect.signature(read).parameters
    some = {key: value for key, value in arguments.items() if key in targets}
    read(pixels=_SIDE**2, raw_bytes=_SIDE**2, **some)
