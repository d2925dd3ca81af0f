"""Reading of codestreams of the EBCOT profile, learned or ordinary."""

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
    """Decode what is asked for of a file that is open.

    Parameters
    ----------
    codestream : PartialCodestream
        The file's.
    learned : LearnedFile or None
        What it holds if it has a learned-transform segment.
    request : ReadRequest
        What to decode.
    run : Run
        Threads, progress and limit.

    Raises
    ------
    CodestreamError
        If the codestream is damaged.
    UnsupportedError
        If its samples are not of a kind that an array holds.
    """

    def attempt() -> Decoded:
        return read_ordinary(codestream, request, run) if learned is None else learned.read(request, run)

    try:
        out = attempt()
    except DecodingError:
        if not codestream.distrust_plt():
            raise
        out = attempt()
    run.progress(1.0, "done")
    return out
