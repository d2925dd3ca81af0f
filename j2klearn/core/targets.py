"""Rate options (`bpp`, `ratio`, `psnr`, `lossless`) converted to one target per quality layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import OptionError
from .scalars import real_numbers, whole_number

__all__ = ["DEFAULT_RATIO", "MAX_LAYERS", "Targets", "Tune", "ends_lossless", "read_targets"]

#: Compression ratio if the caller gives no target.
DEFAULT_RATIO = 20.0

#: Limit of the quality layers that OpenJPEG's encoder accepts.
MAX_LAYERS = 100

# The layers below a single target are spread geometrically: each has half the rate of the next, or less than that
# factor if the range of all layers would exceed `_RATE_RANGE`. PSNR targets are 3 dB apart, within `_PSNR_RANGE`.
_RATE_RANGE = 16.0
_PSNR_RANGE = 12.0  # dB

Number = float | int

#: What a file is tuned for.
Tune = Literal["psnr", "visual"]

#: Options with a value for each layer. The value of the last layer is None if that layer is lossless.
Values = Number | Sequence[Number | None] | None


def ends_lossless(values: object) -> bool:
    """Return whether the last of several targets is None: that layer is lossless."""
    return isinstance(values, (list, tuple)) and len(values) > 1 and values[-1] is None


@dataclass(frozen=True)
class Targets:
    """The targets of the quality layers, in rising quality.

    Attributes
    ----------
    kind : {"bytes", "psnr"}
        Unit of the values.
    values : tuple of float
        For each layer the size of the file in bytes, or the PSNR in dB. A size of 0 means all coding passes, which is
        lossless if the path is reversible.
    tune : {"psnr", "visual"}
        The error that rate allocation minimises for these sizes: the squared error, or one with visual weights.
    """

    kind: Literal["bytes", "psnr"]
    values: tuple[float, ...]
    tune: Tune = "psnr"


def _factors(layers: int) -> list[float]:
    """Return the rate of each layer as a fraction of the highest rate."""
    if layers == 1:
        return [1.0]
    factor = min(2.0, _RATE_RANGE ** (1 / (layers - 1)))
    return [factor ** (i - layers + 1) for i in range(layers)]


def read_targets(
    *,
    pixels: int,
    raw_bytes: float,
    bpp: Values,
    ratio: Values,
    psnr: Number | Sequence[Number] | None,
    lossless: bool,
    layers: int,
) -> Targets:
    """Convert the options of `encode` to one target per layer.

    Parameters
    ----------
    pixels : int
        Pixels of the picture.
    raw_bytes : float
        Bytes of the uncompressed picture.
    bpp, ratio, psnr, lossless, layers
        As in `j2klearn.encode`; at most one of the first four may be given.

    Returns
    -------
    Targets
        If there are more layers than given values, the lower layers are spread below the single target. The size of a
        lossless layer is 0.

    Raises
    ------
    OptionError
        If options contradict each other or are out of range.
    """
    given = [name for name, value in (("bpp", bpp), ("ratio", ratio), ("psnr", psnr)) if value is not None]
    exact = ends_lossless(bpp) or ends_lossless(ratio)
    if lossless and not exact:
        given.append("lossless")
    if len(given) > 1:
        raise OptionError(f"{' and '.join(given)} contradict each other: give one of them")
    layers = whole_number("layers", layers, 1, MAX_LAYERS)
    if lossless and not exact:
        # lossless coding leaves about half of the raw size
        lower = [raw_bytes / 2 * share for share in _factors(layers)[:-1]]
        return Targets("bytes", (*lower, 0.0))
    if psnr is not None:
        values = real_numbers("psnr", psnr)
        if len(values) == 1 and layers > 1:
            step = min(3.0, _PSNR_RANGE / (layers - 1))
            values = [values[0] - step * (layers - 1 - i) for i in range(layers)]
            if values[0] <= 0:
                raise OptionError(f"psnr={psnr!r} is too low for {layers} layers")
        targets = Targets("psnr", tuple(values))
    else:
        if bpp is not None:
            sizes = [value * pixels / 8 for value in real_numbers("bpp", _finite(bpp))]
        else:
            sizes = [
                raw_bytes / value
                for value in real_numbers("ratio", DEFAULT_RATIO if ratio is None else _finite(ratio))
            ]
        if exact:
            sizes.append(math.inf)
        if len(sizes) == 1:
            sizes = [sizes[0] * share for share in _factors(layers)]
        targets = Targets("bytes", tuple(sizes))
    if layers not in (1, len(targets.values)):
        raise OptionError(f"layers={layers} contradicts the {len(targets.values)} targets that are given")
    if len(targets.values) > MAX_LAYERS:
        raise OptionError(f"the number of layers must be 1 to {MAX_LAYERS}, not {len(targets.values)}")
    if any(b <= a for a, b in zip(targets.values, targets.values[1:], strict=False)):
        raise OptionError("the targets of the layers must rise in quality")
    if exact:
        return Targets("bytes", (*targets.values[:-1], 0.0))
    return targets


def _finite(values: Any) -> Any:
    """Return the targets of the layers that are not lossless."""
    return values[:-1] if ends_lossless(values) else values
