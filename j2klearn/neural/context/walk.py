"""The walk of a context model through the subbands of a picture: the order of the file, and the context of each."""

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
    """Return the mixtures of LL's differences, (count, 3, 1): one logistic component with mean zero."""
    parameters = np.zeros((count, 3, 1), np.int16)
    parameters[:, 2] = LOG_SCALE_RANGE[0] + PER_SCALE * code
    return parameters


class _Component:
    """The decoded levels of a component that are still needed, and its low-pass plane."""

    def __init__(self, low: LowPass, raw: int, levels: int) -> None:
        self.low, self.raw = low, raw
        #: HL, LH and HH of every level without low bits, (1, 3, h, w), on the grid of LL, the finest level first.
        self.grids: list[Tensor | None] = [None] * levels
        #: The features before the last level that was, or is being, decoded.
        self.known: Known | None = None

    def pass_level(self, level: int, bands: Sequence[Values], grid: tuple[int, ...]) -> None:
        """Go to the next finer level, with the decoded HL, LH and HH of this one."""
        import torch

        whole = torch.zeros(1, len(bands), *grid, dtype=torch.int64)
        details = [torch.from_numpy(band.astype(np.int64)) for band in bands]
        for at, band in enumerate(details):
            whole[0, at, : band.shape[0], : band.shape[1]] = band >> self.raw
        self.grids[level - 1] = whole
        if level < len(self.grids):
            self.grids[level] = None  # no later context needs it
        self.low.refine([band[None] for band in details])


class WalkedModel(Protocol):
    """The attributes of a context model that a walk needs."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the model."""

    @property
    def lossless(self) -> bool:
        """Whether the model is for lossless pictures."""

    @property
    def adaptive(self) -> bool:
        """Whether scales of subbands have offsets."""

    @property
    def corrected(self) -> bool:
        """Whether means of subbands have corrections."""

    @property
    def first(self) -> IntegerNetwork:
        """The network of components that are coded independently."""

    @property
    def second(self) -> IntegerNetwork:
        """The network of components that have earlier components as context."""

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the number of decomposition levels of a picture of this height and width."""


class Walk:
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
        self._model, self._kernels = model, computes
        self._area, self._levels = area_of(shape), model.levels(shape)
        self._count, self._step_code = components, step_code
        #: The components that use the second network, with earlier components as context.
        self._second = range(1, 3) if related and components >= 3 else range(0)

    def through(self, coder: Coder, levels: int, progress: Callable[[float], None] | None) -> list[Pyramid]:
        """Code LL and the `levels` coarsest levels.

        Parameters
        ----------
        coder : Coder
            Encodes or decodes the values.
        levels : int
            Number of levels to code.
        progress : callable or None
            Called with the share of the work that is done.

        Returns
        -------
        list of Pyramid
            The coded levels of every component.
        """
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

    def _conditioned(self, index: int) -> bool:
        """Return whether a component is conditioned on earlier components."""
        return index in self._second and bool(self._model.config["second"]["conditioned"])

    def _features(self, components: list[_Component], index: int, level: int) -> Tensor:
        import torch

        from . import features, inputs

        component = components[index]
        above = component.grids[level] if level < self._levels else None
        component.known = features.known(component.low, above)
        others = components[:index] if self._conditioned(index) else []
        known = [each.known for each in (*others, component) if each.known is not None]
        details = [grid for grid in (each.grids[level - 1] for each in others) if grid is not None]
        options = self._model.config["second" if index in self._second else "first"]
        return inputs.planes(options, known, details, torch.tensor([self._step_code]), level)

    def _level(
        self, coder: Coder, components: list[_Component], index: int, level: int
    ) -> tuple[Values, Values, Values]:
        component = components[index]
        network = self._model.second if index in self._second else self._model.first
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
                large = band.size >= LEAST_SAMPLES
                adaptive = self._model.adaptive and large
                corrected = self._model.corrected and large
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
        """Return the surroundings of the subband that follows those `before` it in its level, for its correction."""
        component = components[index]
        planes = [_resized(band >> component.raw, shape) for band in before]
        if self._conditioned(index):
            grids = [other.grids[level - 1] for other in components[:index]]
            planes += [_resized(grid[0, len(before)].numpy(), shape) for grid in grids if grid is not None]
        return Surroundings(component.low.plane[0].numpy(), component.raw, tuple(planes), shape)


def _resized(plane: NDArray[np.integer], shape: tuple[int, int]) -> Values:
    """Return a plane cropped or padded with zeros to a shape, int32."""
    out = np.zeros(shape, np.int32)
    part = plane[: shape[0], : shape[1]]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def _channels_last(planes: Tensor) -> NDArray[np.int16]:
    """Return planes (C, h, w) as (h, w, C)."""
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy())
