"""Models: the configuration and the weights of a learned transform, in one safetensors file.

This module does not import PyTorch until a network is built.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.limits import MAX_MODEL_BYTES
from ..errors import ModelError
from . import weights
from .config import check_config

if TYPE_CHECKING:
    from torch import nn

    from ..dequantisation.networks import AnyDequantiser
    from ..transform.structures import Structure

__all__ = ["Model"]

_DEQUANTISER = "dequantiser."


def _load(network: nn.Module, tensors: Mapping[str, NDArray[np.floating[Any]]]) -> None:
    import torch

    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if shapes != {key: tensor.shape for key, tensor in tensors.items()}:
        raise ModelError("the model's weights do not match its configuration")
    network.load_state_dict({key: torch.from_numpy(tensor.copy()) for key, tensor in tensors.items()})


class Model:
    """A learned transform: its configuration, its weights, and the id by which files refer to it.

    Parameters
    ----------
    config : dict
        The configuration of the networks; see `j2klearn.models.config`.
    tensors : mapping of str to ndarray
        The weights by name, float32 or float16.
    card : dict, optional
        Information for people: name, training data, steps, seed, scores. It is not part of the id.

    Raises
    ------
    ModelError
        If the configuration is invalid, if weights are not finite float32 or float16, or if there are weights of a
        dequantiser that the configuration does not have.
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
            raise ModelError("the model's weights do not match its configuration")
        self._tensors = {key: tensors[key] for key in sorted(tensors)}

    @property
    def name(self) -> str:
        """The name on the card, or ``"unnamed"``."""
        return str(self.card.get("name", "unnamed"))

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for tensor in self._tensors.values())

    @property
    def tensors(self) -> Mapping[str, NDArray[np.floating[Any]]]:
        """The weights by name. Callers must not change them."""
        return self._tensors

    @functools.cached_property
    def id(self) -> bytes:
        """SHA-256 of the configuration and the weights, 32 bytes."""
        return weights.digest(self.config, self._tensors)

    def to_bytes(self) -> bytes:
        """Return the model as a safetensors file."""
        return weights.write(self.config, self._tensors, self.card)

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Read a model file. Nothing in `data` is trusted before it is checked.

        Raises
        ------
        ModelError
            If `data` is not a valid model file, or is larger than `MAX_MODEL_BYTES`.
        """
        config, tensors, card = weights.read(data, MAX_MODEL_BYTES)
        return cls(config, tensors, card)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the model file at a path; see `from_bytes`.

        Raises
        ------
        ModelError
            If the file cannot be read, or is not a valid model file.
        """
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_MODEL_BYTES + 1)
        except OSError as error:
            raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
        return cls.from_bytes(data)

    @classmethod
    def of(cls, structure: Structure, config: dict[str, Any], card: dict[str, Any] | None = None) -> Model:
        """Return a model with a copy of the current weights of a network.

        Parameters
        ----------
        structure : Structure
            The network.
        config : dict
            Its configuration.
        card : dict, optional
            See `Model`.

        Raises
        ------
        ModelError
            See `Model`.
        """
        state = structure.state_dict()
        tensors = {key: value.detach().cpu().contiguous().numpy().copy() for key, value in state.items()}
        return cls(config, tensors, card)

    def build(self) -> Structure:
        """Return a new network with these weights, in evaluation mode.

        Raises
        ------
        ModelError
            If the weights do not match the configuration, or make a step that has no inverse.
        """
        from .build import build

        structure = build({key: value for key, value in self.config.items() if key != "dequantiser"})
        own = {key: value for key, value in self._tensors.items() if not key.startswith(_DEQUANTISER)}
        _load(structure, own)
        structure.check()
        return structure.eval().requires_grad_(False)

    @property
    def dequantises(self) -> bool:
        """Whether the model has a network for learned de-quantisation."""
        return "dequantiser" in self.config

    @functools.cached_property
    def dequantiser(self) -> AnyDequantiser:
        """The network for learned de-quantisation, in evaluation mode; bfloat16 if the processor supports it.

        It is built once, and callers must not change it. Only models with `dequantises` have it.

        Raises
        ------
        ModelError
            If the weights do not match the configuration.
        """
        import torch

        from ..dequantisation.networks import dequantiser_of
        from ..transform.precision import fast_bfloat16

        network = dequantiser_of(self.config["dequantiser"])
        tensors = self._tensors.items()
        _load(network, {k.removeprefix(_DEQUANTISER): v for k, v in tensors if k.startswith(_DEQUANTISER)})
        if fast_bfloat16():
            network.to(torch.bfloat16)
        return network.eval().requires_grad_(False)

    @functools.cached_property
    def structure(self) -> Structure:
        """The network of the transform; see `build`. It is built once, and callers must not change it."""
        return self.build()
