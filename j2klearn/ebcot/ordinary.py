"""Decoding of ordinary JPEG 2000 files by OpenJPEG: the whole picture or a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import MainHeader
from ..core.geometry import Rect
from ..core.limits import MAX_TILES
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..core.sampling import common_dtype, pixel_step, pixels_of, positions, samples_needed
from ..errors import OptionError, UnsupportedError
from ..jp2 import boxes
from ..native import transport

__all__ = ["MAX_BITS", "TRUNCATED", "Part", "part_of_file", "read_ordinary"]

#: The message for a codestream that ends early.
TRUNCATED = "the codestream is truncated"

#: Bits per sample that are read.
MAX_BITS = 16


@dataclass(frozen=True)
class Part:
    """A file from which a part of another can be decoded.

    Attributes
    ----------
    data : bytes
        The file.
    extracted : bool
        Whether it is smaller than the other.
    truncated : bool
        Whether bytes of the part are missing in the other.
    """

    data: bytes
    extracted: bool = False
    truncated: bool = False


def part_of_file(codestream: PartialCodestream, area: Rect, reduce: int, layers: int) -> Part:
    """Return a smaller file from which an area can be decoded.

    Parameters
    ----------
    codestream : PartialCodestream
        The codestream of the file.
    area : Rect
        The area on the reference grid.
    reduce : int
        Number of highest resolutions to leave out.
    layers : int
        Quality layers to decode; 0 for all.
    """
    header = codestream.header
    if area != header.area or reduce or 0 < layers < header.layers:
        part = codestream.extract([(area, reduce)], layers or header.layers)
        if part is not None:
            data = part.codestream
            if codestream.jp2:
                before = boxes.resized(codestream.boxes_before(), *part.area.shape)
                data = before + boxes.codestream_header(len(data)) + data
            return Part(data, extracted=True, truncated=part.truncated)
    return Part(codestream.source.whole())


def read_ordinary(codestream: PartialCodestream, request: ReadRequest, run: Run) -> Decoded:
    """Decode the samples of a request from an ordinary JPEG 2000 file.

    Parameters
    ----------
    codestream : PartialCodestream
        The codestream of the file.
    request : ReadRequest
        The area, resolution, layers and components to decode.
    run : Run
        Threads, and the limit of pixels.

    Returns
    -------
    Decoded
        Samples of shape (H, W) or (H, W, C), in a dtype that holds those of all components: uint8, int8, uint16, int16
        or int32. Components that differ in size are repeated up to the size of the picture, unless the request says
        otherwise; then each is an array of its own.

    Raises
    ------
    CodestreamError
        If the codestream is damaged.
    OptionError
        If the requested components have no samples in the area.
    UnsupportedError
        If a component has more than 16 bits.
    """
    header, reduce, layers = codestream.header, request.reduce, request.layers
    chosen = range(header.components) if request.components is None else request.components
    step = pixel_step(header.subsampling[index] for index in chosen)
    pixels = pixels_of(request.area, step).resolution(reduce)
    if not pixels.size:
        raise OptionError("the requested components have no samples in this region")
    area = request.area
    if request.upsample:
        area = _shown(header, request, {header.subsampling[index] for index in chosen}, pixels)
    part = part_of_file(codestream, area, reduce, layers)
    with transport.Decoder(part.data, max_samples=_limit(header, area, run), max_tiles=MAX_TILES) as decoder:
        decoder.decode(
            reduce=reduce,
            layers=layers,
            area=area,
            components=None if request.components is None else list(request.components),
            strict=part.extracted,
            threads=run.threads,
        )
        parts = decoder.components
        deepest = max(each.precision for each in parts)
        if deepest > MAX_BITS:
            raise UnsupportedError(f"the samples have {deepest} bits, and j2klearn reads up to {MAX_BITS}")
        if request.upsample:
            samples: Any = _joined(header, decoder, pixels, step, reduce)
        else:
            samples = [
                decoder.samples(index).astype(common_dtype([each.precision], [each.signed]))
                for index, each in enumerate(parts)
            ]
        missing = decoder.missing or (TRUNCATED if part.truncated else None)
        return Decoded(samples, missing, tuple(decoder.warnings))


def _shown(header: MainHeader, request: ReadRequest, steps: set[tuple[int, int]], pixels: Rect) -> Rect:
    """Return the area to decode: that of the request, and all samples that its pixels show."""
    y0, x0, y1, x1 = request.area.y0, request.area.x0, request.area.y1, request.area.x1
    step = pixel_step(steps)
    for down, across in steps - {step}:
        component = pixels_of(header.area, (down, across)).resolution(request.reduce)
        needed = samples_needed(pixels, step, (down, across), component)
        if needed.size:
            rows, columns = down << request.reduce, across << request.reduce
            y0, y1 = min(y0, needed.y0 * rows), max(y1, (needed.y1 - 1) * rows + 1)
            x0, x1 = min(x0, needed.x0 * columns), max(x1, (needed.x1 - 1) * columns + 1)
    return Rect(y0, x0, y1, x1).intersection(header.area)


def _limit(header: MainHeader, area: Rect, run: Run) -> int:
    """Return how many samples may be decoded; 0 if there is no limit."""
    if run.max_pixels is None:
        return 0
    # the pixels are checked; the samples that they show may be some more
    return max(run.max_pixels * header.components, sum(pixels_of(area, s).size for s in header.subsampling))


def _joined(
    header: MainHeader, decoder: transport.Decoder, pixels: Rect, step: tuple[int, int], reduce: int
) -> NDArray[Any]:
    """Return the pixels of the decoded components in one array; coarse samples are repeated."""
    parts = decoder.components
    dtype = common_dtype([part.precision for part in parts], [part.signed for part in parts])
    out = np.empty((*pixels.shape, len(parts)), dtype)
    for index, part in enumerate(parts):
        samples = decoder.samples(index)
        if part.subsampling == step:
            out[:, :, index] = samples[pixels.slices_in(part.area)]
        elif not samples.size:  # no sample of the component lies in the picture
            out[:, :, index] = 0 if part.signed else 1 << (part.precision - 1)
        else:
            whole = pixels_of(header.area, part.subsampling).resolution(reduce)
            down, across = (own // pixel for own, pixel in zip(part.subsampling, step, strict=True))
            rows = positions(pixels.y0, pixels.y1, down, whole.y0, whole.y1 - 1) - part.area.y0
            columns = positions(pixels.x0, pixels.x1, across, whole.x0, whole.x1 - 1) - part.area.x0
            out[:, :, index] = samples[rows[:, None], columns]
    return out[:, :, 0] if len(parts) == 1 else out
