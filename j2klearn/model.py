"""Models: the configuration and the weights of a learned transform, in one safetensors file.

This module needs numpy alone; the network is built, with PyTorch, when it is first used.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import weights
from .configuration import check_config
from .errors import ModelError
from .limits import MAX_MODEL_BYTES

if TYPE_CHECKING:
    from torch import nn

    from .dequantisers import AnyDequantiser
    from .structures import Structure

__all__ = ["Model"]

_DEQUANTISER = "dequantiser."


def _load(network: nn.Module, tensors: Mapping[str, NDArray[np.floating[Any]]]) -> None:
    import torch

    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if shapes != {key: tensor.shape for key, tensor in tensors.items()}:
        raise ModelError("the model's weights are not those that its configuration asks for")
    network.load_state_dict({key: torch.from_numpy(tensor.copy()) for key, tensor in tensors.items()})


class Model:
    """A learned transform: what it is, its weights, and the id by which files refer to it.

    Parameters
    ----------
    config : dict
        What the network is; see `j2klearn.configuration`.
    tensors : mapping of str to ndarray
        The weights by name, float32 or float16.
    card : dict, optional
        Name, data, steps, seed, scores: whatever a person wants to know. It does not enter the id.

    Raises
    ------
    ModelError
        If the configuration is not one that can be, or weights are not finite float32 or float16.
    """

    def __init__(
        self,
        config: dict[str, Any],
        tensors: Mapping[str, NDArray[np.floating[Any]]],
        card: dict[str, Any] | None = None,
    ) -> None:
        self.config = check_config(config)
        self.card = dict(card or {})
        for key, tensor in tensors.items():
            if tensor.dtype not in (np.float32, np.float16):
                raise ModelError(f"the model's weights {key} are not float32 or float16")
            if not np.isfinite(tensor).all():
                raise ModelError(f"the model's weights {key} are not finite")
        if "dequantiser" not in self.config and any(key.startswith(_DEQUANTISER) for key in tensors):
            raise ModelError("the model's weights are not those that its configuration asks for")
        self._tensors = {key: tensors[key] for key in sorted(tensors)}

    @property
    def name(self) -> str:
        return str(self.card.get("name", "unnamed"))

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for tensor in self._tensors.values())

    @property
    def tensors(self) -> Mapping[str, NDArray[np.floating[Any]]]:
        """The weights by name; not to be changed."""
        return self._tensors

    @functools.cached_property
    def id(self) -> bytes:
        """SHA-256 over the configuration and the weights, 32 bytes."""
        return weights.digest(self.config, self._tensors)

    def to_bytes(self) -> bytes:
        """Return the model as a safetensors file."""
        return weights.write(self.config, self._tensors, self.card)

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Read a model file; nothing in `data` is trusted before it is checked.

        Raises
        ------
        ModelError
            If `data` is no safetensors file of ours, or is larger than `MAX_MODEL_BYTES`.
        """
        config, tensors, card = weights.read(data, MAX_MODEL_BYTES)
        return cls(config, tensors, card)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model file; see `from_bytes`."""
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_MODEL_BYTES + 1)
        except OSError as error:
            raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
        return cls.from_bytes(data)

    @classmethod
    def of(cls, structure: Structure, config: dict[str, Any], card: dict[str, Any] | None = None) -> Model:
        """Return the model of a network as it is now."""
        state = structure.state_dict()
        tensors = {key: value.detach().cpu().contiguous().numpy().copy() for key, value in state.items()}
        return cls(config, tensors, card)

    def build(self) -> Structure:
        """Return a new network with these weights, in evaluation mode.

        Raises
        ------
        ModelError
            If the weights are not those that the configuration asks for, or make steps that cannot be undone.
        """
        from .structures import build

        structure = build({key: value for key, value in self.config.items() if key != "dequantiser"})
        own = {key: value for key, value in self._tensors.items() if not key.startswith(_DEQUANTISER)}
        _load(structure, own)
        structure.check()
        return structure.eval().requires_grad_(False)

    @property
    def dequantises(self) -> bool:
        """The model has a network for learned de-quantisation."""
        return "dequantiser" in self.config

    @functools.cached_property
    def dequantiser(self) -> AnyDequantiser:
        """The network for learned de-quantisation, built once; not to be changed."""
        import torch

        from .dequantisers import dequantiser_of
        from .processor import fast_bfloat16

        network = dequantiser_of(self.config["dequantiser"])
        tensors = self._tensors.items()
        _load(network, {k.removeprefix(_DEQUANTISER): v for k, v in tensors if k.startswith(_DEQUANTISER)})
        if fast_bfloat16():
            network.to(torch.bfloat16)
        return network.eval().requires_grad_(False)

    @functools.cached_property
    def structure(self) -> Structure:
        """The network, built once; not to be changed."""
        return self.build()
