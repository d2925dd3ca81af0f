"""The choice of the transform by measuring: drawings and screens can be better off without a learned one.

A learned transform is made for photographs. On flat areas with hard edges it can be worse than a wavelet of T.800, so a
picture that looks drawn is coded with these too, and what is decoded is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTE", "best", "looks_drawn"]

#: Beginning of the comment in a file whose transform was chosen so.
NOTE = "j2klearn: transform chosen by measuring"

#: From this share of pixels on that equal those above and to the left a picture is measured. Photographs have up to a
#: quarter, where a sky is flat or white is saturated; drawings have more.
_FLAT = 0.15

#: Decibels that a choice may lose against the 9/7 at any layer.
_TOLERANCE = 0.1


def looks_drawn(samples: NDArray[Any]) -> bool:
    """Tell whether much of a picture, of shape (H, W) or (H, W, C), is flat to the last bit."""
    if min(samples.shape[:2]) < 2:
        return False
    same = (samples[1:, 1:] == samples[:-1, 1:]) & (samples[1:, 1:] == samples[1:, :-1])
    if same.ndim == 3:
        same = same.all(2)
    return bool(same.mean() >= _FLAT)


def best(reached: Mapping[str, Sequence[float]]) -> str:
    """Return which of several transforms does best.

    Parameters
    ----------
    reached : mapping of str to sequence of float
        By the name of the transform, PSNR in dB at every layer; one is the ``"9-7"``. The first is preferred where
        there is no difference.
    """
    anchor = np.minimum(reached["9-7"], 100.0)
    gains = {name: np.minimum(values, 100.0) - anchor for name, values in reached.items()}
    eligible = [name for name, gain in gains.items() if gain.min() >= -_TOLERANCE]
    return max(eligible, key=lambda name: float(gains[name].mean()))
