"""Model files: a configuration, weights and a card in one safetensors file, and the id of a model."""

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
    """Return the id of a model: the SHA-256 of its configuration and weights, 32 bytes; see ``docs/format.md``."""
    state = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for key in sorted(tensors):
        tensor = tensors[key]
        state.update(f"{key}{tensor.shape}".encode())
        state.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return state.digest()


def write(config: Mapping[str, Any], tensors: Tensors, card: Mapping[str, Any]) -> bytes:
    """Return a model file as bytes.

    Parameters
    ----------
    config : mapping
        The configuration, of JSON types.
    tensors : mapping of str to ndarray
        The weights by name.
    card : mapping
        Information for people, of JSON types.
    """
    metadata = {"config": json.dumps(config, sort_keys=True), "card": json.dumps(card)}
    # safetensors ignores strides and writes the memory in its order
    ordered = {key: np.ascontiguousarray(tensors[key]) for key in sorted(tensors)}
    return safetensors.numpy.save(ordered, metadata)


def read(data: bytes, limit: int) -> tuple[Any, dict[str, NDArray[Any]], dict[str, Any]]:
    """Parse a model file. The caller has to check the configuration and the weights.

    Parameters
    ----------
    data : bytes
        The file.
    limit : int
        Largest accepted size in bytes.

    Returns
    -------
    config : object
        The configuration, of JSON types.
    tensors : dict of str to ndarray
        The weights by name.
    card : dict
        Information for people; empty if it is not a JSON object.

    Raises
    ------
    ModelError
        If `data` is not a model file, or is larger than `limit`.
    """
    if len(data) > limit:
        raise ModelError(f"the model file is larger than the limit of {limit} bytes")
    try:
        tensors = safetensors.numpy.load(data)
        header = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + header])["__metadata__"]
        config, card = json.loads(metadata["config"]), json.loads(metadata["card"])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise ModelError("this is not a j2klearn model file") from None
    return config, tensors, card if isinstance(card, dict) else {}
