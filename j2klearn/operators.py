"""Learned operators: the networks that predict one group of subbands from another inside a lifting step.

An operator maps ``(N, inputs, H + 2R, W + 2R)`` to ``(N, outputs, H, W)``, R being its half-width `radius`: it pads
nothing itself, so a plane may be worked on in blocks, in any order, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["OPERATORS", "Operator", "ProposalOpacity"]


class Operator(nn.Module):
    """What every operator has: its numbers of maps and its half-width in samples of the subband grid."""

    inputs: int
    outputs: int
    radius: int


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions without biases around a skip, ReLU after each (P1, Fig. 7)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, bias=False)
        self.second = nn.Conv2d(width, width, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.second(F.relu_(self.first(x)))
        return F.relu_(residual.add_(x[..., 2:-2, 2:-2]))


class Opacity(nn.Module):
    """The network that blends the proposals: non-negative maps that sum to one (P1, Fig. 6b and equation 5)."""

    OFFSET = 0.01

    def __init__(self, inputs: int, proposals: int, width: int, blocks: int, first_kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, first_kernel, bias=False)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, proposals, 3, bias=False)
        self.radius = first_kernel // 2 + 2 * blocks + 1

    def forward(self, x: Tensor) -> Tensor:
        likelihood = F.relu_(self.last(self.blocks(F.relu_(self.first(x))))) + self.OFFSET
        # a convolution by ones sums channels twice as fast as a reduction does
        ones = likelihood.new_ones(likelihood.shape[1], likelihood.shape[1], 1, 1)
        return likelihood / F.conv2d(likelihood, ones)


class ProposalOpacity(Operator):
    """Linear proposals blended by data-dependent opacities (P1, Fig. 5, 7 and 8).

    Parameters
    ----------
    inputs, outputs : int
        Maps read and maps predicted. Every output has proposals of its own; one set of opacities serves all.
    proposals : int
        Proposals per output, N in the paper.
    width : int
        Channels in the trunk of the opacity network.
    blocks : int
        Residual blocks in the opacity network.
    first_kernel : {1, 3}
        Kernel of the opacity network's first convolution; with `blocks` it sets the half-width, which the
        proposals share.
    zero_dc : bool
        Take the mean off every proposal, so that a constant input predicts exactly zero.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        proposals: int,
        width: int,
        blocks: int,
        first_kernel: int,
        zero_dc: bool,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.count = inputs, outputs, proposals
        self.zero_dc = zero_dc
        self.opacity = Opacity(inputs, proposals, width, blocks, first_kernel)
        self.radius = self.opacity.radius
        self.proposal = nn.Conv2d(inputs, outputs * proposals, 2 * self.radius + 1, bias=False)
        # Near zero: the transform starts at its base wavelet.
        nn.init.normal_(self.proposal.weight, std=1e-4)

    def forward(self, x: Tensor, guide: Tensor | None = None, *, fast: bool = False) -> Tensor:
        """Predict `outputs` maps.

        Parameters
        ----------
        x : Tensor, shape (N, inputs, H + 2R, W + 2R)
            What to predict from.
        guide : Tensor, shape (1, inputs, H + 2R, W + 2R), optional
            What the opacities are computed from, for all of `x`; from each of `x` if not given.
        fast : bool
            Compute in bfloat16: it costs a small fraction of the prediction.
        """
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=fast):
            source = x.bfloat16() if fast else x
            opacities = self.opacity(source if guide is None else guide)
            return self._blend(self._propose(source), opacities).to(x.dtype)

    def _blend(self, proposals: Tensor, opacities: Tensor) -> Tensor:
        """Weigh the proposals by the opacities and add up those of each output."""
        weighed = proposals * torch.cat([opacities.to(proposals.dtype)] * self.outputs, 1)
        # again a convolution by ones, for its speed
        groups = torch.eye(self.outputs, dtype=weighed.dtype, device=weighed.device)
        return F.conv2d(weighed, groups.repeat_interleave(self.count, 1)[..., None, None])

    def _propose(self, x: Tensor) -> Tensor:
        weight = self.proposal.weight
        if self.zero_dc:
            weight = weight - weight.mean((2, 3), keepdim=True)
        if self.inputs > 1 or (x.dtype == torch.bfloat16 and not torch.is_grad_enabled()):
            return F.conv2d(x, weight)
        # A one-channel convolution leaves vector units idle in float32, and its gradients always: its columns stacked
        # as channels run three times faster.
        side = 2 * self.radius + 1
        width = x.shape[-1] - side + 1
        columns = torch.cat([x[..., i : i + width] for i in range(side)], 1)
        columns = columns.contiguous(memory_format=torch.channels_last)
        return F.conv2d(columns, weight.permute(0, 3, 2, 1).contiguous())


#: Operator classes by the name used in model configurations.
OPERATORS: dict[str, Callable[..., Operator]] = {"proposal-opacity": ProposalOpacity}
