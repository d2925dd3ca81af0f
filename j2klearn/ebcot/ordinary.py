"""Decoding of ordinary JPEG 2000 files by OpenJPEG: the whole picture or a part of it."""

from __future__ import annotations

import numpy as np

from ..access.partial_codestream import PartialCodestream
from ..core.geometry import Rect
from ..core.limits import MAX_TILES
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..errors import UnsupportedError
from ..jp2 import boxes
from ..native import transport

__all__ = ["TRUNCATED", "part_of_file", "read_ordinary"]

#: The message for a codestream that ends early.
TRUNCATED = "the codestream is truncated"


def part_of_file(codestream: PartialCodestream, area: Rect, reduce: int, layers: int) -> tuple[bytes, bool]:
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

    Returns
    -------
    data : bytes
        The file; the whole file if it cannot be reduced.
    truncated : bool
        Whether bytes of the area are missing.
    """
    header = codestream.header
    if area != header.area or reduce or 0 < layers < header.layers:
        part = codestream.extract([(area, reduce)], layers or header.layers)
        if part is not None:
            data = part.codestream
            if codestream.jp2:
                before = boxes.resized(codestream.boxes_before(), *part.area.shape)
                data = before + boxes.codestream_header(len(data)) + data
            return data, part.truncated
    return codestream.source.whole(), False


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
        Samples of shape (H, W) or (H, W, C): uint8, int8, uint16 or int16.

    Raises
    ------
    CodestreamError
        If the codestream is damaged.
    UnsupportedError
        If the components differ in size, or have more than 16 bits.
    """
    max_samples = 0 if run.max_pixels is None else run.max_pixels * codestream.header.components
    area, reduce, layers = request.area, request.reduce, request.layers
    data, truncated = part_of_file(codestream, area, reduce, layers)
    missing = TRUNCATED if truncated else None
    components = None if request.components is None else list(request.components)
    with transport.Decoder(data, max_samples=max_samples, max_tiles=MAX_TILES) as decoder:
        decoder.decode(reduce=reduce, layers=layers, area=area, components=components, threads=run.threads)
        if missing is None and decoder.warnings:
            missing = decoder.warnings[0]
        parts = decoder.components
        if len({part.area.shape for part in parts}) > 1:
            raise UnsupportedError(
                "the components of this picture differ in size: j2klearn does not resample them"
            )
        deepest = max(part.precision for part in parts)
        if deepest > 16:
            raise UnsupportedError(f"the samples have {deepest} bits, and j2klearn reads up to 16")
        signed = any(part.signed for part in parts)
        kind = ("i" if signed else "u") + ("1" if deepest <= 8 else "2")
        out = np.empty((*parts[0].area.shape, len(parts)), kind)
        for index in range(len(parts)):
            out[:, :, index] = decoder.samples(index)
    return Decoded(out[:, :, 0] if len(parts) == 1 else out, missing)
