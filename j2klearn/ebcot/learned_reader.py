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
from ..core.geometry import ORIENTATIONS, Rect
from ..core.limits import MAX_TILES
from ..core.normalisation import normalised_bands, restore
from ..core.progress import silent
from ..core.run import Run
from ..core.subbands import Subbands
from ..dequantisation.apply import NoiseMap, dequantise
from ..dequantisation.twin.network import AnyTwin
from ..errors import CodestreamError, LimitError
from ..native import transport
from ..transform.colour import interleaved, pixels
from ..transform.part_areas import PartAreas
from .native_reader import NativeReader, NativeSamples
from .ordinary import TRUNCATED
from .reconstruction import Lattice, reconstruct

if TYPE_CHECKING:
    from ..dequantisation.networks import AnyDequantiser
    from ..models.model import Model

__all__ = ["LearnedReader", "LearnedSource"]

#: Samples that are decoded on each side of the area whose coefficients are needed: the 5/3 reads two samples on either
#: side of a low-pass sample.
_CARRIER_MARGIN = 2

#: Pixels of a picture that one native call decodes as a whole. For larger ones Python's share of the time is small, and
#: they need less memory when Python calls one stage after the other.
_SMALL = 1 << 20

_DEFAULT_RUN = Run()

_NONE = np.empty((0, 0), np.int32)


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

    @property
    def native(self) -> NativeReader | None:
        """What decodes the file in native code, if that is possible."""

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
        self.draft = run.draft
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

    def _pixels(self, planes: NDArray[np.float32]) -> NDArray[Any]:
        restore(planes, self.descriptor.normalisation, self.descriptor.precision)
        ict = self.descriptor.colour == Colour.ICT
        if self.components is not None:
            planes, ict = planes[list(self.components)], False
        signed = self.header.signed[0]
        return pixels(planes, self.descriptor.precision, ict=ict, signed=signed, threads=self.threads)

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

    def _dequantise(self, planes: NDArray[np.float32], area: Rect, wanted: Rect | None = None) -> None:
        """Remove quantisation noise from a part of components at full resolution, in place."""
        if not self.dequantises:
            return
        noises = [self.file.noise_map(index, self.layers) for index in range(len(planes))]
        if any(noise is not None for noise in noises):
            ict, network = self.descriptor.colour == Colour.ICT, self.model.dequantiser_for_decoding
            with _bounds(network, self.threads):
                dequantise(planes, area, network, noises, ict=ict, wanted=wanted, threads=self.threads)

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
        if not reduce:
            samples = self._native_whole()
            if samples is not None:
                return samples
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
        return self._reconstructed(component, Subbands.from_flat(flat, area, levels), reduce)

    def _reconstructed(self, component: int, half_steps: Subbands, reduce: int) -> Subbands:
        bands = reconstruct(half_steps, self.lattices[component], reduce + 1, self.threads)
        levels, deepest = half_steps.levels, self.descriptor.levels - reduce
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

        The synthesis of one level reads subbands around its area. So the areas are computed from the finest level to
        the coarsest, each larger than the one before. Then they are synthesised from the coarsest level to the finest.

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
        grid, levels = self.header.area, self.descriptor.levels
        area = wanted
        if not reduce and self.dequantises:
            area = wanted.grown(self.model.dequantiser_for_decoding.reach).intersection(grid)
        if reduce == levels:
            request = self._request(reduce, area)
            self._load([(request, reduce)])
            area, flats = self._level(reduce, request, 0)
            planes = np.stack(
                [self._subbands(index, flat, area, 0, reduce).ll for index, flat in enumerate(flats)]
            )
        else:
            areas = []
            for at in range(reduce, levels):
                areas.append(self._part_areas(area, grid.resolution(at)))
                area = areas[-1].low.resolution(1)
            tiles = self._tiles(areas, reduce) if self.half_steps else None
            if tiles is not None and self.file.native is not None:
                try:
                    request = self._request(reduce, wanted)
                    return self._native(self.file.native.part(tiles, area=request, **self._options(reduce)))
                except (CodestreamError, LimitError):
                    tiles, self.missing = None, None
            planes, area = self._synthesised_part(areas, reduce, tiles), areas[0].synthesised
        if not reduce:
            self._dequantise(planes, area, wanted.intersection(area))
        return self._pixels(planes[(slice(None), *wanted.slices_in(area))])

    def _options(self, reduce: int) -> dict[str, Any]:
        """Return what native code needs to know of a request."""
        components = self.components or ()
        return {
            "reduce": reduce,
            "layers": self.layers,
            "components": components,
            "draft": self.draft,
            "threads": self.threads,
        }

    def _native(self, decoded: NativeSamples) -> NDArray[Any]:
        """Return what native code decoded as pixels."""
        self.missing = self.missing or decoded.missing
        self.remarks += [remark for remark in decoded.remarks if remark not in self.remarks]
        return interleaved(decoded.samples, self.descriptor.precision, signed=self.header.signed[0])

    def _native_whole(self) -> NDArray[Any] | None:
        """Decode the whole picture by one native call; None if that is not possible, or the picture is not small."""
        some = 0 < self.layers < self.header.layers
        if some or not self.half_steps or self.progress is not silent or self.header.area.size > _SMALL:
            return None
        if self.file.native is None:
            return None
        try:
            return self._native(self.file.native.whole(self.source.whole(), **self._options(0)))
        except (CodestreamError, LimitError):
            return None

    def _synthesised_part(self, areas: list[PartAreas], reduce: int, tiles: bytes | None) -> NDArray[Any]:
        """Return the planes of a region before de-quantisation.

        `areas` are those of every level, the finest first, and `tiles` is a codestream with the tiles that hold them.
        """
        levels = self.descriptor.levels
        blocks = None if tiles is None else self._blocks(areas, reduce, tiles)
        if blocks is None:
            # at the borders of the decoded carrier its analysis is wrong, because it lacks the samples outside
            requests = [
                self._request(at, own.low.grown(_CARRIER_MARGIN)) for at, own in enumerate(areas, reduce)
            ]
            self._load([(request, at) for at, request in enumerate(requests, reduce)])
        planes: NDArray[Any] | None = None
        for at in range(levels - 1, reduce - 1, -1):
            own = areas[at - reduce]
            components = blocks.pop() if blocks else self._cropped(at, requests[at - reduce], own)
            if planes is not None:
                inner = own.low.resolution(1).slices_in(areas[at + 1 - reduce].synthesised)
                for bands, plane in zip(components, planes, strict=True):
                    bands.ll = plane[inner]
            planes = self._synthesise_part(components, own, reduce=at)
            self.progress((levels - at) / (levels - reduce + 1), "lifting")
        assert planes is not None
        return planes

    def _tiles(self, areas: list[PartAreas], reduce: int) -> bytes | None:
        """Return a codestream with the tiles that hold the code-blocks of some areas; None if it cannot be read."""
        parts_of_grid = [(self._request(at, own.details), at) for at, own in enumerate(areas, reduce)]
        last = self.descriptor.levels - 1
        parts_of_grid.append((self._request(last, areas[-1].low), last))
        try:
            codestream = self.source.whole_tiles([area for area, _ in parts_of_grid])
            if codestream is None:
                self._load(parts_of_grid)
                codestream = self.codestream
        except (CodestreamError, LimitError):
            self.missing = None
            return None
        return codestream

    def _blocks(self, areas: list[PartAreas], reduce: int, tiles: bytes) -> list[list[Subbands]] | None:
        """Decode the code-blocks that a region needs, and no other part of the file.

        Return the subbands of every component at each level, the finest first: LL of the coarsest level only. None if
        the code-blocks cannot be decoded by themselves.
        """
        count = range(self.header.components)
        requests = [
            transport.BandRequest(component, name, at, own.details.subband(name))
            for at, own in enumerate(areas, reduce + 1)
            for component in count
            for name in ORIENTATIONS
        ]
        coarsest = areas[-1].low.resolution(1)
        requests += [transport.BandRequest(index, "LL", self.descriptor.levels, coarsest) for index in count]
        try:
            with transport.BlockReader(tiles) as reader:
                parts = iter(reader.read(requests, self.layers, self.threads))
                remarks = reader.warnings
        except (CodestreamError, LimitError):
            self.missing = None
            return None
        self.remarks += [remark for remark in remarks if remark not in self.remarks]
        levels = [
            [Subbands(own.details, _NONE, [(next(parts), next(parts), next(parts))]) for _ in count]
            for own in areas
        ]
        for bands, low in zip(levels[-1], parts, strict=True):
            bands.ll = low
        return [
            [self._reconstructed(index, bands, at) for index, bands in enumerate(level)]
            for at, level in enumerate(levels, reduce)
        ]

    def _cropped(self, reduce: int, request: Rect, areas: PartAreas) -> list[Subbands]:
        """Decode one level of the codestream, and return what the synthesis reads of every component."""
        decoded, flats = self._level(reduce, request, 1)
        components = []
        rects = areas.low.decomposed()[:1] + areas.details.decomposed()[1:]
        for index, flat in enumerate(flats):
            bands = self._subbands(index, flat, decoded, 1, reduce)
            parts = zip(bands.bands(), rects, decoded.decomposed(), strict=True)
            ll, hl, lh, hh = (band[inner.slices_in(outer)] for band, inner, outer in parts)
            components.append(Subbands(areas.details, ll, [(hl, lh, hh)]))
        return components

    def _part_areas(self, part: Rect, picture: Rect) -> PartAreas:
        return self.model.transform.part_areas(part, picture)

    def _synthesise_part(self, components: list[Subbands], areas: PartAreas, *, reduce: int) -> NDArray[Any]:
        """Synthesise one level of a part of every component; see `CodingTransform.synthesise_part`."""
        planes = []
        for group in self.descriptor.groups:
            own = components[group]
            hl, lh, hh = ([bands.details[0][at] for bands in own] for at in range(3))
            learned = 1 if self.descriptor.base_chroma and not reduce else None
            bands = [bands.ll for bands in own], hl, lh, hh
            planes.append(self.model.transform.synthesise_part(bands, areas, self.threads, learned=learned))
        return planes[0] if len(planes) == 1 else np.concatenate(planes)

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
