"""The interface of the benchmark's codecs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

__all__ = ["Codec", "Kind", "Samples", "Wavelet"]

Samples = NDArray[Any]

Wavelet = Literal["9-7", "5-3"]

Kind = Literal["learned", "jpeg2000", "peer", "published"]


class Codec(Protocol):
    """The interface of a codec.

    Attributes
    ----------
    name : str
        Name for options and files.
    title : str
        Name for readers.
    kind : {"learned", "jpeg2000", "peer"}
        Learned transform or entropy model, JPEG 2000, or another format.
    identity : str
        Versions and the id of the model. It changes if the files may change.
    missing : str or None
        Why the codec cannot be used on this machine; None if it can.
    settings : tuple of float
        The qualities of its files, if the codec codes by quality; empty if it codes at given rates.
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
        """Return a complete file for each rate, made from one file by dropping layers if the format has them.

        The parameters are those of `single`.
        """

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        """Return a complete file for each rate, each coded separately.

        Parameters
        ----------
        image : ndarray, shape (H, W) or (H, W, C), uint8 or uint16
            Samples.
        rates : sequence of float
            Bits per pixel, rising. Codecs with `settings` ignore them and return a file for each setting.
        bit_depth : int
            Significant bits per sample, for 16-bit samples.
        """

    def decode(self, data: bytes) -> Samples:
        """Return the samples of a file, shape (H, W) or (H, W, C)."""
