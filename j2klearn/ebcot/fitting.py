"""Coefficients fitted to the decoder: those of which it makes the best picture for their bits.

The analysis returns the picture exactly as long as nothing is quantised. Once it is, other coefficients serve better:
the synthesis is no orthogonal transform, its networks answer to what is quantised, de-quantisation adds to it, and a
coefficient that stands alone costs more than it is worth. So every coefficient is moved to that cell of the quantiser
in which

    error of the decoded picture + slope * bits

is least: the error by its gradient at the picture that the decoder makes of all cells as they are now, and the bits by
the calibrated rate proxy. Cells influence one another, so that a random part of them moves at a time, and all of them
several times.

The quantiser is tier-1's: cells are those of a bit-plane, coefficients lie where they are reconstructed, and OpenJPEG,
which knows nothing of it, has no reason to spend bits on finer planes. Between the rates of two planes the slope makes
up the difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..core.subbands import Subbands, subband_rects
from ..dequantisation.apply import NoiseMap
from ..transform.colour import inverse_transform
from ..transform.levels import compose
from ..transform.norms import norm_97
from ..transform.wavelet import WAVELETS
from .rate_proxy import RateProxy
from .reconstruction import Lattice, bias_of

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["Fitted", "Fitting"]

#: Shares of the coefficients that move at a time: at first, and at last.
_MOVING = (0.3, 0.1)

#: How much steeper the error is taken to rise than that of an orthogonal transform with the 9/7's norms.
_STEEPNESS = 1.25

#: How much of what a coefficient does to the bits of its neighbours counts: these move too.
_NEIGHBOURS = 0.5

#: Slope (squared error that a bit is worth) over the square of the quantiser step, where a bit-plane is tried.
_SLOPE = 0.16

#: Between two bit-planes lie those mixtures in which so many of the finest levels have the coarser one.
_MIXTURES = 3

#: How often coefficients move before the decoder is asked, and the coarsest bit-plane there is.
_START, _PLANES = 8, 24

#: How fast the slope follows the bits meanwhile.
_FOLLOWING = 0.7


def _total(values: Tensor) -> float:
    """Add up: by NumPy, as PyTorch's sum depends on the number of threads, and what is fitted on the sum."""
    return float(np.sum(values.numpy(), dtype=np.float64))


@dataclass(frozen=True)
class Fitted:
    """Coefficients that were fitted.

    Attributes
    ----------
    components : list of Subbands
        Of the transform: not scaled for the transport.
    bits : float
        What the proxy says that they cost.
    error : float
        Squared error of what the decoder makes of them, in 8-bit grey levels.
    """

    components: list[Subbands]
    bits: float
    error: float


@dataclass
class _Band:
    """A subband of a component.

    Attributes
    ----------
    component, orientation, level
        Which one.
    finest : float
        The quantiser step of the lowest bit-plane.
    weight : float
        Squared error in the picture of a coefficient that is off by one.
    source : Tensor, shape (h, w)
        Its coefficients.
    cells : Tensor
        The signed index of every coefficient.
    step : float
        The quantiser step.
    """

    component: int
    orientation: str
    level: int
    finest: float
    weight: float
    source: Tensor
    cells: Tensor
    step: float = 0.0

    @property
    def middle(self) -> float:
        """Where in a cell the decoder reconstructs, as a share of the cell."""
        return 0.5 - bias_of(self.orientation, self.level)

    def values(self) -> Tensor:
        """Return the points at which the decoder reconstructs the cells."""
        size = self.cells.abs()
        return torch.sign(self.cells) * (size + self.middle * (size > 0)) * self.step


class Fitting:
    """Fits the coefficients of a picture.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Components as the decoder should return them, in 8-bit grey levels, level shifted.
    components : sequence of Subbands
        Their coefficients.
    model : Model
        The transform, and its network for de-quantisation.
    groups : sequence of slice
        Components that share opacities.
    ict : bool
        The first three components are those of the ICT, and the error is that of RGB.
    lattice : mapping
        Half the finest quantiser steps, of coefficients as they are coded.
    scales : sequence of float
        Factors of the subbands before they are coded; none: all one.
    noise : sequence of NoiseMap or None
        For de-quantisation, by component.
    seed : int
        Of which coefficients move.
    """

    def __init__(
        self,
        planes: NDArray[np.float32],
        components: Sequence[Subbands],
        *,
        model: Model,
        groups: Sequence[slice],
        ict: bool,
        lattice: Lattice,
        scales: Sequence[float],
        noise: Sequence[NoiseMap | None],
        seed: int = 0,
    ) -> None:
        self.original, self.model, self.groups, self.noise = torch.from_numpy(planes), model, groups, noise
        self.area, self.levels = components[0].area, components[0].levels
        self.matrix = torch.tensor(inverse_transform()) if ict else None
        self.proxy = RateProxy()
        self.generator = torch.Generator().manual_seed(seed)
        self.slope, self.fresh = 0.0, True
        weights = [1.0] * len(components)
        if self.matrix is not None:
            weights[:3] = self.matrix.square().sum(0).tolist()
        places = [(name, level) for name, level, _ in subband_rects(self.area, self.levels)]
        factors = list(scales) or [1.0] * len(places)
        self.count = len(places)  # subbands of a component
        self.bands = []
        for component, bands in enumerate(components):
            for (name, level), scale, source in zip(places, factors, bands.bands(), strict=True):
                finest = 2 * lattice[name, level] / scale
                weight = weights[component] * (norm_97(name, level) * scale) ** 2
                part = torch.from_numpy(source)
                self.bands.append(_Band(component, name, level, finest, weight, part, part))

    def start(self, bits: float) -> None:
        """Quantise the coefficients so that they cost so many bits, as if the transform were orthogonal.

        This finds the bit-plane that suits the bits, and the slope.
        """
        plane = _PLANES
        while plane:
            self._quantise(plane)
            if self._bits() > bits:
                break
            plane -= 1
        best, kept = math.inf, (self.slope, [(band.cells, band.step) for band in self.bands])
        for coarse in range(2 * _MIXTURES):
            self._quantise(plane + coarse // _MIXTURES, coarse % _MIXTURES)
            for _ in range(_START):
                for band in self.bands:
                    self._move(band, band.source, band.weight, 0.5)
                self.slope *= (self._bits() / bits) ** _FOLLOWING
            errors = [_total((band.values() - band.source).square()) * band.weight for band in self.bands]
            error = sum(errors) + self.slope * (self._bits() - bits)
            if error < best:
                best, kept = error, (self.slope, [(band.cells, band.step) for band in self.bands])
        self.slope = kept[0]
        for band, (cells, step) in zip(self.bands, kept[1], strict=True):
            band.cells, band.step = cells, step

    def _quantise(self, plane: int, coarse: int = 0) -> None:
        """Quantise everything by a bit-plane, and some of the finest levels by the next coarser one.

        The planes are those of luma; those of components that weigh more or less are the nearest ones.
        """
        step = 2.0**plane * self.bands[0].finest * math.sqrt(self.bands[0].weight)
        self.slope = _SLOPE * step**2
        for band in self.bands:
            own = max(0, round(math.log2(step / band.finest / math.sqrt(band.weight))))
            if band.orientation != "LL" and band.level <= coarse:
                own += 1
            band.step = band.finest * 2.0**own
            band.cells = (band.source / band.step).abs().floor() * torch.sign(band.source)

    def fit(self, slope: float, rounds: int, progress: Callable[[float], None] | None = None) -> Fitted:
        """Return better coefficients; going on where the last call, or `start`, left them.

        Parameters
        ----------
        slope : float
            Squared error that a bit is worth.
        rounds : int
            How often coefficients move.
        progress : callable, optional
            Called with the share of the work done.
        """
        self.slope, first = slope, _MOVING[0] if self.fresh else _MOVING[1] * 1.5
        self.fresh = False
        best: tuple[float, float, float, list[Tensor]] | None = None
        for turn in range(rounds + 1):
            values = [band.values().requires_grad_() for band in self.bands]
            with torch.enable_grad():
                errors = self._errors(values)
            error, cost = _total(errors.detach()), self._bits()
            total = error + slope * cost
            if best is None or total < best[0]:
                best = total, cost, error, [band.cells for band in self.bands]
            if turn == rounds:
                break
            gradients = torch.autograd.grad(errors, values, torch.ones_like(errors))
            moving = first * (_MOVING[1] / first) ** (turn / max(1, rounds - 1))
            for band, value, gradient in zip(self.bands, values, gradients, strict=True):
                weight = _STEEPNESS * band.weight
                self._move(band, value.detach() - gradient / (2 * weight), weight, moving)
            if progress:
                progress((turn + 1) / rounds)
        assert best is not None
        for band, cells in zip(self.bands, best[3], strict=True):
            band.cells = cells
        return Fitted(self._subbands(), best[1], best[2])

    def _bits(self) -> float:
        with torch.no_grad():
            bits = [self.proxy.bits(band.cells.abs()[None, None], band.orientation) for band in self.bands]
            return sum(map(_total, bits))

    def _errors(self, values: Sequence[Tensor]) -> Tensor:
        """Return the squared errors of the picture that the decoder makes, shape (C, H, W)."""
        wrong = self._decoded(values) - self.original
        if self.matrix is None:
            return wrong.square()
        # not as a product of matrices, which adds up as the number of threads has it
        first, second, third = self.matrix[:, :, None, None].unbind(1)
        rgb = first * wrong[0] + second * wrong[1] + third * wrong[2]
        return torch.cat([rgb, wrong[3:]]).square()

    def _decoded(self, values: Sequence[Tensor]) -> Tensor:
        from ..transform.precision import fast_bfloat16

        structure = self.model.structure.configured(shared=True, fast=fast_bfloat16())
        wavelet = WAVELETS[structure.base]

        def join(low: Tensor, details: Sequence[Tensor], level: int) -> Tensor:
            area = self.area.resolution(level - 1)
            # what the way back needs of a level is computed again: at the size of a picture it is too much to keep
            joined: Tensor = checkpoint(
                structure.synthesise, (low, *details), area, wavelet, use_reentrant=False
            )
            return joined

        planes = []
        for group in self.groups:
            members = range(len(self.original))[group]
            bands = [
                torch.stack([values[member * self.count + index] for member in members])[:, None]
                for index in range(self.count)
            ]
            details = [bands[first : first + 3] for first in range(self.count - 3, 0, -3)]  # finest first
            planes.append(compose(bands[0], details, join)[:, 0])
        out = torch.cat(planes)
        if not self.model.dequantises:
            return out
        cleaned = list(out)
        for network, reads, writes in self.model.dequantiser.parts(len(out), ict=self.matrix is not None):
            told = [noise for noise in (self.noise[at] for at in writes) if noise is not None]
            if len(told) == len(writes):
                added = checkpoint(self._added, network, out[list(reads)], told, use_reentrant=False)
                for index, more in zip(writes, added, strict=True):
                    cleaned[index] = out[index] + more
        return torch.stack(cleaned)

    def _added(self, network: nn.Module, planes: Tensor, noises: Sequence[NoiseMap]) -> Tensor:
        """Return what de-quantisation adds to components, seeing these planes (C, H, W)."""
        area, even = self.area, self.area.evened()
        pads = (area.x0 - even.x0, even.x1 - area.x1, area.y0 - even.y0, even.y1 - area.y1)
        wide = F.pad(planes[None], pads, mode="replicate")
        added: Tensor = network(wide, torch.cat([noise.of(even) for noise in noises], 1))
        return added[(0, slice(None), *area.slices_in(even))]

    def _move(self, band: _Band, wanted: Tensor, weight: float, moving: float) -> None:
        """Move a share of the coefficients of a subband to the cells that are best while all others stay.

        Parameters
        ----------
        band : _Band
            The subband.
        wanted : Tensor
            Where its coefficients make the least error.
        weight : float
            Squared error in the picture of a coefficient that is off by one.
        moving : float
            The share.
        """
        size, now = wanted.abs() / band.step, band.cells.abs()[None, None]
        magnitude = now.clone().requires_grad_()
        with torch.enable_grad():  # what the bits of all others change by
            others = self.proxy.bits_of(now, self.proxy.costs(magnitude, band.orientation)).sum()
        (neighbours,) = torch.autograd.grad(others, magnitude)
        with torch.no_grad():
            costs = self.proxy.costs(now, band.orientation)
            below, scale = size.floor(), weight * band.step**2
            best, chosen = torch.full_like(size, math.inf), below
            for cell in (torch.zeros_like(size), (below - 1).clamp_min(0), below, below + 1):
                error = (cell + band.middle * (cell > 0) - size).square() * scale
                bits = self.proxy.bits_of(cell[None, None], costs) + _NEIGHBOURS * neighbours * cell
                total = error + self.slope * bits[0, 0]
                chosen = torch.where(total < best, cell, chosen)
                best = torch.minimum(total, best)
            some = torch.rand(size.shape, generator=self.generator) < moving
            band.cells = torch.where(some, chosen * torch.sign(wanted), band.cells)

    def _subbands(self) -> list[Subbands]:
        out = []
        for first in range(0, len(self.bands), self.count):
            flats = [band.values().numpy().ravel() for band in self.bands[first : first + self.count]]
            out.append(Subbands.from_flat(np.concatenate(flats), self.area, self.levels))
        return out
