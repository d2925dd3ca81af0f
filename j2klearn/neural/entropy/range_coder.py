"""Codes integers with a range coder, each under its mixture.

The range coder is that of constriction (``constriction.stream.queue``), after Pasco and Martin, with 32-bit words, a
64-bit state and 24-bit frequencies. One coder writes a whole segment. Any number of calls append integers to it, and
the reader makes the same calls. A call codes its integers in blocks of 65,536. A block codes one kind of symbols after
the other, each kind in the order of the integers:

1. which integers are outside their bins 0, four at a time (see `j2klearn.neural.entropy.mixture`);
2. the bins of these integers;
3. the top digits of the positions within bins, then the next digits, while any integer has bits left above its raw
   bits;
4. for integers outside the window, the class of their distance: with q the distance to the window in bins, the number
   of bits of q + 1, less one. It is one of 31 symbols whose frequencies halve (an Exp-Golomb code);
5. raw bits, 16 at a time from the lowest on: inside the window the raw bits of the position in the bin; outside, the
   whole position, and above it the bits of q + 1 below its highest one.

The bytes of a segment are the words, highest byte first. They are cut to the shortest string that still identifies a
number in the last interval of the coder when zeros follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from ...errors import CodestreamError, InputError
from .mixture import BINS, DIGIT_BITS, FREQUENCY_BITS, GROUP, Mixture, check_parameters, patterns

__all__ = ["MAX_MAGNITUDE", "Decoder", "Encoder", "cost_bits"]

#: Integers have to be smaller than this in magnitude.
MAX_MAGNITUDE = 1 << 30

_BLOCK = 1 << 16
_ABOVE = BINS + 1
_CENTRE = BINS // 2 + 1  # the symbol of bin 0; symbol 0 is below the window
_RAW_BITS = 16
_WORD, _STATE = 4, 8  # bytes

_CLASSES = 31
_CLASS_ROW = np.maximum(2.0 ** (FREQUENCY_BITS - 1 - np.arange(_CLASSES)), 1) - 1
_CLASS_ROW[0] += 2**FREQUENCY_BITS - _CLASSES - _CLASS_ROW.sum()
_CLASS_ROW = _CLASS_ROW.astype(np.float32)
_CLASS_ROW.setflags(write=False)

# With perfect=False the frequencies are exactly those of the rows plus one, on every machine: nothing is rounded.
_CATEGORICAL = stream.model.Categorical(perfect=False)
_CLASSES_MODEL = stream.model.Categorical(_CLASS_ROW, perfect=False)
_UNIFORM = stream.model.Uniform()


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, _BLOCK):
        yield slice(start, min(start + _BLOCK, count))


class _Sink(Protocol):
    """Receives the symbols of a block. `which` are the indices of the integers that they belong to."""

    def pattern(
        self, symbols: NDArray[np.int64], rows: NDArray[np.float32], inside: NDArray[np.int32]
    ) -> None: ...

    def categorical(
        self, which: NDArray[np.int64], symbols: NDArray[np.int64], rows: NDArray[np.float32]
    ) -> None: ...

    def classes(self, which: NDArray[np.int64], symbols: NDArray[np.int64]) -> None: ...

    def uniform(
        self, which: NDArray[np.int64], values: NDArray[np.int64], bits: NDArray[np.int64]
    ) -> None: ...


def _emit(sink: _Sink, values: NDArray[np.int64], parameters: NDArray[np.int16], mixture: Mixture) -> None:
    """Send the symbols of one block of integers to a sink."""
    bins = mixture.bins(parameters)
    centre, width, raw = (plane.astype(np.int64) for plane in bins[1:])
    symbols = np.clip(((values - centre) >> width) + _CENTRE, 0, _ABOVE)
    outside = symbols != _CENTRE
    sink.pattern(_packed(outside), patterns(bins.inside), bins.inside)
    if len(which := np.flatnonzero(outside)):
        rows = mixture.outside(parameters[which], bins.centre[which], bins.width[which])
        sink.categorical(which, symbols[which] - (symbols[which] > _CENTRE), rows)

    left = np.where((symbols > 0) & (symbols < _ABOVE), width, 0)
    low = centre + ((symbols - _CENTRE) << width)
    while len(which := np.flatnonzero(left > raw)):
        bits = np.minimum(left[which] - raw[which], DIGIT_BITS)
        step = left[which] - bits
        digits = (values[which] - low[which]) >> step
        sink.categorical(which, digits, _digit_rows(mixture, parameters, which, low, step, bits))
        low[which] += digits << step
        left[which] = step

    extra, bits = values - low, np.where(left > 0, left, 0)
    which = np.flatnonzero((symbols == 0) | (symbols == _ABOVE))
    if len(which):
        half = (BINS // 2) << width[which]
        distance = np.abs(values[which] - centre[which]) - half - (symbols[which] == 0)
        beyond = (distance >> width[which]) + 1
        classes = _bit_length(beyond) - 1
        sink.classes(which, classes)
        place = distance & ((1 << width[which]) - 1)
        extra[which] = ((beyond - (1 << classes)) << width[which]) | place
        bits[which] = width[which] + classes
    while len(which := np.flatnonzero(bits > 0)):
        take = np.minimum(bits[which], _RAW_BITS)
        sink.uniform(which, extra[which] & ((1 << take) - 1), take)
        extra[which] >>= take
        bits[which] -= take


def _packed(outside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the symbols of groups of four. The last group is completed by integers that are inside."""
    padded = np.zeros((-(-len(outside) // GROUP), GROUP), np.int64)
    padded.reshape(-1)[: len(outside)] = outside
    return padded @ (1 << np.arange(GROUP))


def _unpacked(symbols: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Return which of `count` integers are outside their bins 0: the inverse of `_packed`."""
    return ((symbols[:, None] >> np.arange(GROUP)) & 1).astype(np.bool_).reshape(-1)[:count]


def _digit_rows(
    mixture: Mixture,
    parameters: NDArray[np.int16],
    which: NDArray[np.int64],
    low: NDArray[np.int64],
    step: NDArray[np.int64],
    bits: NDArray[np.int64],
) -> NDArray[np.float32]:
    return mixture.digits(
        parameters[which], low[which].astype(np.int32), step.astype(np.int32), bits.astype(np.int32)
    )


def _bit_length(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)  # exact below 2^53


def _check_values(values: NDArray[np.integer[Any]], parameters: NDArray[np.int16]) -> NDArray[np.int64]:
    check_parameters(parameters)
    if values.dtype.kind not in "iu" or values.shape != parameters.shape[:1]:
        raise InputError(
            f"the values have to be {len(parameters)} integers in one row, not {values.dtype} of shape {values.shape}"
        )
    if values.size and (values.min() <= -MAX_MAGNITUDE or values.max() >= MAX_MAGNITUDE):
        raise InputError("coefficients of 2^30 or more in magnitude cannot be coded")
    return values.astype(np.int64)


class _CoderSink:
    """Sends symbols to the encoder of constriction."""

    def __init__(self, coder: Any) -> None:
        self._coder = coder

    def pattern(
        self, symbols: NDArray[np.int64], rows: NDArray[np.float32], inside: NDArray[np.int32]
    ) -> None:
        self._coder.encode(symbols.astype(np.int32), _CATEGORICAL, rows)

    def categorical(
        self, which: NDArray[np.int64], symbols: NDArray[np.int64], rows: NDArray[np.float32]
    ) -> None:
        self._coder.encode(symbols.astype(np.int32), _CATEGORICAL, rows)

    def classes(self, which: NDArray[np.int64], symbols: NDArray[np.int64]) -> None:
        self._coder.encode(symbols.astype(np.int32), _CLASSES_MODEL)

    def uniform(self, which: NDArray[np.int64], values: NDArray[np.int64], bits: NDArray[np.int64]) -> None:
        self._coder.encode(values.astype(np.int32), _UNIFORM, (1 << bits).astype(np.int32))


def _bits(frequencies: NDArray[Any]) -> NDArray[np.float64]:
    """Return the bits of symbols with these frequencies. A frequency of 0 counts as 1, the least in a row."""
    costs: NDArray[np.float64] = FREQUENCY_BITS - np.log2(np.maximum(frequencies, 1).astype(np.float64))
    return costs


class _CostSink:
    """Counts the bits of every integer."""

    def __init__(self, count: int) -> None:
        self.bits = np.zeros(count)

    def pattern(
        self, symbols: NDArray[np.int64], rows: NDArray[np.float32], inside: NDArray[np.int32]
    ) -> None:
        # divide the bits of a group in the ratio that its integers would have with symbols of their own
        count = len(self.bits)
        outside = _unpacked(symbols, count)
        own = np.zeros((len(rows), GROUP))
        own.reshape(-1)[:count] = _bits(np.where(outside, (1 << FREQUENCY_BITS) - inside, inside))
        together = _bits(np.take_along_axis(rows, symbols[:, None], 1) + 1.0)
        shares = own / np.maximum(own.sum(1, keepdims=True), 1e-300)
        self.bits += (shares * together).reshape(-1)[:count]

    def categorical(
        self, which: NDArray[np.int64], symbols: NDArray[np.int64], rows: NDArray[np.float32]
    ) -> None:
        self.bits[which] += _bits(np.take_along_axis(rows, symbols[:, None], 1)[:, 0] + 1.0)

    def classes(self, which: NDArray[np.int64], symbols: NDArray[np.int64]) -> None:
        self.bits[which] += _bits(_CLASS_ROW[symbols] + 1.0)

    def uniform(self, which: NDArray[np.int64], values: NDArray[np.int64], bits: NDArray[np.int64]) -> None:
        self.bits[which] += bits


def cost_bits(
    values: NDArray[np.integer[Any]], parameters: NDArray[np.int16], mixture: Mixture
) -> NDArray[np.float64]:
    """Return the bits that each integer costs, given the frequencies with which it is coded.

    Parameters
    ----------
    values : ndarray of integers, shape (n,)
        Smaller than 2^30 in magnitude.
    parameters : ndarray of int16, shape (n, 3, K)
        See `j2klearn.neural.entropy.mixture`.
    mixture : Mixture
        Turns parameters into frequencies.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        If an array has the wrong dtype or shape, or an integer is too large.
    """
    whole = _check_values(values, parameters)
    costs = np.empty(len(whole))
    for block in _blocks(len(whole)):
        sink = _CostSink(block.stop - block.start)
        _emit(sink, whole[block], parameters[block], mixture)
        costs[block] = sink.bits
    return costs


class Encoder:
    """Writes one segment: call `encode` any number of times, then `finish`.

    Parameters
    ----------
    mixture : Mixture
        Turns parameters into frequencies.
    """

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._coder = stream.queue.RangeEncoder()
        self._sink = _CoderSink(self._coder)

    def encode(self, values: NDArray[np.integer[Any]], parameters: NDArray[np.int16]) -> None:
        """Append integers.

        Parameters
        ----------
        values : ndarray of integers, shape (n,)
            Smaller than 2^30 in magnitude.
        parameters : ndarray of int16, shape (n, 3, K)
            See `j2klearn.neural.entropy.mixture`.

        Raises
        ------
        InputError
            If an array has the wrong dtype or shape, or an integer is too large. Nothing is appended then.
        """
        whole = _check_values(values, parameters)
        for block in _blocks(len(whole)):
            _emit(self._sink, whole[block], parameters[block], self._mixture)

    def raw(self, values: NDArray[np.integer[Any]], bits: int) -> None:
        """Append the `bits` low bits, 1 to 31, of integers without modelling them."""
        left, which = values.astype(np.int64), np.arange(len(values))
        for at in range(0, bits, _RAW_BITS):
            take = np.full(len(left), min(bits - at, _RAW_BITS))
            self._sink.uniform(which, (left >> at) & ((1 << take) - 1), take)

    def finish(self) -> bytes:
        """Return the bytes of the segment so far; empty if it holds no integers. More integers may follow."""
        words: NDArray[np.uint32] = self._coder.get_compressed()
        data = words.astype(">u4").tobytes()
        if not data:
            return b""
        # any number in the interval of `extent` from `lower` on decodes to the same integers; the 64-bit state begins
        # at word `position`
        position, (lower, extent) = self._coder.pos()
        size = _WORD * int(position) + _STATE
        number = int.from_bytes(data[:size].ljust(size, b"\0"), "big")
        first = number - ((number - int(lower)) & ((1 << 64) - 1))
        for cut in range(8 * _STATE, -1, -8):
            shortest = -(-first >> cut) << cut
            if shortest < first + extent:
                break
        return shortest.to_bytes(size, "big").rstrip(b"\0")


class Decoder:
    """Reads one segment by the same calls that wrote it.

    Damaged bytes decode to other integers, all smaller than 2^30 in magnitude, or raise an error. After the end
    of a segment zeros follow.

    Parameters
    ----------
    data : bytes-like
        The segment.
    mixture : Mixture
        Turns parameters into frequencies, of the same kind as that of the encoder.
    """

    def __init__(self, data: bytes | bytearray | memoryview, mixture: Mixture) -> None:
        padded = bytes(data) + bytes(-len(data) % _WORD)
        self._coder = stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))
        self._mixture = mixture

    def decode(self, parameters: NDArray[np.int16]) -> NDArray[np.int32]:
        """Return the next integers.

        Parameters
        ----------
        parameters : ndarray of int16, shape (n, 3, K)
            The parameters with which the integers were encoded.

        Returns
        -------
        ndarray of int32, shape (n,)

        Raises
        ------
        CodestreamError
            If the segment is damaged: no encoder writes such bytes.
        """
        check_parameters(parameters)
        values = np.empty(len(parameters), np.int32)
        for block in _blocks(len(values)):
            decoded = self._block(parameters[block])
            if decoded.min() <= -MAX_MAGNITUDE or decoded.max() >= MAX_MAGNITUDE:
                raise CodestreamError("the segment is damaged: it has a coefficient of 2^30 or more")
            values[block] = decoded
        return values

    def raw(self, count: int, bits: int) -> NDArray[np.int64]:
        """Return the next `count` integers of `bits` bits, 1 to 31, that `Encoder.raw` appended."""
        return self._raw(np.full(count, bits))

    def _get(self, *model: Any) -> NDArray[np.int64]:
        try:
            symbols: NDArray[np.int64] = self._coder.decode(*model).astype(np.int64)
        except AssertionError as error:
            raise CodestreamError(
                "the segment is damaged: its next bits are not the code of any symbol"
            ) from error
        return symbols

    def _block(self, parameters: NDArray[np.int16]) -> NDArray[np.int64]:
        bins = self._mixture.bins(parameters)
        centre, width, raw = (plane.astype(np.int64) for plane in bins[1:])
        symbols = np.full(len(parameters), _CENTRE, np.int64)
        groups = self._get(_CATEGORICAL, patterns(bins.inside))
        if len(which := np.flatnonzero(_unpacked(groups, len(parameters)))):
            rows = self._mixture.outside(parameters[which], bins.centre[which], bins.width[which])
            others = self._get(_CATEGORICAL, rows)
            symbols[which] = others + (others >= _CENTRE)

        left = np.where((symbols > 0) & (symbols < _ABOVE), width, 0)
        low = centre + ((symbols - _CENTRE) << width)
        while len(which := np.flatnonzero(left > raw)):
            bits = np.minimum(left[which] - raw[which], DIGIT_BITS)
            step = left[which] - bits
            digits = self._get(_CATEGORICAL, _digit_rows(self._mixture, parameters, which, low, step, bits))
            if (digits >> bits).any():
                raise CodestreamError("the segment is damaged: a position is outside its bin")
            low[which] += digits << step
            left[which] = step

        bits = left
        far = np.flatnonzero((symbols == 0) | (symbols == _ABOVE))
        classes = np.zeros(0, np.int64)
        if len(far):
            classes = self._get(_CLASSES_MODEL, len(far))
            bits[far] = width[far] + classes
        extra = self._raw(bits)
        values = low + extra
        if len(far):
            k = width[far]
            beyond = (extra[far] >> k) + (1 << classes)
            distance = ((beyond - 1) << k) + (extra[far] & ((1 << k) - 1))
            half = (BINS // 2) << k
            below = symbols[far] == 0
            values[far] = centre[far] + np.where(below, -half - 1 - distance, half + distance)
        return values

    def _raw(self, bits: NDArray[np.int64]) -> NDArray[np.int64]:
        values = np.zeros(len(bits), np.int64)
        at = 0
        while len(which := np.flatnonzero(bits > at)):
            take = np.minimum(bits[which] - at, _RAW_BITS)
            values[which] |= self._get(_UNIFORM, (1 << take).astype(np.int32)) << at
            at += _RAW_BITS
        return values
