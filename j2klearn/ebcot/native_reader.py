"""An open learned file, decoded by single calls of native code."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..codestream.markers import Marker
from ..core.timing import stage
from ..models.model import Model
from ..native.picture import LearnedPicture

__all__ = ["NativeReader", "NativeSamples"]


class NativeSamples(NamedTuple):
    """What native code decoded.

    Attributes
    ----------
    samples : ndarray, shape (C, h, w), int32
        The samples.
    missing : str or None
        What a codestream that ends early lacks.
    remarks : list of str
        Warnings of OpenJPEG.
    """

    samples: NDArray[np.int32]
    missing: str | None
    remarks: list[str]


class NativeReader:
    """Decodes a file. Several threads may use one at the same time.

    Parameters
    ----------
    head : bytes
        The main header of the codestream.
    model : Model
        The learned transform; its operators, and its network for de-quantisation if it has one, are in integers.
    """

    def __init__(self, head: bytes, model: Model) -> None:
        self._head, self._model = head + Marker.SOT.code, model
        self._idle: list[LearnedPicture] = []  # one thread at a time may use a picture

    @stage("native")
    def part(self, tiles: bytes, **options: Any) -> NativeSamples:
        """Decode a part of the picture.

        Parameters
        ----------
        tiles : bytes
            A codestream with the tiles that the part needs, at their place on the reference grid.
        **options
            Those of `LearnedPicture.decode`, with the `area` on the reference grid.

        Raises
        ------
        CodestreamError
            If the part cannot be decoded from these tiles alone.
        """
        try:
            picture = self._idle.pop()
        except IndexError:
            picture = LearnedPicture(self._head, self._model.native_models)
        samples = picture.decode(tiles=tiles, **options)
        result = NativeSamples(samples, None, picture.warnings)
        self._idle.append(picture)
        return result

    @stage("native")
    def whole(self, codestream: bytes, **options: Any) -> NativeSamples:
        """Decode the picture from its whole codestream.

        Parameters
        ----------
        codestream : bytes
            The codestream, which may end early.
        **options
            Those of `LearnedPicture.decode`.

        Raises
        ------
        CodestreamError
            If it cannot be decoded.
        """
        with LearnedPicture(codestream, self._model.native_models) as picture:
            return NativeSamples(picture.decode(**options), picture.missing, picture.warnings)
