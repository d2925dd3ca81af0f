"""Models: the configuration and the weights of a learned transform, in one safetensors file.

A float model has networks in PyTorch. An integer model has operators in integers, which the native engine computes; it
may be the twin of a float model. This module does not import PyTorch until a network is built.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.limits import MAX_MODEL_BYTES
from ..core.pytorch import need_pytorch
from ..errors import ModelError, OptionError
from . import integer, reversible, weights
from .config import check_config

if TYPE_CHECKING:
    from torch import nn

    from ..dequantisation.networks import AnyDequantiser
    from ..dequantisation.twin.network import AnyTwin
    from ..native.picture import Models
    from ..transform.coding import CodingTransform
    from ..transform.integer.engine import Engine
    from ..transform.integer.reversible import ReversibleEngine
    from ..transform.structures import Structure

__all__ = ["ENGINES", "Model", "check_engine"]

#: What may compute the learned steps. "auto" is the native engine for integer models and for float models that have a
#: twin, and PyTorch for all others.
ENGINES = ("auto", "native", "torch")

_DEQUANTISER = "dequantiser."


def check_engine(engine: object) -> None:
    """Raise `OptionError` if `engine` is not one of `ENGINES`."""
    if engine not in ENGINES:
        raise OptionError(f"the engine is one of {', '.join(ENGINES)}, not {engine!r}")


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
        The weights by name: float32 or float16; in integer models int16.
    card : dict, optional
        Information for people: name, training data, steps, seed, scores. It is not part of the id.

    Attributes
    ----------
    integer : bool
        Whether this is an integer model; see `j2klearn.models.integer`.
    reversible : bool
        Whether this is an integer model for lossless coding; see `j2klearn.models.reversible`.
    twin : Model or None
        The integer model that stands for the transform of this float model, if one is known; see `twinned`.

    Raises
    ------
    ModelError
        If the configuration is invalid, if weights are not finite float32 or float16, or if there are weights of a
        dequantiser that the configuration does not have. For integer models: if the operators are invalid.
    """

    def __init__(
        self,
        config: dict[str, Any],
        tensors: Mapping[str, NDArray[Any]],
        card: dict[str, Any] | None = None,
    ) -> None:
        self.integer = integer.is_integer(config)
        self.reversible = reversible.is_reversible(config)
        self.twin: Model | None = None
        self._engine = "auto"
        self._variants: dict[str, Model] = {}
        self.card = dict(card or {})
        self._tensors = {key: tensors[key] for key in sorted(tensors)}
        if self.reversible:
            self.config = reversible.check_config(config)
            self._l2h = reversible.operator_of(self.config, self._tensors)
            return
        if self.integer:
            self.config = integer.check_config(config)
            self._twins = integer.twins_of(self.config, self._tensors)
            self._own_dequantiser = integer.dequantiser_of(self.config, self._tensors)
            return
        self.config = check_config(config)
        for key, tensor in tensors.items():
            if tensor.dtype not in (np.float32, np.float16):
                raise ModelError(f"the model's weights {key} are not float32 or float16")
            if not np.isfinite(tensor).all():
                raise ModelError(f"the model's weights {key} are not finite")
        if "dequantiser" not in self.config and any(key.startswith(_DEQUANTISER) for key in tensors):
            raise ModelError("the model's weights do not match its configuration")

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: networks and engines are built again."""
        built = (
            "structure",
            "dequantiser",
            "dequantiser_for_decoding",
            "engine",
            "reversible_engine",
            "transform",
            "native_models",
        )
        return {key: value for key, value in vars(self).items() if key not in built} | {"_variants": {}}

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

    @functools.cached_property
    def transform_id(self) -> bytes:
        """The id of the transform alone: that of this model without its network for de-quantisation."""
        if not self.dequantises:
            return self.id
        own = {key: value for key, value in self._tensors.items() if not key.startswith(_DEQUANTISER)}
        return weights.digest({key: self.config[key] for key in self.config if key != "dequantiser"}, own)

    @property
    def twin_of(self) -> bytes | None:
        """The `transform_id` of the float models that this integer model stands for; None if there is none."""
        return bytes.fromhex(self.config["twin_of"]) if self.integer and "twin_of" in self.config else None

    @property
    def dequantiser_twin_of(self) -> bytes | None:
        """The id of the float model whose network for de-quantisation this integer model has in integers, or None."""
        return (
            bytes.fromhex(self.config["dequantiser"]["twin_of"])
            if self.integer and self.dequantises
            else None
        )

    @property
    def matched(self) -> bool:
        """Whether the synthesis gains are close to those of the 9/7, so that subbands need no scales."""
        known = self.config["structure"] in ("fixed", "hybrid")
        return known and self.config["base"] == "9-7" and "gains" not in self.config

    def twinned(self, twin: Model | None) -> Model:
        """Return a copy that uses an integer model in place of its own transform where it can.

        Parameters
        ----------
        twin : Model or None
            An integer model whose `twin_of` is the `transform_id` of this model; None returns this model.
        """
        if twin is None:
            return self
        other = copy.copy(self)
        other.twin = twin
        return other

    def using(self, engine: str) -> Model:
        """Return this model with a choice of what computes its learned steps.

        Parameters
        ----------
        engine : str
            One of `ENGINES`.

        Raises
        ------
        OptionError
            If the engine is unknown, or cannot compute this model.
        """
        check_engine(engine)
        if engine == "native" and not (self.integer or self.twin):
            raise OptionError(
                f"engine='native' needs an integer model or one with a twin, and {self.name} has none"
            )
        if engine == "torch" and self.integer:
            raise OptionError(f"{self.name} is an integer model, which engine='torch' does not support")
        if engine == self._engine:
            return self
        if engine not in self._variants:
            other = copy.copy(self)
            other._engine = engine
            self._variants[engine] = other
        return self._variants[engine]

    @property
    def engine_name(self) -> str:
        """What computes the learned steps: ``"native"`` or ``"torch"``."""
        return "native" if self.integer or (self.twin and self._engine != "torch") else "torch"

    @functools.cached_property
    def transform(self) -> CodingTransform:
        """The transform for coding: that of the engine, or that of PyTorch. It is built once.

        Raises
        ------
        ModelError
            If the weights do not match the configuration, or make a step that has no inverse.
        """
        if self.integer:
            return self.engine
        if self.twin and self.engine_name == "native":
            return self.twin.engine
        need_pytorch(f"the learned transform of {self.name}, in floating point,")
        from ..transform.dwt import StructureTransform

        return StructureTransform(self.structure)

    @functools.cached_property
    def engine(self) -> Engine:
        """The native engine of an integer model. It is built once.

        Raises
        ------
        ModelError
            If this is a float model.
        """
        from ..transform.integer.engine import Engine

        if not self.integer:
            raise ModelError(f"the model {self.name} has no operators in integers")
        if self.reversible:
            raise ModelError(f"the model {self.name} is for lossless coding")
        return Engine(self._twins)

    @functools.cached_property
    def reversible_engine(self) -> ReversibleEngine:
        """The native engine of a reversible model. It is built once.

        Raises
        ------
        ModelError
            If this is a model for lossy coding.
        """
        from ..transform.integer.reversible import ReversibleEngine
        from ..transform.integer.reversible_base import BASES

        if not self.reversible:
            raise ModelError(f"the model {self.name} is for lossy coding")
        return ReversibleEngine(self._l2h, BASES[self.config["base"]])

    @functools.cached_property
    def native_models(self) -> Models:
        """The model and its twin, for native code that decodes files. It reads them once."""
        from ..native.picture import Models

        files = [self.to_bytes()] if self.twin is None else [self.to_bytes(), self.twin.to_bytes()]
        return Models(files=files, beside=False)

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
            If the weights do not match the configuration, or make a step that has no inverse, or if this is an integer
            model.
        """
        if self.integer:
            raise ModelError(f"{self.name} is an integer model, and this needs a model in floating point")
        need_pytorch(f"the learned transform of {self.name}, in floating point,")
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

    @property
    def dequantiser_name(self) -> str | None:
        """What computes the network for de-quantisation: ``"native"`` or ``"torch"``; None if there is no network."""
        if not self.dequantises:
            return None
        twin = self.twin if self.engine_name == "native" else None
        native = self.integer or (twin is not None and twin.dequantiser_twin_of == self.id)
        return "native" if native else "torch"

    @functools.cached_property
    def dequantiser_for_decoding(self) -> AnyDequantiser | AnyTwin:
        """The network for de-quantisation that decodes files: in integers where there is one, else that of PyTorch.

        Only models with `dequantises` have it.
        """
        if self.integer:
            assert self._own_dequantiser is not None
            return self._own_dequantiser
        if self.twin and self.dequantiser_name == "native":
            return self.twin.dequantiser_for_decoding
        return self.dequantiser

    @functools.cached_property
    def dequantiser(self) -> AnyDequantiser:
        """The network for learned de-quantisation, in evaluation mode; bfloat16 if the processor supports it.

        It is built once, and callers must not change it. Only models with `dequantises` have it.

        Raises
        ------
        ModelError
            If the weights do not match the configuration, or if this is an integer model.
        """
        network = self.float_dequantiser()
        import torch

        from ..transform.precision import fast_bfloat16

        return network.to(torch.bfloat16) if fast_bfloat16() else network

    def float_dequantiser(self) -> AnyDequantiser:
        """Return a new network for de-quantisation in float32; otherwise like `dequantiser`."""
        if self.integer:
            raise ModelError(f"{self.name} is an integer model, and this needs a model in floating point")
        need_pytorch(f"the de-quantisation of {self.name}")
        from ..dequantisation.networks import dequantiser_of

        network = dequantiser_of(self.config["dequantiser"])
        tensors = self._tensors.items()
        _load(network, {k.removeprefix(_DEQUANTISER): v for k, v in tensors if k.startswith(_DEQUANTISER)})
        return network.eval().requires_grad_(False)

    @functools.cached_property
    def structure(self) -> Structure:
        """The network of the transform; see `build`. It is built once, and callers must not change it."""
        return self.build()
