"""The objective of the cross-component context model: bits and squared error, of luma or of chroma (P2, Section 3.2).

Coefficients are in the units of files: the 9/7's norms, times those of the component transform, over the quantiser
step, rounded. Backwards rounding is the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...dequantisation.networks import Dequantiser, GuidedDequantiser, ResidualDequantiser, dequantiser_of
from ...models.build import build
from ...neural.coefficients.quantisation import component_norms
from ...neural.cross.bands import ROLES, level_of, orientation_of
from ...neural.cross.median import differences
from ...neural.cross.network import CrossNetwork, Start, gaussian_bits
from ...neural.integer.companding import UNIT
from ...transform.norms import norm_97
from ...transform.structures import FixedWavelet, Structure
from ...transform.wavelet import WAVELETS
from ..transform.pyramid import analyse, synthesise

__all__ = ["Coded", "CrossCodec"]


class Coded(NamedTuple):
    """What some pictures come to.

    Attributes
    ----------
    bits : Tensor
        Bits per pixel of the components in question together.
    error : Tensor
        Mean squared error in grey levels.
    """

    bits: Tensor
    error: Tensor


def _rounded(x: Tensor) -> Tensor:
    """Round; the gradient passes as it is."""
    return x + (torch.round(x) - x).detach()


class CrossCodec(nn.Module):
    """All that P2 trains: transform, quantiser step, learned de-quantisation, and the two context networks.

    Parameters
    ----------
    entropy : dict
        Configuration of the entropy model.
    transform : dict or None
        That of the transform model; None for the 9/7 as it is.
    initial_step : float
        Quantiser step in grey levels.
    """

    def __init__(
        self, entropy: dict[str, Any], transform: dict[str, Any] | None, initial_step: float
    ) -> None:
        super().__init__()
        self.levels = int(entropy["levels"])
        options = dict(transform or {"structure": "fixed", "base": "9-7"})
        dequantiser = options.pop("dequantiser", None)
        self.structure: Structure = build(options)
        self.dequantiser: Dequantiser | ResidualDequantiser | None = None
        if dequantiser is not None:
            network = dequantiser_of(dequantiser)
            assert not isinstance(network, GuidedDequantiser)  # the configuration has been read
            self.dequantiser = network
        self.log_step = nn.Parameter(torch.log2(torch.tensor(float(initial_step))))
        self.luma = CrossNetwork(entropy, ROLES[:1])
        self.chroma = CrossNetwork(entropy, ROLES[1:])
        self.conditioned, self.is_told = bool(entropy["conditioned"]), bool(entropy["told"])

    @property
    def transforming(self) -> list[nn.Parameter]:
        """The weights of the transform."""
        return list(self.structure.parameters())

    def adopt_luma(self) -> None:
        """Begin chroma's modules with luma's weights (P2, Section 3.2).

        The convolutions that read the long-term context have more planes in chroma: what they make of those that luma
        has too is luma's, of the others nothing at first.
        """
        own = self.luma.state_dict()
        state = self.chroma.state_dict()
        for key, value in state.items():
            parts = key.split(".heads.")
            source = own.get(key if len(parts) == 1 else f"{parts[0]}.heads.0.{parts[1].split('.')[1]}")
            if source is None:
                continue
            if source.shape == value.shape:
                value.copy_(source)
            elif len(parts) == 2:
                value.zero_()
                value[:, value.shape[1] - source.shape[1] :] = source
        self.chroma.load_state_dict(state)

    def _norms(self, component: int) -> list[float]:
        weight = component_norms(3, ict=True)[component]
        return [
            weight * norm_97(orientation_of(index), level_of(index, self.levels))
            for index in range(1 + 3 * self.levels)
        ]

    def analysed(self, x: Tensor, component: int) -> list[Tensor]:
        """Return the normalised coefficients (N, 1, h, w) of planes (N, 1, H, W), LL first."""
        ll, details = analyse(self.structure, WAVELETS[self.structure.base], x, self.levels)
        bands = [ll, *(band for level in reversed(details) for band in level)]
        return [band * norm for band, norm in zip(bands, self._norms(component), strict=True)]

    def synthesised(self, bands: Sequence[Tensor], component: int) -> Tensor:
        """Return the planes of normalised coefficients; the inverse of `analysed`."""
        ll, *flat = (band / norm for band, norm in zip(bands, self._norms(component), strict=True))
        details = [(flat[at], flat[at + 1], flat[at + 2]) for at in range(3 * (self.levels - 1), -1, -3)]
        return synthesise(self.structure, WAVELETS[self.structure.base], (ll, details))

    def _quantised(
        self, x: Tensor, component: int, step: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return indices, what the context model codes for them, and what it sees of these."""
        indices = [_rounded(band / step) for band in self.analysed(x, component)]
        coded = [differences(indices[0]), *indices[1:]]
        return indices, coded, [torch.asinh(band) for band in coded]

    def _told(self, step: Tensor, like: Tensor) -> Tensor | None:
        """Return the plane of the quantiser step as `j2klearn.neural.integer.companding.scalar_planes` has it."""
        if not self.is_told:
            return None
        code = torch.round(16 * torch.log2(step))
        return ((code - UNIT) / UNIT).detach().view(1, 1, 1, 1).expand(len(like), 1, 1, 1)

    @staticmethod
    def _bits(mixtures: Sequence[Tensor], coded: Sequence[Tensor]) -> Tensor:
        total = torch.zeros((), device=coded[0].device)
        for mixture, band in zip(mixtures, coded, strict=True):
            total = total + gaussian_bits(mixture.float(), band[:, 0]).sum()
        return total

    def code_luma(self, x: Tensor, step: Tensor, *, bfloat16: bool = False) -> Coded:
        """Return what luma planes (N, 1, H, W), level shifted, come to at a quantiser step."""
        indices, coded, known = self._quantised(x, 0, step)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
            mixtures = list(self.luma(known, told=self._told(step, x)))
        decoded = self.restored(self.synthesised([index * step for index in indices], 0), step)
        return Coded(self._bits(mixtures, coded) / x.numel(), torch.mean((decoded - x) ** 2))

    def restored(self, x: Tensor, step: Tensor) -> Tensor:
        """Return decoded planes behind learned de-quantisation."""
        if self.dequantiser is None:
            return x
        added: Tensor = self.dequantiser(x, torch.log2(step).view(1, 1, 1, 1))
        return x + added

    def code_chroma(self, x: Tensor, step: Tensor, *, bfloat16: bool = False) -> Tensor:
        """Return the bits per pixel of Cb and of Cr, (2,), of planes (N, 3, H, W); gradients are chroma's modules'."""
        with torch.no_grad():
            parts = [self._quantised(x[:, at : at + 1], at, step) for at in range(3)]
            told = self._told(step, x)
            start: Start | None = None
            with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
                if self.conditioned:
                    start = self.luma.start_of(parts[0][2][0])
        bits = []
        for role in (1, 2):
            with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
                before = [known for _, _, known in parts[:role]]
                mixtures = list(self.chroma(parts[role][2], role, before, start, told))
            bits.append(self._bits(mixtures, parts[role][1]) / x[:, 0].numel())
        return torch.stack(bits)

    @property
    def is_fixed(self) -> bool:
        """The transform has nothing to train."""
        return isinstance(self.structure, FixedWavelet)
