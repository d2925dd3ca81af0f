"""Writes and reads the segments of a walk: numbers of components, LL, and the subbands of details."""

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

#: If the mean magnitude of the finest details is at least this, low bits are coded raw.
_NOISY_MAGNITUDE = 16

_SCALE_CODE_BITS = 3  # bits of the code of the scale with which the weights of a correction are coded
_OCTAVE = 44  # an octave in units of log-scales


def _differences(ll: Values) -> NDArray[np.int64]:
    return np.diff(ll.astype(np.int64).ravel(), prepend=0)


def _scale_code(differences: NDArray[np.int64]) -> int:
    """Return the code of the scale of a logistic distribution that has the mean magnitude of the differences."""
    mean = max(float(np.abs(differences).mean()), 0.05) / 1.386 if differences.size else 1.0
    code = round((64 * float(np.log(mean)) - LOG_SCALE_RANGE[0]) / PER_SCALE)
    return min(max(code, 0), (1 << SCALE_BITS) - 1)


def _raw_bits(pyramid: Pyramid) -> int:
    """Return how many low bits of the details of a component are noise, which contexts cannot predict."""
    if not pyramid.details:
        return 0
    finest = [band.ravel() for band in pyramid.details[0] if band.size]
    mean = float(np.abs(np.concatenate(finest)).mean()) if finest else 0.0
    return min(max(0, int(mean / _NOISY_MAGNITUDE).bit_length()), (1 << RAW_BITS) - 1)


def _weight_parameters(code: int, count: int) -> Parameters:
    """Return the mixtures of the weights of a correction: one logistic component with mean zero."""
    parameters = np.zeros((count, 3, 1), np.int16)
    parameters[:, 2] = _OCTAVE * (code + 1)
    return parameters


class _PyramidCoder:
    """Base of the coders that have the pyramids: passes all values of a walk to `_code` and `_code_raw`."""

    def __init__(self, pyramids: Sequence[Pyramid], mixtures: Mixture) -> None:
        self._pyramids, self._mixtures = pyramids, mixtures
        self._offsets = Offsets()

    def _code(self, values: Values | NDArray[np.int64], parameters: Parameters) -> None:
        """Code integers under mixtures."""
        raise NotImplementedError

    def _code_raw(self, values: Values | NDArray[np.int64], bits: int) -> None:
        """Code the low bits of integers without modelling them."""
        raise NotImplementedError

    def bits(self, component: int, name: str, count: int) -> int:
        pyramid = self._pyramids[component]
        value = _raw_bits(pyramid) if name == "raw" else _scale_code(_differences(pyramid.ll))
        self._code_raw(np.array([value]), count)
        return value

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        ll = self._pyramids[component].ll
        self._code(_differences(ll), parameters(ll.size))
        return ll

    def band(self, station: Station) -> Values:
        band = self._pyramids[station.component].details[station.level - 1][station.index]
        modelled = band >> station.raw
        mixtures = station.plane(modelled).reshape(band.size, PARAMETERS, -1)
        if station.surroundings is not None:
            weights = fitted(modelled, mixtures, station.surroundings, self._mixtures)
            self._code_weights(weights)
            if weights.any():
                mixtures = Correction(station.surroundings, weights).plane(mixtures, modelled)
        flat = modelled.ravel()
        if station.adaptive:
            predicted = self._offsets.predicted(station)
            offset = best_offset(flat, mixtures, predicted, self._mixtures)
            self._offsets.keep(station, offset)
            self._code(np.array([offset], np.int32), parameters_of(predicted))
            mixtures = moved(mixtures, offset)
        for _, _, _, places in wavefronts(band.shape):
            self._code(flat[places], mixtures[places])
        if station.raw:
            self._code_raw(band.ravel() & ((1 << station.raw) - 1), station.raw)
        return band

    def _code_weights(self, weights: Weights) -> None:
        """Code the weights of a correction: whether there are any, which are not zero, their scale, and the weights."""
        there = weights != 0
        self._code_raw(np.array([there.any()], np.int64), 1)
        if there.any():
            self._code_raw(there.astype(np.int64), 1)
            nonzero = weights[there]
            octave = int(np.log2(np.abs(nonzero).mean() / 1.386))
            code = min(max(octave - 1, 0), (1 << _SCALE_CODE_BITS) - 1)
            self._code_raw(np.array([code]), _SCALE_CODE_BITS)
            self._code(nonzero, _weight_parameters(code, len(nonzero)))


class Writer(_PyramidCoder, SegmentWriter):
    """Encodes pyramids into segments.

    Parameters
    ----------
    pyramids : sequence of Pyramid
        The components of the picture.
    mixtures : Mixture
        Turns parameters into frequencies.
    """

    def __init__(self, pyramids: Sequence[Pyramid], mixtures: Mixture) -> None:
        _PyramidCoder.__init__(self, pyramids, mixtures)
        SegmentWriter.__init__(self, mixtures)

    def _code(self, values: Values | NDArray[np.int64], parameters: Parameters) -> None:
        self._encoder.encode(values, parameters)

    def _code_raw(self, values: Values | NDArray[np.int64], bits: int) -> None:
        self._encoder.raw(values, bits)


class Counter(_PyramidCoder):
    """Counts the bits of pyramids, from the frequencies with which they are coded.

    Attributes
    ----------
    total : float
        The bits so far.
    """

    total = 0.0

    def open(self, segment: int) -> None:
        pass

    def _code(self, values: Values | NDArray[np.int64], parameters: Parameters) -> None:
        self.total += float(cost_bits(values, parameters, self._mixtures).sum())

    def _code_raw(self, values: Values | NDArray[np.int64], bits: int) -> None:
        self.total += bits * len(values)


class Reader(SegmentReader):
    """Decodes a picture from segments.

    Parameters
    ----------
    segments : sequence of bytes
        The segments, or the first of them.
    mixtures : Mixture
        Turns parameters into frequencies.
    points : Points, optional
        Receives the reconstruction points of details.
    """

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
            raise CodestreamError("the segment is damaged: a weight of a correction is out of range")
        return Correction(around, weights).passing()

    def _offset(self, station: Station) -> int:
        predicted = self._offsets.predicted(station)
        offset = int(self._decoder.decode(parameters_of(predicted))[0])
        if abs(offset) > MOST:
            raise CodestreamError("the segment is damaged: an offset of scales is out of range")
        self._offsets.keep(station, offset)
        return offset
