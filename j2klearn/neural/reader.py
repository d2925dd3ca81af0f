"""Reading: a file's payload through its entropy model, quantiser, transform and colour."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..core.geometry import Rect
from ..core.limits import check_pixels
from ..core.progress import Progress, silent
from ..core.request import chosen_components, chosen_resolution, region_area
from ..core.threads import default_threads
from ..errors import OptionError, SegmentError, TruncatedWarning
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

#: Share of the work that entropy decoding is.
_DECODED = 0.85


@dataclass(frozen=True)
class NeuralFile:
    """A file of the neural profile, ready to be read any number of times, by several threads at once.

    Regions are cut out of the whole picture at their resolution; the last one decoded for that is kept.
    """

    header: Header
    segments: Segments
    size: int  # bytes of the payload that are there
    model: EntropyModel
    extra: tuple[Model, ...] = ()
    _kept: _Kept = field(default_factory=lambda: _Kept(), compare=False)

    @classmethod
    def open(
        cls, codestream: PartialCodestream, model: str | Path | Model | EntropyModel | None = None
    ) -> NeuralFile | None:
        """Return what a file holds; None where it is of another profile.

        Parameters
        ----------
        codestream : PartialCodestream
            The file's.
        model : str, Path, Model or EntropyModel, optional
            A model beside the shipped ones.

        Raises
        ------
        CodestreamError
            If the payload is damaged, or missing.
        ModelNotFoundError
            If the entropy model is not installed.
        """
        opened = open_payload(codestream)
        if opened is None:
            return None
        header, segments, size = opened
        given = [] if model is None else [resolve_any(model)]
        transforms = tuple(each for each in given if isinstance(each, Model))
        entropy = [each for each in given if not isinstance(each, Model)]
        found = find_entropy(header.model_prefix, entropy)
        if is_lossless(found.config) != header.lossless or found.levels(header.shape) != header.levels:
            raise SegmentError("the header of the neural payload contradicts the model that it names")
        return cls(header, segments, size, found, (*transforms, *found.beside))

    def read(
        self,
        area: Rect,
        reduce: int = 0,
        components: list[int] | None = None,
        threads: int = 1,
        progress: Progress = silent,
    ) -> NDArray[Any]:
        """Decode an area of the picture.

        Parameters
        ----------
        area : Rect
            In pixels of the full resolution; it lies in the picture.
        reduce : int
            Highest resolutions to leave out.
        components : list of int, optional
            These alone, as they are coded.
        threads : int
            Threads to use.
        progress : callable
            Called with the share of the work done, 0 to 1, and the name of the stage.

        Raises
        ------
        CodestreamError
            If the payload is damaged.
        """
        if components is not None and self.header.lossless and self.header.component_transform:
            raise OptionError(
                "the components of this picture are read together: those of the RCT have more bits"
            )
        key = (reduce, tuple(components) if components is not None else None)
        if area == self.header.area:
            return self._decode(*key, threads, progress)
        with self._kept.lock:
            if self._kept.key != key:
                self._kept.picture = self._decode(*key, threads, progress)
                self._kept.key = key
            whole = self._kept.picture
        part = area.resolution(reduce).slices_in(self.header.area.resolution(reduce))
        return whole[part].copy()

    def requested(
        self,
        *,
        reduce: int,
        layers: int,
        region: tuple[int, int, int, int] | None,
        components: Sequence[int] | None,
        threads: int | None,
        max_pixels: int | None,
        progress: Progress | None,
    ) -> NDArray[Any]:
        """Decode what `j2klearn.decode` is asked for."""
        header = self.header
        reduce = chosen_resolution(reduce, header.levels)
        if not isinstance(layers, int) or layers < 0:
            raise OptionError(f"layers is 0 (all) or a number of quality layers, not {layers!r}")
        area = header.area if region is None else region_area(region, header.area)
        self.check(reduce, max_pixels)
        if not area.resolution(reduce).size:
            raise OptionError(f"nothing of the picture is left of the region {region!r} at reduce={reduce}")
        chosen = None if components is None else chosen_components(components, header.components)
        report = progress or silent
        out = self.read(area, reduce, chosen, default_threads() if threads is None else threads, report)
        report(1.0, "done")
        return out

    def check(self, reduce: int, max_pixels: int | None) -> None:
        """Raise `LimitError` where the picture, of which a region is cut, has too many pixels at a resolution."""
        check_pixels(*self.header.area.resolution(reduce).shape, max_pixels)

    def _decode(
        self, reduce: int, components: tuple[int, ...] | None, threads: int, progress: Progress
    ) -> NDArray[Any]:
        header = self.header
        points = Points() if header.expected else None
        pyramids = self.pyramids(reduce, threads, progress, points)
        progress(_DECODED, "lifting")
        if header.lossless:
            whole = synthesise_reversible(pyramids, threads)
            if components is not None:
                whole = whole[list(components)]
            return reversible_pixels(
                whole, header.precision, rct=header.component_transform, signed=header.is_signed
            )
        planes = self._synthesised(pyramids, reduce, threads, points)
        if not reduce:
            self._restored(planes)
        ict = header.component_transform
        if components is not None:
            planes, ict = planes[list(components)], False
        return pixels(planes, header.precision, ict=ict, signed=header.is_signed)

    @property
    def step_code(self) -> int:
        """What the entropy model is told of the quantiser step."""
        return model_code(self.header.code)

    def pyramids(
        self, reduce: int, threads: int, progress: Progress = silent, points: Points | None = None
    ) -> list[Pyramid]:
        """Return the indices of all components at a resolution; what is missing of a file cut off is zero.

        Parameters
        ----------
        reduce, threads, progress
            As in `read`.
        points : Points, optional
            Gets where the entropy model expects the coefficients to be.
        """
        header = self.header
        wanted = max(1, header.levels - reduce)
        count = min(wanted, self.segments.there(self.size))
        data = self.segments.first(count)

        def advance(share: float) -> None:
            progress(_DECODED * share, "decoding")

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
        if count < wanted:
            missing = f"{wanted - count} of {wanted} resolutions"
            warnings.warn(
                f"the file is cut off, and {missing} are missing; what was there has been decoded",
                TruncatedWarning,
                stacklevel=6,
            )
        levels = header.levels - reduce
        area = header.area.resolution(reduce)
        return [
            pyramid.reduced(max(0, pyramid.levels - levels)).completed(area, levels) for pyramid in pyramids
        ]

    def synthesised(self) -> NDArray[np.float32]:
        """Return the planes at full resolution, before de-quantisation, of a lossy file; as `restore` takes them."""
        points = Points() if self.header.expected else None
        return self._synthesised(self.pyramids(0, 1, points=points), 0, 1, points)

    def _synthesised(
        self, pyramids: list[Pyramid], reduce: int, threads: int, points: Points | None
    ) -> NDArray[np.float32]:
        header = self.header
        if points is not None and not points:
            raise SegmentError(
                "the neural payload goes by what its entropy model expects, which it does not tell"
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
        """Take quantisation noise off planes at full resolution, in place."""
        if self.header.noise:
            model = named_model(self.model.config.get("dequantiser"), self.extra)
            restore(planes, self.header.noise, model, ict=self.header.component_transform)


@dataclass
class _Kept:
    """The last picture that regions were cut out of."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    key: tuple[int, tuple[int, ...] | None] | None = None
    picture: NDArray[Any] = field(default_factory=lambda: np.empty(0))
