"""Weights of subbands for what people see: how much more an error of one subband shows than one of another.

Rate allocation minimises the squared error. With these weights, the squared errors of every subband are multiplied by
the square of its weight first (T.800 Annex J.8, visual frequency weighting).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.geometry import ORIENTATIONS
from ..errors import OptionError
from ..transform.colour import inverse_transform

if TYPE_CHECKING:
    from ..core.picture import Picture
    from ..core.targets import Tune

__all__ = ["TUNES", "check_tune", "component_gains", "visual_weights"]

#: What a file can be tuned for: the squared error, or what people see.
TUNES: tuple[Tune, ...] = ("psnr", "visual")

#: Weights of Y, Cb and Cr: of LL; then of HL and LH, and of HH, by decomposition level, the finest first. Coarser
#: levels have the weight of LL.
#:
#: They are measured. The error of one subband of a decoded picture was made smaller by a fifth. The square of its
#: weight is about what that gains in SSIMULACRA2 (0.85) and MS-SSIM (0.15) for each unit of squared error, as a mean
#: over patches of the training pictures at 0.5 to 2 bpp. The largest weight is 1. Weights below 1/8 cannot be declared.
_WEIGHTS: tuple[tuple[float, tuple[tuple[float, float], ...]], ...] = (
    (0.8, ((0.50, 0.44), (0.74, 0.62), (0.85, 0.72), (1.00, 0.95), (1.00, 1.00))),
    (0.9, ((0.28, 0.24), (0.40, 0.36), (0.55, 0.50), (0.85, 0.70), (0.90, 0.80))),
    (0.55, ((0.24, 0.20), (0.42, 0.32), (0.47, 0.44), (0.55, 0.50), (0.55, 0.60))),
)


def check_tune(tune: object) -> None:
    """Raise an OptionError unless an object is one of `TUNES`."""
    if tune not in TUNES:
        raise OptionError(f"tune is one of {', '.join(TUNES)}, not {tune!r}")


def _of_component(kind: int, levels: int) -> tuple[float, ...]:
    low, by_level = _WEIGHTS[kind]
    out = [low]
    for level in range(levels, 0, -1):
        sides, diagonal = by_level[level - 1] if level <= len(by_level) else (low, low)
        out += [diagonal if name == "HH" else sides for name in ORIENTATIONS]
    return tuple(out)


def visual_weights(picture: Picture, levels: int) -> tuple[tuple[float, ...], ...]:
    """Return the weights of every component: LL, then HL, LH and HH from the coarsest to the finest level.

    Parameters
    ----------
    picture : Picture
        The picture. The first three components of the ICT have weights of their own; all others have those of luma.
    levels : int
        Decomposition levels.
    """
    kinds = [0, 1, 2] if picture.ict else []
    kinds += [0] * (picture.components - len(kinds))
    return tuple(_of_component(kind, levels) for kind in kinds)


def component_gains(picture: Picture) -> list[float]:
    """Return the squared error that a unit error of each component makes in a pixel, summed over its samples."""
    gains = [1.0] * picture.components
    if picture.ict:
        gains[:3] = np.square(inverse_transform()).sum(0).tolist()
    return gains
