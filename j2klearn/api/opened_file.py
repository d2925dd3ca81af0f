"""An opened file of any profile: its header, and decoding of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import MainHeader
from ..core.pytorch import need_pytorch
from ..core.request import ReadRequest
from ..core.run import Run
from ..core.warning import warn_caller
from ..ebcot.learned_file import LearnedFile
from ..ebcot.reader import read
from ..errors import CodestreamWarning, TruncatedWarning
from ..io.sources import ByteSource, Source, open_source
from ..jp2.palette import Channel, palette_channels
from ..models.model import check_engine
from ..neural.format.container import open_payload
from ..neural.format.payload import Header
from ..neural.registry import model_finder

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel
    from ..neural.reader import NeuralFile

__all__ = ["OpenedFile"]


class OpenedFile:
    """An opened JPEG 2000 file: ordinary, learned or of the neural profile. Threads may share it.

    Parameters
    ----------
    source : bytes, path, binary file object or URL
        A JP2 file or a codestream.
    model : str, Path or model, optional
        An additional model to look up, next to the shipped ones and the one stored in the file.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.
    engine : str
        What computes the learned steps; see `j2klearn.decode`.

    Attributes
    ----------
    codestream : PartialCodestream
        The codestream; in the neural profile, that of the preview.
    neural : NeuralFile or None
        The payload, if the file is of the neural profile.
    learned : LearnedFile or None
        The learned-transform segment and its model, if the codestream has one.

    Raises
    ------
    CodestreamError
        If the file cannot be read, is not JPEG 2000, or is damaged.
    ModelNotFoundError
        If the file needs a model that is not installed.
    PyTorchError
        If the file is of the neural profile, and PyTorch cannot be imported.
    """

    def __init__(
        self,
        source: Source | ByteSource,
        model: str | Path | Model | EntropyModel | None = None,
        storage_options: dict[str, Any] | None = None,
        engine: str = "auto",
    ) -> None:
        check_engine(engine)
        self.codestream = PartialCodestream(open_source(source, storage_options))
        self.neural: NeuralFile | None = None
        payload = open_payload(self.codestream)
        if payload is not None:
            need_pytorch("a file of the neural profile")
            from ..neural.reader import NeuralFile

            self.neural = NeuralFile.of(*payload, model)
        self.learned = None if self.neural else LearnedFile.open(self.codestream, model_finder(model), engine)

    @property
    def header(self) -> MainHeader | Header:
        """The header of the picture: of the codestream, or of the payload in the neural profile."""
        return self.codestream.header if self.neural is None else self.neural.header

    @property
    def levels(self) -> int:
        """Number of decomposition levels that every component has."""
        return self.codestream.header.common_levels if self.neural is None else self.neural.header.levels

    @property
    def by_tiles(self) -> bool:
        """Whether any area of a tile costs as much as the tile."""
        return self.neural is None and self.codestream.header.high_throughput

    @property
    def channels(self) -> list[Channel]:
        """Bits per sample, and whether samples are signed, of each channel of the decoded picture.

        Channels are the components, or what a palette makes of them.
        """
        own = list(zip(self.header.precisions, self.header.signed, strict=True))
        if self.neural is not None or self.learned is not None or not self.codestream.jp2:
            return own
        return palette_channels(self.codestream.boxes_before(), own) or own

    @overload
    def read(
        self,
        run: Run,
        *,
        reduce: int = 0,
        layers: int = 0,
        region: tuple[int, int, int, int] | None = None,
        components: Sequence[int] | None = None,
        upsample: Literal[True] = True,
    ) -> NDArray[Any]: ...

    @overload
    def read(
        self,
        run: Run,
        *,
        reduce: int = 0,
        layers: int = 0,
        region: tuple[int, int, int, int] | None = None,
        components: Sequence[int] | None = None,
        upsample: bool,
    ) -> NDArray[Any] | list[NDArray[Any]]: ...

    def read(
        self,
        run: Run,
        *,
        reduce: int = 0,
        layers: int = 0,
        region: tuple[int, int, int, int] | None = None,
        components: Sequence[int] | None = None,
        upsample: bool = True,
    ) -> NDArray[Any] | list[NDArray[Any]]:
        """Decode the picture or a part of it; options, result, errors and warnings are those of `j2klearn.decode`.

        Parameters
        ----------
        run : Run
            Threads, progress and the limit of pixels.
        reduce, layers, region, components, upsample
            As in `j2klearn.decode`.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C), or list of ndarray
            As in `j2klearn.decode`.
        """
        request = ReadRequest.checked(
            self.header,
            reduce=reduce,
            layers=layers,
            region=region,
            components=components,
            upsample=upsample,
            max_pixels=run.max_pixels,
            whole=self.neural is not None,
        )
        return self.decode(request, run)

    def decode(self, request: ReadRequest, run: Run) -> NDArray[Any] | list[NDArray[Any]]:
        """Decode a checked request; result, errors and warnings are those of `j2klearn.decode`.

        Parameters
        ----------
        request : ReadRequest
            An area within the picture, with at most the number of layers that the file has.
        run : Run
            Threads and progress; the limit of pixels is not checked here.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C), or list of ndarray
            As in `j2klearn.decode`.
        """
        if self.neural is not None:
            decoded = self.neural.read(request, run)
        else:
            decoded = read(self.codestream, self.learned, request, run)
        samples: NDArray[Any] | list[NDArray[Any]] = decoded.samples
        if decoded.missing is not None:
            warn_caller(f"{decoded.missing}; what was there has been decoded", TruncatedWarning)
        for remark in decoded.remarks:
            warn_caller(f"OpenJPEG remarks on this file: {remark}", CodestreamWarning)
        if request.upsample or isinstance(samples, list):
            return samples
        bands = samples[:, :, None] if samples.ndim == 2 else samples
        return [bands[:, :, band].copy() for band in range(bands.shape[2])]
