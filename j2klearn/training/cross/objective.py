"""The objective of the cross-component context model: bits and squared error of luma; bits of chroma (P2, Section 3.2).

Coefficients are normalised as in files: multiplied by the 9/7's norms and by those of the component transform, divided
by the quantiser step, rounded. The derivative of rounding is taken as 1.
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
    """Rate and distortion of a batch.

    Attributes
    ----------
    bits : Tensor, scalar
        Bits per pixel.
    error : Tensor, scalar
        Mean squared error in squared grey levels.
    """

    bits: Tensor
    error: Tensor


def _rounded(x: Tensor) -> Tensor:
    """Round; the gradient passes unchanged."""
    return x + (torch.round(x) - x).detach()


class CrossCodec(nn.Module):
    """Everything that P2 trains: transform, quantiser step, learned de-quantisation, and the two context networks.

    Parameters
    ----------
    entropy : dict
        Configuration of the entropy model.
    transform : dict or None
        Configuration of the transform model, with its dequantiser; None: the plain 9/7.
    initial_step : float
        Initial quantiser step in grey levels, above 0.

    Attributes
    ----------
    luma, chroma : CrossNetwork
        Context modules of luma, and of Cb and Cr.
    log_step : Parameter, scalar
        log2 of the quantiser step.
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
            assert not isinstance(network, GuidedDequantiser)  # `read_cross_config` refuses it
            self.dequantiser = network
        self.log_step = nn.Parameter(torch.log2(torch.tensor(float(initial_step))))
        self.luma = CrossNetwork(entropy, ROLES[:1])
        self.chroma = CrossNetwork(entropy, ROLES[1:])
        self.conditioned, self.reads_step = bool(entropy["conditioned"]), bool(entropy["told"])

    @property
    def transforming(self) -> list[nn.Parameter]:
        """The weights of the transform."""
        return list(self.structure.parameters())

    def adopt_luma(self) -> None:
        """Initialise chroma's modules with luma's weights (P2, Section 3.2).

        The convolutions that read the long-term context have more input planes in chroma. They take luma's weights for
        the planes that luma has too, and zero weights for the others.
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
        """Return the normalised coefficients of planes.

        Parameters
        ----------
        x : Tensor, shape (N, 1, H, W)
            Samples in grey levels, luma level shifted.
        component : {0, 1, 2}
            Y, Cb or Cr, for the normalisation.

        Returns
        -------
        list of Tensor, each (N, 1, h, w)
            LL first, then HL, LH, HH from the coarsest level to the finest.
        """
        ll, details = analyse(self.structure, WAVELETS[self.structure.base], x, self.levels)
        bands = [ll, *(band for level in reversed(details) for band in level)]
        return [band * norm for band, norm in zip(bands, self._norms(component), strict=True)]

    def synthesised(self, bands: Sequence[Tensor], component: int) -> Tensor:
        """Return the planes (N, 1, H, W) of normalised coefficients; the inverse of `analysed`."""
        ll, *flat = (band / norm for band, norm in zip(bands, self._norms(component), strict=True))
        details = [(flat[at], flat[at + 1], flat[at + 2]) for at in range(3 * (self.levels - 1), -1, -3)]
        return synthesise(self.structure, WAVELETS[self.structure.base], (ll, details))

    def _quantised(
        self, x: Tensor, component: int, step: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return the indices, what the context model codes in their place, and its companded inputs.

        The context model codes differences of LL, and the other indices unchanged.
        """
        indices = [_rounded(band / step) for band in self.analysed(x, component)]
        coded = [differences(indices[0]), *indices[1:]]
        return indices, coded, [torch.asinh(band) for band in coded]

    def _step_plane(self, step: Tensor, like: Tensor) -> Tensor | None:
        """Return the input plane of the quantiser step, if the model has one.

        The values are those of `j2klearn.neural.integer.companding.scalar_planes`.
        """
        if not self.reads_step:
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
        """Return bits and error of luma at a quantiser step.

        Parameters
        ----------
        x : Tensor, shape (N, 1, H, W)
            Level-shifted luma in grey levels.
        step : Tensor, scalar
            Quantiser step in grey levels.
        bfloat16 : bool
            Compute the context network in bfloat16.
        """
        indices, coded, companded = self._quantised(x, 0, step)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
            mixtures = list(self.luma(companded, told=self._step_plane(step, x)))
        decoded = self.restored(self.synthesised([index * step for index in indices], 0), step)
        return Coded(self._bits(mixtures, coded) / x.numel(), torch.mean((decoded - x) ** 2))

    def restored(self, x: Tensor, step: Tensor) -> Tensor:
        """Apply learned de-quantisation to decoded planes (N, 1, H, W), if the model has it."""
        if self.dequantiser is None:
            return x
        added: Tensor = self.dequantiser(x, torch.log2(step).view(1, 1, 1, 1))
        return x + added

    def code_chroma(self, x: Tensor, step: Tensor, *, bfloat16: bool = False) -> Tensor:
        """Return the bits per pixel of Cb and of Cr. Only chroma's modules get gradients.

        Parameters
        ----------
        x : Tensor, shape (N, 3, H, W)
            Y, Cb and Cr in grey levels, luma level shifted.
        step : Tensor, scalar
            Quantiser step in grey levels.
        bfloat16 : bool
            Compute the context networks in bfloat16.

        Returns
        -------
        Tensor, shape (2,)
        """
        with torch.no_grad():
            parts = [self._quantised(x[:, at : at + 1], at, step) for at in range(3)]
            step_plane = self._step_plane(step, x)
            start: Start | None = None
            with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
                if self.conditioned:
                    start = self.luma.start_of(parts[0][2][0])
        bits = []
        for role in (1, 2):
            with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
                before = [companded for _, _, companded in parts[:role]]
                mixtures = list(self.chroma(parts[role][2], role, before, start, step_plane))
            bits.append(self._bits(mixtures, parts[role][1]) / x[:, 0].numel())
        return torch.stack(bits)

    @property
    def is_fixed(self) -> bool:
        """Whether the transform has no weights to train."""
        return isinstance(self.structure, FixedWavelet)
