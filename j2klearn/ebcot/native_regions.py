"""Regions of an open learned file, decoded by one call of native code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.markers import Marker
from ..core.geometry import Rect
from ..core.timing import stage
from ..models.model import Model
from ..native.picture import LearnedPicture

__all__ = ["NativeRegions"]


class NativeRegions:
    """Decodes regions from the tiles that hold them. Several threads may use one at the same time.

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
    def decode(
        self,
        tiles: bytes,
        area: Rect,
        *,
        reduce: int,
        layers: int,
        components: Sequence[int] | None,
        draft: bool,
        threads: int,
    ) -> tuple[NDArray[np.int32], list[str]]:
        """Decode an area of the reference grid.

        Parameters
        ----------
        tiles : bytes
            A codestream with the tiles that the area needs, at their place on the reference grid.
        area, reduce, layers, components, draft, threads
            As in `LearnedPicture.decode`; `components` None for all.

        Returns
        -------
        samples : ndarray, shape (C, h, w), int32
            The samples.
        remarks : list of str
            Warnings of OpenJPEG.

        Raises
        ------
        CodestreamError
            If the area cannot be decoded from these tiles alone.
        """
        try:
            picture = self._idle.pop()
        except IndexError:
            picture = LearnedPicture(self._head, self._model.native_models)
        options: dict[str, Any] = {"reduce": reduce, "layers": layers, "draft": draft, "threads": threads}
        samples = picture.decode(area=area, components=components or (), tiles=tiles, **options)
        remarks = picture.warnings
        self._idle.append(picture)
        return samples, remarks
