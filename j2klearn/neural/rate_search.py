"""Searches for the quantiser step at which a file has a given size or PSNR.

The size is only available after coding, which is slow. So an estimate guides the search: the entropy of the indices
without contexts. The ratio of the coded size to the estimate hardly changes with the step, so two or three tries are
enough.
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

#: About how many coefficients of a subband an estimate counts.
_SAMPLES = 1 << 14

#: Magnitudes below the first number are counted one by one, larger ones in so many classes per octave.
_MAGNITUDES, _CLASSES = 32, 4

#: Ratio of the coded size to the estimate that is assumed for the first try.
_INITIAL_RATIO = 0.75

#: Tries that follow the estimate, and tries in all. The size of a small picture jumps from step to step, so if
#: no guided try fits, the other tries halve the interval.
_GUIDED_TRIES, _MAX_TRIES = 4, 8

#: A file that is at most this share smaller than the target is accepted. Tries aim at `_TARGET_SHARE` of the target.
_TOLERANCE = 0.005
_TARGET_SHARE = 0.998

#: A PSNR within `_PSNR_TOLERANCE` dB of the target ends the search. If the nearest PSNR is more than `_PSNR_JUMP` dB
#: too low, the next higher one is taken instead.
_PSNR_TOLERANCE, _PSNR_JUMP = 0.05, 0.1
_GUESS_TOLERANCE = 0.01

#: Most tries for a PSNR.
_PSNR_TRIES = 12


class Estimate:
    """Estimates the bytes of the components of a picture at a step: the entropy of the indices without contexts.

    Parameters
    ----------
    components : sequence of Subbands
        The normalised coefficients of every component, float32.
    """

    def __init__(self, components: Sequence[Subbands]) -> None:
        self._bands: list[tuple[NDArray[np.float32], float]] = []
        for bands in components:
            for band in bands.bands():
                if band.size:
                    stride = band.size // _SAMPLES | 1  # odd: not the same columns in every row
                    some = np.abs(band.reshape(-1)[::stride])
                    self._bands.append((some, band.size / some.size))

    def bytes(self, code: int) -> float:
        """Return the estimated number of bytes at a step code (256ths of an octave)."""
        scale = np.float32(1 / step_of(code))
        return sum(_entropy(some * scale) * weight for some, weight in self._bands) / 8


def _entropy(scaled: NDArray[np.float32]) -> float:
    """Return the bits of all indices with their signs; a large index counts as a class and the bits within it."""
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
    """Search for the step at which a file has a size.

    Parameters
    ----------
    coded : callable
        Returns the file at a step code. Its arguments are the code and the number of the try, from 0 on.
    estimate : Estimate
        Estimates the size of the payload.
    wanted : float
        The most bytes that the file may have.
    overhead : float
        About how many bytes of the file the estimate does not count.

    Returns
    -------
    bytes
        The largest file found that has no more than `wanted` bytes; the smallest file found if all are larger.
    """
    tries: dict[int, bytes] = {}
    ratios: list[tuple[int, float]] = []
    payload = max(1.0, wanted * _TARGET_SHARE - overhead)

    def fits(code: int) -> bool:
        return estimate.bytes(code) * _ratio_at(ratios, code) <= payload

    for number in range(_MAX_TRIES):
        larger = [code for code, data in tries.items() if len(data) > wanted]
        fitting = [code for code, data in tries.items() if len(data) <= wanted]
        finest, coarsest = max(larger, default=FINEST - 1) + 1, min(fitting, default=COARSEST + 1) - 1
        if finest > coarsest:
            break
        code = _first(fits, finest, coarsest)
        if number >= _GUIDED_TRIES:
            if fitting:
                break
            code = (finest + coarsest) // 2
        data = tries[code] = coded(code, number)
        if wanted * (1 - _TOLERANCE) <= len(data) <= wanted:
            return data
        ratios.append((code, max(1.0, len(data) - overhead) / max(1.0, estimate.bytes(code))))
    fitting = [code for code, data in tries.items() if len(data) <= wanted]
    return tries[min(fitting)] if fitting else min(tries.values(), key=len)


def _ratio_at(measured: Sequence[tuple[int, float]], code: int) -> float:
    """Return the ratio of the coded size to the estimate at a code, extrapolated from the last two codes tried."""
    if not measured:
        return _INITIAL_RATIO
    last, ratio = measured[-1]
    if len(measured) == 1:
        return ratio
    before, other = measured[-2]
    slope = math.log(ratio / other) / (last - before)
    return ratio * math.exp(min(max(slope * (code - last), -1.0), 1.0))


def _first(fits: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first code from `low` to `high` that fits, or `high`. All codes after one that fits must fit."""
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
    """Search for the step at which a picture has a PSNR.

    Parameters
    ----------
    reached : callable
        Returns a candidate result at a step code, and its PSNR in dB. The PSNR falls as the code rises.
    plain : callable
        Returns an approximate PSNR in dB at a step code, with less work. Its error is about the same at every code.
    wanted : float
        The target PSNR in dB.
    start : int
        The code to begin with.

    Returns
    -------
    object
        The candidate whose PSNR is nearest to the target. If that one is more than 0.1 dB too low, the candidate with
        the lowest PSNR above the target, if there is any.
    """
    tries: dict[int, float] = {}
    results: dict[int, T] = {}
    guesses: dict[int, float] = {}

    def guess(code: int) -> float:
        if code not in guesses:
            guesses[code] = plain(code)
        return guesses[code]

    code, off, miss, guided = min(max(start, FINEST), COARSEST), 0.0, math.inf, True
    for _ in range(_PSNR_TRIES):
        if guided:
            code = _best_guess(guess, wanted + off, code)
            guided = code not in tries
        if not guided:  # where the PSNR jumps from step to step, guesses do not help
            code = _next_code(tries, wanted)
            if code in tries:
                break
        results[code], tries[code] = reached(code)
        before, miss = miss, abs(tries[code] - wanted)
        if miss <= _PSNR_TOLERANCE:
            break
        guided = guided and miss < before / 2
        off = guess(code) - tries[code]
    nearest = min(tries, key=lambda each: abs(tries[each] - wanted))
    better = [each for each, db in tries.items() if db >= wanted]
    return results[max(better) if better and wanted - tries[nearest] > _PSNR_JUMP else nearest]


def _best_guess(guess: Callable[[int], float], wanted: float, start: int) -> int:
    """Return the code whose approximate PSNR is nearest to the target."""
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
    """Return the next code to try, given the PSNRs of earlier tries; one of them if there is nothing left to try."""
    above = {code: db for code, db in tries.items() if db >= wanted}
    below = {code: db for code, db in tries.items() if db < wanted}
    if above and below:
        fine, coarse = max(above), min(below)
        if coarse - fine <= 1:
            return fine
        gap = above[fine] - below[coarse]
        last = [db >= wanted for db in tries.values()][-3:]
        # if interpolation missed three times on the same side, the PSNR jumps: halve the interval
        share = (above[fine] - wanted) / gap if gap > 0 and len(set(last)) > 1 else 0.5
        between = round(fine + (coarse - fine) * min(0.9, max(0.1, share)))
        return min(max(between, fine + 1), coarse - 1)
    # five decibels per octave, and a tenth more, so that the target comes between two tries
    code, db = (max(above), above[max(above)]) if above else (min(below), below[min(below)])
    move = (db - wanted) / 5.0 * 256
    move = math.copysign(max(abs(move) * 1.1, 4), move)
    return min(max(round(code + move), FINEST), COARSEST)
