"""A file that the encoder has made. It is opened once, to measure what a decoder gets from it."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from ..access.partial_codestream import PartialCodestream
from ..core.request import ReadRequest
from ..core.run import Run
from ..io.sources import open_source
from ..metrics.psnr import psnr
from ..models.registry import finder
from .learned_file import LearnedFile
from .reader import read
from .visual_error import visual_psnr

if TYPE_CHECKING:
    from ..core.picture import Picture
    from ..core.targets import Tune
    from ..models.model import Model

__all__ = ["MadeFile"]


class MadeFile:
    """A JP2 file or a codestream that the encoder has made.

    Parameters
    ----------
    data : bytes
        The file.
    model : Model or None
        The learned transform of the file; None for a wavelet of T.800.
    """

    def __init__(self, data: bytes, model: Model | None) -> None:
        self.data, self._model = data, model
        self._psnr: dict[tuple[int, Tune], float] = {}

    def __len__(self) -> int:
        return len(self.data)

    @functools.cached_property
    def codestream(self) -> PartialCodestream:
        """The codestream in the file."""
        return PartialCodestream(open_source(self.data))

    @functools.cached_property
    def learned(self) -> LearnedFile | None:
        """The open learned file; None for a wavelet of T.800."""
        if self._model is None:
            return None
        model = self._model
        return LearnedFile.open(self.codestream, finder(lambda: [model]))

    def psnr(self, picture: Picture, layers: int, threads: int, tune: Tune = "psnr") -> float:
        """Return the PSNR in dB of the decoded file; infinite if it equals the picture.

        Results are cached by the number of layers and `tune`.

        Parameters
        ----------
        picture : Picture
            The original picture.
        layers : int
            Number of layers to decode, at least 1.
        threads : int
            Threads to use.
        tune : {"psnr", "visual"}
            ``"visual"`` for visual weights on the errors; see `j2klearn.ebcot.visual_error.visual_psnr`.
        """
        if (layers, tune) not in self._psnr:
            request = ReadRequest(
                self.codestream.header.area, layers=min(layers, self.codestream.header.layers)
            )
            decoded = read(self.codestream, self.learned, request, Run(threads)).samples
            if tune == "visual":
                header = self.codestream.header
                found = visual_psnr(picture, decoded, header.area, header.levels, threads)
            else:
                found = psnr(picture.samples, decoded, picture.bit_depth, exact=math.inf)
            self._psnr[layers, tune] = found
        return self._psnr[layers, tune]
