"""Model files: a configuration, weights and a card for people in one safetensors file, and the id that names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from ..errors import ModelError

__all__ = ["digest", "read", "write"]

Tensors = Mapping[str, NDArray[Any]]


def digest(config: Mapping[str, Any], tensors: Tensors) -> bytes:
    """Return the SHA-256 over a configuration and weights, 32 bytes; see ``docs/format.md``."""
    state = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for key in sorted(tensors):
        tensor = tensors[key]
        state.update(f"{key}{tensor.shape}".encode())
        state.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return state.digest()


def write(config: Mapping[str, Any], tensors: Tensors, card: Mapping[str, Any]) -> bytes:
    """Return a model file."""
    metadata = {"config": json.dumps(config, sort_keys=True), "card": json.dumps(card)}
    # safetensors writes memory as it lies
    ordered = {key: np.ascontiguousarray(tensors[key]) for key in sorted(tensors)}
    return safetensors.numpy.save(ordered, metadata)


def read(data: bytes, limit: int) -> tuple[Any, dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the configuration, the weights and the card of a model file; nothing of it is checked yet.

    Raises
    ------
    ModelError
        If it is no model file, or is larger than `limit` bytes.
    """
    if len(data) > limit:
        raise ModelError(f"a model file of more than {limit} bytes is not accepted")
    try:
        tensors = safetensors.numpy.load(data)
        header = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + header])["__metadata__"]
        config, card = json.loads(metadata["config"]), json.loads(metadata["card"])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise ModelError("this is not a j2klearn model file") from None
    return config, tensors, card if isinstance(card, dict) else {}
