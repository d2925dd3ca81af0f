"""What a caller asks of the rate: `bpp`, `ratio`, `psnr` or `lossless`, one target per quality layer."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import OptionError

__all__ = ["DEFAULT_RATIO", "MAX_LAYERS", "Targets", "read_targets"]

#: Compression ratio where the caller asks for nothing.
DEFAULT_RATIO = 20.0

#: OpenJPEG's encoder takes no more.
MAX_LAYERS = 100

# Layers below the one asked for are spread over this range of rates at most, and no closer than a factor of two as
# long as that fits in.
_SPAN = 16.0
_PSNR_SPAN = 12.0

Number = float | int


@dataclass(frozen=True)
class Targets:
    """Targets of the quality layers, rising: sizes of the file in bytes, or PSNR in dB.

    A size of 0 stands for everything, without loss if the path is reversible.
    """

    kind: Literal["bytes", "psnr"]
    values: tuple[float, ...]


def _numbers(name: str, value: Number | Sequence[Number]) -> list[float]:
    values = value if isinstance(value, Sequence) else [value]
    if not values or not all(isinstance(v, numbers.Real) for v in values):
        raise OptionError(f"{name} is a number, or a sequence of numbers, not {value!r}")
    if not all(math.isfinite(v) and v > 0 for v in values):
        raise OptionError(f"{name} has to be positive and finite, not {value!r}")
    return [float(v) for v in values]


def _factors(layers: int) -> list[float]:
    """Share of the highest rate that each of `layers` layers gets."""
    if layers == 1:
        return [1.0]
    factor = min(2.0, _SPAN ** (1 / (layers - 1)))
    return [factor ** (i - layers + 1) for i in range(layers)]


def read_targets(
    *,
    pixels: int,
    raw_bytes: float,
    bpp: Number | Sequence[Number] | None,
    ratio: Number | Sequence[Number] | None,
    psnr: Number | Sequence[Number] | None,
    lossless: bool,
    layers: int,
) -> Targets:
    """Turn the options of `encode` into one target per layer.

    Raises
    ------
    OptionError
        If options contradict each other or are out of range.
    """
    given = [name for name, value in (("bpp", bpp), ("ratio", ratio), ("psnr", psnr)) if value is not None]
    if lossless:
        given.append("lossless")
    if len(given) > 1:
        raise OptionError(f"{' and '.join(given)} contradict each other: give one of them")
    if not isinstance(layers, int) or not 1 <= layers <= MAX_LAYERS:
        raise OptionError(f"the number of layers is 1 to {MAX_LAYERS}, not {layers!r}")
    if lossless:
        # half of the raw size is what lossless coding leaves, more or less
        lower = [raw_bytes / 2 * share for share in _factors(layers)[:-1]]
        return Targets("bytes", (*lower, 0.0))
    if psnr is not None:
        values = _numbers("psnr", psnr)
        if len(values) == 1 and layers > 1:
            step = min(3.0, _PSNR_SPAN / (layers - 1))
            values = [values[0] - step * (layers - 1 - i) for i in range(layers)]
            if values[0] <= 0:
                raise OptionError(f"psnr={psnr!r} is too low for {layers} layers")
        targets = Targets("psnr", tuple(values))
    else:
        if bpp is not None:
            sizes = [value * pixels / 8 for value in _numbers("bpp", bpp)]
        else:
            sizes = [
                raw_bytes / value for value in _numbers("ratio", DEFAULT_RATIO if ratio is None else ratio)
            ]
        if len(sizes) == 1:
            sizes = [sizes[0] * share for share in _factors(layers)]
        targets = Targets("bytes", tuple(sizes))
    if layers not in (1, len(targets.values)):
        raise OptionError(f"{len(targets.values)} targets do not fit layers={layers}")
    if len(targets.values) > MAX_LAYERS:
        raise OptionError(f"the number of layers is 1 to {MAX_LAYERS}, not {len(targets.values)}")
    if any(b <= a for a, b in zip(targets.values, targets.values[1:], strict=False)):
        raise OptionError("the targets of the layers have to rise in quality")
    return targets
