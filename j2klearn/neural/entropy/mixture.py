"""Mixtures in integers: turns the parameters from a network into the frequencies for the range coder.

The probability of an integer v under a mixture of K components is

    P(v) = sum over k of w_k [F((v + 1/2 - m_k) / s_k) - F((v - 1/2 - m_k) / s_k)],

where F is the logistic function, or the cumulative distribution function of the standard normal distribution.

Encoder and decoder have to compute the same frequencies on every machine, so nothing here uses floating point. The
arithmetic below is part of the file format, and so are the tables (``tables.safetensors``, made by
``scripts/neural_tables.py``). Divisions and shifts round down.

Parameters are int16, three planes of K each:

========== ==================== ======================================================================
plane      unit                 range
========== ==================== ======================================================================
logits     1/64                 any; only differences count, and a difference above 12 gives weight 0
means      1/32                 -1024 to 1023.97; code larger values as differences to a base
log-scales 1/64 of a nat        clamped to -4 to 10: scales from 0.018 to 22026
========== ==================== ======================================================================

* Weights: ``E = exponential[min(max(l) - l, 767)]``, ``W = (E << 16) // sum(E)``; the remainder to
  2^16 is added to the first of the largest weights.
* Cumulative probability below x in units of 2^-24: with ``d = 32 x - 16 - mean``, the position in units of 1/16384
  scale is ``z = (d * reciprocal[scale]) >> 16``; 18 scales are added, and the sum is clamped to the table. The table
  has an entry every 1/64 scale; the 8 bits below interpolate linearly. The result is ``sum(W * table) >> 16``.
* Mean of the mixture in 1/32: ``M = (sum(W * mean) + 2^15) >> 16``; its centre is ``c = (M + 16) >> 5``.
* Bins are of 2^width integers, ``width = max(0, floor(log2 of the standard deviation))``, from the integer part of the
  mixture's variance, ``sum(W * (variance[scale] + (mean - M)^2)) >> 26``. Sixteen bins, (v - c) >> width = -8 to 7,
  form the window. It reaches at least four standard deviations to either side.

An integer is coded in up to four parts:

* Whether it is outside bin 0. Four consecutive integers share one symbol out of 16, so that nearly certain zeros cost
  almost nothing; bit i is set if integer i is outside. The frequencies divide 2^24 - 16: first by the probability that
  integer 0 is in bin 0, then both parts by that of integer 1, and so on: ``inside = (whole * probability) >> 24``.
* If it is outside bin 0, its bin: 0 below the window, 1 to 8 for bins -8 to -1, 9 to 15 for bins 1 to 7, 16 above the
  window.
* Inside the window, its position in the bin, in digits of at most 4 bits from the top, until ``raw`` bits are left,
  over which the density is nearly flat: ``raw = max(0, floor(log2 of the smallest scale) - 3)``, at most `width`. Only
  components with a weight of 1/64 or more count. With l the clamped log-scale, the logarithm is ``(l * 23637) >> 20``.
* The raw bits; and outside the window, the distance to it (see `j2klearn.neural.entropy.range_coder`).

Bins and digits are coded under the cumulative probabilities of the mixture. Every symbol gets 2^-24 more, so that
improbable symbols divide evenly. With these probabilities as weights W, and n symbols, the cumulative frequency of a
symbol is ``(sum of W below) * (2^24 - n) // (sum of all W)``, plus one for every symbol below.

A row for the range coder has float32 elements that are integers, each one less than the frequency of its symbol. They
sum to 2^24 less the number of symbols: the coder adds one to each.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, OptionError
from ..integer import tables as shipped

__all__ = [
    "BINS",
    "DIGIT_BITS",
    "FREQUENCY_BITS",
    "GROUP",
    "KINDS",
    "LOGIT_UNIT",
    "LOG_SCALE_RANGE",
    "LOG_SCALE_UNIT",
    "MAX_COMPONENTS",
    "MEAN_UNIT",
    "Bins",
    "Mixture",
    "NumpyMixture",
    "Parameters",
    "Tables",
    "Values",
    "check_parameters",
    "patterns",
    "tables",
]

#: Integers to code: quantiser indices, or coefficients of the 5/3.
Values = NDArray[np.int32]

#: Parameters of mixtures, (n, 3, K).
Parameters = NDArray[np.int16]

#: Distributions of a component: logistic with scale s, or normal with standard deviation s.
KINDS = ("logistic", "gaussian")

#: Units of the parameters: the float output of a network is divided by its unit and rounded.
LOGIT_UNIT, MEAN_UNIT, LOG_SCALE_UNIT = 1 / 64, 1 / 32, 1 / 64

#: Log-scales are clamped to this range, ends included, in units of `LOG_SCALE_UNIT`.
LOG_SCALE_RANGE = (-256, 640)

#: Most components of a mixture.
MAX_COMPONENTS = 4

#: The frequencies of a row sum to 2 to the power of this.
FREQUENCY_BITS = 24

#: Number of bins of the window, between the symbols for below and above it.
BINS = 16

#: Most bits of a digit.
DIGIT_BITS = 4

#: Number of integers that share the symbol for bin 0.
GROUP = 4

_DIGITS = 1 << DIGIT_BITS
_WEIGHT_BITS = 16
_PLACE_BITS = 8  # fractional bits between two entries of a cumulative table
_ONE = 1 << FREQUENCY_BITS
_SIGNIFICANT_WEIGHT = 1 << (_WEIGHT_BITS - 6)
_LOG2_FACTOR = 23637  # 2^20 / (64 ln 2)


class Tables(NamedTuple):
    """The tables of one kind of mixtures.

    Attributes
    ----------
    exponential : ndarray of int32, shape (768,)
        2^15 exp(-i / 64).
    reciprocal : ndarray of int32, shape (897,)
        2^25 over the scale, by clamped log-scale.
    variance : ndarray of int64, shape (897,)
        1024 times the variance of a component, by clamped log-scale.
    cumulative : ndarray of int32, shape (2305,)
        2^24 F(i / 64 - 18).
    """

    exponential: NDArray[np.int32]
    reciprocal: NDArray[np.int32]
    variance: NDArray[np.int64]
    cumulative: NDArray[np.int32]


@functools.cache
def tables(kind: str) -> Tables:
    """Return the tables of one of `KINDS`; raise `OptionError` for any other kind."""
    if kind not in KINDS:
        raise OptionError(f"the kind of a mixture has to be one of {', '.join(KINDS)}, not {kind!r}")
    loaded = shipped.tables()
    return Tables(
        loaded["exponential"],
        loaded["reciprocal"],
        loaded[f"{kind}.variance"],
        loaded[f"{kind}.cumulative"],
    )


class Bins(NamedTuple):
    """How the integers around n mixtures are divided into bins. All arrays are int32 of shape (n,).

    Attributes
    ----------
    inside : ndarray
        Probability of bin 0 in units of 2^-24, 0 to 2^24.
    centre : ndarray
        First integer of bin 0.
    width : ndarray
        log2 of the number of integers in a bin, 0 to 15.
    raw : ndarray
        Number of low bits of the position in a bin that are coded raw, 0 to `width`.
    """

    inside: NDArray[np.int32]
    centre: NDArray[np.int32]
    width: NDArray[np.int32]
    raw: NDArray[np.int32]


class Mixture(Protocol):
    """Computes the frequencies of mixtures. All implementations give the same results."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    def bins(self, parameters: NDArray[np.int16]) -> Bins:
        """Return the bins of mixtures with parameters of shape (n, 3, K).

        Raises
        ------
        InputError
            If the parameters have the wrong dtype or shape; so do the other methods.
        """

    def outside(
        self, parameters: NDArray[np.int16], centre: NDArray[np.int32], width: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Return rows for all bins except bin 0.

        Parameters
        ----------
        parameters : ndarray of int16, shape (m, 3, K)
            Parameters of the mixtures.
        centre, width : ndarray of int32, shape (m,)
            Those of `bins`.

        Returns
        -------
        ndarray of float32, shape (m, 17)
            One less than the frequencies.
        """

    def digits(
        self,
        parameters: NDArray[np.int16],
        low: NDArray[np.int32],
        step: NDArray[np.int32],
        bits: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        """Return rows for digits: which of ``2 ** bits`` steps of ``2 ** step`` integers, from `low` on, has the value.

        Parameters
        ----------
        parameters : ndarray of int16, shape (m, 3, K)
            Parameters of the mixtures.
        low, step, bits : ndarray of int32, shape (m,)
            The first integer; log2 of the integers of a step, 0 to 14; the bits of the digit, 1 to 4.

        Returns
        -------
        ndarray of float32, shape (m, 16)
            One less than the frequencies; 0 for symbols from ``2 ** bits`` on.
        """


def patterns(inside: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return rows for the symbols of four consecutive integers: which of them are outside their bins 0.

    Parameters
    ----------
    inside : ndarray of int32, shape (n,)
        Probabilities of bin 0, see `Bins`. The last group is completed by integers that are certainly inside.

    Returns
    -------
    ndarray of float32, shape (ceil(n / 4), 16)
        One less than the frequencies.
    """
    groups = -(-len(inside) // GROUP)
    padded = np.full(groups * GROUP, _ONE, np.int64)
    padded[: len(inside)] = inside
    whole = np.full((groups, 1), _ONE - (1 << GROUP), np.int64)
    for probability in padded.reshape(groups, GROUP).T:
        part = (whole * probability[:, None]) >> FREQUENCY_BITS
        whole = np.concatenate([part, whole - part], 1)
    rows: NDArray[np.float32] = whole.astype(np.float32)
    return rows


def check_parameters(parameters: NDArray[np.int16]) -> None:
    """Raise `InputError` unless parameters are int16 of shape (n, 3, K) with K from 1 to 4."""
    shape = parameters.shape
    if (
        parameters.dtype != np.int16
        or len(shape) != 3
        or shape[1] != 3
        or not 1 <= shape[2] <= MAX_COMPONENTS
    ):
        raise InputError(
            f"a mixture's parameters have to be int16 of shape (n, 3, 1 to {MAX_COMPONENTS}), "
            f"not {parameters.dtype} of shape {shape}"
        )


class _Components(NamedTuple):
    """The components of n mixtures. All arrays are int64 of shape (n, K)."""

    weights: NDArray[np.int64]
    means: NDArray[np.int64]
    scales: NDArray[np.int64]  # indices into the tables


def _row(weights: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return rows (m, n) with frequencies in proportion to `weights`, one less each."""
    cumulative = np.cumsum(weights, 1)
    free = _ONE - weights.shape[1]
    rows: NDArray[np.float32] = np.diff(cumulative * free // cumulative[:, -1:], prepend=0).astype(np.float32)
    return rows


class NumpyMixture:
    """The reference implementation in numpy. It is slow; tests compare the native library with it.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    """

    def __init__(self, kind: str = "logistic") -> None:
        self._tables = tables(kind)
        self._kind = kind

    @property
    def kind(self) -> str:
        return self._kind

    def bins(self, parameters: NDArray[np.int16]) -> Bins:
        check_parameters(parameters)
        components = self._components(parameters)
        weights, means, scales = components
        mean = (np.sum(weights * means, 1) + (1 << (_WEIGHT_BITS - 1))) >> _WEIGHT_BITS
        spread = self._tables.variance[scales] + (means - mean[:, None]) ** 2
        variance = np.sum(weights * spread, 1) >> (_WEIGHT_BITS + 10)
        # frexp's exponent of an integer is the number of its bits
        width = np.maximum(np.frexp(variance.astype(np.float64))[1].astype(np.int64) - 1, 0) >> 1
        smallest = np.where(
            weights >= _SIGNIFICANT_WEIGHT, scales, LOG_SCALE_RANGE[1] - LOG_SCALE_RANGE[0]
        ).min(1)
        octave = ((smallest + LOG_SCALE_RANGE[0]) * _LOG2_FACTOR) >> 20
        centre = (mean + 16) >> 5
        edges = self._cumulative(components, centre[:, None] + (np.arange(2) << width[:, None]))
        return Bins(
            (edges[:, 1] - edges[:, 0]).astype(np.int32),
            centre.astype(np.int32),
            width.astype(np.int32),
            np.clip(octave - 3, 0, width).astype(np.int32),
        )

    def outside(
        self, parameters: NDArray[np.int16], centre: NDArray[np.int32], width: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        check_parameters(parameters)
        half = BINS // 2
        steps = np.arange(-half, half + 1) << width.astype(np.int64)[:, None]
        edges = self._cumulative(self._components(parameters), centre.astype(np.int64)[:, None] + steps)
        masses = np.diff(edges, prepend=0, append=_ONE)
        return _row(np.delete(masses, half + 1, 1) + 1)

    def digits(
        self,
        parameters: NDArray[np.int16],
        low: NDArray[np.int32],
        step: NDArray[np.int32],
        bits: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        check_parameters(parameters)
        count = np.int64(1) << bits.astype(np.int64)[:, None]
        places = np.arange(_DIGITS + 1)
        steps = np.minimum(places, count) << step.astype(np.int64)[:, None]
        edges = self._cumulative(self._components(parameters), low.astype(np.int64)[:, None] + steps)
        return _row(np.diff(edges) + (places[:-1] < count))

    def _components(self, parameters: NDArray[np.int16]) -> _Components:
        logits, means, log_scales = np.moveaxis(parameters.astype(np.int64), 1, 0)
        below = logits.max(1, keepdims=True) - logits
        powers = self._tables.exponential.astype(np.int64)[
            np.minimum(below, len(self._tables.exponential) - 1)
        ]
        weights = (powers << _WEIGHT_BITS) // powers.sum(1, keepdims=True)
        rows = np.arange(len(weights))
        weights[rows, weights.argmax(1)] += (1 << _WEIGHT_BITS) - weights.sum(1)
        return _Components(weights, means, np.clip(log_scales, *LOG_SCALE_RANGE) - LOG_SCALE_RANGE[0])

    def _cumulative(self, components: _Components, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the probabilities below `edges` (n, e), int64, in units of 2^-24."""
        table = self._tables.cumulative.astype(np.int64)
        last = ((len(table) - 1) << _PLACE_BITS) - 1
        middle = (len(table) - 1) << (_PLACE_BITS - 1)
        total = np.zeros(edges.shape, np.int64)
        for weights, means, scales in zip(*(plane.T for plane in components), strict=True):
            distance = 32 * edges - 16 - means[:, None]
            place = (distance * self._tables.reciprocal.astype(np.int64)[scales][:, None]) >> 16
            place = np.clip(place + middle, 0, last)
            entry, between = place >> _PLACE_BITS, place & ((1 << _PLACE_BITS) - 1)
            value = table[entry] + (((table[entry + 1] - table[entry]) * between) >> _PLACE_BITS)
            total += weights[:, None] * value
        return total >> _WEIGHT_BITS
