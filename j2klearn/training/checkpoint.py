"""Checkpoints: the whole state of a training in one file, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ..errors import OptionError
from ..io.atomic import write_by

__all__ = ["Identity", "check_identity", "read_checkpoint", "stored_identity", "write_checkpoint"]

#: What runs have in common if one can go on from the other's checkpoint: tables of named values that JSON can hold.
Identity = Mapping[str, Mapping[str, Any]]


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; the file is there whole or as it was before.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    write_by(path, lambda temporary: torch.save(dict(state), temporary))


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state in a checkpoint, its tensors on a device; None if there is no such file.

    Raises
    ------
    OptionError
        If the file is no checkpoint.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, UnpicklingError):
        state = None
    if not isinstance(state, dict):
        raise OptionError(f"{path} is not a checkpoint")
    return state


def stored_identity(identity: Identity) -> str:
    """Return an identity as checkpoints hold it."""
    return json.dumps(identity, sort_keys=True)


def check_identity(path: Path, state: Mapping[str, Any], own: Identity) -> None:
    """Raise an OptionError that names the differences if a checkpoint is one of another run.

    Parameters
    ----------
    path : Path
        Of the checkpoint.
    state : mapping
        Its contents.
    own : Identity
        Of the run that is to go on from it.
    """
    try:
        found = _flat(json.loads(state["identity"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise OptionError(f"{path} is a checkpoint of another version of j2klearn") from None
    wanted = _flat(json.loads(stored_identity(own)))
    differing = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if differing:
        raise OptionError(f"{path} is a checkpoint of another configuration: {', '.join(differing)} differ")


def _flat(tables: Identity) -> dict[str, Any]:
    return {f"{table}.{name}": value for table, values in tables.items() for name, value in values.items()}
