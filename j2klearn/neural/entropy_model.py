"""What the neural profile asks of an entropy model, and what those that lie in files have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

from numpy.typing import NDArray

from ..core.limits import MAX_ENTROPY_MODEL_BYTES
from ..core.subbands import Subbands
from ..errors import ModelError
from ..models import weights
from ..models.model import Model
from .coefficients.pyramid import Pyramid
from .coefficients.reconstruction_points import Points

__all__ = ["EntropyModel", "StoredModel"]


class EntropyModel(Protocol):
    """An entropy model.

    Its configuration says under ``"transform"`` what it codes: ``"5-3"`` is the reversible 5/3, for lossless pictures;
    ``"9-7"`` the 9/7; and a table of ``name`` and ``id`` (hexadecimal) a learned transform, of which
    ``"learned_levels"`` (5 if not given) are the levels with learned steps. ``"dequantiser"``, a table of ``name`` and
    ``id`` too, is the transform model whose network for learned de-quantisation decoders use.
    """

    #: Transforms that the model names and that were found in the folder of its file.
    beside: tuple[Model, ...]

    @property
    def id(self) -> bytes:
        """SHA-256 over configuration and weights, of which files carry the first 8 bytes."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What it is."""

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the decompositions of pictures of that height and width."""

    def choose(
        self,
        coefficients: Sequence[Subbands],
        step: float,
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        points: Points | None = None,
    ) -> list[Pyramid]:
        """Quantise the components of a picture.

        Parameters
        ----------
        coefficients : sequence of Subbands
            Normalised coefficients, float32, of every component; they are not changed.
        step : float
            The quantiser step, which an index counts in.
        step_code, related, threads, progress
            As in `encode`.
        points : Points, optional
            Gets where coefficients are expected to be, if the model tells; the same as from `decode`.

        Returns
        -------
        list of Pyramid
            Indices: the nearest ones, or nearer to zero where that saves bits.
        """

    def encode(
        self,
        pyramids: Sequence[Pyramid],
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> list[bytes]:
        """Code the components of a picture.

        Parameters
        ----------
        pyramids : sequence of Pyramid
            The components in coding order: Y, Cb, Cr where there is a component transform, and all others.
        step_code : int
            The quantiser step is ``2 ** (step_code / 16)`` grey levels of 8 bits, -128 to 127; 0 for lossless models.
        related : bool
            The first three components are Y, Cb and Cr of a component transform, of which the later tell of the ones
            before; else every component is on its own.
        threads : int
            Threads to use; they do not change the bytes.
        progress : callable, optional
            Called with the share of the work done, 0 to 1.

        Returns
        -------
        list of bytes
            A segment per resolution: LL with the details of the coarsest level, then those of the finer levels one by
            one.
        """

    def decode(
        self,
        segments: Sequence[bytes],
        shape: tuple[int, int],
        components: int,
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        points: Points | None = None,
    ) -> list[Pyramid]:
        """Decode the components of a picture, the inverse of `encode`.

        Parameters
        ----------
        segments : sequence of bytes
            One or more of what `encode` has returned, from the first on. They are what the encoder wrote: checksums
            have been compared.
        shape : (int, int)
            Height and width of the picture.
        components : int
            Number of components.
        step_code, related, threads, progress
            As in `encode`.
        points : Points, optional
            Gets where coefficients are expected to be, if the model tells.

        Returns
        -------
        list of Pyramid
            With the levels that the segments have: those of the finer levels are left out.

        Raises
        ------
        CodestreamError
            If the segments cannot be decoded.
        """


class StoredModel:
    """An entropy model in a safetensors file: configuration, integers and a card.

    Parameters
    ----------
    config : dict
        What the model is, checked.
    tensors : mapping of str to ndarray
        Its integers, under the names of its parts.
    card : dict, optional
        Whatever a person wants to know. It does not enter the id.

    Attributes
    ----------
    beside : tuple of Model
        Transforms that the model names and that were found in the folder of its file.

    Raises
    ------
    ModelError
        If a tensor belongs to no part.
    """

    #: Prefixes of the names of tensors, one for each network.
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, config: dict[str, Any], tensors: Mapping[str, NDArray[Any]], card: dict[str, Any] | None = None
    ) -> None:
        self.config = config
        self.card = dict(card or {})
        self.beside: tuple[Model, ...] = ()
        self._tensors = dict(tensors)
        if any(key.partition(".")[0] not in self.parts for key in tensors):
            raise ModelError("the model's weights are not those that its configuration asks for")

    @property
    def name(self) -> str:
        return str(self.card.get("name", "unnamed"))

    @functools.cached_property
    def id(self) -> bytes:
        """SHA-256 over the configuration and the weights, 32 bytes."""
        return weights.digest(self.config, self._tensors)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for key, tensor in self._tensors.items() if not key.endswith("shift"))

    def tensors_of(self, part: str) -> dict[str, NDArray[Any]]:
        """Return the integers of one part by name."""
        prefix = f"{part}."
        return {k.removeprefix(prefix): v for k, v in self._tensors.items() if k.startswith(prefix)}

    def to_bytes(self) -> bytes:
        """Return the model as a safetensors file."""
        return weights.write(self.config, self._tensors, self.card)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a model file.

        Raises
        ------
        ModelError
            If `data` is no file of such a model.
        """
        config, tensors, card = weights.read(data, MAX_ENTROPY_MODEL_BYTES)
        return cls(config, tensors, card)
