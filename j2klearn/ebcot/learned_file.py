"""An open learned file: its learned-transform segment, its model, and the methods that decode it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.learned_segment import Colour, Descriptor, Transport, read_comments
from ..codestream.main_header import MainHeader
from ..core.request import Decoded, ReadRequest
from ..core.run import Run
from ..core.subbands import Subbands
from ..dequantisation.apply import NoiseMap
from ..errors import SegmentError
from ..models.model import Model
from ..models.registry import Finder, find
from .learned_reader import LearnedReader
from .native_reader import NativeReader
from .reconstruction import Lattice, read_lattice
from .reversible_reader import ReversibleReader

__all__ = ["LearnedFile"]


def _check(descriptor: Descriptor, header: MainHeader) -> None:
    """Check that the learned-transform segment and the main header describe the same picture."""
    declared = {(precision, sign) for precision, sign in zip(header.precisions, header.signed, strict=True)}
    plain = all(size == (1, 1) for size in header.subsampling)
    if declared not in ({(descriptor.precision, False)}, {(descriptor.precision, True)}) or not plain:
        raise SegmentError("the learned-transform segment contradicts the main header")
    if any(levels != descriptor.levels for levels in [header.levels, *(c.style.levels for c in header.coc)]):
        raise SegmentError("the learned-transform segment contradicts the main header")
    if descriptor.noise is not None and descriptor.noise.codes.shape[2] != header.tiles:
        raise SegmentError("the learned-transform segment contradicts the number of tiles")
    if descriptor.components != header.components:
        raise SegmentError("the learned-transform segment contradicts the number of components")
    reversible = descriptor.transport == Transport.REVERSIBLE
    transforms = (Colour.RCT, Colour.GREEN) if reversible else (Colour.ICT,)
    if descriptor.colour not in (Colour.NONE, *transforms) or (
        (descriptor.colour != Colour.NONE) != header.component_transform
    ):
        raise SegmentError("the learned-transform segment contradicts the component transform")
    if reversible != header.reversible:
        raise SegmentError("the learned-transform segment contradicts the wavelet of the codestream")


def _check_model(descriptor: Descriptor, model: Model) -> None:
    if model.reversible != (descriptor.transport == Transport.REVERSIBLE):
        raise SegmentError(
            f"the model {model.name} does not fit the transport of the learned-transform segment"
        )


@dataclass(frozen=True)
class LearnedFile:
    """A learned file that can be read any number of times, and by several threads at once.

    Attributes
    ----------
    codestream : PartialCodestream
        The codestream.
    descriptor : Descriptor
        The learned-transform segment.
    model : Model
        The learned transform.
    lattices : tuple of mapping
        Half the quantiser steps of every component; see `j2klearn.ebcot.reconstruction.read_lattice`. Empty
        without loss.
    """

    codestream: PartialCodestream
    descriptor: Descriptor
    model: Model
    lattices: tuple[Lattice, ...]

    @classmethod
    def open(
        cls, codestream: PartialCodestream, find: Finder = find, engine: str = "auto"
    ) -> LearnedFile | None:
        """Open a codestream; None if it has no learned-transform segment.

        Parameters
        ----------
        codestream : PartialCodestream
            The codestream of the file.
        find : callable
            Finds a model by its id. It is also given the model embedded in the file, if there is one.
        engine : str
            What computes the learned steps; see `j2klearn.models.model.Model.using`.

        Raises
        ------
        OptionError
            If the engine is unknown, or cannot compute the model of the file.
        SegmentError
            If the segment is damaged or contradicts the main header, or the header lacks quantiser steps.
        UnsupportedError
            If the segment has a later version.
        ModelError
            If the embedded model is invalid.
        ModelNotFoundError
            If the model is not installed.
        """
        header = codestream.header
        descriptor, weights = read_comments(header.binary_comments)
        if descriptor is None:
            return None
        _check(descriptor, header)
        embedded = [] if weights is None else [Model.from_bytes(weights)]
        model = find(descriptor.model_id, embedded).using(engine)
        _check_model(descriptor, model)
        components = 0 if model.reversible else header.components
        lattices = tuple(read_lattice(header, index) for index in range(components))
        return cls(codestream, descriptor, model, lattices)

    @property
    def header(self) -> MainHeader:
        """The main header of the codestream."""
        return self.codestream.header

    @cached_property
    def native(self) -> NativeReader | None:
        """What decodes the file in native code; None if that cannot compute the model, or the file is lossless."""
        model = self.model
        if model.reversible or model.engine_name != "native" or model.dequantiser_name == "torch":
            return None
        return NativeReader(self.codestream.head, model)

    def read(self, request: ReadRequest, run: Run) -> Decoded:
        """Decode the samples of a request.

        Raises
        ------
        CodestreamError
            If the codestream is damaged.
        """
        kind = ReversibleReader if self.model.reversible else LearnedReader
        reader = kind(self, request.layers, request.components, run)
        if request.area == self.header.area:
            samples = reader.whole(request.reduce)
        else:
            samples = reader.region(request.wanted, request.reduce)
        return Decoded(samples, reader.missing, tuple(reader.remarks))

    def synthesised(self, layers: int, threads: int = 1) -> NDArray[np.float32]:
        """Return the whole picture before de-quantisation.

        Parameters
        ----------
        layers : int
            Quality layers to decode; 0 for all.
        threads : int
            Threads to use.

        Returns
        -------
        ndarray, shape (C, H, W), float32
            Components in 8-bit grey levels, level shifted.
        """
        return LearnedReader(self, layers, run=Run(threads)).synthesised(0)

    def noise_map(self, component: int, layers: int = 0) -> NoiseMap | None:
        """Return the noise of a component for de-quantisation; None if the component is not de-quantised.

        Parameters
        ----------
        component : int
            Index of the component.
        layers : int
            Number of decoded layers; 0 for all.
        """
        table = self.descriptor.noise
        noise = None if table is None else table.log2(component, layers or self.header.layers)
        if noise is None or not self.model.dequantises:
            return None
        down, across = self.header.tile_grid
        tiles = [self.header.tile_area(row * across) for row in range(down)]
        rows = np.array([(tile.y0 + tile.y1) / 2 for tile in tiles])
        tiles = [self.header.tile_area(column) for column in range(across)]
        columns = np.array([(tile.x0 + tile.x1) / 2 for tile in tiles])
        return NoiseMap(noise.reshape(down, across), rows, columns)

    def coarse(self, layers: int, threads: int = 1) -> list[Subbands]:
        """Return the decoded coefficients of every component, without those of the finest level.

        Parameters
        ----------
        layers : int
            Quality layers to decode; 0 for all.
        threads : int
            Threads to use.
        """
        return LearnedReader(self, layers, run=Run(threads)).coarse()
