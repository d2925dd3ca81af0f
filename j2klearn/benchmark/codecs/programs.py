"""OpenJPEG through its own programs, and through Pillow."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, features

from ...errors import CodestreamError, OptionError
from ...io.pictures import read_picture, write_picture
from ...layers import keep_layers
from .base import Kind, Samples, Wavelet

__all__ = ["OpenJpegTools", "Pillow"]

#: Bytes of SOT, SOD and EOC, which OpenJPEG's rate control does not count.
_UNCOUNTED = 16


def _ratios(image: Samples, rates: Sequence[float], bit_depth: int) -> list[float]:
    """Return the compression ratios with which OpenJPEG writes complete files of the given rates."""
    components = np.atleast_3d(image).shape[2]
    pixels = image.shape[0] * image.shape[1]
    raw = pixels * components * bit_depth / 8
    return [raw / max(1.0, rate * pixels / 8 - _UNCOUNTED) for rate in rates]


class _OtherWriter:
    """JPEG 2000 by other programs. They write PLT so that layers can be dropped; `keep_layers` then removes PLT."""

    settings: tuple[float, ...] = ()

    def _encode(self, image: Samples, rates: Sequence[float], bit_depth: int) -> bytes:
        """Return a file of one layer per rate, with PLT marker segments."""
        raise NotImplementedError

    def layered(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        data = self._encode(image, rates, bit_depth)
        return [keep_layers(data, layer) for layer in range(1, len(rates) + 1)]

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        return [keep_layers(self._encode(image, [rate], bit_depth), 1) for rate in rates]


class OpenJpegTools(_OtherWriter):
    """OpenJPEG's own programs, opj_compress and opj_decompress.

    Parameters
    ----------
    wavelet : {"9-7", "5-3"}
        The wavelet.
    """

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
            lines = (done.stderr or done.stdout).strip().splitlines()
            reason = lines[-1] if lines else f"exit code {done.returncode}"
            raise CodestreamError(f"{words[0]} failed: {reason}")

    def _encode(self, image: Samples, rates: Sequence[float], bit_depth: int) -> bytes:
        if image.dtype.itemsize > 1 and bit_depth < 16:
            raise OptionError(f"{self.name} reads PNG files, which cannot have samples of {bit_depth} bits")
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


class Pillow(_OtherWriter):
    """JPEG 2000 as Pillow writes and reads it, with OpenJPEG's 9/7."""

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
            raise OptionError("Pillow writes colour only with 8 bits per sample, and grey with 8 or 16")
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
