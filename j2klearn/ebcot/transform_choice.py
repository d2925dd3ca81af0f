"""The choice of the transform by measuring: drawings and screens can be better off without a learned one.

A learned transform is made for photographs. On flat areas with hard edges it can be worse than a wavelet of T.800, so a
picture that looks drawn is coded with these too, and what is decoded is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTE", "best", "flatness", "hopeless", "order", "worth_measuring"]

#: Beginning of the comment in a file whose transform was chosen so.
NOTE = "j2klearn: transform chosen by measuring"

#: From this share of pixels on that equal those above and to the left a picture is measured. Photographs have up to a
#: quarter, where a sky is flat or white is saturated; drawings have more.
_FLAT = 0.15

#: Beyond this many bits per sample flat places decide: the same for high rates.
_HIGH = 2.0
_FLAT_AT_HIGH = 0.02

#: Files of fewer bytes are measured: what describes the transform is a tenth of them.
_SMALL = 1024

#: Decibels that a choice may lose against the 9/7 at any layer.
_TOLERANCE = 0.1

#: Decibels that a rival is ahead, at all layers measured and on average, from which on nothing more is measured.
_LEAD = 0.5

#: PSNRs are not told apart beyond this.
_HIGHEST = 100.0


def flatness(samples: NDArray[Any]) -> float:
    """Return the share of the pixels of a picture, (H, W) or (H, W, C), that equal those above and to the left."""
    if min(samples.shape[:2]) < 2:
        return 0.0
    same = (samples[1:, 1:] == samples[:-1, 1:]) & (samples[1:, 1:] == samples[1:, :-1])
    if same.ndim == 3:
        same = same.all(2)
    return float(same.mean())


def worth_measuring(samples: NDArray[Any], size: float | None) -> bool:
    """Tell whether a wavelet of T.800 may do better than a learned transform.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, C)
        The picture.
    size : float or None
        Bytes of the file; None where only its PSNR is known.
    """
    if size is not None and size < _SMALL:
        return True
    high = size is not None and 8 * size > _HIGH * samples.size
    return flatness(samples) >= (_FLAT_AT_HIGH if high else _FLAT)


def order(layers: int) -> list[int]:
    """Return in which order layers are measured: the ends of the curve first, for drawings are lost there."""
    return sorted(range(1, layers + 1), key=lambda layer: (layer not in (1, layers), -layer))


def hopeless(learned: Mapping[int, float], others: Mapping[str, Sequence[float]]) -> bool:
    """Tell whether the learned transform cannot win any more.

    Parameters
    ----------
    learned : mapping of int to float
        PSNR in dB of those layers, from 1 on, that have been measured.
    others : mapping of str to sequence of float
        By the name of each other transform, one of which is the ``"9-7"``, PSNR in dB at every layer.
    """
    if any(
        min(db, _HIGHEST) < min(others["9-7"][layer - 1], _HIGHEST) - _TOLERANCE
        for layer, db in learned.items()
    ):
        return True
    rival = others[best(others)]
    leads = [min(rival[layer - 1], _HIGHEST) - min(db, _HIGHEST) for layer, db in learned.items()]
    return min(leads, default=0.0) > 0 and sum(leads) / len(leads) > _LEAD


def best(reached: Mapping[str, Sequence[float]]) -> str:
    """Return which of several transforms does best.

    Parameters
    ----------
    reached : mapping of str to sequence of float
        By the name of the transform, PSNR in dB at every layer; one is the ``"9-7"``. The first is preferred where
        there is no difference.
    """
    anchor = np.minimum(reached["9-7"], _HIGHEST)
    gains = {name: np.minimum(values, _HIGHEST) - anchor for name, values in reached.items()}
    eligible = [name for name, gain in gains.items() if gain.min() >= -_TOLERANCE]
    return max(eligible, key=lambda name: float(gains[name].mean()))
