"""The rate-distortion objective of P1, equation 6, over a batch: distortion, coded length, aliasing; and the carrier.

    J = D / step^2 + rate_weight * L + aliasing_weight * A / step^2 + carrier_weight * C / step^2      per pixel

C is the squared error of the picture that other readers show. The rest is the equation divided by the square of the
quantiser step, so that all rates have equal weight: lambda_1 is ``rate_weight * step^2``,
and lambda_2 is ``aliasing_weight``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.geometry import ORIENTATIONS
from ...ebcot.rate_proxy import RateProxy
from ...ebcot.reconstruction import bias_of
from ...transform.levels import decompose
from ...transform.norms import NORMS_97
from ...transform.structures import BaseWavelet, Structure
from ...transform.wavelet import WAVELETS
from ..settings import Settings
from .oracle import OrientedOpacities
from .pretraining import progressive
from .pyramid import Details, analyse_level, synthesise
from .quantisers import NOISY, quantise

__all__ = ["Objective", "aliasing_target"]


def _half_band(device: torch.device) -> Tensor:
    """Return a half-band low-pass filter of 31 taps: a sinc with a Hann window."""
    at = torch.arange(-15, 16, dtype=torch.float32)
    taps = torch.where(at == 0, 0.5, torch.sin(math.pi * at / 2) / (math.pi * at))
    taps = taps * torch.hann_window(33, periodic=False)[1:-1]
    return (taps / taps.sum()).to(device)


def aliasing_target(wavelet: BaseWavelet, x: Tensor) -> Tensor:
    """Return the aliasing in the LL of a plane: the LL of that part of the plane which LL cannot represent.

    That part is what a half-band filter removes in either direction. P1 takes its target from its reference 11 and does
    not define it; this is the plain meaning of the term.

    Parameters
    ----------
    wavelet : BaseWavelet
        The base wavelet.
    x : Tensor, shape (N, 1, H, W)
        The plane that one level decomposes.

    Returns
    -------
    Tensor, shape (N, 1, ceil(H / 2), ceil(W / 2))
    """
    taps = _half_band(x.device).to(x.dtype)
    mode = "reflect" if min(x.shape[-2:]) > 15 else "replicate"
    low = F.conv2d(F.pad(x, (0, 0, 15, 15), mode=mode), taps.reshape(1, 1, -1, 1))
    low = F.conv2d(F.pad(low, (15, 15, 0, 0), mode=mode), taps.reshape(1, 1, 1, -1))
    return wavelet.analyse(x - low)[0]


class Objective(nn.Module):
    """The cost of a batch with a structure. It is a module, so that several processes can share its gradients.

    Parameters
    ----------
    structure : Structure
        The structure to train.
    settings : Settings
        Settings of the training.
    """

    def __init__(self, structure: Structure, settings: Settings) -> None:
        super().__init__()
        self.structure, self.settings = structure, settings
        self.wavelet = WAVELETS[structure.base]
        self.proxy = RateProxy()

    def forward(
        self,
        x: Tensor,
        step: Tensor,
        stage: str,
        width: float | Tensor,
        ratios: Sequence[float],
        seed: int,
        base: bool = False,
    ) -> Tensor:
        """Return the cost of a batch, a scalar.

        It is J per pixel, the mean over the batch; with `Settings.relative`, the mean of its ratios to J of the base
        wavelet. In the stage "progressive" it is the cost of that stage.

        Parameters
        ----------
        x : Tensor, shape (N, 1, H, W)
            Level-shifted luma in grey levels.
        step : Tensor, shape () or (N, 1, 1, 1)
            Quantiser step in grey levels, of the batch or of each crop.
        stage : str
            Name of one of `Settings.stages`.
        width : float or scalar Tensor
            Half-width of annealed kernels in steps; see `j2klearn.training.transform.quantisers`.
        ratios : sequence of float, length 3 levels + 1
            Gains of the subbands divided by the 9/7's norms, LL first, then HL, LH, HH from coarse to fine.
        seed : int
            Seed of the noise that replaces the quantiser in the kinds "noise" and "mixed".
        base : bool
            Compute the cost of the base wavelet, not of the structure.
        """
        structure = None if base else self.structure
        if stage == "progressive":
            part = x[: max(1, len(x) // 4)]
            scale = progressive(None, self.wavelet, part, self.settings.levels).detach()
            return progressive(structure, self.wavelet, part, self.settings.levels) / scale
        if structure is not None:
            structure.oracle = OrientedOpacities(x) if stage == "proposals" else None
        costs = self._costs(structure, x, step, width, ratios, seed)
        if self.settings.relative:
            with torch.no_grad():
                base_costs = self._costs(None, x, step, width, ratios, seed)
            costs = costs / base_costs
        return costs.mean()

    def _costs(
        self,
        structure: Structure | None,
        x: Tensor,
        step: Tensor,
        width: float | Tensor,
        ratios: Sequence[float],
        seed: int,
    ) -> Tensor:
        """Return J per pixel of each crop, shape (N,)."""
        levels, kind = self.settings.levels, self.settings.quantiser
        lows = [x]

        def split(x: Tensor, level: int) -> tuple[Tensor, Details]:
            ll, hl, lh, hh = analyse_level(structure, self.wavelet, x, level)
            lows.append(ll)
            return ll, (hl, lh, hh)

        pyramid = decompose(x, levels, split)
        generator = torch.Generator(x.device).manual_seed(seed) if kind in NOISY else None
        bits = x.new_zeros(len(x))

        def coded(band: Tensor, level: int, orientation: str, ratio: float) -> Tensor:
            nonlocal bits
            noise = None
            if generator is not None:
                noise = torch.rand(band.shape, generator=generator, device=x.device)
            delta = step / (NORMS_97[orientation][level - 1] * ratio)
            done = quantise(band, delta, kind, width=width, bias=bias_of(orientation, level), noise=noise)
            costs = self.proxy.costs(done.magnitude, orientation)
            if done.jump is None:
                bits = bits + self.proxy.bits_of(done.magnitude, costs).sum((1, 2, 3))
            else:
                # The value is the true length. The derivative is its jump at the threshold next to the coefficient.
                whole = done.magnitude.detach()
                with torch.no_grad():
                    height = self.proxy.bits_of(done.jump + 1, costs) - self.proxy.bits_of(done.jump, costs)
                length = self.proxy.bits_of(whole, costs) + height * (done.magnitude - whole)
                bits = bits + length.sum((1, 2, 3))
            return done.value

        low, *details = ratios
        decoded: list[tuple[Tensor, Tensor, Tensor]] = []
        for level, bands in enumerate(pyramid[1], 1):
            first = 3 * (levels - level)
            named = zip(bands, ORIENTATIONS, details[first : first + 3], strict=True)
            hl, lh, hh = (coded(band, level, orientation, ratio) for band, orientation, ratio in named)
            decoded.append((hl, lh, hh))
        ll = coded(pyramid[0], levels, "LL", low)
        carrier_error = x.new_zeros(len(x))
        if self.settings.carrier_weight and structure is not None:
            # before the structure, which may change the subbands in place
            carrier = synthesise(None, self.wavelet, (ll, decoded))
            carrier_error = (carrier - x).square().sum((1, 2, 3))
        out = synthesise(structure, self.wavelet, (ll, decoded))
        distortion = (out - x).square().sum((1, 2, 3))
        if structure is None:
            carrier_error = distortion
        elif self.settings.aliasing_weight:
            distortion = distortion + self.settings.aliasing_weight * self._aliasing(lows)
        distortion = distortion + self.settings.carrier_weight * carrier_error
        return (distortion / step.flatten() ** 2 + self.settings.rate_weight * bits) / x[0].numel()

    def _aliasing(self, lows: Sequence[Tensor]) -> Tensor:
        """Return the aliasing term, from the input planes of the levels and the LL of the coarsest level.

        It is the sum, over the levels, of the squared difference between what a level removes from LL and the aliasing
        in LL.
        """
        total = lows[0].new_zeros(len(lows[0]))
        for plane, ll in itertools.pairwise(lows):
            removed = self.wavelet.analyse(plane)[0] - ll
            total = total + (removed - aliasing_target(self.wavelet, plane)).square().sum((1, 2, 3))
        return total
