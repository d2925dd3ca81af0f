"""The search for a step: how many bytes a picture takes is known once it is coded, which takes its time.

Between the tries an estimate leads, the entropy of the indices without any context. What contexts save hardly changes
with the step, so two or three tries are enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.subbands import Subbands
from .coefficients.quantisation import COARSEST, DEFAULT_OFFSET, FINEST, step_of

T = TypeVar("T")

__all__ = ["Estimate", "search_psnr", "search_size"]

#: Coefficients of a subband that an estimate looks at.
_SAMPLES = 1 << 14

#: Magnitudes that are told apart, and classes of an octave of larger ones.
_MAGNITUDES, _CLASSES = 32, 4

#: What contexts leave of the entropy, before anything has been coded.
_SHARE = 0.75

#: Tries led by the estimate, and in all: of small pictures sizes come in leaps, and what fits has to be looked for.
_LED, _TRIES = 4, 8

#: A file is right that is smaller than was asked for by this much at most.
_TOLERANCE = 0.005
_AIM = 0.998

#: PSNRs are right within this many dB, and better ones are taken than those that are off by a leap.
_PSNR_TOLERANCE, _PSNR_LEAP = 0.05, 0.1
_GUESS_TOLERANCE = 0.01

#: How often a PSNR is tried.
_PSNR_TRIES = 12


class Estimate:
    """About how many bytes the components of a picture take at a step: the entropy of its indices, without contexts."""

    def __init__(self, components: Sequence[Subbands]) -> None:
        self._bands: list[tuple[NDArray[np.float32], float]] = []
        for bands in components:
            for band in bands.bands():
                if band.size:
                    stride = band.size // _SAMPLES | 1  # odd: not the same columns in every row
                    some = np.abs(band.reshape(-1)[::stride])
                    self._bands.append((some, band.size / some.size))

    def bytes(self, code: int) -> float:
        """Return the estimate at a step code."""
        scale = np.float32(1 / step_of(code))
        return sum(_entropy(some * scale) * weight for some, weight in self._bands) / 8


def _entropy(scaled: NDArray[np.float32]) -> float:
    """Return the bits of all indices, their signs included; large ones count as a class, and bits for the rest."""
    indices = (scaled + np.float32(DEFAULT_OFFSET)).astype(np.int64)
    large = indices[indices >= _MAGNITUDES]
    classes = np.minimum(indices, _MAGNITUDES)
    rest = 0.0
    if large.size:
        octaves = np.log2(large / _MAGNITUDES)
        classes[indices >= _MAGNITUDES] += (_CLASSES * octaves).astype(np.int64)
        rest = float((octaves + np.log2(_MAGNITUDES * (2 ** (1 / _CLASSES) - 1))).sum())
    counts = np.bincount(classes)
    counts = counts[counts > 0]
    return float((counts * np.log2(indices.size / counts)).sum()) + float(np.count_nonzero(indices)) + rest


def search_size(
    coded: Callable[[int, int], bytes], estimate: Estimate, wanted: float, overhead: float
) -> bytes:
    """Return the largest file found of no more bytes than wanted; the smallest one if there is none.

    Parameters
    ----------
    coded : callable
        Returns the file at a step code; it is told the number of the try.
    estimate : Estimate
        Of the payload.
    wanted : float
        Bytes of the file.
    overhead : float
        About how many of them are not the estimate's.
    """
    tries: dict[int, bytes] = {}
    shares: list[tuple[int, float]] = []
    payload = max(1.0, wanted * _AIM - overhead)

    def fits(code: int) -> bool:
        return estimate.bytes(code) * _share(shares, code) <= payload

    for number in range(_TRIES):
        larger = [code for code, data in tries.items() if len(data) > wanted]
        fitting = [code for code, data in tries.items() if len(data) <= wanted]
        finest, coarsest = max(larger, default=FINEST - 1) + 1, min(fitting, default=COARSEST + 1) - 1
        if finest > coarsest:
            break
        code = _first(fits, finest, coarsest)
        if number >= _LED:
            if fitting:
                break
            code = (finest + coarsest) // 2
        data = tries[code] = coded(code, number)
        if wanted * (1 - _TOLERANCE) <= len(data) <= wanted:
            return data
        shares.append((code, max(1.0, len(data) - overhead) / max(1.0, estimate.bytes(code))))
    fitting = [code for code, data in tries.items() if len(data) <= wanted]
    return tries[min(fitting)] if fitting else min(tries.values(), key=len)


def _share(known: Sequence[tuple[int, float]], code: int) -> float:
    """Return what contexts leave of the estimate at a code, by the last two codes at which that is known."""
    if not known:
        return _SHARE
    last, share = known[-1]
    if len(known) == 1:
        return share
    before, other = known[-2]
    slope = math.log(share / other) / (last - before)
    return share * math.exp(min(max(slope * (code - last), -1.0), 1.0))


def _first(fits: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first code from `low` to `high` that fits, `high` where none does; all those behind it fit, too."""
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


def search_psnr(
    reached: Callable[[int], tuple[T, float]], plain: Callable[[int], float], wanted: float, start: int
) -> T:
    """Return what reaches the PSNR nearest to the one wanted, or the least that is more where none is near.

    Parameters
    ----------
    reached : callable
        Returns at a step code what may be the result, and its PSNR in dB, which falls as the code rises.
    plain : callable
        Returns a PSNR that is known with less work, and is off by about as much at every code.
    wanted : float
        PSNR in dB.
    start : int
        Code to begin with.
    """
    tries: dict[int, float] = {}
    results: dict[int, T] = {}
    known: dict[int, float] = {}

    def guess(code: int) -> float:
        if code not in known:
            known[code] = plain(code)
        return known[code]

    code, off, miss, led = min(max(start, FINEST), COARSEST), 0.0, math.inf, True
    for _ in range(_PSNR_TRIES):
        if led:
            code = _led(guess, wanted + off, code)
            led = code not in tries
        if not led:  # where PSNRs come in leaps a guess leads nowhere
            code = _next_code(tries, wanted)
            if code in tries:
                break
        results[code], tries[code] = reached(code)
        before, miss = miss, abs(tries[code] - wanted)
        if miss <= _PSNR_TOLERANCE:
            break
        led = led and miss < before / 2
        off = guess(code) - tries[code]
    nearest = min(tries, key=lambda each: abs(tries[each] - wanted))
    better = [each for each, db in tries.items() if db >= wanted]
    return results[max(better) if better and wanted - tries[nearest] > _PSNR_LEAP else nearest]


def _led(guess: Callable[[int], float], wanted: float, start: int) -> int:
    """Return the code at which a PSNR that is known with little work is the nearest."""
    tries: dict[int, float] = {}
    code = start
    for _ in range(_PSNR_TRIES):
        tries[code] = guess(code)
        if abs(tries[code] - wanted) <= _GUESS_TOLERANCE:
            break
        code = _next_code(tries, wanted)
        if code in tries:
            break
    return min(tries, key=lambda each: abs(tries[each] - wanted))


def _next_code(tries: dict[int, float], wanted: float) -> int:
    above = {code: db for code, db in tries.items() if db >= wanted}
    below = {code: db for code, db in tries.items() if db < wanted}
    if above and below:
        fine, coarse = max(above), min(below)
        if coarse - fine <= 1:
            return fine
        gap = above[fine] - below[coarse]
        last = [db >= wanted for db in tries.values()][-3:]
        # where a line leads to one side again and again there is a leap
        share = (above[fine] - wanted) / gap if gap > 0 and len(set(last)) > 1 else 0.5
        between = round(fine + (coarse - fine) * min(0.9, max(0.1, share)))
        return min(max(between, fine + 1), coarse - 1)
    # five decibels per octave, and a little more so that the goal comes between two tries
    code, db = (max(above), above[max(above)]) if above else (min(below), below[min(below)])
    move = (db - wanted) / 5.0 * 256
    move = math.copysign(max(abs(move) * 1.1, 4), move)
    return min(max(round(code + move), FINEST), COARSEST)
