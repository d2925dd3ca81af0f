"""Writes and reads the segments of a payload, one range coder each, in the order of a walk."""

from __future__ import annotations

from collections.abc import Sequence

from .mixture import Mixture
from .range_coder import Decoder, Encoder

__all__ = ["SegmentReader", "SegmentWriter"]


class SegmentWriter:
    """Base of the writers of a walk: writes one segment after another.

    Parameters
    ----------
    mixtures : Mixture
        Turns parameters into frequencies.

    Attributes
    ----------
    segments : list of bytes
        The segments that are finished.
    """

    def __init__(self, mixtures: Mixture) -> None:
        self._mixtures = mixtures
        self._encoder = Encoder(mixtures)
        self.segments: list[bytes] = []

    def open(self, segment: int) -> None:
        """Begin the segment of this number, from 0 on, after finishing the one before."""
        if segment:
            self.close()

    def close(self) -> None:
        """Finish the current segment. Call it once more at the end of the walk."""
        self.segments.append(self._encoder.finish())
        self._encoder = Encoder(self._mixtures)


class SegmentReader:
    """Base of the readers of a walk: reads one segment after another.

    Parameters
    ----------
    segments : sequence of bytes
        The segments that `SegmentWriter` wrote, or the first of them.
    mixtures : Mixture
        Turns parameters into frequencies, of the same kind as the writer's.
    """

    def __init__(self, segments: Sequence[bytes], mixtures: Mixture) -> None:
        self._segments, self._mixtures = segments, mixtures

    def open(self, segment: int) -> None:
        """Begin to read the segment of this number."""
        self._decoder = Decoder(self._segments[segment], self._mixtures)
