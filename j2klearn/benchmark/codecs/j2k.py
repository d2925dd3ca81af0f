"""JPEG 2000 by this package, with learned transforms and with the standard ones."""

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


class _ThisPackage:
    """JPEG 2000 by this package, learned or ordinary."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    missing: str | None = None
    settings: tuple[float, ...] = ()

    @property
    def choice(self) -> dict[str, Any]:
        """Options of `encode` in addition to the rates."""
        raise NotImplementedError

    def _encode(self, image: Samples, bit_depth: int, **options: Any) -> bytes:
        deep = bit_depth if image.dtype.itemsize > 1 else None
        options = {**self.choice, **options}
        return encode(image, bit_depth=deep, threads=self.threads, max_pixels=None, **options)

    def layered(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        data = self._encode(image, bit_depth, bpp=list(rates), plt=True, fallback=False, effort=0)
        # `keep_layers` removes PLT marker segments, so the highest layer may use their bytes. Their length hardly
        # depends on the transform, so the first file need not choose one.
        spare = 8 * plt_bytes(find_codestream(data)) / (image.shape[0] * image.shape[1])
        data = self._encode(image, bit_depth, bpp=[*rates[:-1], rates[-1] + spare], plt=True)
        return [keep_layers(data, layer) for layer in range(1, len(rates) + 1)]

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        return [self._encode(image, bit_depth, bpp=rate) for rate in rates]

    def decode(self, data: bytes) -> Samples:
        return decode(data, threads=self.threads, max_pixels=None)


class Learned(_ThisPackage):
    """A learned transform.

    Parameters
    ----------
    model : str
        Name of a shipped model, or path of a model file.
    threads : int
        Threads of coding and decoding.
    fallback, effort
        Options of `j2klearn.encode`.
    """

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


class Jpeg2000(_ThisPackage):
    """OpenJPEG through the same native library as the learned codec, with one of the two standard wavelets.

    Parameters
    ----------
    wavelet : {"9-7", "5-3"}
        The wavelet.
    threads : int
        Threads of coding and decoding.
    """

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
