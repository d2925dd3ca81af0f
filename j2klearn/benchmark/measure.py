"""One measurement: one codec on one picture, run in a worker process."""

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
    """A measurement to make.

    Attributes
    ----------
    codec : str
        Name for `find_codec`.
    path : Path
        The picture.
    protocol : Protocol
        Rates, metrics and options.
    threads : int
        Threads of the codec.
    """

    codec: str
    path: Path
    protocol: Protocol
    threads: int = 1

    def run(self) -> dict[str, list[float | None]]:
        """Code and decode the picture at every operating point.

        Returns
        -------
        dict of str to list
            ``bytes``, ``bpp`` and the metrics of the protocol, at rising rates. A metric is None where the picture is
            too small for it.

        Raises
        ------
        J2KError
            If the picture cannot be read, or the codec fails or returns another shape.
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
                raise CodestreamError(
                    f"{codec.title} decoded a picture of shape {decoded.shape}, but the original has {image.shape}"
                )
            out["bytes"].append(len(data))
            out["bpp"].append(8 * len(data) / (image.shape[0] * image.shape[1]))
            values = suite.measure(image, decoded, depth, self.protocol.metrics)
            for name, value in values.items():
                out.setdefault(name, []).append(value)
        return out


def bits_of(image: NDArray[Any], protocol: Protocol) -> int:
    """Return the significant bits per sample of a picture: 8, or those of the protocol for 16-bit samples."""
    return 8 if image.dtype.itemsize == 1 else protocol.bit_depth or 16


def prepare(image: NDArray[Any], protocol: Protocol) -> NDArray[Any]:
    """Return the picture unchanged, or its luma if the protocol codes luma."""
    if protocol.channels == "rgb" or image.ndim == 2:
        return image
    return luma(image)


def start_worker() -> None:
    """Set up a worker process: one PyTorch thread each, because there are as many processes as processors."""
    import torch

    torch.set_num_threads(1)
