"""Fitting of coefficients to the decoder: rate-distortion optimised quantisation with the real decoder in the loop.

The coefficients of the analysis are the best ones only without quantisation. With quantisation, other coefficients give
a better picture. The synthesis is not orthogonal, its networks react to quantised input, de-quantisation changes the
result, and an isolated coefficient may cost more bits than it saves error. So every coefficient is moved to the
quantiser cell that minimises

    squared error of the decoded picture + slope * bits

The error is estimated by its gradient at the picture that the decoder makes of the current cells. The bits are
predicted by the calibrated rate proxy. Cells influence each other, so only a random share of them moves at a time, in
several rounds.

The quantiser is that of tier-1. Cells are those of a bit-plane, and coefficients are set to the points at which the
decoder reconstructs them. So truncation at this bit-plane causes almost no error, and OpenJPEG, which is not aware of
the fitting, has no reason to code finer bit-planes. The slope adjusts the rate between two bit-planes.
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
from torch import Tensor
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
    from ..dequantisation.networks import FloatNetwork
    from ..models.model import Model

__all__ = ["Fitted", "Fitting"]

#: Share of the coefficients that moves in the first and in the last round.
_MOVING_SHARES = (0.3, 0.1)

#: The error is assumed to rise this much faster than that of an orthogonal transform with the norms of the 9/7.
_STEEPNESS = 1.25

#: Weight of the bits that a coefficient causes in its neighbours; less than one, because these move too.
_NEIGHBOUR_WEIGHT = 0.5

#: Initial slope (squared error per bit) divided by the square of the quantiser step.
_SLOPE_OVER_STEP = 0.16

#: Quantisers tried per bit-plane: number n uses the next coarser bit-plane in the n finest levels.
_MIXTURES = 3

#: Rounds of `start`, in which coefficients move without the decoder.
_START_ROUNDS = 8

#: The coarsest bit-plane tried.
_MAX_PLANE = 24

#: In `start` the slope is multiplied by the ratio of actual to wanted bits, raised to this power.
_SLOPE_EXPONENT = 0.7


def _total(values: Tensor) -> float:
    """Sum by NumPy. PyTorch's sum depends on the number of threads, and so would the fitted coefficients."""
    return float(np.sum(values.numpy(), dtype=np.float64))


@dataclass(frozen=True)
class Fitted:
    """Fitted coefficients.

    Attributes
    ----------
    components : list of Subbands
        Coefficients of every component, not scaled for the transport, float32.
    bits : float
        Bits predicted by the rate proxy.
    error : float
        Squared error of the decoded picture, summed over all samples, in squared 8-bit grey levels.
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
        Which subband.
    finest : float
        The quantiser step of the lowest bit-plane.
    weight : float
        Squared error in the picture of a coefficient that is off by one.
    source : Tensor, shape (h, w)
        The coefficients of the analysis.
    cells : Tensor, shape (h, w)
        The signed quantiser index of every coefficient.
    step : float
        The current quantiser step.
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
        """The position in a cell at which the decoder reconstructs, as a share of the cell."""
        return 0.5 - bias_of(self.orientation, self.level)

    def values(self) -> Tensor:
        """Return the coefficients that the decoder reconstructs from the cells, shape (h, w)."""
        size = self.cells.abs()
        return torch.sign(self.cells) * (size + self.middle * (size > 0)) * self.step


class Fitting:
    """Fits the coefficients of a picture.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        The original components, in 8-bit grey levels, level shifted.
    components : sequence of Subbands
        The coefficients of their analysis.
    model : Model
        The transform, and the network for de-quantisation if it has one.
    groups : sequence of slice
        Groups of components that share opacities.
    ict : bool
        Whether the first three components are those of the ICT. The error is then that of RGB.
    lattice : mapping
        Half the finest quantiser steps of the scaled coefficients; see `j2klearn.ebcot.reconstruction.read_lattice`.
    scales : sequence of float
        Factors of the subbands before the transport; empty if they are not scaled.
    noise : sequence of NoiseMap or None
        Noise of each component, for de-quantisation.
    base_chroma : bool
        Whether all components of a group but the first have no learned steps at the finest level.
    seed : int
        Seed for the random choice of the coefficients that move.

    Attributes
    ----------
    slope : float
        Squared error that one bit may cost, as the last call of `start` or `fit` left it.
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
        base_chroma: bool = False,
        seed: int = 0,
    ) -> None:
        self.base_chroma = base_chroma
        self.original, self.model, self.groups, self.noise = torch.from_numpy(planes), model, groups, noise
        self.area, self.levels = components[0].area, components[0].levels
        self.matrix = torch.tensor(inverse_transform()) if ict else None
        self.proxy = RateProxy()
        self.generator = torch.Generator().manual_seed(seed)
        self.slope, self.first_fit = 0.0, True
        weights = [1.0] * len(components)
        if self.matrix is not None:
            weights[:3] = self.matrix.square().sum(0).tolist()
        places = [(name, level) for name, level, _ in subband_rects(self.area, self.levels)]
        factors = list(scales) or [1.0] * len(places)
        self.count = len(places)  # subbands per component
        self.bands = []
        for component, bands in enumerate(components):
            for (name, level), scale, source in zip(places, factors, bands.bands(), strict=True):
                finest = 2 * lattice[name, level] / scale
                weight = weights[component] * (norm_97(name, level) * scale) ** 2
                part = torch.from_numpy(source)
                self.bands.append(_Band(component, name, level, finest, weight, part, part))

    def start(self, bits: float) -> None:
        """Find the bit-plane and the slope for a number of bits, and quantise all coefficients.

        The decoder is not run: the transform is treated as orthogonal.

        Parameters
        ----------
        bits : float
            The wanted number of bits, as the rate proxy counts them.
        """
        plane = _MAX_PLANE
        while plane:
            self._quantise(plane)
            if self._bits() > bits:
                break
            plane -= 1
        best, kept = math.inf, (self.slope, [(band.cells, band.step) for band in self.bands])
        for coarse in range(2 * _MIXTURES):
            self._quantise(plane + coarse // _MIXTURES, coarse % _MIXTURES)
            for _ in range(_START_ROUNDS):
                for band in self.bands:
                    self._move(band, band.source, band.weight, 0.5)
                self.slope *= (self._bits() / bits) ** _SLOPE_EXPONENT
            errors = [_total((band.values() - band.source).square()) * band.weight for band in self.bands]
            error = sum(errors) + self.slope * (self._bits() - bits)
            if error < best:
                best, kept = error, (self.slope, [(band.cells, band.step) for band in self.bands])
        self.slope = kept[0]
        for band, (cells, step) in zip(self.bands, kept[1], strict=True):
            band.cells, band.step = cells, step

    def _quantise(self, plane: int, coarse: int = 0) -> None:
        """Quantise all subbands by a bit-plane, and the details of the `coarse` finest levels by the next coarser one.

        `plane` is that of the first subband. Every other subband gets the plane with the nearest error in the picture.
        """
        step = 2.0**plane * self.bands[0].finest * math.sqrt(self.bands[0].weight)
        self.slope = _SLOPE_OVER_STEP * step**2
        for band in self.bands:
            own = max(0, round(math.log2(step / band.finest / math.sqrt(band.weight))))
            if band.orientation != "LL" and band.level <= coarse:
                own += 1
            band.step = band.finest * 2.0**own
            band.cells = (band.source / band.step).abs().floor() * torch.sign(band.source)

    def fit(self, slope: float, rounds: int, progress: Callable[[float], None] | None = None) -> Fitted:
        """Improve the coefficients, starting from the result of the last call or of `start`.

        Parameters
        ----------
        slope : float
            Squared error that one bit may cost.
        rounds : int
            Number of rounds in which coefficients move; 0 only evaluates the current coefficients.
        progress : callable, optional
            Called with the share of the work done, 0 to 1.

        Returns
        -------
        Fitted
            The best coefficients of all rounds.
        """
        self.slope, first = slope, _MOVING_SHARES[0] if self.first_fit else _MOVING_SHARES[1] * 1.5
        self.first_fit = False
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
            moving = first * (_MOVING_SHARES[1] / first) ** (turn / max(1, rounds - 1))
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
        """Return the squared errors of the decoded picture, shape (C, H, W)."""
        difference = self._decoded(values) - self.original
        if self.matrix is None:
            return difference.square()
        # a matrix product is not used: its rounding depends on the number of threads
        first, second, third = self.matrix[:, :, None, None].unbind(1)
        rgb = first * difference[0] + second * difference[1] + third * difference[2]
        return torch.cat([rgb, difference[3:]]).square()

    def _decoded(self, values: Sequence[Tensor]) -> Tensor:
        from ..transform.precision import fast_bfloat16

        structure = self.model.structure.configured(shared=True, fast=fast_bfloat16())
        wavelet = WAVELETS[structure.base]

        def join(low: Tensor, details: Sequence[Tensor], level: int) -> Tensor:
            area = self.area.resolution(level - 1)
            hl, lh, hh = details
            if self.base_chroma and level == 1 and len(low) > 1:
                first = structure.synthesise((low[:1], hl[:1], lh[:1], hh[:1]), area, wavelet)
                return torch.cat([first, wavelet.synthesise(low[1:], hl[1:], lh[1:], hh[1:], area.origin)])
            # the gradient recomputes the activations of a level: they are too much memory to keep
            joined: Tensor = checkpoint(
                structure.synthesise, (low, hl, lh, hh), area, wavelet, use_reentrant=False
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
            available = [noise for noise in (self.noise[at] for at in writes) if noise is not None]
            if len(available) == len(writes):
                added = checkpoint(self._added, network, out[list(reads)], available, use_reentrant=False)
                for index, more in zip(writes, added, strict=True):
                    cleaned[index] = out[index] + more
        return torch.stack(cleaned)

    def _added(self, network: FloatNetwork, planes: Tensor, noises: Sequence[NoiseMap]) -> Tensor:
        """Return the correction that de-quantisation adds, shape (writes, H, W), from planes (reads, H, W)."""
        area, side = self.area, network.side
        whole = area.aligned(side)
        pads = (area.x0 - whole.x0, whole.x1 - area.x1, area.y0 - whole.y0, whole.y1 - area.y1)
        wide = F.pad(planes[None], pads, mode="replicate")
        added: Tensor = network(wide, torch.cat([noise.of(whole, side) for noise in noises], 1))
        return added[(0, slice(None), *area.slices_in(whole))]

    def _move(self, band: _Band, wanted: Tensor, weight: float, moving: float) -> None:
        """Move a random share of the coefficients of a subband to the best cells, assuming that all others stay.

        Parameters
        ----------
        band : _Band
            The subband.
        wanted : Tensor, shape (h, w)
            The coefficients that would give the smallest error.
        weight : float
            Squared error in the picture of a coefficient that is off by one.
        moving : float
            The share, 0 to 1.
        """
        size, now = wanted.abs() / band.step, band.cells.abs()[None, None]
        magnitude = now.clone().requires_grad_()
        with torch.enable_grad():  # the bits of the neighbours depend on a magnitude through their context
            others = self.proxy.bits_of(now, self.proxy.costs(magnitude, band.orientation)).sum()
        (neighbours,) = torch.autograd.grad(others, magnitude)
        with torch.no_grad():
            costs = self.proxy.costs(now, band.orientation)
            below, scale = size.floor(), weight * band.step**2
            best, chosen = torch.full_like(size, math.inf), below
            for cell in (torch.zeros_like(size), (below - 1).clamp_min(0), below, below + 1):
                error = (cell + band.middle * (cell > 0) - size).square() * scale
                bits = self.proxy.bits_of(cell[None, None], costs) + _NEIGHBOUR_WEIGHT * neighbours * cell
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
