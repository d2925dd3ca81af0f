"""Reading: a file through boxes, codestream, transport, learned lifting and colour, whole or a region of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.learned_segment import Colour, Descriptor, Transport, read_comments
from ..codestream.main_header import HEADROOM, MainHeader, to_wide
from ..core.geometry import Rect
from ..core.limits import MAX_TILES, check_pixels
from ..core.progress import Progress, silent
from ..core.request import chosen_components, chosen_resolution, region_area
from ..core.subbands import Subbands
from ..core.threads import default_threads
from ..dequantisation.noise import REACH
from ..errors import DecodingError, OptionError, SegmentError, TruncatedWarning, UnsupportedError
from ..jp2 import boxes
from ..models.model import Model
from ..models.registry import Finder, find
from ..native import transport
from ..transform.colour import pixels
from .reconstruction import Lattice, read_lattice, reconstruct

if TYPE_CHECKING:
    from ..dequantisation.apply import NoiseMap
    from ..models.model import Model

__all__ = ["LearnedFile", "part_of_file", "read"]

#: Bits of the samples as which a carrier is decoded: a reader's choice, as fine as float32 goes. Opacities react to
#: rounding where a picture is nearly flat, and a region has to come out like the whole.
_CARRIER_BITS = 24

#: Samples by which an area is decoded beyond what is wanted of its details: half the 9/7 and a little more.
_CUT = 8

_TRUNCATED = "the codestream is truncated"


def read(
    codestream: PartialCodestream,
    learned: LearnedFile | None,
    *,
    reduce: int,
    layers: int,
    region: tuple[int, int, int, int] | None,
    components: Sequence[int] | None,
    threads: int | None,
    max_pixels: int | None,
    progress: Progress | None,
) -> NDArray[Any]:
    """Decode what `decode` is asked for of a file that is open; `learned` is what it holds if it is a learned one."""
    header = codestream.header
    reduce = chosen_resolution(reduce, header.levels)
    if not isinstance(layers, int) or layers < 0:
        raise OptionError(f"layers is 0 (all) or a number of quality layers, not {layers!r}")
    area = header.area if region is None else region_area(region, header.area)
    wanted = area.resolution(reduce)
    check_pixels(wanted.height, wanted.width, max_pixels)
    if not wanted.size:
        raise OptionError(f"nothing of the picture is left of the region {region!r} at reduce={reduce}")
    if components is not None:
        components = chosen_components(components, header.components)
    threads = default_threads() if threads is None else threads
    layers = min(layers, header.layers)
    report = progress or silent

    def attempt() -> NDArray[Any]:
        if learned is None:
            return _decode_ordinary(codestream, area, reduce, layers, components, threads, max_pixels)
        return learned.read(area, reduce, layers, components, threads, report)

    try:
        out = attempt()
    except DecodingError:
        if not codestream.distrust_plt():
            raise
        out = attempt()
    report(1.0, "done")
    return out


def _warn(message: str) -> None:
    warnings.warn(f"{message}; what was there has been decoded", TruncatedWarning, stacklevel=5)


def _warn_if_truncated(decoder: transport.Decoder) -> None:
    if decoder.warnings:
        _warn(decoder.warnings[0])


def part_of_file(codestream: PartialCodestream, area: Rect, reduce: int, layers: int) -> tuple[bytes, bool]:
    """Return a file from which an area of the reference grid can be decoded, and whether bytes of it are missing."""
    header = codestream.header
    if area != header.area or reduce or 0 < layers < header.layers:
        part = codestream.extract([(area, reduce)], layers or header.layers)
        if part is not None:
            data = part.codestream
            if codestream.jp2:
                before = boxes.resized(codestream.boxes_before(), *part.area.shape)
                data = before + boxes.codestream_header(len(data)) + data
            return data, part.truncated
    return codestream.source.whole(), False


def _decode_ordinary(
    codestream: PartialCodestream,
    area: Rect,
    reduce: int,
    layers: int,
    components: list[int] | None,
    threads: int,
    max_pixels: int | None,
) -> NDArray[Any]:
    most = 0 if max_pixels is None else max_pixels * codestream.header.components
    data, truncated = part_of_file(codestream, area, reduce, layers)
    if truncated:
        _warn(_TRUNCATED)
    with transport.Decoder(data, max_samples=most, max_tiles=MAX_TILES) as decoder:
        decoder.decode(reduce=reduce, layers=layers, area=area, components=components, threads=threads)
        if not truncated:
            _warn_if_truncated(decoder)
        parts = decoder.components
        if len({part.area.shape for part in parts}) > 1:
            raise UnsupportedError(
                "the components of this picture differ in size: j2klearn does not resample them"
            )
        deepest = max(part.precision for part in parts)
        if deepest > 16:
            raise UnsupportedError(f"the samples have {deepest} bits, and j2klearn reads up to 16")
        signed = any(part.signed for part in parts)
        kind = ("i" if signed else "u") + ("1" if deepest <= 8 else "2")
        out = np.empty((*parts[0].area.shape, len(parts)), kind)
        for index in range(len(parts)):
            out[:, :, index] = decoder.samples(index)
    return out[:, :, 0] if len(parts) == 1 else out


def _check(descriptor: Descriptor, header: MainHeader) -> None:
    """Hold the segment against the header: the two have to speak of the same picture."""
    declared = {(precision, sign) for precision, sign in zip(header.precisions, header.signed, strict=True)}
    plain = all(size == (1, 1) for size in header.subsampling)
    if declared not in ({(descriptor.precision, False)}, {(descriptor.precision, True)}) or not plain:
        raise SegmentError("the learned-transform segment contradicts the main header")
    if header.levels != descriptor.levels:
        raise SegmentError("the learned-transform segment contradicts the main header")
    if descriptor.noise is not None and descriptor.noise.codes.shape[2] != header.tiles:
        raise SegmentError("the learned-transform segment contradicts the number of tiles")
    if descriptor.components != header.components:
        raise SegmentError("the learned-transform segment contradicts the number of components")
    if (descriptor.colour == Colour.ICT) != header.component_transform:
        raise SegmentError("the learned-transform segment contradicts the component transform")
    if descriptor.transport != Transport.IRREVERSIBLE or header.reversible or descriptor.colour == Colour.RCT:
        raise UnsupportedError("learned lossless pictures need a later version of j2klearn")


@dataclass(frozen=True)
class LearnedFile:
    """A learned file, ready to be read any number of times, by several threads at once."""

    codestream: PartialCodestream
    descriptor: Descriptor
    model: Model
    lattice: Lattice

    @classmethod
    def open(cls, codestream: PartialCodestream, find: Finder = find) -> LearnedFile | None:
        """Return what a codestream holds; None where it has no learned-transform segment.

        Parameters
        ----------
        codestream : PartialCodestream
            The file's.
        find : callable
            Finds the file's model by its id, also among the one that the file carries.

        Raises
        ------
        SegmentError
            If the segment is damaged, or contradicts the main header.
        ModelNotFoundError
            If the model is not installed.
        """
        header = codestream.header
        descriptor, weights = read_comments(header.binary_comments)
        if descriptor is None:
            return None
        _check(descriptor, header)
        embedded = [] if weights is None else [Model.from_bytes(weights)]
        model = find(descriptor.model_id, embedded)
        return cls(codestream, descriptor, model, read_lattice(codestream.head, header))

    @property
    def header(self) -> MainHeader:
        return self.codestream.header

    def read(
        self,
        area: Rect,
        reduce: int = 0,
        layers: int = 0,
        components: list[int] | None = None,
        threads: int = 1,
        progress: Progress = silent,
    ) -> NDArray[Any]:
        """Decode an area of the reference grid, which lies in the picture; the rest is as in `decode`."""
        reader = _LearnedReader(self, layers, components, threads, progress)
        if area == self.header.area:
            return reader.whole(reduce)
        return reader.region(area.resolution(reduce), reduce)

    def synthesised(self, layers: int, threads: int = 1) -> NDArray[np.float32]:
        """Return the components before de-quantisation: (C, H, W) in 8-bit grey levels, level shifted."""
        return _LearnedReader(self, layers, None, threads, silent).synthesised(0)

    def noise_map(self, component: int, layers: int = 0) -> NoiseMap | None:
        """Return the noise of a component that de-quantisation goes by; None where there is none."""
        table = self.descriptor.noise
        noise = None if table is None else table.log2(component, layers or self.header.layers)
        if noise is None or not self.model.dequantises:
            return None
        from ..dequantisation.apply import NoiseMap

        down, across = self.header.tile_grid
        tiles = [self.header.tile_area(row * across) for row in range(down)]
        rows = np.array([(tile.y0 + tile.y1) / 2 for tile in tiles])
        tiles = [self.header.tile_area(column) for column in range(across)]
        columns = np.array([(tile.x0 + tile.x1) / 2 for tile in tiles])
        return NoiseMap(noise.reshape(down, across), rows, columns)

    def coarse(self, layers: int, threads: int = 1) -> list[Subbands]:
        """Return the coefficients of every component but those of the finest level, as they are decoded."""
        return _LearnedReader(self, layers, None, threads, silent).coarse()


class _LearnedReader:
    """Decodes a learned file once."""

    def __init__(
        self, file: LearnedFile, layers: int, components: list[int] | None, threads: int, progress: Progress
    ) -> None:
        self.file, self.source, self.lattice = file, file.codestream, file.lattice
        self.header, self.descriptor, self.model = file.header, file.descriptor, file.model
        self.layers, self.components, self.threads, self.progress = layers, components, threads, progress
        # the coefficients are in units of 8-bit grey levels
        self.fraction_bits = _CARRIER_BITS - HEADROOM - 8
        self.warned = False
        self.codestream = b""

    def _load(self, requests: Sequence[tuple[Rect, int]]) -> None:
        """Read what the decoding of some areas, each at its resolution, needs of the file."""
        part = None
        if requests != [(self.header.area, 0)] or 0 < self.layers < self.header.layers:
            head = to_wide(self.source.head, self.header, _CARRIER_BITS)
            part = self.source.extract(requests, self.layers or self.header.layers, head)
        if part is None:
            self.codestream = to_wide(self.source.whole(), self.header, _CARRIER_BITS)
            return
        self.codestream = part.codestream
        if part.truncated:
            self.warned = True
            _warn(_TRUNCATED)

    def _decoder(self, reduce: int, area: Rect | None) -> transport.Decoder:
        decoder = transport.Decoder(self.codestream, max_samples=0, max_tiles=MAX_TILES)
        try:
            decoder.decode(
                reduce=reduce,
                layers=self.layers,
                area=area,
                fraction_bits=self.fraction_bits,
                threads=self.threads,
            )
            if not self.warned:
                self.warned = bool(decoder.warnings)
                _warn_if_truncated(decoder)
        except BaseException:
            decoder.close()
            raise
        return decoder

    def _pixels(self, planes: NDArray[np.float32]) -> NDArray[Any]:
        ict = self.descriptor.colour == Colour.ICT
        if self.components is not None:
            planes, ict = planes[self.components], False
        return pixels(planes, self.descriptor.precision, ict=ict, signed=self.header.signed[0])

    def _synthesise(
        self, components: list[Subbands], advance: Callable[[float], None] | None = None
    ) -> NDArray[np.float32]:
        """Put components together again, those that share opacities at once; the list is emptied."""
        from ..transform.dwt import synthesise

        groups = [components[group] for group in self.descriptor.groups]
        components.clear()
        count = self.header.components
        planes = []
        while groups:
            share = len(groups[0]) / count
            scaled = (lambda part, share=share: advance(part * share)) if advance else None
            planes.append(synthesise(groups.pop(0), self.model, self.threads, scaled))
        return planes[0] if len(planes) == 1 else np.concatenate(planes)

    def _dequantise(self, planes: NDArray[np.float32], area: Rect) -> None:
        """Take the quantisation noise off components at full resolution, in place."""
        from ..dequantisation.apply import dequantise

        noises = [self.file.noise_map(index, self.layers) for index in range(len(planes))]
        if any(noise is not None for noise in noises):
            ict = self.descriptor.colour == Colour.ICT
            dequantise(planes, area, self.model.dequantiser, noises, ict=ict)

    def whole(self, reduce: int) -> NDArray[Any]:
        """Return the whole picture at a resolution."""
        planes = self.synthesised(reduce)
        if not reduce:
            self._dequantise(planes, self.header.area)
        return self._pixels(planes)

    def synthesised(self, reduce: int) -> NDArray[np.float32]:
        """Return the components of the whole picture at a resolution, as the synthesis leaves them."""
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
            components = [self._subbands(flat, area, levels, reduce) for flat in flats]
        return self._synthesise(components, advance)

    def coarse(self) -> list[Subbands]:
        """Return the coefficients of every component but those of the finest level, as they were decoded."""
        self._load([(self.header.area, 1)])
        area, levels = self.header.area.resolution(1), self.descriptor.levels - 1
        with self._decoder(1, None) as decoder:
            flats = (decoder.subbands(index, levels) for index in range(self.header.components))
            return [self._subbands(flat, area, levels, 1) for flat in flats]

    def _subbands(self, flat: NDArray[np.float32], area: Rect, levels: int, reduce: int) -> Subbands:
        """Return what was coded of `levels` levels, of which the finest comes after `reduce` resolutions."""
        bands = Subbands.from_flat(flat, area, levels)
        reconstruct(bands, self.lattice, reduce + 1, self.threads)
        if self.descriptor.scales:
            deepest = self.descriptor.levels - reduce
            low, *details = self.descriptor.scales
            details = details[3 * (deepest - levels) : 3 * deepest]
            bands.divide([low if levels == deepest else 1.0, *details])
        return bands

    def region(self, wanted: Rect, reduce: int) -> NDArray[Any]:
        """Return part of a resolution, decoding at every level only what the synthesis reads there.

        The synthesis of one level reads a margin around its area, narrow in samples of that level. So the areas are
        laid out from fine to coarse, one margin wider each, and decoded from coarse to fine: at every resolution the
        carrier of the area alone, from which one analysis returns that level's details.
        """
        from ..transform.dwt import reach

        grid, levels, margin = self.header.area, self.descriptor.levels, reach(self.model)
        areas = {reduce: wanted}
        if not reduce and self.descriptor.noise is not None and self.model.dequantises:
            areas[reduce] = wanted.grown(REACH).intersection(grid)
        for at in range(reduce, levels):
            areas[at] = areas[at].grown(margin).intersection(grid.resolution(at))
            areas[at + 1] = areas[at].resolution(1)
        coarsest = [reduce] if reduce == levels else range(reduce, levels)
        # near the cut the analysis of the carrier knows nothing of what lies beyond
        cut = 0 if reduce == levels else _CUT
        requests = {at: self._request(at, areas[at].grown(cut)) for at in coarsest}
        self._load([(request, at) for at, request in requests.items()])
        if reduce == levels:
            areas[reduce], flats = self._level(reduce, requests[reduce], 0)
            planes = np.stack([self._subbands(flat, areas[reduce], 0, reduce).ll for flat in flats])
        for at in range(levels - 1, reduce - 1, -1):
            area = areas[at]
            decoded, flats = self._level(at, requests[at], 1)
            components = []
            for index, flat in enumerate(flats):
                bands = self._subbands(flat, decoded, 1, at)
                parts = zip(bands.bands(), area.decomposed(), decoded.decomposed(), strict=True)
                ll, hl, lh, hh = (band[inner.slices_in(outer)] for band, inner, outer in parts)
                if at < levels - 1:
                    ll = planes[index][area.resolution(1).slices_in(areas[at + 1])]
                components.append(Subbands(area, ll, [(hl, lh, hh)]))
            planes = self._synthesise(components)
            self.progress((levels - at) / (levels - reduce + 1), "lifting")
        if not reduce:
            self._dequantise(planes, areas[reduce])
        return self._pixels(planes[(slice(None), *wanted.slices_in(areas[reduce]))])

    def _request(self, reduce: int, area: Rect) -> Rect:
        """Return the area of the reference grid that has at least an area of a resolution."""
        scale = 1 << reduce
        grid = Rect(area.y0 * scale, area.x0 * scale, area.y1 * scale, area.x1 * scale)
        return grid.intersection(self.header.area)

    def _level(self, reduce: int, request: Rect, levels: int) -> tuple[Rect, list[NDArray[np.float32]]]:
        """Decode an area of the reference grid; return what it covers at a resolution, and its subbands."""
        with self._decoder(reduce, request) as decoder:
            flats = [decoder.subbands(index, levels) for index in range(self.header.components)]
        return request.resolution(reduce), flats
