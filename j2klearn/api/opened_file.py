"""A file of any profile, opened: what it is, and decoding from it."""

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
from ..neural.format.container import open_payload
from ..neural.format.payload import Header
from ..neural.registry import model_finder

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel
    from ..neural.reader import NeuralFile

__all__ = ["OpenedFile"]


class OpenedFile:
    """A JPEG 2000 file, ordinary, learned or of the neural profile; several threads may read it at once.

    Parameters
    ----------
    source : bytes, path, binary file object or URL
        A JP2 file or a codestream.
    model : str, Path or model, optional
        A model to read the file with, beside the shipped ones and the one that the file may carry.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.

    Attributes
    ----------
    codestream : PartialCodestream
        The codestream; of the neural profile that of the preview.
    neural : NeuralFile or None
        The payload of a file of the neural profile.
    learned : LearnedFile or None
        The learned-transform segment and its model.

    Raises
    ------
    CodestreamError
        If it cannot be read, or is not JPEG 2000.
    ModelNotFoundError
        If the file needs a model that is not installed.
    """

    def __init__(
        self,
        source: Source,
        model: str | Path | Model | EntropyModel | None = None,
        storage_options: dict[str, Any] | None = None,
    ) -> None:
        self.codestream = PartialCodestream(open_source(source, storage_options))
        self.neural: NeuralFile | None = None
        payload = open_payload(self.codestream)
        if payload is not None:
            from ..neural.reader import NeuralFile  # with PyTorch, which other files do not need

            self.neural = NeuralFile.of(*payload, model)
        self.learned = None if self.neural else LearnedFile.open(self.codestream, model_finder(model))

    @property
    def header(self) -> MainHeader | Header:
        """What the file says of its picture."""
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
        """Decode the picture or a part of it; options, result, errors and warnings are those of `j2klearn.decode`."""
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
        """Decode what a checked request names; result, errors and warnings are those of `j2klearn.decode`."""
        if self.neural is not None:
            samples, missing = self.neural.read(request, run)
        else:
            samples, missing = read(self.codestream, self.learned, request, run)
        if missing is not None:
            warn_caller(f"{missing}; what was there has been decoded", TruncatedWarning)
        return samples
