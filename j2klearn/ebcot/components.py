"""The samples of decoded components, as one array of pixels, or apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.main_header import MainHeader
from ..core.geometry import Rect
from ..core.sampling import common_dtype, pixels_of, positions
from ..errors import UnsupportedError
from ..native import transport

__all__ = ["MAX_BITS", "DecodedComponents", "component_area"]

#: Bits per sample that are read.
MAX_BITS = 16


def component_area(header: MainHeader, index: int, reduce: int) -> Rect:
    """Return the area of a component, in samples of a resolution; it may be empty."""
    return pixels_of(header.area, header.subsampling[index]).resolution(reduce)


class DecodedComponents:
    """The components that a decoder has decoded, or the channels that a palette has made of them.

    Parameters
    ----------
    decoder : Decoder
        The decoder, after `decode`.
    header : MainHeader
        Header of the whole codestream.
    chosen : tuple of int
        The requested components. Those without samples were not decoded.
    reduce : int
        Number of highest resolutions that were left out.

    Raises
    ------
    UnsupportedError
        If a component has more than 16 bits.
    """

    def __init__(
        self, decoder: transport.Decoder, header: MainHeader, chosen: tuple[int, ...], reduce: int
    ) -> None:
        self._decoder, self._header, self._reduce = decoder, header, reduce
        self._parts: list[tuple[int | None, transport.Component]] = list(enumerate(decoder.components))
        for place, index in enumerate(chosen):
            area = component_area(header, index, reduce)
            if not area.size:
                part = transport.Component(
                    area, header.subsampling[index], header.precisions[index], header.signed[index], False
                )
                self._parts.insert(place, (None, part))
        deepest = max(part.precision for _, part in self._parts)
        if deepest > MAX_BITS:
            raise UnsupportedError(f"the samples have {deepest} bits, and j2klearn reads up to {MAX_BITS}")

    def joined(self, pixels: Rect, step: tuple[int, int]) -> NDArray[Any]:
        """Return the pixels in one array; the samples of coarse components are repeated.

        Parameters
        ----------
        pixels : Rect
            The area in pixels of the resolution. All samples that it shows have been decoded.
        step : (int, int)
            Distance of pixels on the reference grid.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C)
            Samples in the dtype that holds those of all components. A component without samples is neutral: half of
            the range, or 0 if it is signed.
        """
        parts = [part for _, part in self._parts]
        dtype = common_dtype([part.precision for part in parts], [part.signed for part in parts])
        out = np.empty((*pixels.shape, len(parts)), dtype)
        for band, (index, part) in enumerate(self._parts):
            if index is None:
                out[:, :, band] = 0 if part.signed else 1 << (part.precision - 1)
            else:
                out[:, :, band] = self._shown(self._samples(index, part), part, pixels, step)
        return out[:, :, 0] if len(parts) == 1 else out

    def _samples(self, index: int, part: transport.Component) -> NDArray[np.int32]:
        """Return the samples of a component. OpenJPEG (at least 2.5.0) does not extend the sign of palette entries."""
        samples = self._decoder.samples(index)
        half = 1 << (part.precision - 1)
        if not part.signed or not samples.size or samples.max() < half:
            return samples
        return ((samples + half) & (2 * half - 1)) - half

    def _shown(
        self, samples: NDArray[np.int32], part: transport.Component, pixels: Rect, step: tuple[int, int]
    ) -> NDArray[np.int32]:
        """Return what pixels show of a component."""
        if part.subsampling == step:
            return samples[pixels.slices_in(part.area)]
        whole = pixels_of(self._header.area, part.subsampling).resolution(self._reduce)
        down, across = (own // pixel for own, pixel in zip(part.subsampling, step, strict=True))
        rows = positions(pixels.y0, pixels.y1, down, whole.y0, whole.y1 - 1) - part.area.y0
        columns = positions(pixels.x0, pixels.x1, across, whole.x0, whole.x1 - 1) - part.area.x0
        return samples[rows[:, None], columns]

    def apart(self, area: Rect) -> list[NDArray[Any]]:
        """Return each component as it is.

        Parameters
        ----------
        area : Rect
            Area on the reference grid.

        Returns
        -------
        list of ndarray, shape (h, w)
            The samples of each component that lie in the area, in the dtype of the component. There may be none.
        """
        out = []
        for index, part in self._parts:
            own = pixels_of(area, part.subsampling).resolution(self._reduce)
            dtype = common_dtype([part.precision], [part.signed])
            if index is None or not own.size:
                out.append(np.empty(own.shape, dtype))
            else:
                out.append(self._samples(index, part)[own.slices_in(part.area)].astype(dtype))
        return out
