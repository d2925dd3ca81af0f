"""Decoding of a file of either profile, or of ordinary JPEG 2000: `decode`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from numpy.typing import NDArray

from ..core.limits import MAX_PIXELS
from ..core.process_limits import Isolation, isolation_of
from ..core.progress import Progress
from ..core.run import Run
from ..io.sources import Source
from .opened_file import OpenedFile

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["decode"]


@overload
def decode(
    data: Source,
    *,
    reduce: int = 0,
    layers: int = 0,
    region: tuple[int, int, int, int] | None = None,
    model: str | Path | Model | EntropyModel | None = None,
    components: Sequence[int] | None = None,
    engine: str = "auto",
    upsample: Literal[True] = True,
    draft: bool = False,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    isolate: bool | Isolation = False,
) -> NDArray[Any]: ...


@overload
def decode(
    data: Source,
    *,
    reduce: int = 0,
    layers: int = 0,
    region: tuple[int, int, int, int] | None = None,
    model: str | Path | Model | EntropyModel | None = None,
    components: Sequence[int] | None = None,
    engine: str = "auto",
    upsample: Literal[False],
    draft: bool = False,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    isolate: bool | Isolation = False,
) -> list[NDArray[Any]]: ...


@overload
def decode(
    data: Source,
    *,
    reduce: int = 0,
    layers: int = 0,
    region: tuple[int, int, int, int] | None = None,
    model: str | Path | Model | EntropyModel | None = None,
    components: Sequence[int] | None = None,
    engine: str = "auto",
    upsample: bool,
    draft: bool = False,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    isolate: bool | Isolation = False,
) -> NDArray[Any] | list[NDArray[Any]]: ...


def decode(
    data: Source,
    *,
    reduce: int = 0,
    layers: int = 0,
    region: tuple[int, int, int, int] | None = None,
    model: str | Path | Model | EntropyModel | None = None,
    components: Sequence[int] | None = None,
    engine: str = "auto",
    upsample: bool = True,
    draft: bool = False,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    isolate: bool | Isolation = False,
) -> NDArray[Any] | list[NDArray[Any]]:
    """Decode a picture: ordinary JPEG 2000, JPEG 2000 with a learned transform, or the neural profile.

    Parameters
    ----------
    data : bytes, path, binary file object or URL
        A JP2 file or a codestream. From a seekable file, or from a URL that fsspec supports (``https://``, ``s3://``),
        only the bytes that are needed are read. TLM and PLT marker segments of the file keep their number small.
    reduce : int
        Number of highest resolutions to skip, at most the number of levels: height and width are divided by
        ``2 ** reduce``, rounded up.
    layers : int
        Number of quality layers to decode; 0, or more than the file has, decodes all. Files of the neural profile have
        one.
    region : (y0, x0, y1, x1), optional
        Rectangle to decode, in pixels of the full resolution, clipped to the picture. With `reduce`, the result equals
        that part of the whole picture decoded with the same `reduce`. In the neural profile, the whole picture is
        decoded, and the region cut out of it.
    model : str, Path or None
        An additional model to look up, next to the shipped ones and the one stored in the file. It is used only if the
        file was made with it.
    components : sequence of int, optional
        Decode only these components, as they are coded: the component transform is not undone. Chroma of the RCT has
        one bit more than the samples: it is clipped to their range, as OpenJPEG does. Not possible with the RCT of the
        neural profile.
    engine : {"auto", "native", "torch"}
        What computes the learned steps. ``"native"``: integer operators in native code, whose samples are the same on
        every machine; the file's model must be an integer model, or have an integer model as its twin. ``"torch"``:
        PyTorch, in floating point. ``"auto"``: the first where possible, else the second. It has no effect on other
        files.
    upsample : bool
        Whether components that differ in size, such as subsampled chroma, are brought to the size of the picture: their
        samples are repeated. With False, each component is an array of its own, as it is coded. Components that are
        all subsampled alike are the pixels of the picture, and are never repeated. So are those in `components`.
    draft : bool
        Whether to leave out the learned de-quantisation. This takes less time and loses some quality, most of it at low
        rates. It has no effect on files without de-quantisation, or with `reduce`.
    threads : int, optional
        Threads of OpenJPEG, of the base wavelet and, at most, of PyTorch. Default: one per processor. In a process made
        by fork, PyTorch computes with one thread.
    max_pixels : int or None
        Limit of the number of pixels to decode; in the neural profile, of the whole picture at the decoded resolution.
        None for no limit.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.
    progress : callable, optional
        Called with the share of the work done, 0 to 1, and the name of the stage.
    isolate : bool or Isolation
        Whether to read the file in a child process with limits of memory and time, by default 4 GiB and 60 s: for files
        that nobody trusts. The child is a new Python process, which takes a few tenths of a second to start. The
        samples are the same. `model` is the name or the path of a model then.

    Returns
    -------
    ndarray, shape (h, w) or (h, w, C)
        uint8 for up to 8 bits per sample, else uint16; int8 or int16 if samples are signed. If components differ in
        sign or depth, the smallest of these and int32 that holds all samples. With ``upsample=False`` a list of
        arrays of shape (h, w), one for each component, each in its own dtype. Their regions are the samples that lie
        in the region of the picture.

    Raises
    ------
    CodestreamError
        If `data` cannot be read or is damaged; `SegmentError` and `UnsupportedError` are subclasses.
    ModelNotFoundError
        If the file needs a model that is not installed.
    OptionError
        If `reduce`, `layers`, `region`, `components` or `engine` is out of range, or the engine cannot compute the
        model.
    IsolationError
        If the child process of `isolate` dies, or exceeds a limit; a `CodestreamError`.
    LimitError
        If there are more than `max_pixels` pixels to decode.
    PyTorchError
        If the file or the engine needs PyTorch, and it cannot be imported; see `j2klearn.info`.

    Warns
    -----
    TruncatedWarning
        If the codestream or the payload is truncated; the available data has been decoded.
    CodestreamWarning
        If OpenJPEG has another remark on the file: on unusual boxes or markers, wrong tile-part numbers, or damage.
    """
    limits = isolation_of(isolate)
    if limits is not None:
        from .isolation import decode_isolated

        return decode_isolated(
            data,
            limits,
            storage_options=storage_options,
            progress=progress,
            reduce=reduce,
            layers=layers,
            region=region,
            model=model,
            components=components,
            engine=engine,
            upsample=upsample,
            draft=draft,
            threads=threads,
            max_pixels=max_pixels,
        )
    file = OpenedFile(data, model, storage_options, engine)
    run = Run.of(threads, progress, max_pixels, draft=draft)
    return file.read(
        run, reduce=reduce, layers=layers, region=region, components=components, upsample=upsample
    )
