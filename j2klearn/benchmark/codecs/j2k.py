"""Codecs behind one interface: a picture to complete files at rising rates, and back.

Here are those of JPEG 2000, learned or not; `peers` has the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..._version import __version__
from ...api.decode import decode
from ...api.encode import encode
from ...codestream.tile_parts import plt_bytes
from ...jp2.boxes import find_codestream
from ...layers import keep_layers
from ...models.registry import resolve, shipped
from ...native.library import openjpeg_version
from .base import Kind, Samples, Wavelet

__all__ = ["Jpeg2000", "Learned"]


class _Shim:
    """JPEG 2000 through this package, learned or ordinary."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    missing: str | None = None
    settings: tuple[float, ...] = ()

    @property
    def choice(self) -> dict[str, Any]:
        """What `encode` is told besides the rates."""
        raise NotImplementedError

    def _encode(self, image: Samples, bit_depth: int, **options: Any) -> bytes:
        deep = bit_depth if image.dtype.itemsize > 1 else None
        options = {**self.choice, **options}
        return encode(image, bit_depth=deep, threads=self.threads, max_pixels=None, **options)

    def layered(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        data = self._encode(image, bit_depth, bpp=list(rates), plt=True, fallback=False, effort=0)
        # PLT counts as part of the file, but goes with the layers: the highest one may have its bytes. (It is as long
        # with any transform, near enough, so none need be chosen yet.)
        spare = 8 * plt_bytes(find_codestream(data)) / (image.shape[0] * image.shape[1])
        data = self._encode(image, bit_depth, bpp=[*rates[:-1], rates[-1] + spare], plt=True)
        return [keep_layers(data, layer) for layer in range(1, len(rates) + 1)]

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        return [self._encode(image, bit_depth, bpp=rate) for rate in rates]

    def decode(self, data: bytes) -> Samples:
        return decode(data, threads=self.threads, max_pixels=None)


class Learned(_Shim):
    """A learned transform: a shipped model by its name, or a model file by its path."""

    kind: Kind = "learned"

    def __init__(self, model: str, threads: int = 1, *, fallback: bool = True, effort: int = 0) -> None:
        super().__init__(threads)
        self.model, self.fallback, self.effort = model, fallback, effort

    @property
    def name(self) -> str:
        return self.model if self.model in shipped() else Path(self.model).stem

    @property
    def title(self) -> str:
        return f"j2klearn {self.name}"

    @property
    def identity(self) -> str:
        return f"j2klearn {__version__}, OpenJPEG {openjpeg_version()}, model {resolve(self.model).id.hex()}"

    @property
    def choice(self) -> dict[str, Any]:
        return {"model": self.model, "fallback": self.fallback, "effort": self.effort}

    def decode(self, data: bytes) -> Samples:
        return decode(data, threads=self.threads, max_pixels=None, model=self.model)


class Jpeg2000(_Shim):
    """OpenJPEG through the same shim as the learned codec, with one of the two standard wavelets."""

    kind: Kind = "jpeg2000"

    def __init__(self, wavelet: Wavelet, threads: int = 1) -> None:
        super().__init__(threads)
        self.wavelet = wavelet

    @property
    def name(self) -> str:
        return self.wavelet

    @property
    def title(self) -> str:
        return f"OpenJPEG {self.wavelet.replace('-', '/')}"

    @property
    def identity(self) -> str:
        return f"j2klearn {__version__}, OpenJPEG {openjpeg_version()}"

    @property
    def choice(self) -> dict[str, Any]:
        return {"model": None, "wavelet": self.wavelet}
