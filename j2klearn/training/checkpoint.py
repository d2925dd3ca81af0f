"""Checkpoints: the whole state of a training run in one file, and the identity of that run."""

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

#: Tables of named values that JSON can hold. Runs with equal identities can resume from each other's checkpoints.
Identity = Mapping[str, Mapping[str, Any]]


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint. If that fails, the previous file is unchanged.

    Parameters
    ----------
    path : Path
        Where to.
    state : mapping
        Tensors, numbers, strings, and containers of these.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    write_by(path, lambda temporary: torch.save(dict(state), temporary))


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state in a checkpoint, with its tensors on `device`; None if there is no such file.

    Only tensors and plain containers are loaded, never arbitrary objects (``weights_only``).

    Raises
    ------
    OptionError
        If the file is not a checkpoint.
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
    """Return an identity in the form that checkpoints store: JSON with sorted keys."""
    return json.dumps(identity, sort_keys=True)


def check_identity(path: Path, state: Mapping[str, Any], own: Identity) -> None:
    """Check that a checkpoint belongs to a run.

    Parameters
    ----------
    path : Path
        The checkpoint, for the message.
    state : mapping
        Its contents.
    own : Identity
        Identity of the run that resumes.

    Raises
    ------
    OptionError
        If the identities differ; the message names the differing values.
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
