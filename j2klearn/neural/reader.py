"""Decodes a file: payload, entropy model, de-quantisation, inverse transform, inverse component transform."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..core.normalisation import restore as restore_range
from ..core.progress import Progress, silent
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..errors import OptionError, SegmentError
from ..models.model import Model
from ..transform.colour import pixels, reversible_pixels
from .coefficients.quantisation import dequantised, model_code, step_of
from .coefficients.reconstruction_points import Points
from .format.container import open_payload
from .format.payload import Header, Segments
from .registry import find_entropy, resolve_any
from .restoration import restore
from .subband_transform import is_lossless, named_model, synthesise_reversible, transform_of

if TYPE_CHECKING:
    from .coefficients.pyramid import Pyramid
    from .entropy_model import EntropyModel

__all__ = ["NeuralFile"]

#: Share of the work that is done once entropy decoding ends.
_DECODING_END = 0.85


@dataclass(frozen=True)
class NeuralFile:
    """An open file of the neural profile. It can be read any number of times, by several threads at once.

    A region is cut out of the whole picture, which is decoded at the resolution of the region. The last such picture
    is cached.

    Attributes
    ----------
    header : Header
        The header of the payload.
    segments : Segments
        The positions and checksums of the segments.
    size : int
        Number of bytes of the payload that are in the file. A truncated file has fewer than its header declares.
    model : EntropyModel
        The entropy model that the header names.
    extra : tuple of Model
        Transform models to search before the shipped ones.
    """

    header: Header
    segments: Segments
    size: int
    model: EntropyModel
    extra: tuple[Model, ...] = ()
    _cache: _Cache = field(default_factory=lambda: _Cache(), compare=False)

    @classmethod
    def open(
        cls, codestream: PartialCodestream, model: str | Path | Model | EntropyModel | None = None
    ) -> NeuralFile | None:
        """Open a file; return None if it is of another profile.

        Parameters
        ----------
        codestream : PartialCodestream
            The codestream and the source of the file.
        model : str, Path, Model or EntropyModel, optional
            A model to use in addition to the shipped ones.

        Raises
        ------
        CodestreamError
            If the payload is damaged or missing.
        ModelNotFoundError
            If the entropy model is not installed.
        """
        opened = open_payload(codestream)
        return None if opened is None else cls.of(*opened, model)

    @classmethod
    def of(
        cls,
        header: Header,
        segments: Segments,
        size: int,
        model: str | Path | Model | EntropyModel | None = None,
    ) -> NeuralFile:
        """Return the file of a payload that `open_payload` found. Parameters and errors are those of `open`."""
        given = [] if model is None else [resolve_any(model)]
        transforms = tuple(each for each in given if isinstance(each, Model))
        entropy = [each for each in given if not isinstance(each, Model)]
        found = find_entropy(header.model_prefix, entropy)
        if is_lossless(found.config) != header.lossless or found.levels(header.shape) != header.levels:
            raise SegmentError("the header of the neural payload contradicts the model that it names")
        return cls(header, segments, size, found, (*transforms, *found.beside))

    def read(self, request: ReadRequest, run: Run) -> Decoded:
        """Decode an area of the picture.

        Parameters
        ----------
        request : ReadRequest
            The area, the resolution and the components to decode.
        run : Run
            Threads and progress, and whether to leave out de-quantisation.

        Raises
        ------
        OptionError
            If single components are requested from a lossless picture with a component transform.
        CodestreamError
            If the payload is damaged.
        """
        chosen, reduce = request.components, request.reduce
        if chosen is not None and self.header.lossless and self.header.component_transform:
            raise OptionError(
                "the components of this picture can only be read together: components of the RCT have more bits"
            )
        if request.area == self.header.area:
            out = self._decode(reduce, chosen, run)
        else:
            with self._cache.lock:
                key = (reduce, chosen, run.draft)
                if self._cache.decoded is None or self._cache.key != key:
                    self._cache.decoded = self._decode(reduce, chosen, run)
                    self._cache.key = key
                whole = self._cache.decoded
            part = request.wanted.slices_in(self.header.area.resolution(reduce))
            out = Decoded(whole.samples[part].copy(), whole.missing)
        run.progress(1.0, "done")
        return out

    def _decode(self, reduce: int, components: tuple[int, ...] | None, run: Run) -> Decoded:
        from ..transform.threads import bounded

        with bounded(run.threads):
            return self._decoded(reduce, components, run)

    def _decoded(self, reduce: int, components: tuple[int, ...] | None, run: Run) -> Decoded:
        header, threads = self.header, run.threads
        points = Points() if header.expected else None
        pyramids = self.pyramids(reduce, threads, run.progress, points)
        missing = self._missing(reduce)
        run.progress(_DECODING_END, "lifting")
        if header.lossless:
            whole = synthesise_reversible(pyramids, threads)
            if components is not None:
                whole = whole[list(components)]
            rct = header.component_transform
            samples = reversible_pixels(whole, header.precision, rct=rct, signed=header.is_signed)
            return Decoded(samples, missing)
        planes = self._synthesised(pyramids, reduce, threads, points)
        if not reduce and not run.draft:
            self._restored(planes)
        restore_range(planes, header.normalisation, header.precision)
        ict = header.component_transform
        if components is not None:
            planes, ict = planes[list(components)], False
        return Decoded(pixels(planes, header.precision, ict=ict, signed=header.is_signed), missing)

    @property
    def step_code(self) -> int:
        """The code of the quantiser step for the entropy model, in sixteenths of an octave."""
        return model_code(self.header.code)

    def _resolutions(self, reduce: int) -> tuple[int, int]:
        """Return the number of segments that are needed, and how many of them are complete in the file."""
        wanted = max(1, self.header.levels - reduce)
        return wanted, min(wanted, self.segments.there(self.size))

    def _missing(self, reduce: int) -> str | None:
        wanted, count = self._resolutions(reduce)
        if count == wanted:
            return None
        return f"the file is cut off: {wanted - count} of {wanted} resolutions are missing"

    def pyramids(
        self, reduce: int, threads: int, progress: Progress = silent, points: Points | None = None
    ) -> list[Pyramid]:
        """Return the indices of all components at a resolution. Levels that a truncated file lacks are zero.

        Parameters
        ----------
        reduce : int
            Number of the highest resolutions to leave out.
        threads : int
            Number of threads to use.
        progress : Progress
            Called with the share of the work that is done, and the name of the stage.
        points : Points, optional
            Receives the reconstruction points that the entropy model predicts.
        """
        header = self.header
        _, count = self._resolutions(reduce)
        data = self.segments.first(count)

        def advance(share: float) -> None:
            progress(_DECODING_END * share, "decoding")

        pyramids = self.model.decode(
            data,
            header.shape,
            header.components,
            self.step_code,
            related=header.component_transform,
            threads=threads,
            progress=advance,
            points=points,
        )
        levels = header.levels - reduce
        area = header.area.resolution(reduce)
        return [
            pyramid.reduced(max(0, pyramid.levels - levels)).completed(area, levels) for pyramid in pyramids
        ]

    def synthesised(self) -> NDArray[np.float32]:
        """Return the planes of a lossy file at full resolution, (C, H, W), before learned de-quantisation."""
        points = Points() if self.header.expected else None
        return self._synthesised(self.pyramids(0, 1, points=points), 0, 1, points)

    def _synthesised(
        self, pyramids: list[Pyramid], reduce: int, threads: int, points: Points | None
    ) -> NDArray[np.float32]:
        header = self.header
        if points is not None and not points:
            raise SegmentError(
                "the neural payload needs an entropy model that expects reconstruction points, and this one does not"
            )
        transform = transform_of(
            self.model.config, self.extra, ict=header.component_transform, threads=threads
        )
        bands = [
            dequantised(
                pyramid,
                step_of(header.code),
                header.shifts_of(at),
                None if points is None else points.details(at, pyramid, reduce + 1),
            )
            for at, pyramid in enumerate(pyramids)
        ]
        return transform.synthesise(bands, reduce, header.levels)

    def _restored(self, planes: NDArray[np.float32]) -> None:
        """Remove quantisation noise from planes at full resolution, in place."""
        if self.header.noise:
            model = named_model(self.model.config.get("dequantiser"), self.extra)
            restore(planes, self.header.noise, model, ict=self.header.component_transform)


@dataclass
class _Cache:
    """The last picture that regions were cut out of. Its key: resolutions left out, components, whether a draft."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    key: tuple[int, tuple[int, ...] | None, bool] | None = None
    decoded: Decoded | None = None
