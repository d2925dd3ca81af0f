"""The protocol of entropy models, and the base class of those that are stored in files."""

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
    """The methods and attributes that the neural profile needs from an entropy model.

    The key ``"transform"`` of its configuration names the transform whose coefficients it codes: ``"5-3"`` is the
    reversible 5/3, for lossless pictures; ``"9-7"`` is the irreversible 9/7; a table with ``name`` and ``id``
    (hexadecimal) is a learned transform, and ``"learned_levels"`` (default 5) is the number of its levels that have
    learned steps. ``"dequantiser"`` is a table with ``name`` and ``id`` too: it names the transform model whose network
    decoders use for learned de-quantisation.
    """

    #: The transforms that the model names and that were found in the folder of its file.
    beside: tuple[Model, ...]

    @property
    def id(self) -> bytes:
        """SHA-256 over the configuration and the weights, 32 bytes. Files store the first 8 bytes."""

    @property
    def name(self) -> str:
        """The name of the model, for people."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the model."""

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the number of decomposition levels of a picture of this height and width."""

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
            Normalised coefficients, float32, of every component. They are not changed.
        step : float
            The quantiser step: an index counts in units of it.
        step_code, related, threads, progress
            As in `encode`.
        points : Points, optional
            Receives the reconstruction points of the coefficients, if the model predicts them. `decode` gives the
            same ones.

        Returns
        -------
        list of Pyramid
            Indices, int32: the nearest ones, or smaller magnitudes where these save enough bits.
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
            The components in coding order: Y, Cb and Cr first if there is a component transform, then all others.
        step_code : int
            -128 to 127: the quantiser step is ``2 ** (step_code / 16)`` grey levels of 8 bits. 0 for lossless models.
        related : bool
            The first three components are Y, Cb and Cr of a component transform, so Y is available as context for Cb,
            and Y and Cb for Cr. If False, every component is coded independently.
        threads : int
            Number of threads to use. It does not change the bytes.
        progress : callable, optional
            Called with the share of the work that is done, 0 to 1.

        Returns
        -------
        list of bytes
            One segment per resolution. The first holds LL and the details of the coarsest level, every further one
            the details of the next finer level.
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
            The segments that `encode` returned, or the first of them; at least one. The caller has verified their
            checksums, so they are what the encoder wrote.
        shape : (int, int)
            Height and width of the picture.
        components : int
            Number of components.
        step_code, related, threads, progress
            As in `encode`.
        points : Points, optional
            Receives the reconstruction points of the coefficients, if the model predicts them.

        Returns
        -------
        list of Pyramid
            One per component, with the levels that the segments hold: finer levels are left out.

        Raises
        ------
        CodestreamError
            If the segments cannot be decoded.
        """


class StoredModel:
    """Base of entropy models that are stored in a safetensors file: configuration, integer weights and a card.

    Parameters
    ----------
    config : dict
        The configuration of the model. It has been checked.
    tensors : mapping of str to ndarray
        The integer weights. The name of each begins with the name of a part and a dot.
    card : dict, optional
        Information for people, such as the name of the model. It is not part of the id.

    Attributes
    ----------
    beside : tuple of Model
        The transforms that the model names and that were found in the folder of its file.

    Raises
    ------
    ModelError
        If a tensor does not belong to any part.
    """

    #: Names of the parts, one for each network: the prefixes of the names of the tensors.
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
        """The name on the card; ``"unnamed"`` if there is none."""
        return str(self.card.get("name", "unnamed"))

    @functools.cached_property
    def id(self) -> bytes:
        """SHA-256 over the configuration and the weights, 32 bytes."""
        return weights.digest(self.config, self._tensors)

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(tensor.size for key, tensor in self._tensors.items() if not key.endswith("shift"))

    def tensors_of(self, part: str) -> dict[str, NDArray[Any]]:
        """Return the tensors of one part, by their names without the prefix."""
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
            If `data` is not a file of such a model.
        """
        config, tensors, card = weights.read(data, MAX_ENTROPY_MODEL_BYTES)
        return cls(config, tensors, card)
