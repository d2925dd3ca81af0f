"""Decoding of ordinary JPEG 2000 files by OpenJPEG: the whole picture or a part of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import MainHeader
from ..core.geometry import Rect
from ..core.limits import MAX_TILES
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..core.sampling import pixel_step, pixels_of, samples_needed
from ..errors import OptionError
from ..jp2 import boxes
from ..jp2.palette import with_one_column_per_channel
from ..native import transport
from .components import DecodedComponents, component_area

__all__ = ["TRUNCATED", "Part", "part_of_file", "read_ordinary"]

#: The message for a codestream that ends early.
TRUNCATED = "the codestream is truncated"


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
    own = codestream.boxes_before() if codestream.jp2 else b""
    before = with_one_column_per_channel(own, list(zip(header.precisions, header.signed, strict=True)))
    if area != header.area or reduce or 0 < layers < header.layers:
        part = codestream.extract([(area, reduce)], layers or header.layers)
        if part is not None:
            data = part.codestream
            if codestream.jp2:
                before = boxes.resized(before, *part.area.shape, header.components)
                data = before + boxes.codestream_header(len(data)) + data
            return Part(data, extracted=True, truncated=part.truncated)
    # OpenJPEG refuses an image header box that contradicts SIZ, and the picture is the one of SIZ
    before = boxes.resized(before, *header.area.shape, header.components)
    if before != own:
        data = codestream.whole()
        return Part(before + boxes.codestream_header(len(data)) + data)
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
    chosen = tuple(range(header.components)) if request.components is None else request.components
    step = pixel_step(header.subsampling[index] for index in chosen)
    pixels = pixels_of(request.area, step).resolution(reduce)
    if not pixels.size:
        raise OptionError("the requested components have no samples in this region")
    area = _shown(header, request, {header.subsampling[index] for index in chosen}, pixels)
    part = part_of_file(codestream, area, reduce, layers)
    with transport.Decoder(part.data, max_samples=_limit(header, area, run), max_tiles=MAX_TILES) as decoder:
        decoder.decode(
            reduce=reduce,
            layers=layers,
            area=area,
            components=_listed(header, request, chosen),
            strict=part.extracted,
            threads=run.threads,
        )
        decoded = DecodedComponents(decoder, header, chosen, reduce)
        samples = decoded.joined(pixels, step) if request.upsample else decoded.apart(request.area)
        missing = decoder.missing or (TRUNCATED if part.truncated else None)
        return Decoded(samples, missing, tuple(decoder.warnings))


def _listed(header: MainHeader, request: ReadRequest, chosen: tuple[int, ...]) -> list[int] | None:
    """Return the components to decode; None for all.

    OpenJPEG fails to decode a component without samples, which a picture of one column can have.
    """
    there = [index for index in chosen if component_area(header, index, request.reduce).size]
    return None if request.components is None and len(there) == header.components else there


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
