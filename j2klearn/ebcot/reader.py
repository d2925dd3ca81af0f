"""Decoding of codestreams of the EBCOT profile, with a learned transform or with a wavelet of T.800."""

from __future__ import annotations

from ..access.partial_codestream import PartialCodestream
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..errors import DecodingError
from .learned_file import LearnedFile
from .ordinary import read_ordinary

__all__ = ["read"]


def read(
    codestream: PartialCodestream, learned: LearnedFile | None, request: ReadRequest, run: Run
) -> Decoded:
    """Decode the samples of a request from an open file.

    If decoding a part of the file fails, more of the file is decoded: whole tile-parts, and at last the whole file.

    Parameters
    ----------
    codestream : PartialCodestream
        The codestream of the file.
    learned : LearnedFile or None
        The open learned file; None if the codestream has no learned-transform segment.
    request : ReadRequest
        The area, resolution, layers and components to decode.
    run : Run
        Threads, progress and the limit of pixels.

    Returns
    -------
    Decoded
        Samples of shape (H, W) or (H, W, C), a message if the file is truncated, and other remarks.

    Raises
    ------
    CodestreamError
        If the codestream is damaged.
    UnsupportedError
        If a component has more than 16 bits.
    """

    def attempt() -> Decoded:
        return read_ordinary(codestream, request, run) if learned is None else learned.read(request, run)

    while True:
        try:
            out = attempt()
            break
        except DecodingError:
            if not codestream.distrust():
                raise
    run.progress(1.0, "done")
    return out
