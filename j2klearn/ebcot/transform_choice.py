"""The choice of the transform by measurement.

A learned transform is trained on photographs. On drawings and screenshots, with flat areas and hard edges, it can be
worse than a wavelet of T.800. Such pictures are also coded with the 9/7 and the 5/3, and the decoded pictures are
compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["best", "cannot_win", "flat_pixels", "flatness", "note_is_cheap", "order", "worth_measuring"]

#: The comment that names the chosen transform may cost that many dB.
_MAX_NOTE_COST = 0.08

#: Pictures with at least this `flatness` are measured. Photographs reach 0.25 if the sky is flat or white is saturated;
#: drawings have more.
_MIN_FLATNESS = 0.15

#: Above this many bits per sample, flat areas matter more and the second limit applies.
_HIGH_RATE = 2.0
_MIN_FLATNESS_AT_HIGH_RATE = 0.02

#: Smaller files, in bytes, are always measured: the learned-transform segment is a twentieth of them or more.
_SMALL_FILE = 2048

#: The chosen transform may be worse than the 9/7 by this many dB at any layer.
_TOLERANCE = 0.1

#: The measurement stops if a rival is better by this many dB on average, and better at all layers measured.
_DECISIVE_LEAD = 0.5

#: PSNRs in dB above this count as equal. Only exact pictures reach it.
_MAX_PSNR = 200.0


def flatness(samples: NDArray[Any]) -> float:
    """Return the share of pixels that equal both the pixel above and the pixel to the left.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, C)
        The picture.

    Returns
    -------
    float
        0 to 1; 0 for pictures of one row or one column.
    """
    flat = flat_pixels(samples)
    return float(flat.mean()) if flat.size else 0.0


def flat_pixels(samples: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels equal both the pixel above and the pixel to the left.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, C)
        The picture.

    Returns
    -------
    ndarray, shape (H - 1, W - 1)
        The pixels that have both neighbours.
    """
    height, width = samples.shape[:2]
    flat = np.ones((height - 1, width - 1), bool)
    for plane in np.moveaxis(np.atleast_3d(samples), 2, 0):
        plane = np.ascontiguousarray(plane)  # compared several times as fast
        flat &= plane[1:, 1:] == plane[:-1, 1:]
        flat &= plane[1:, 1:] == plane[1:, :-1]
    return flat


def worth_measuring(samples: NDArray[Any], size: float | None) -> bool:
    """Return whether a wavelet of T.800 may be better than a learned transform.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, C)
        The picture.
    size : float or None
        Size of the file in bytes; None if the target is a PSNR.
    """
    if size is not None and size < _SMALL_FILE:
        return True
    high = size is not None and 8 * size > _HIGH_RATE * samples.size
    return flatness(samples) >= (_MIN_FLATNESS_AT_HIGH_RATE if high else _MIN_FLATNESS)


def note_is_cheap(noted: Sequence[float], plain: Sequence[float]) -> bool:
    """Return whether a file can have the comment that names its transform: it can cost a whole coding pass.

    Parameters
    ----------
    noted, plain : sequence of float
        PSNR in dB at every layer, with the comment and without it.
    """
    return all(db >= other - _MAX_NOTE_COST for db, other in zip(noted, plain, strict=True))


def order(layers: int) -> list[int]:
    """Return the order in which to measure the layers, numbered from 1.

    The last and the first layer come first, because a learned transform loses on drawings there.
    """
    return sorted(range(1, layers + 1), key=lambda layer: (layer not in (1, layers), -layer))


def cannot_win(learned: Mapping[int, float], others: Mapping[str, Sequence[float]]) -> bool:
    """Return whether the learned transform has lost already, so that no further layers need to be measured.

    Parameters
    ----------
    learned : mapping of int to float
        PSNR in dB of the layers that have been measured, by number, from 1.
    others : mapping of str to sequence of float
        PSNR in dB at every layer by the name of each other transform; ``"9-7"`` must be one of them.
    """
    if any(
        min(db, _MAX_PSNR) < min(others["9-7"][layer - 1], _MAX_PSNR) - _TOLERANCE
        for layer, db in learned.items()
    ):
        return True
    rival = others[best(others)]
    leads = [min(rival[layer - 1], _MAX_PSNR) - min(db, _MAX_PSNR) for layer, db in learned.items()]
    return min(leads, default=0.0) > 0 and sum(leads) / len(leads) > _DECISIVE_LEAD


def best(reached: Mapping[str, Sequence[float]]) -> str:
    """Return the name of the transform with the best PSNR.

    The winner has the highest mean over the layers, among the transforms that are nowhere worse than the 9/7 by more
    than 0.1 dB. If two are equal, the first one wins.

    Parameters
    ----------
    reached : mapping of str to sequence of float
        PSNR in dB at every layer by the name of the transform; ``"9-7"`` must be one of them.
    """
    anchor = np.minimum(reached["9-7"], _MAX_PSNR)
    gains = {name: np.minimum(values, _MAX_PSNR) - anchor for name, values in reached.items()}
    eligible = [name for name, gain in gains.items() if gain.min() >= -_TOLERANCE]
    return max(eligible, key=lambda name: float(gains[name].mean()))
