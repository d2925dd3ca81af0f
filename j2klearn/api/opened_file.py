"""An opened file of any profile: its header, and decoding of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import MainHeader
from ..core.request import ReadRequest
from ..core.run import Run
from ..core.warning import warn_caller
from ..ebcot.learned_file import LearnedFile
from ..ebcot.reader import read
from ..errors import TruncatedWarning
from ..io.sources import Source, open_source
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
    """

    def __init__(
        self,
        source: Source,
        model: str | Path | Model | EntropyModel | None = None,
        storage_options: dict[str, Any] | None = None,
        engine: str = "auto",
    ) -> None:
        check_engine(engine)
        self.codestream = PartialCodestream(open_source(source, storage_options))
        self.neural: NeuralFile | None = None
        payload = open_payload(self.codestream)
        if payload is not None:
            from ..neural.reader import NeuralFile  # imports PyTorch, which ordinary files do not need

            self.neural = NeuralFile.of(*payload, model)
        self.learned = None if self.neural else LearnedFile.open(self.codestream, model_finder(model), engine)

    @property
    def header(self) -> MainHeader | Header:
        """The header of the picture: of the codestream, or of the payload in the neural profile."""
        return self.codestream.header if self.neural is None else self.neural.header

    def read(
        self,
        run: Run,
        *,
        reduce: int = 0,
        layers: int = 0,
        region: tuple[int, int, int, int] | None = None,
        components: Sequence[int] | None = None,
    ) -> NDArray[Any]:
        """Decode the picture or a part of it; options, result, errors and warnings are those of `j2klearn.decode`.

        Parameters
        ----------
        run : Run
            Threads, progress and the limit of pixels.
        reduce, layers, region, components
            As in `j2klearn.decode`.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C)
            As in `j2klearn.decode`.
        """
        request = ReadRequest.checked(
            self.header,
            reduce=reduce,
            layers=layers,
            region=region,
            components=components,
            max_pixels=run.max_pixels,
            whole=self.neural is not None,
        )
        return self.decode(request, run)

    def decode(self, request: ReadRequest, run: Run) -> NDArray[Any]:
        """Decode a checked request; result, errors and warnings are those of `j2klearn.decode`.

        Parameters
        ----------
        request : ReadRequest
            An area within the picture, with at most the number of layers that the file has.
        run : Run
            Threads and progress; the limit of pixels is not checked here.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C)
            As in `j2klearn.decode`.
        """
        if self.neural is not None:
            samples, missing = self.neural.read(request, run)
        else:
            samples, missing = read(self.codestream, self.learned, request, run)
        if missing is not None:
            warn_caller(f"{missing}; what was there has been decoded", TruncatedWarning)
        return samples
