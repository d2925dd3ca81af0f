"""Learned operators: the networks that predict one group of subbands from another inside a lifting step.

An operator maps ``(N, inputs, H + 2R, W + 2R)`` to ``(N, outputs, H, W)``, where R is its half-width `radius`. It does
not pad its input. So a plane may be processed in blocks, in any order, with the same result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blending import blend_natively
from .convolution import Convolution, convolve, trains_natively

__all__ = ["OPERATORS", "Fixed", "IWave", "IWavePlusPlus", "Operator", "ProposalOpacity", "Tap"]


class Tap(NamedTuple):
    """One coefficient of the fixed filter in an operator: the input map, the offset of the neighbour, the weight."""

    source: int
    dy: int
    dx: int
    weight: float


class Operator(nn.Module):
    """Base class of operators: a learned part, and the fixed filter if the base wavelet has one in this step.

    Parameters
    ----------
    inputs, outputs : int
        Number of maps read and of maps predicted.
    radius : int
        Half-width R of the learned part and of the taps, in samples of the subband grid.
    taps : sequence of Tap
        The fixed filter, which contributes to the first output only.

    Attributes
    ----------
    quiet : bool
        Whether an input of zeros predicts exactly zero.
    """

    quiet = True

    def __init__(self, inputs: int, outputs: int, radius: int, taps: Sequence[Tap] = ()) -> None:
        super().__init__()
        self.inputs, self.outputs, self.radius, self.taps = inputs, outputs, radius, tuple(taps)

    @property
    def learned(self) -> bool:
        """Whether the operator has parameters to train."""
        return any(True for _ in self.parameters())

    def forward(
        self,
        x: Tensor,
        guide: Tensor | None = None,
        *,
        fast: bool = False,
        opacities: Tensor | None = None,
    ) -> Tensor:
        """Predict `outputs` maps.

        Parameters
        ----------
        x : Tensor, shape (N, inputs, H + 2R, W + 2R)
            The maps to predict from.
        guide : Tensor, shape (1, inputs, H + 2R, W + 2R), optional
            The maps from which the opacities for all of `x` are computed. Default: each item of `x` has opacities of
            its own. Operators without opacities ignore it.
        fast : bool
            Compute the learned part in bfloat16. Its rounding errors are small, as the learned part is a small fraction
            of the samples.
        opacities : Tensor, shape (N, proposals, H, W), optional
            Opacities to use instead of the operator's own.

        Returns
        -------
        Tensor, shape (N, outputs, H, W)
            The predictions, in the dtype of `x`.
        """
        predicted = self.predict(x, guide, fast, opacities)
        if not self.taps:
            return predicted
        fixed = self.filtered(x)
        if self.outputs == 1:
            return predicted + fixed
        return torch.cat([predicted[:, :1] + fixed, predicted[:, 1:]], 1)

    def predict(self, x: Tensor, guide: Tensor | None, fast: bool, opacities: Tensor | None) -> Tensor:
        """Return the prediction of the learned part, shape (N, outputs, H, W); see `forward`."""
        raise NotImplementedError

    def filtered(self, x: Tensor, margin: int = 0) -> Tensor:
        """Return the output of the fixed filter, shape (N, 1, H + 2 margin, W + 2 margin); zeros without taps."""
        inset = self.radius - margin
        height, width = x.shape[-2] - 2 * inset, x.shape[-1] - 2 * inset
        out = x.new_zeros(x.shape[0], 1, height, width)
        for source, dy, dx, weight in self.taps:
            top, left = inset + dy, inset + dx
            part = x[:, source : source + 1, top : top + height, left : left + width]
            out = out + weight * part
        return out


class Fixed(Operator):
    """The fixed filter of a step of the base wavelet, without a learned part."""

    def __init__(self, taps: Sequence[Tap]) -> None:
        super().__init__(1, 1, 1, taps)

    def predict(self, x: Tensor, guide: Tensor | None, fast: bool, opacities: Tensor | None) -> Tensor:
        return x.new_zeros(x.shape[0], 1, x.shape[-2] - 2, x.shape[-1] - 2)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions without biases and a skip connection, ReLU after each (P1, Fig. 7)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Convolution(width, width, 3, bias=False)
        self.second = Convolution(width, width, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.second(self.first(x, rectified=True))
        return F.relu_(residual.add_(x[..., 2:-2, 2:-2]))


class Opacity(nn.Module):
    """The network that computes the opacities, which are non-negative weights of the proposals (P1, Fig. 6).

    Parameters
    ----------
    inputs, proposals, width, blocks, first_kernel, last_kernel : int
        See `ProposalOpacity`.
    normalisation : {"sum", "log"}
        "sum": the opacities of a sample sum to one at any contrast (Fig. 6b, equation 5). "log": a log-like activation
        (Fig. 6a), here ``log(1 + x)``. It compresses contrast, and all opacities of a sample may be zero.
    """

    OFFSET = 0.01

    def __init__(
        self,
        inputs: int,
        proposals: int,
        width: int,
        blocks: int,
        first_kernel: int,
        last_kernel: int = 3,
        normalisation: str = "sum",
    ) -> None:
        super().__init__()
        self.first = Convolution(inputs, width, first_kernel, bias=False)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.last = Convolution(width, proposals, last_kernel, bias=False)
        self.radius = first_kernel // 2 + 2 * blocks + last_kernel // 2
        self.normalisation = normalisation

    def likelihoods(self, x: Tensor) -> Tensor:
        """Return what the network computes before normalisation, shape (N, proposals, H, W); not negative."""
        likelihood: Tensor = self.last(self.blocks(self.first(x, rectified=True)), rectified=True)
        return likelihood

    def forward(self, x: Tensor) -> Tensor:
        likelihood = self.likelihoods(x)
        if self.normalisation == "log":
            return torch.log1p(likelihood)
        likelihood = likelihood + self.OFFSET
        # a convolution with ones sums channels twice as fast as a reduction
        ones = likelihood.new_ones(likelihood.shape[1], likelihood.shape[1], 1, 1)
        return likelihood / convolve(likelihood, ones)


def _cropped(x: Tensor, margin: int) -> Tensor:
    """Remove `margin` rows and columns on each side of maps."""
    return x[..., margin : x.shape[-2] - margin, margin : x.shape[-1] - margin] if margin else x


#: Kernels with longer sides are large: oneDNN has no fast gradient for them in float32.
_LARGE = 13


class ProposalOpacity(Operator):
    """Linear proposals blended by data-dependent opacities (P1, Fig. 5, 7 and 8).

    Parameters
    ----------
    inputs, outputs : int
        Number of maps read and of maps predicted. Every output has its own proposals. All outputs share one set of
        opacities.
    proposals : int
        Proposals per output, N in the paper.
    width : int
        Channels of the opacity network.
    blocks : int
        Residual blocks of the opacity network.
    first_kernel, last_kernel : {1, 3, 5, 7}
        Kernel sides of the first and the last convolution of the opacity network. Together with `blocks` they determine
        its half-width.
    zero_dc : bool
        Subtract the mean from the kernel of every proposal, so that a constant input predicts zero.
    normalisation : {"sum", "log"}
        How likelihoods become opacities (P1, Fig. 6b and 6a); see `Opacity`.
    proposal_kernel : int, optional
        Kernel side of the proposals, odd. Default: the side of the region of support of the opacity network, as in the
        paper. The half-width of the operator is the larger one of the two.
    taps : sequence of Tap
        The fixed filter, to which the blended proposals are added. If the opacities sum to one, this equals adding the
        filter to every proposal. A proposal of zeros then is the paper's proposal that equals the base filter.

    Attributes
    ----------
    proposal_radius : int
        Half-width of the proposals, at most `radius`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        taps: Sequence[Tap] = (),
        *,
        proposals: int,
        width: int,
        blocks: int,
        first_kernel: int,
        zero_dc: bool,
        last_kernel: int = 3,
        normalisation: str = "sum",
        proposal_kernel: int | None = None,
    ) -> None:
        opacity = Opacity(inputs, proposals, width, blocks, first_kernel, last_kernel, normalisation)
        reach = opacity.radius if proposal_kernel is None else proposal_kernel // 2
        super().__init__(inputs, outputs, max(opacity.radius, reach), taps)
        self.count, self.zero_dc, self.opacity = proposals, zero_dc, opacity
        self.proposal_radius = reach
        self.proposal = Convolution(inputs, outputs * proposals, 2 * reach + 1, bias=False)
        # Training starts close to the base wavelet.
        nn.init.normal_(self.proposal.weight, std=1e-4)

    def predict(self, x: Tensor, guide: Tensor | None, fast: bool, opacities: Tensor | None) -> Tensor:
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=fast):
            source = x.bfloat16() if fast else x
            proposals = self._propose(_cropped(source, self.radius - self.proposal_radius))
            if opacities is None:
                opacity_input = source if guide is None else guide
                opacity_input = _cropped(opacity_input, self.radius - self.opacity.radius)
                if guide is None and self.opacity.normalisation == "sum" and self._trains_natively(source):
                    likelihoods = self.opacity.likelihoods(opacity_input)
                    return blend_natively(likelihoods, proposals, self.opacity.OFFSET)
                opacities = self.opacity(opacity_input)
            return self._blend(proposals, opacities).to(x.dtype)

    def _trains_natively(self, x: Tensor) -> bool:
        return all(
            trains_natively(x, convolution.weight) for convolution in (self.proposal, self.opacity.last)
        )

    def _blend(self, proposals: Tensor, opacities: Tensor) -> Tensor:
        """Weight the proposals by the opacities and sum them for each output."""
        weighted = proposals * torch.cat([opacities.to(proposals.dtype)] * self.outputs, 1)
        # again a convolution with ones is faster than a reduction
        groups = torch.eye(self.outputs, dtype=weighted.dtype, device=weighted.device)
        return convolve(weighted, groups.repeat_interleave(self.count, 1)[..., None, None])

    def _propose(self, x: Tensor) -> Tensor:
        weight = self.proposal.weight
        if self.zero_dc:
            weight = weight - weight.mean((2, 3), keepdim=True)
        training, single = torch.is_grad_enabled(), x.dtype != torch.bfloat16
        side = 2 * self.proposal_radius + 1
        narrow = self.inputs == 1 and (training or single)
        large = side > _LARGE and training and single
        if trains_natively(x, weight) or (not narrow and not large):
            return convolve(x, weight)
        # With one channel, convolutions in float32 and all gradients do not fill the vector units. It is three times
        # faster to stack the columns of the kernel's window as channels. For large kernels, oneDNN's gradients in
        # float32 take up to 20 times longer than this, with any number of channels.
        width = x.shape[-1] - side + 1
        columns = torch.cat([x[..., i : i + width] for i in range(side)], 1)
        columns = columns.contiguous(memory_format=torch.channels_last)
        stacked = weight.permute(0, 3, 1, 2).reshape(weight.shape[0], -1, side, 1)
        return convolve(columns, stacked.contiguous())


#: Networks without proposals get their input divided by this, and their output is multiplied by it. Inside the network
#: values are then of the order of one.
_RANGE = 256.0

#: The output of these networks is multiplied by this too, for a slow start of the training (as in P2).
_OUTPUT_SCALE = 0.1


class IWave(Operator):
    """A plain network: 3x3 convolutions without biases, ReLU between them (after iWave, reference 5 of P1).

    Parameters
    ----------
    inputs, outputs, taps
        See `Operator`.
    width : int
        Channels.
    layers : int
        Number of convolutions, at least two. It is also the half-width.
    """

    def __init__(
        self, inputs: int, outputs: int, taps: Sequence[Tap] = (), *, width: int, layers: int
    ) -> None:
        super().__init__(inputs, outputs, layers, taps)
        widths = [inputs, *[width] * (layers - 1), outputs]
        convolutions = [Convolution(a, b, 3, bias=False) for a, b in itertools.pairwise(widths)]
        nn.init.zeros_(convolutions[-1].weight)  # training starts at the base wavelet
        self.layers = nn.ModuleList(convolutions)

    def predict(self, x: Tensor, guide: Tensor | None, fast: bool, opacities: Tensor | None) -> Tensor:
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=fast):
            y = (x / _RANGE).bfloat16() if fast else x / _RANGE
            for layer in self.layers[:-1]:
                y = layer(y, rectified=True)
            output: Tensor = self.layers[-1](y).to(x.dtype)
        return output * (_OUTPUT_SCALE * _RANGE)


class IWavePlusPlus(Operator):
    """A trainable filter, and a network that corrects the output of the filter (P2, Fig. 3).

    Parameters
    ----------
    inputs, outputs, taps
        See `Operator`. The trainable filter starts equal to the taps. It is 3x1 if all taps lie in one column, else
        3x3.
    width : int
        Channels of the network, 16 in P2.
    """

    quiet = False  # the network has biases

    def __init__(self, inputs: int, outputs: int, taps: Sequence[Tap] = (), *, width: int) -> None:
        super().__init__(inputs, outputs, 5, taps)
        column = bool(taps) and all(tap.dx == 0 for tap in taps)
        self.column = column
        self.skip = Convolution(inputs, outputs, (3, 1) if column else 3, bias=False)
        nn.init.zeros_(self.skip.weight)  # these weights are added to the taps
        self.first = Convolution(outputs, width, 3)
        self.second = Convolution(width, width, 3)
        self.third = Convolution(width, width, 3)
        self.last = Convolution(width, outputs, 3)
        for weight in self.last.parameters():
            nn.init.zeros_(weight)

    def forward(
        self,
        x: Tensor,
        guide: Tensor | None = None,
        *,
        fast: bool = False,
        opacities: Tensor | None = None,
    ) -> Tensor:
        # the input of the network is the output of the whole filter, taps included
        skip = self.skip(x[..., 1:-1] if self.column else x)
        if self.taps:
            fixed = self.filtered(x, 4)
            skip = skip + (fixed if self.outputs == 1 else F.pad(fixed, (0, 0, 0, 0, 0, self.outputs - 1)))
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=fast):
            first = self.first((skip / _RANGE).bfloat16() if fast else skip / _RANGE)
            y = self.third(torch.tanh(self.second(torch.tanh(first)))) + first[..., 2:-2, 2:-2]
            output: Tensor = self.last(y).to(x.dtype)
        return torch.add(skip[..., 4:-4, 4:-4], output, alpha=_OUTPUT_SCALE * _RANGE)


#: Operator classes by their name in model configurations.
OPERATORS: dict[str, Callable[..., Operator]] = {
    "proposal-opacity": ProposalOpacity,
    "iwave": IWave,
    "iwave++": IWavePlusPlus,
}
