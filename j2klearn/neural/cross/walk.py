"""The walk of the cross-component context model through the subbands of a picture, in the order of the file.

Resolutions are coded from coarse to fine, one segment each. A resolution codes one component after the other, and a
component codes LL, which only the lowest resolution has, then HL, LH and HH. P2 codes all of luma first. The contexts
are the same in both orders: chroma is no context for luma, and the only contexts that chroma takes from luma are the
same subband, and the states of the LSTMs after LL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from ..coefficients.pyramid import Pyramid, area_of
from ..entropy.mixture import Mixture, Values
from ..entropy.segment import SegmentReader, SegmentWriter
from ..entropy.wavefront import decoded, wavefronts
from ..integer import companding
from ..integer.companding import compressed
from ..integer.layer import Kernels, Plane
from . import median
from .bands import inputs_of, level_of, orientation_of
from .integer_network import FusionPass, IntegerCrossNetwork, IntegerFusion, State

__all__ = ["CrossWalk", "Reader", "WalkedModel", "Writer"]


class Coder(Protocol):
    """Codes the subbands of a walk. An encoder returns values that it has; a decoder reads them."""

    def open(self, segment: int) -> None:
        """Begin the segment of this number, from 0 on."""

    def band(
        self,
        component: int,
        index: int,
        shape: tuple[int, int],
        fusion: IntegerFusion,
        kernels: Kernels,
        contexts: Sequence[Plane],
    ) -> Values:
        """Return a subband, LL as differences (`j2klearn.neural.cross.median`).

        Parameters
        ----------
        component, index : int
            The component, and its subband (`j2klearn.neural.cross.bands`).
        shape : (int, int)
            Height and width of the subband.
        fusion : IntegerFusion
            The context fusion module.
        kernels : Kernels
            Computes the layers.
        contexts : sequence of ndarray of int16
            The long-term context, see `IntegerFusion.contexts`.

        Returns
        -------
        ndarray of int32, shape (h, w)
        """


class Writer(SegmentWriter):
    """Encodes the subbands of pyramids.

    Parameters
    ----------
    pyramids : sequence of Pyramid
        The components of the picture.
    mixtures : Mixture
        Turns parameters into frequencies.
    """

    def __init__(self, pyramids: Sequence[Pyramid], mixtures: Mixture) -> None:
        super().__init__(mixtures)
        self._bands = [pyramid.bands() for pyramid in pyramids]

    def band(
        self,
        component: int,
        index: int,
        shape: tuple[int, int],
        fusion: IntegerFusion,
        kernels: Kernels,
        contexts: Sequence[Plane],
    ) -> Values:
        values = self._bands[component][index]
        if not index:
            values = median.differences(torch.from_numpy(values.astype(np.int64))).to(torch.int32).numpy()
        mixtures = fusion.mixtures(kernels, compressed(values), contexts)
        mixtures, flat = mixtures.reshape(-1, *mixtures.shape[2:]), values.reshape(-1)
        for _, _, _, places in wavefronts(shape):
            self._encoder.encode(flat[places], mixtures[places])
        return values


class Reader(SegmentReader):
    """Decodes subbands from segments."""

    def band(
        self,
        component: int,
        index: int,
        shape: tuple[int, int],
        fusion: IntegerFusion,
        kernels: Kernels,
        contexts: Sequence[Plane],
    ) -> Values:
        through = FusionPass(fusion, kernels, shape, contexts)
        return decoded(through, shape, lambda mixtures, _: self._decoder.decode(mixtures), compressed)


class _Component:
    """The decoded subbands of a component, the compressed ones that are still needed, and the states of the LSTMs."""

    def __init__(self, role: int, state: State | None) -> None:
        self.role, self.state = role, state
        self.bands: list[Values] = []
        self.known: dict[int, Plane] = {}


class WalkedModel(Protocol):
    """The attributes of a cross-component model that a walk needs."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the model."""

    @property
    def luma(self) -> IntegerCrossNetwork:
        """The network of components that are coded independently."""

    @property
    def chroma(self) -> IntegerCrossNetwork:
        """The network of components that have earlier components as context."""

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the number of decomposition levels of a picture of this height and width."""


class CrossWalk:
    """One walk through the subbands of a picture, in the order of the file.

    Parameters
    ----------
    model : WalkedModel
        The entropy model.
    computes : Kernels
        Computes the layers.
    shape : (int, int)
        Height and width of the picture.
    components : int
        Number of components.
    step_code : int
        16 log2 of the quantiser step.
    related : bool
        Whether the first three components are Y, Cb and Cr.
    """

    def __init__(
        self,
        model: WalkedModel,
        computes: Kernels,
        shape: tuple[int, int],
        components: int,
        step_code: int,
        related: bool,
    ) -> None:
        self._model, self._kernels, self._config = model, computes, model.config
        self._area, self._levels = area_of(shape), model.levels(shape)
        self._step_code = step_code
        with_context = range(1, 3) if related and components >= 3 else range(0)
        self._components = [
            _Component(index if index in with_context else 0, None) for index in range(components)
        ]
        self._first_state: State = []

    def through(self, coder: Coder, levels: int, progress: Callable[[float], None] | None) -> list[Pyramid]:
        """Code the `levels` coarsest levels, at least one.

        Parameters
        ----------
        coder : Coder
            Encodes or decodes the subbands.
        levels : int
            Number of levels to code.
        progress : callable or None
            Called with the share of the work that is done.

        Returns
        -------
        list of Pyramid
            The coded levels of every component.
        """
        done, total = 0, self._area.resolution(self._levels - levels).size * len(self._components)
        last = 3 * levels
        for at in range(levels):
            coder.open(at)
            for number in range(len(self._components)):
                for index in range(3 * at + (at > 0), 3 * at + 4):
                    done += self._band(coder, number, index, last)
                    if progress:
                        progress(done / total)
        return [Pyramid.of(component.bands) for component in self._components]

    def _grid(self, index: int) -> tuple[int, int]:
        return self._area.resolution(level_of(index, self._levels)).shape

    def _band(self, coder: Coder, number: int, index: int, last: int) -> int:
        """Code a subband and return its number of coefficients."""
        component = self._components[number]
        network = self._model.chroma if component.role else self._model.luma
        shape = self._area.subband(orientation_of(index), level_of(index, self._levels)).shape
        fusion = network.fusion(index)
        contexts = fusion.contexts(self._kernels, self._planes(number, index, shape), component.role)
        values = coder.band(number, index, shape, fusion, self._kernels, contexts)
        component.bands.append(median.restored(values) if not index else values)
        component.known[index] = compressed(values)
        if index < last:
            self._advance(component, index)
        component.known.pop(index - 4, None)  # no later context needs it
        return values.size

    def _planes(self, number: int, index: int, shape: tuple[int, int]) -> list[Plane]:
        """Return the planes of the long-term context of a subband."""
        component = self._components[number]
        inputs = inputs_of(index, component.role, self._config)
        height, width = shape
        planes = [other.known[index] for other in self._components[: inputs.others]]
        if component.state is None and component.role and self._config["conditioned"]:
            component.state = self._first_state
        if inputs.predicted:
            assert component.state is not None
            network = self._model.luma
            planes.append(network.predicted(max(index, 1), component.state)[:height, :width])
        if inputs.parent:
            parent = np.zeros(shape, np.int16)
            if index > 3:
                coarser = on_grid(component.known[index - 3], self._grid(index - 3))
                network = self._model.chroma if component.role else self._model.luma
                parent = network.fusion(index).upsampled(self._kernels, coarser, shape)
            planes.append(parent)
        if inputs.told:
            level = level_of(index, self._levels)
            step = companding.scalar_planes(torch.tensor([self._step_code]), level, shape)[0, 0]
            planes.append(step.to(torch.int16).numpy())
        return planes

    def _advance(self, component: _Component, index: int) -> None:
        """Update the states of the LSTMs with a subband."""
        network = self._model.chroma if component.role else self._model.luma
        grid = self._grid(index)
        state = network.prediction.start(grid) if component.state is None else component.state
        band = on_grid(component.known[index], grid)
        component.state = network.seen(self._kernels, index, band, state, self._grid(index + 1))
        if component is self._components[0] and not index:
            self._first_state = component.state


def on_grid(band: Plane, grid: tuple[int, int]) -> Plane:
    """Return a subband on the grid of its level's LL, with zeros in the last row or column if it is smaller."""
    return np.pad(band, ((0, grid[0] - band.shape[0]), (0, grid[1] - band.shape[1])))
