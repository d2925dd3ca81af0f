"""Segments: what is written at the stations of a walk, and read there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import CodestreamError
from ..coefficients.pyramid import Pyramid
from ..coefficients.reconstruction_points import Points
from ..entropy.likelihood import PARAMETERS
from ..entropy.mixture import LOG_SCALE_RANGE, Mixture, Parameters, Values
from ..entropy.range_coder import MAX_MAGNITUDE, cost_bits
from ..entropy.segment import SegmentReader, SegmentWriter
from ..entropy.wavefront import wavefronts
from .correction import MOST as MOST_WEIGHT
from .correction import Correction, CorrectionPass, Weights
from .offsets import MOST, Offsets, best_offset, moved, parameters_of
from .regression import fitted
from .station import PER_SCALE, RAW_BITS, SCALE_BITS, Station

__all__ = ["Counter", "Reader", "Writer"]

#: Mean magnitude of the finest details from which on low bits are coded as they are.
_LOUD = 16

_SCALE_CODE_BITS = 3  # of the scale that the weights of a correction are coded with
_OCTAVE = 44  # units of log-scales


def _differences(ll: Values) -> NDArray[np.int64]:
    return np.diff(ll.astype(np.int64).ravel(), prepend=0)


def _scale_code(differences: NDArray[np.int64]) -> int:
    """Return the code of the scale that suits differences: that of a logistic distribution of their mean magnitude."""
    mean = max(float(np.abs(differences).mean()), 0.05) / 1.386 if differences.size else 1.0
    code = round((64 * float(np.log(mean)) - LOG_SCALE_RANGE[0]) / PER_SCALE)
    return min(max(code, 0), (1 << SCALE_BITS) - 1)


def _raw_bits(pyramid: Pyramid) -> int:
    """Return how many low bits of a component's details are noise that no context tells anything about."""
    if not pyramid.details:
        return 0
    finest = [band.ravel() for band in pyramid.details[0] if band.size]
    mean = float(np.abs(np.concatenate(finest)).mean()) if finest else 0.0
    return min(max(0, int(mean / _LOUD).bit_length()), (1 << RAW_BITS) - 1)


def _weight_parameters(code: int, count: int) -> Parameters:
    """Return the mixtures of the weights of a correction: one component around zero."""
    parameters = np.zeros((count, 3, 1), np.int16)
    parameters[:, 2] = _OCTAVE * (code + 1)
    return parameters


class _Answers:
    """Answers from pyramids, and says what was answered."""

    def __init__(self, pyramids: Sequence[Pyramid], mixtures: Mixture) -> None:
        self._pyramids, self._mixtures = pyramids, mixtures
        self._offsets = Offsets()

    def _mixed(self, values: Values | NDArray[np.int64], parameters: Parameters) -> None:
        """Take integers under mixtures."""
        raise NotImplementedError

    def _raw(self, values: Values | NDArray[np.int64], bits: int) -> None:
        """Take the low bits of integers."""
        raise NotImplementedError

    def bits(self, component: int, name: str, count: int) -> int:
        pyramid = self._pyramids[component]
        value = _raw_bits(pyramid) if name == "raw" else _scale_code(_differences(pyramid.ll))
        self._raw(np.array([value]), count)
        return value

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        ll = self._pyramids[component].ll
        self._mixed(_differences(ll), parameters(ll.size))
        return ll

    def band(self, station: Station) -> Values:
        band = self._pyramids[station.component].details[station.level - 1][station.index]
        known = band >> station.raw
        mixtures = station.plane(known).reshape(band.size, PARAMETERS, -1)
        if station.surroundings is not None:
            weights = fitted(known, mixtures, station.surroundings, self._mixtures)
            self._weights(weights)
            if weights.any():
                mixtures = Correction(station.surroundings, weights).plane(mixtures, known)
        flat = known.ravel()
        if station.adaptive:
            predicted = self._offsets.predicted(station)
            offset = best_offset(flat, mixtures, predicted, self._mixtures)
            self._offsets.keep(station, offset)
            self._mixed(np.array([offset], np.int32), parameters_of(predicted))
            mixtures = moved(mixtures, offset)
        for _, _, _, places in wavefronts(band.shape):
            self._mixed(flat[places], mixtures[places])
        if station.raw:
            self._raw(band.ravel() & ((1 << station.raw) - 1), station.raw)
        return band

    def _weights(self, weights: Weights) -> None:
        """Take the weights of a correction: whether there are any, which, on what scale they are, and they."""
        there = weights != 0
        self._raw(np.array([there.any()], np.int64), 1)
        if there.any():
            self._raw(there.astype(np.int64), 1)
            told = weights[there]
            octave = int(np.log2(np.abs(told).mean() / 1.386))
            code = min(max(octave - 1, 0), (1 << _SCALE_CODE_BITS) - 1)
            self._raw(np.array([code]), _SCALE_CODE_BITS)
            self._mixed(told, _weight_parameters(code, len(told)))


class Writer(_Answers, SegmentWriter):
    """Writes the answers down."""

    def __init__(self, pyramids: Sequence[Pyramid], mixtures: Mixture) -> None:
        _Answers.__init__(self, pyramids, mixtures)
        SegmentWriter.__init__(self, mixtures)

    def _mixed(self, values: Values | NDArray[np.int64], parameters: Parameters) -> None:
        self._encoder.encode(values, parameters)

    def _raw(self, values: Values | NDArray[np.int64], bits: int) -> None:
        self._encoder.raw(values, bits)


class Counter(_Answers):
    """Counts what the answers cost by their probabilities.

    Attributes
    ----------
    total : float
        Bits.
    """

    total = 0.0

    def open(self, segment: int) -> None:
        pass

    def _mixed(self, values: Values | NDArray[np.int64], parameters: Parameters) -> None:
        self.total += float(cost_bits(values, parameters, self._mixtures).sum())

    def _raw(self, values: Values | NDArray[np.int64], bits: int) -> None:
        self.total += bits * len(values)


class Reader(SegmentReader):
    """Reads the answers; `points`, if given, gets what the mixtures tell of details."""

    def __init__(self, segments: Sequence[bytes], mixtures: Mixture, points: Points | None = None) -> None:
        super().__init__(segments, mixtures)
        self._points = points
        self._offsets = Offsets()

    def bits(self, component: int, name: str, count: int) -> int:
        return int(self._decoder.raw(1, count)[0])

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        count = shape[0] * shape[1]
        values = np.cumsum(self._decoder.decode(parameters(count)).astype(np.int64))
        if count and np.abs(values).max() >= MAX_MAGNITUDE:
            raise CodestreamError("the segment is damaged: it has a coefficient of 2^30 or more")
        return values.astype(np.int32).reshape(shape)

    def band(self, station: Station) -> Values:
        correction = self._correction(station)
        offset = self._offset(station) if station.adaptive else 0
        kept = None if self._points is None else station.room()

        def read(mixtures: Parameters, places: NDArray[np.intp]) -> Values:
            if correction is None:
                return self._decoder.decode(moved(mixtures, offset))
            values = self._decoder.decode(moved(correction.corrected(mixtures, places), offset))
            correction.take(places, values)
            return values

        band = station.decoded(read, kept)
        if self._points is not None and kept is not None:
            self._points.put(*station.place, band, moved(kept, offset))
        if station.raw:
            found = band.astype(np.int64) << station.raw
            found |= self._decoder.raw(band.size, station.raw).reshape(band.shape)
            if np.abs(found).max() >= MAX_MAGNITUDE:
                raise CodestreamError("the segment is damaged: it has a coefficient of 2^30 or more")
            band = found.astype(np.int32)
        return band

    def _correction(self, station: Station) -> CorrectionPass | None:
        around = station.surroundings
        if around is None or not self._decoder.raw(1, 1)[0]:
            return None
        weights = np.zeros(around.count, np.int64)
        there = np.flatnonzero(self._decoder.raw(around.count, 1))
        code = int(self._decoder.raw(1, _SCALE_CODE_BITS)[0])
        weights[there] = self._decoder.decode(_weight_parameters(code, len(there)))
        if np.abs(weights).max() > MOST_WEIGHT:
            raise CodestreamError("the segment is damaged: it has a correction that cannot be")
        return Correction(around, weights).passing()

    def _offset(self, station: Station) -> int:
        predicted = self._offsets.predicted(station)
        offset = int(self._decoder.decode(parameters_of(predicted))[0])
        if abs(offset) > MOST:
            raise CodestreamError("the segment is damaged: it has an offset that cannot be")
        self._offsets.keep(station, offset)
        return offset
