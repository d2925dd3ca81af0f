"""Reading: a file of either profile, or ordinary JPEG 2000, to samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..core.limits import MAX_PIXELS
from ..core.progress import Progress
from ..core.run import Run
from ..io.sources import Source
from .opened_file import OpenedFile

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["decode"]


def decode(
    data: Source,
    *,
    reduce: int = 0,
    layers: int = 0,
    region: tuple[int, int, int, int] | None = None,
    model: str | Path | Model | EntropyModel | None = None,
    components: Sequence[int] | None = None,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Read a picture: JPEG 2000, ordinary or with a learned transform, or of the neural profile.

    Parameters
    ----------
    data : bytes, path, binary file object or URL
        A JP2 file or a codestream. Of a file that can seek, and at a URL that fsspec reads (``https://``, ``s3://``),
        only those bytes are read that are needed: files with TLM and PLT marker segments tell where they are.
    reduce : int
        Highest resolutions to leave out: the sides shrink by ``2 ** reduce``, rounded up.
    layers : int
        Quality layers to decode; 0, or more than there are, for all. Files of the neural profile have one.
    region : (y0, x0, y1, x1), optional
        Rectangle to decode, in pixels of the full resolution; parts outside the picture are cut off. With `reduce`
        the result has the samples that the whole picture has there at that resolution. It is cut out of the whole
        where the file is of the neural profile.
    model : str, Path or None
        A model to read the file with, beside the shipped ones and the one that the file may carry; only the one
        that the file was made with is ever used.
    components : sequence of int, optional
        These components alone, as they are coded: without undoing the component transform. Not with the RCT of
        the neural profile, whose components have more bits than the samples.
    threads : int, optional
        Threads of the base wavelet and of OpenJPEG; all processors if not given.
    max_pixels : int or None
        Limit of the pixels decoded; in the neural profile those of the whole picture at its resolution.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.
    progress : callable, optional
        Called with the share of the work done, 0 to 1, and the name of the stage.

    Returns
    -------
    ndarray, shape (h, w) or (h, w, C)
        uint8 up to 8 bits per sample, else uint16; int8 or int16 where samples are signed.

    Raises
    ------
    CodestreamError
        If `data` cannot be read; `SegmentError` and `UnsupportedError` are kinds of it.
    ModelNotFoundError
        If the file needs a model that is not installed.
    OptionError
        If `reduce`, `layers`, `region` or `components` cannot be met.
    LimitError
        If there are more than `max_pixels` pixels to decode.

    Warns
    -----
    TruncatedWarning
        If the codestream or the payload ends early; what was there has been decoded.
    """
    file = OpenedFile(data, model, storage_options)
    run = Run.of(threads, progress, max_pixels)
    return file.read(run, reduce=reduce, layers=layers, region=region, components=components)
