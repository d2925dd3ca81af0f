"""One measurement: one codec on one picture, run in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CodestreamError
from ..io.pictures import read_with_depth
from ..metrics import suite
from ..metrics.luma import luma
from .codecs.registry import find_codec
from .protocol import Protocol

__all__ = ["Task", "prepare", "read", "start_worker"]

#: Fewest bits per sample that every codec supports.
_FEWEST_BITS = 8


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
        image, depth = read(self.path, self.protocol)
        image = prepare(image, self.protocol)
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


def read(path: Path, protocol: Protocol) -> tuple[NDArray[Any], int]:
    """Read a picture to measure.

    Returns
    -------
    samples : ndarray, shape (H, W) or (H, W, C)
        The samples. Those of fewer than 8 bits are scaled to 8, because other codecs have no fewer.
    bit_depth : int
        The significant bits per sample that the file gives, or those of the protocol for 16-bit samples.

    Raises
    ------
    J2KError
        If the picture cannot be read.
    """
    samples, depth = read_with_depth(path)
    if depth < _FEWEST_BITS and samples.dtype == np.uint8:
        top = (1 << depth) - 1
        return ((samples.astype(np.uint16) * 255 + top // 2) // top).astype(np.uint8), _FEWEST_BITS
    return samples, (protocol.bit_depth or depth) if samples.dtype.itemsize > 1 else depth


def prepare(image: NDArray[Any], protocol: Protocol) -> NDArray[Any]:
    """Return the picture unchanged, or its luma if the protocol codes luma."""
    if protocol.channels == "rgb" or image.ndim == 2:
        return image
    return luma(image)


def start_worker() -> None:
    """Set up a worker process: one PyTorch thread each, because there are as many processes as processors."""
    import torch

    torch.set_num_threads(1)
