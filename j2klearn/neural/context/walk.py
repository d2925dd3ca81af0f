"""The walk of an entropy model through the subbands of a picture: the order of the file, every station's context."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import ORIENTATIONS
from ..coefficients.pyramid import Pyramid, area_of
from ..entropy.mixture import LOG_SCALE_RANGE, Parameters, Values
from ..integer.companding import compressed
from ..integer.layer import Kernels
from .correction import Surroundings
from .offsets import LEAST_SAMPLES
from .station import PER_SCALE, RAW_BITS, SCALE_BITS, Coder, Station

if TYPE_CHECKING:
    from torch import Tensor

    from .features import Known
    from .integer_network import IntegerNetwork
    from .lowpass import LowPass

__all__ = ["Walk", "WalkedModel"]


def _low_parameters(code: int, count: int) -> Parameters:
    """Return the mixtures of LL's differences: one component around zero."""
    parameters = np.zeros((count, 3, 1), np.int16)
    parameters[:, 2] = LOG_SCALE_RANGE[0] + PER_SCALE * code
    return parameters


class _Component:
    """What is decoded of a component: its pyramid so far, and its low-pass plane."""

    def __init__(self, low: LowPass, raw: int, levels: int) -> None:
        self.low, self.raw = low, raw
        #: HL, LH and HH by level on the grid of the level's LL, finest first, low bits left out: (1, 3, h, w).
        self.grids: list[Tensor | None] = [None] * levels
        #: Before the level that is, or was, decoded last.
        self.known: Known | None = None

    def pass_level(self, level: int, bands: Sequence[Values], grid: tuple[int, ...]) -> None:
        """Go on to the next finer level, HL, LH and HH of this one being known."""
        import torch

        whole = torch.zeros(1, len(bands), *grid, dtype=torch.int64)
        details = [torch.from_numpy(band.astype(np.int64)) for band in bands]
        for at, band in enumerate(details):
            whole[0, at, : band.shape[0], : band.shape[1]] = band >> self.raw
        self.grids[level - 1] = whole
        if level < len(self.grids):
            self.grids[level] = None  # was needed for the last time
        self.low.refine([band[None] for band in details])


class WalkedModel(Protocol):
    """What a walk asks of a context model."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What the model is."""

    @property
    def lossless(self) -> bool:
        """It is for pictures without loss."""

    @property
    def adaptive(self) -> bool:
        """Scales of subbands have offsets."""

    @property
    def corrected(self) -> bool:
        """Means of subbands have corrections."""

    @property
    def first(self) -> IntegerNetwork:
        """The network of components that are coded on their own."""

    @property
    def second(self) -> IntegerNetwork:
        """The network of components that are coded with others known."""

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the decompositions of pictures of that height and width."""


class Walk:
    """One walk through the subbands of a picture, in the order of the file."""

    def __init__(
        self,
        model: WalkedModel,
        computes: Kernels,
        shape: tuple[int, int],
        components: int,
        step_code: int,
        related: bool,
    ) -> None:
        self._model, self._kernels = model, computes
        self._area, self._levels = area_of(shape), model.levels(shape)
        self._count, self._step_code = components, step_code
        #: The components that know those before them.
        self._informed = range(1, 3) if related and components >= 3 else range(0)

    def through(self, coder: Coder, levels: int, progress: Callable[[float], None] | None) -> list[Pyramid]:
        """Go through the `levels` coarsest levels; return what is there then."""
        coder.open(0)
        parts = [self._start(coder, component) for component in range(self._count)]
        pyramids = [Pyramid(low, []) for low, _ in parts]
        components = [component for _, component in parts]
        done, total = 0, sum(self._size(self._levels - at) for at in range(levels))
        for at in range(levels):
            level = self._levels - at
            if at:
                coder.open(at)
            for index, pyramid in enumerate(pyramids):
                pyramid.details.insert(0, self._level(coder, components, index, level))
            done += self._size(level)
            if progress:
                progress(done / max(1, total))
        return pyramids

    def _size(self, level: int) -> int:
        return self._area.resolution(level - 1).size

    def _start(self, coder: Coder, component: int) -> tuple[Values, _Component]:
        import torch

        from .lowpass import Irreversible, Reversible

        scale = coder.bits(component, "scale", SCALE_BITS)
        raw = coder.bits(component, "raw", RAW_BITS) if self._model.lossless else 0
        shape = self._area.resolution(self._levels).shape
        ll = coder.low(component, shape, functools.partial(_low_parameters, scale))
        plane = torch.from_numpy(ll.astype(np.int64))[None]
        lossless = self._model.lossless
        low = Reversible(plane, self._levels, raw) if lossless else Irreversible(plane, self._levels)
        return ll, _Component(low, raw, self._levels)

    def _sees(self, index: int) -> bool:
        """Tell whether a component knows those before it."""
        return index in self._informed and bool(self._model.config["second"]["conditioned"])

    def _features(self, components: list[_Component], index: int, level: int) -> Tensor:
        import torch

        from . import features, inputs

        component = components[index]
        above = component.grids[level] if level < self._levels else None
        component.known = features.known(component.low, above)
        sees = components[:index] if self._sees(index) else []
        known = [each.known for each in (*sees, component) if each.known is not None]
        details = [grid for grid in (each.grids[level - 1] for each in sees) if grid is not None]
        options = self._model.config["second" if index in self._informed else "first"]
        return inputs.planes(options, known, details, torch.tensor([self._step_code]), level)

    def _level(
        self, coder: Coder, components: list[_Component], index: int, level: int
    ) -> tuple[Values, Values, Values]:
        component = components[index]
        network = self._model.second if index in self._informed else self._model.first
        planes = _channels_last(self._features(components, index, level)[0])
        features = network.features(self._kernels, planes)
        known = np.zeros((*planes.shape[:2], len(ORIENTATIONS)), np.int16)  # compressed, on the grid of LL
        bands: list[Values] = []
        for at, name in enumerate(ORIENTATIONS):
            height, width = self._area.subband(name, level).shape
            band = np.zeros((height, width), np.int32)
            if band.size:
                fusion = network.fusions[at]
                siblings = known[:height, :width, :at]
                base = fusion.base(self._kernels, features[:height, :width], siblings)
                told = band.size >= LEAST_SAMPLES
                adaptive = self._model.adaptive and told
                corrected = self._model.corrected and told
                around = (
                    self._surroundings(components, index, level, bands, band.shape) if corrected else None
                )
                station = Station(
                    index, level, at, component.raw, adaptive, fusion, self._kernels, base, around
                )
                band = coder.band(station)
                known[:height, :width, at] = compressed(band >> component.raw)
            bands.append(band)
        component.pass_level(level, bands, planes.shape[:2])
        hl, lh, hh = bands
        return hl, lh, hh

    def _surroundings(
        self,
        components: list[_Component],
        index: int,
        level: int,
        before: list[Values],
        shape: tuple[int, int],
    ) -> Surroundings:
        """Return what a correction of the subband behind those `before` it in its level can weigh."""
        component = components[index]
        planes = [_fitting(band >> component.raw, shape) for band in before]
        if self._sees(index):
            grids = [other.grids[level - 1] for other in components[:index]]
            planes += [_fitting(grid[0, len(before)].numpy(), shape) for grid in grids if grid is not None]
        return Surroundings(component.low.plane[0].numpy(), component.raw, tuple(planes), shape)


def _fitting(plane: NDArray[np.integer], shape: tuple[int, int]) -> Values:
    """Return a plane cut to a shape, or continued with zeros."""
    out = np.zeros(shape, np.int32)
    part = plane[: shape[0], : shape[1]]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def _channels_last(planes: Tensor) -> NDArray[np.int16]:
    """Return planes (C, h, w) as (h, w, C)."""
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy())
