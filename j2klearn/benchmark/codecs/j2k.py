"""Codecs behind one interface: a picture to complete files at rising rates, and back.

Here are those of JPEG 2000, learned or not; `peers` has the others.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features

from ..._version import __version__
from ...api.decode import decode
from ...api.encode import encode
from ...codestream.tile_parts import plt_bytes
from ...errors import CodestreamError, ModelNotFoundError, OptionError
from ...io.pictures import read_picture, write_picture
from ...jp2.boxes import find_codestream
from ...layers import keep_layers
from ...models.registry import DEFAULT_MODEL, resolve, shipped
from ...native.library import openjpeg_version
from ...neural.registry import entropy_names, is_entropy_model, resolve_any

__all__ = ["Codec", "Jpeg2000", "Learned", "OpenJpegTools", "Pillow", "codec_names", "find_codec"]

Samples = NDArray[Any]
Kind = Literal["learned", "jpeg2000", "peer", "published"]
Wavelet = Literal["9-7", "5-3"]

#: SOT, SOD and end-of-codestream markers: OpenJPEG's rate control counts the main header and the boxes before it alone.
_UNCOUNTED = 16


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


def _ratios(image: Samples, rates: Sequence[float], bit_depth: int) -> list[float]:
    """Return the compression ratios to ask OpenJPEG for, so that complete files meet the rates."""
    components = np.atleast_3d(image).shape[2]
    pixels = image.shape[0] * image.shape[1]
    raw = pixels * components * bit_depth / 8
    return [raw / max(1.0, rate * pixels / 8 - _UNCOUNTED) for rate in rates]


class _Other:
    """JPEG 2000 by other programs, which write PLT too; it is there for the measurement alone, and taken out again."""

    settings: tuple[float, ...] = ()

    def _encode(self, image: Samples, rates: Sequence[float], bit_depth: int) -> bytes:
        """Return a file of one layer per rate, with PLT marker segments."""
        raise NotImplementedError

    def layered(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        data = self._encode(image, rates, bit_depth)
        return [keep_layers(data, layer) for layer in range(1, len(rates) + 1)]

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        return [keep_layers(self._encode(image, [rate], bit_depth), 1) for rate in rates]


class OpenJpegTools(_Other):
    """OpenJPEG's own programs, opj_compress and opj_decompress."""

    kind: Kind = "jpeg2000"

    def __init__(self, wavelet: Wavelet) -> None:
        self.wavelet = wavelet

    @property
    def name(self) -> str:
        return f"opj-{self.wavelet}"

    @property
    def title(self) -> str:
        return f"opj_compress {self.wavelet.replace('-', '/')}"

    @cached_property
    def identity(self) -> str:
        done = subprocess.run(["opj_compress", "-h"], capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if "openjp2 library" in line]
        return lines[0].strip() if lines else "opj_compress"

    @property
    def missing(self) -> str | None:
        if shutil.which("opj_compress") and shutil.which("opj_decompress"):
            return None
        return "opj_compress and opj_decompress are not installed (Debian: libopenjp2-tools)"

    @staticmethod
    def _run(*words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise CodestreamError(f"{words[0]} failed: {said[-1] if said else done.returncode}")

    def _encode(self, image: Samples, rates: Sequence[float], bit_depth: int) -> bytes:
        if image.dtype.itemsize > 1 and bit_depth < 16:
            raise OptionError(f"{self.name} reads PNG files, which have no samples of {bit_depth} bits")
        with tempfile.TemporaryDirectory() as name:
            source, target = Path(name, "picture.png"), Path(name, "picture.jp2")
            write_picture(source, image)
            ratios = ",".join(f"{ratio:.6f}" for ratio in _ratios(image, rates, bit_depth))
            wavelet = ["-I"] if self.wavelet == "9-7" else []
            self._run("opj_compress", "-i", str(source), "-o", str(target), "-r", ratios, "-PLT", *wavelet)
            return target.read_bytes()

    def decode(self, data: bytes) -> Samples:
        with tempfile.TemporaryDirectory() as name:
            source, target = Path(name, "picture.jp2"), Path(name, "picture.png")
            source.write_bytes(data)
            self._run("opj_decompress", "-i", str(source), "-o", str(target))
            return read_picture(target)


class Pillow(_Other):
    """JPEG 2000 as Pillow writes and reads it: OpenJPEG's 9/7."""

    name = "pillow"
    title = "Pillow JPEG 2000"
    kind: Kind = "jpeg2000"

    @property
    def identity(self) -> str:
        return f"Pillow {PIL.__version__}, OpenJPEG {features.version('jpg_2000')}"

    @property
    def missing(self) -> str | None:
        return None if features.check("jpg_2000") else "this Pillow was built without JPEG 2000"

    def _encode(self, image: Samples, rates: Sequence[float], bit_depth: int) -> bytes:
        if image.dtype.itemsize > 1 and (image.ndim == 3 or bit_depth < 16):
            raise OptionError("Pillow writes colour of 8 bits a sample, and grey of 8 and 16")
        out = io.BytesIO()
        Image.fromarray(image).save(
            out,
            "JPEG2000",
            quality_mode="rates",
            quality_layers=_ratios(image, rates, bit_depth),
            irreversible=True,
            mct=int(image.ndim == 3),
            plt=True,
        )
        return out.getvalue()

    def decode(self, data: bytes) -> Samples:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return np.asarray(picture)


_JPEG2000: dict[str, Any] = {
    "9-7": lambda threads: Jpeg2000("9-7", threads),
    "5-3": lambda threads: Jpeg2000("5-3", threads),
    "opj-9-7": lambda threads: OpenJpegTools("9-7"),
    "opj-5-3": lambda threads: OpenJpegTools("5-3"),
    "pillow": lambda threads: Pillow(),
}


def codec_names() -> list[str]:
    """Return the names that `find_codec` takes besides paths of model files."""
    from .peers import PEERS

    return ["default", *shipped(), *entropy_names(), *_JPEG2000, *PEERS]


def find_codec(name: str, threads: int = 1, *, fallback: bool = True, effort: int = 0) -> Codec:
    """Return the codec that an option names; whether it can be used here, its `missing` tells.

    Raises
    ------
    OptionError
        If there is no codec and no model of that name.
    """
    from .peers import PEERS

    if name in _JPEG2000:
        codec: Codec = _JPEG2000[name](threads)
        return codec
    if name in PEERS:
        return PEERS[name]()
    try:
        model = resolve_any(DEFAULT_MODEL if name == "default" else name)
    except ModelNotFoundError:
        raise OptionError(
            f"there is no codec {name!r}: it is one of {', '.join(codec_names())}, or the path of a model file"
        ) from None
    if is_entropy_model(model):
        from .neural import Neural

        return Neural(name, threads)
    return Learned(DEFAULT_MODEL if name == "default" else name, threads, fallback=fallback, effort=effort)
