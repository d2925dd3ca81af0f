"""The options of a collection: those of `encode`, checked before any work, and their digest."""

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

#: Side in pixels of a picture that is large enough for all valid options: those that fail for it fail for all.
_LARGE_SIDE = 1 << 16


@dataclass(frozen=True)
class Coding:
    """Options of `encode`, and a digest of those that affect the file."""

    options: EncodeOptions
    digest: str


def _plain(value: Any) -> Any:
    """Return a value of JSON; equal values give equal JSON."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    return [_plain(part) for part in value] if isinstance(value, Sequence) else str(value)


def read_options(options: dict[str, Any]) -> Coding:
    """Check keyword arguments of `encode` as far as possible without a picture.

    Raises
    ------
    TypeError
        If `encode` has no such argument.
    J2KError
        If an argument is invalid, as in `encode`.
    """
    if options.get("threads", 1) not in (None, 1) or not options.get("jp2", True):
        raise OptionError(
            "a collection is encoded to JP2 files by workers with one thread each: leave out jp2 and threads"
        )
    coding = EncodeOptions.of({**options, "threads": 1})
    model_id = _check(coding)
    model = coding.model
    if isinstance(model, str | Path) and str(model) not in ("auto", *shipped(), *entropy_names()):
        coding = replace(coding, model=os.path.abspath(model))  # workers may run in another folder
    values = {name: _plain(value) for name, value in coding.of_file().items() if name != "jp2"}
    values["model"] = model_id
    if not coding.neural:  # digests of journals from before there were profiles do not have them
        del values["profile"], values["quality"]
    if not coding.effort:  # the same for efforts
        del values["effort"]
    if coding.tune == "psnr":  # the same for tuning
        del values["tune"]
    if coding.engine == "auto":  # the same for engines
        del values["engine"]
    if coding.tile_parts is None:  # the same for tile-parts
        del values["tile_parts"]
    text = json.dumps(values, sort_keys=True)
    return Coding(coding, hashlib.sha256(text.encode()).hexdigest()[:16])


def _check(options: EncodeOptions) -> str:
    """Check the options without a picture; return the id of the model, or the name of the wavelet."""
    if options.neural:
        options.neural_target(_LARGE_SIDE**2, _LARGE_SIDE**2)
        return options.entropy_model().id.hex()
    transform = options.transform()
    options.layout(_LARGE_SIDE, _LARGE_SIDE)
    options.targets(_LARGE_SIDE**2, _LARGE_SIDE**2)
    check_effort(options.effort)
    return transform.id.hex() if isinstance(transform, Model) else transform
