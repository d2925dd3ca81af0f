"""Decoding of a learned file: tier-1, reconstruction, synthesis, de-quantisation and the inverse colour transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.learned_segment import Colour, Descriptor
from ..codestream.main_header import MainHeader
from ..core.geometry import Rect
from ..core.limits import MAX_TILES
from ..core.normalisation import normalised_bands, restore
from ..core.run import Run
from ..core.subbands import Subbands
from ..dequantisation.apply import NoiseMap, dequantise
from ..dequantisation.noise import REACH
from ..dequantisation.twin.network import AnyTwin
from ..native import transport
from ..transform.colour import pixels
from .ordinary import TRUNCATED
from .reconstruction import Lattice, reconstruct

if TYPE_CHECKING:
    from ..dequantisation.networks import AnyDequantiser
    from ..models.model import Model

__all__ = ["LearnedReader", "LearnedSource"]

#: Samples that are decoded on each side of the area whose coefficients are needed: the 5/3 reads two samples on either
#: side of a low-pass sample.
_CARRIER_MARGIN = 2

_DEFAULT_RUN = Run()


def _bounds(network: AnyDequantiser | AnyTwin, threads: int) -> AbstractContextManager[None]:
    """Return a context that bounds the threads of PyTorch, if the network needs PyTorch."""
    if isinstance(network, AnyTwin):
        return nullcontext()
    from ..transform.threads import bounded

    return bounded(threads)


class LearnedSource(Protocol):
    """The parts of a learned file that a reader needs; see `j2klearn.ebcot.learned_file.LearnedFile`."""

    @property
    def codestream(self) -> PartialCodestream:
        """The codestream."""

    @property
    def descriptor(self) -> Descriptor:
        """The learned-transform segment."""

    @property
    def model(self) -> Model:
        """The learned transform."""

    @property
    def lattices(self) -> Sequence[Lattice]:
        """Half the quantiser steps of every component, for the reconstruction of coefficients."""

    @property
    def header(self) -> MainHeader:
        """The main header."""

    def noise_map(self, component: int, layers: int = 0) -> NoiseMap | None:
        """Return the noise of a component for de-quantisation; None if the component is not de-quantised."""


class LearnedReader:
    """Decodes a learned file once.

    Parameters
    ----------
    file : LearnedSource
        The file.
    layers : int
        Quality layers to decode; 0 for all.
    components : tuple of int, optional
        Components to return, without the inverse component transform. Default: all, with the inverse component
        transform.
    run : Run
        Threads and progress, and whether to leave out de-quantisation.

    Attributes
    ----------
    missing : str or None
        A message if the codestream is truncated, else None.
    remarks : list of str
        Other warnings of OpenJPEG.
    reach : int
        Samples of the finer level that one level of synthesis reads beyond an area.
    """

    #: Whether the coefficients are quantised, and are decoded to half quantiser steps.
    half_steps = True

    def __init__(
        self,
        file: LearnedSource,
        layers: int = 0,
        components: tuple[int, ...] | None = None,
        run: Run = _DEFAULT_RUN,
    ) -> None:
        self.file, self.source, self.lattices = file, file.codestream, file.lattices
        self.header, self.descriptor, self.model = file.header, file.descriptor, file.model
        self.layers, self.components = layers, components
        self.threads, self.progress = run.threads, run.progress
        self.dequantises = self.descriptor.noise is not None and self.model.dequantises and not run.draft
        self.missing: str | None = None
        self.remarks: list[str] = []
        self.codestream, self._extracted = b"", False

    def _load(self, requests: Sequence[tuple[Rect, int]]) -> None:
        """Read the parts of the file that are needed for some areas, each with the number of resolutions left out."""
        part = None
        if requests != [(self.header.area, 0)] or 0 < self.layers < self.header.layers:
            part = self.source.extract(requests, self.layers or self.header.layers)
        self._extracted = part is not None
        if part is None:
            self.codestream = self.source.whole()
            return
        self.codestream = part.codestream
        if part.truncated:
            self.missing = TRUNCATED

    def _decoder(self, reduce: int, area: Rect | None) -> transport.Decoder:
        decoder = transport.Decoder(self.codestream, max_samples=0, max_tiles=MAX_TILES)
        try:
            decoder.decode(
                reduce=reduce,
                layers=self.layers,
                area=area,
                half_steps=self.half_steps,
                strict=self._extracted,
                threads=self.threads,
            )
            self.missing = self.missing or decoder.missing
            self.remarks += [remark for remark in decoder.warnings if remark not in self.remarks]
        except BaseException:
            decoder.close()
            raise
        return decoder

    @property
    def reach(self) -> int:
        return self.model.transform.reach

    def _pixels(self, planes: NDArray[np.float32]) -> NDArray[Any]:
        restore(planes, self.descriptor.normalisation, self.descriptor.precision)
        ict = self.descriptor.colour == Colour.ICT
        if self.components is not None:
            planes, ict = planes[list(self.components)], False
        return pixels(planes, self.descriptor.precision, ict=ict, signed=self.header.signed[0])

    def _synthesise(
        self,
        components: list[Subbands],
        advance: Callable[[float], None] | None = None,
        *,
        reduce: int,
    ) -> NDArray[Any]:
        """Synthesise components, one group with shared opacities at a time. The list is emptied, to free memory.

        The result has the resolution after `reduce` levels are left out.
        """
        base_chroma = self.descriptor.base_chroma and not reduce
        groups = [components[group] for group in self.descriptor.groups]
        components.clear()
        count = self.header.components
        planes = []
        while groups:
            share = len(groups[0]) / count
            scaled = (lambda part, share=share: advance(part * share)) if advance else None
            planes.append(
                self.model.transform.synthesise(groups.pop(0), self.threads, scaled, base_chroma=base_chroma)
            )
        return planes[0] if len(planes) == 1 else np.concatenate(planes)

    def _dequantise(self, planes: NDArray[np.float32], area: Rect) -> None:
        """Remove quantisation noise from components at full resolution, in place."""
        if not self.dequantises:
            return
        noises = [self.file.noise_map(index, self.layers) for index in range(len(planes))]
        if any(noise is not None for noise in noises):
            ict, network = self.descriptor.colour == Colour.ICT, self.model.dequantiser_for_decoding
            with _bounds(network, self.threads):
                dequantise(planes, area, network, noises, ict=ict, threads=self.threads)

    def whole(self, reduce: int) -> NDArray[Any]:
        """Decode the whole picture.

        Parameters
        ----------
        reduce : int
            Number of highest resolutions to leave out.

        Returns
        -------
        ndarray, shape (H, W) or (H, W, C)
            Samples; see `j2klearn.transform.colour.pixels` for the dtype.
        """
        planes = self.synthesised(reduce)
        if not reduce:
            self._dequantise(planes, self.header.area)
        return self._pixels(planes)

    def synthesised(self, reduce: int) -> NDArray[np.float32]:
        """Decode the components of the whole picture without de-quantisation.

        Parameters
        ----------
        reduce : int
            Number of highest resolutions to leave out.

        Returns
        -------
        ndarray, shape (C, H, W), float32
            Components in 8-bit grey levels, level shifted.
        """
        done = 0.1

        def advance(share: float) -> None:
            nonlocal done
            done += 0.85 * share
            self.progress(min(done, 0.95), "lifting")

        self.progress(0.0, "decoding")
        area, levels = self.header.area.resolution(reduce), self.descriptor.levels - reduce
        self._load([(self.header.area, reduce)])
        with self._decoder(reduce, None) as decoder:
            flats = (decoder.subbands(index, levels) for index in range(self.header.components))
            components = [self._subbands(at, flat, area, levels, reduce) for at, flat in enumerate(flats)]
        return self._synthesise(components, advance, reduce=reduce)

    def coarse(self) -> list[Subbands]:
        """Return the decoded coefficients of every component, without those of the finest level."""
        self._load([(self.header.area, 1)])
        area, levels = self.header.area.resolution(1), self.descriptor.levels - 1
        with self._decoder(1, None) as decoder:
            flats = (decoder.subbands(index, levels) for index in range(self.header.components))
            return [self._subbands(at, flat, area, levels, 1) for at, flat in enumerate(flats)]

    def _subbands(
        self, component: int, flat: NDArray[np.int32], area: Rect, levels: int, reduce: int
    ) -> Subbands:
        """Return the reconstructed subbands of a component: `levels` levels below the `reduce` finest ones.

        They are normalised, and without scales.
        """
        half_steps = Subbands.from_flat(flat, area, levels)
        bands = reconstruct(half_steps, self.lattices[component], reduce + 1, self.threads)
        deepest = self.descriptor.levels - reduce
        if self.descriptor.normalisation:
            rule = self.descriptor.normalisation[component]
            normalised_bands(bands, rule, self.descriptor.precision, low=levels == deepest)
        if self.descriptor.scales:
            low, *details = self.descriptor.scales
            details = details[3 * (deepest - levels) : 3 * deepest]
            bands.divide([low if levels == deepest else 1.0, *details])
        return bands

    def region(self, wanted: Rect, reduce: int) -> NDArray[Any]:
        """Decode a region of a resolution, and at every level only the area that the synthesis reads.

        The synthesis of one level reads a margin around its area. So the areas are computed from the finest level to
        the coarsest; each is one margin larger than the one before. Then they are decoded from the coarsest level to
        the finest. At every resolution only the carrier of the area is decoded, and one level of analysis of the
        carrier returns the details of the level.

        Parameters
        ----------
        wanted : Rect
            The region, in samples of the resolution.
        reduce : int
            Number of highest resolutions to leave out.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C)
            Samples; see `j2klearn.transform.colour.pixels` for the dtype.
        """
        grid, levels, margin = self.header.area, self.descriptor.levels, self.reach
        areas = {reduce: wanted}
        if not reduce and self.dequantises:
            areas[reduce] = wanted.grown(REACH).intersection(grid)
        for at in range(reduce, levels):
            areas[at] = areas[at].grown(margin).intersection(grid.resolution(at))
            areas[at + 1] = areas[at].resolution(1)
        coarsest = [reduce] if reduce == levels else range(reduce, levels)
        # at the borders of the decoded carrier its analysis is wrong, because it lacks the samples outside
        carrier_margin = 0 if reduce == levels else _CARRIER_MARGIN
        requests = {at: self._request(at, areas[at].grown(carrier_margin)) for at in coarsest}
        self._load([(request, at) for at, request in requests.items()])
        if reduce == levels:
            areas[reduce], flats = self._level(reduce, requests[reduce], 0)
            planes = np.stack(
                [self._subbands(index, flat, areas[reduce], 0, reduce).ll for index, flat in enumerate(flats)]
            )
        for at in range(levels - 1, reduce - 1, -1):
            area = areas[at]
            decoded, flats = self._level(at, requests[at], 1)
            components = []
            for index, flat in enumerate(flats):
                bands = self._subbands(index, flat, decoded, 1, at)
                parts = zip(bands.bands(), area.decomposed(), decoded.decomposed(), strict=True)
                ll, hl, lh, hh = (band[inner.slices_in(outer)] for band, inner, outer in parts)
                if at < levels - 1:
                    ll = planes[index][area.resolution(1).slices_in(areas[at + 1])]
                components.append(Subbands(area, ll, [(hl, lh, hh)]))
            planes = self._synthesise(components, reduce=at)
            self.progress((levels - at) / (levels - reduce + 1), "lifting")
        if not reduce:
            self._dequantise(planes, areas[reduce])
        return self._pixels(planes[(slice(None), *wanted.slices_in(areas[reduce]))])

    def _request(self, reduce: int, area: Rect) -> Rect:
        """Return an area of the reference grid that contains an area of a resolution."""
        scale = 1 << reduce
        grid = Rect(area.y0 * scale, area.x0 * scale, area.y1 * scale, area.x1 * scale)
        return grid.intersection(self.header.area)

    def _level(self, reduce: int, request: Rect, levels: int) -> tuple[Rect, list[NDArray[np.int32]]]:
        """Decode an area of the reference grid. Return its area at a resolution, and the flat subbands by component."""
        with self._decoder(reduce, request) as decoder:
            flats = [decoder.subbands(index, levels) for index in range(self.header.components)]
        return request.resolution(reduce), flats
