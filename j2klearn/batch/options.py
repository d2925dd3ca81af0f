"""How a collection is coded: options of `encode`, checked before any work and known by a digest."""

from __future__ import annotations

import hashlib
import json
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..api.options import EncodeOptions
from ..ebcot.effort import check_effort
from ..errors import OptionError
from ..models.model import Model
from ..models.registry import shipped
from ..neural.registry import entropy_names

__all__ = ["Coding", "read_options"]

#: A picture that has room for any options; what is wrong with them for this one is wrong for all.
_SIDE = 1 << 16


@dataclass(frozen=True)
class Coding:
    """Options of `encode`, and a digest of those that a file depends on."""

    options: EncodeOptions
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
    if options.get("threads", 1) not in (None, 1) or not options.get("jp2", True):
        raise OptionError("a collection is coded into JP2 files, by processes of one thread each")
    coding = EncodeOptions(**{**options, "threads": 1})
    model_id = _check(coding)
    model = coding.model
    if isinstance(model, str | Path) and str(model) not in ("auto", *shipped(), *entropy_names()):
        coding = replace(coding, model=os.path.abspath(model))  # workers may run in another folder
    known = {name: _plain(value) for name, value in coding.of_file().items() if name != "jp2"}
    known["model"] = model_id
    if not coding.neural:  # journals that are older than profiles have digests without them
        del known["profile"], known["quality"]
    if not coding.effort:  # likewise for efforts
        del known["effort"]
    text = json.dumps(known, sort_keys=True)
    return Coding(coding, hashlib.sha256(text.encode()).hexdigest()[:16])


def _check(options: EncodeOptions) -> str:
    """Check what can be checked without a picture; return the id of the model, or the name of the wavelet."""
    if options.neural:
        options.neural_target(_SIDE**2, _SIDE**2)
        return options.entropy_model().id.hex()
    transform = options.transform()
    options.layout(_SIDE, _SIDE)
    options.targets(_SIDE**2, _SIDE**2)
    check_effort(options.effort)
    return transform.id.hex() if isinstance(transform, Model) else transform
