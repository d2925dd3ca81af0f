"""The neural profile. It has no layers, so it writes one file per quality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..._version import __version__
from ...api.decode import decode
from ...api.encode import encode
from ...neural.registry import entropy_names, resolve_entropy
from .base import Kind, Samples

__all__ = ["Neural"]


class Neural:
    """The neural profile with one entropy model.

    Parameters
    ----------
    model : str
        Name of a shipped entropy model, or path of a model file.
    threads : int
        Threads of coding and decoding.
    """

    kind: Kind = "learned"
    missing: str | None = None
    #: Qualities from the fewest bits to the most; they cover 0.2 to 1 bits per pixel for any photograph.
    settings: tuple[float, ...] = (2, 13, 24, 35, 46, 57, 68)

    def __init__(self, model: str, threads: int = 1) -> None:
        self.model, self.threads = model, threads

    @property
    def name(self) -> str:
        return self.model if self.model in entropy_names() else Path(self.model).stem

    @property
    def title(self) -> str:
        return f"j2klearn neural profile, {self.name}"

    @property
    def identity(self) -> str:
        model = resolve_entropy(self.model)
        return f"j2klearn {__version__}, entropy model {model.id.hex()}, qualities {self.settings}"

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        return [self._encode(image, bit_depth, quality=quality) for quality in self.settings]

    def at(self, image: Samples, rate: float, bit_depth: int) -> bytes:
        """Return a file of `rate` bits per pixel; the other parameters are those of `Codec.single`."""
        return self._encode(image, bit_depth, bpp=rate)

    def _encode(self, image: Samples, bit_depth: int, **target: float) -> bytes:
        return encode(
            image,
            profile="neural",
            model=self.model,
            bit_depth=bit_depth if image.dtype.itemsize > 1 else None,
            threads=self.threads,
            max_pixels=None,
            **target,  # type: ignore[arg-type]
        )

    layered = single

    def decode(self, data: bytes) -> Samples:
        return decode(data, model=self.model, threads=self.threads, max_pixels=None)
