"""What the benchmark asks of a codec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

__all__ = ["Codec", "Kind", "Samples", "Wavelet"]

Samples = NDArray[Any]

Wavelet = Literal["9-7", "5-3"]

Kind = Literal["learned", "jpeg2000", "peer", "published"]


class Codec(Protocol):
    """What the benchmark asks of a codec.

    Attributes
    ----------
    name, title : str
        How options and how people call it.
    kind : {"learned", "jpeg2000", "peer"}
        What it is.
    identity : str
        Changes whenever the files would: versions, and the id of the model.
    missing : str or None
        Why it cannot be used here.
    settings : tuple of float
        The qualities of its files, one each, if they are not asked for by rates.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def identity(self) -> str: ...
    @property
    def missing(self) -> str | None: ...
    @property
    def settings(self) -> tuple[float, ...]: ...

    def layered(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        """Return a complete file per rate (bits per pixel), made from one by dropping layers where that can be."""

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        """Return a complete file per rate, each coded for itself."""

    def decode(self, data: bytes) -> Samples:
        """Return the picture in a file."""
