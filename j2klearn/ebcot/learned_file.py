"""A learned file that is open: its segment, its model, and what a reader can ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.learned_segment import Colour, Descriptor, Transport, read_comments
from ..codestream.main_header import MainHeader
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..core.subbands import Subbands
from ..errors import SegmentError, UnsupportedError
from ..models.model import Model
from ..models.registry import Finder, find
from .learned_reader import LearnedReader
from .reconstruction import Lattice, read_lattice

if TYPE_CHECKING:
    from ..dequantisation.apply import NoiseMap

__all__ = ["LearnedFile"]


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

    def read(self, request: ReadRequest, run: Run) -> Decoded:
        """Decode what is asked for."""
        reader = LearnedReader(self, request.layers, request.components, run)
        if request.area == self.header.area:
            samples = reader.whole(request.reduce)
        else:
            samples = reader.region(request.wanted, request.reduce)
        return Decoded(samples, reader.missing)

    def synthesised(self, layers: int, threads: int = 1) -> NDArray[np.float32]:
        """Return the components before de-quantisation: (C, H, W) in 8-bit grey levels, level shifted."""
        return LearnedReader(self, layers, run=Run(threads)).synthesised(0)

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
        return LearnedReader(self, layers, run=Run(threads)).coarse()
