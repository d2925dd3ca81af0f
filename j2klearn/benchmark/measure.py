"""One codec on one picture: what a measurement is, made in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import CodestreamError
from ..io.pictures import read_picture
from ..metrics import suite
from ..metrics.luma import luma
from .codecs.registry import find_codec
from .protocol import Protocol

__all__ = ["Task", "bits_of", "prepare", "start_worker"]


@dataclass(frozen=True)
class Task:
    """One codec, named as for `find_codec`, on one picture."""

    codec: str
    path: Path
    protocol: Protocol
    threads: int = 1

    def run(self) -> dict[str, list[float | None]]:
        """Return bytes, bpp and metrics of every operating point, at rising rates.

        Raises
        ------
        J2KError
            If the picture cannot be read, or the codec refuses or loses it.
        """
        image = prepare(read_picture(self.path), self.protocol)
        depth = bits_of(image, self.protocol)
        codec = find_codec(
            self.codec, self.threads, fallback=self.protocol.fallback, effort=self.protocol.effort
        )
        make = codec.layered if self.protocol.name == "scalable" else codec.single
        out: dict[str, list[float | None]] = {"bytes": [], "bpp": []}
        for data in make(image, self.protocol.rates, depth):
            decoded = codec.decode(data)
            if decoded.ndim > image.ndim:  # WebP and AVIF have no greyscale
                decoded = luma(decoded)
            if decoded.shape != image.shape:
                raise CodestreamError(f"{codec.title} gave back {decoded.shape} for {image.shape}")
            out["bytes"].append(len(data))
            out["bpp"].append(8 * len(data) / (image.shape[0] * image.shape[1]))
            values = suite.measure(image, decoded, depth, self.protocol.metrics)
            for name, value in values.items():
                out.setdefault(name, []).append(value)
        return out


def bits_of(image: NDArray[Any], protocol: Protocol) -> int:
    """Return the bits in use of a picture's samples."""
    return 8 if image.dtype.itemsize == 1 else protocol.bit_depth or 16


def prepare(image: NDArray[Any], protocol: Protocol) -> NDArray[Any]:
    """Return a picture as the protocol wants it: as it is, or its luma."""
    if protocol.channels == "rgb" or image.ndim == 2:
        return image
    return luma(image)


def start_worker() -> None:
    """Set up a process that measures: one thread each, for there are as many processes as processors."""
    import torch

    torch.set_num_threads(1)
