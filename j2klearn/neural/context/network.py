"""The context network in floating point, as it is trained: from what is decoded to a mixture for every coefficient.

On the grid of a level a trunk of residual blocks reads what is known before the level. Then HL, LH and HH are coded
one after the other, each in raster order: what is before a coefficient in its own subband comes in through masked
convolutions (P2, Fig. 5), the subbands of the level that are there already through an ordinary one. Weights are the
same at all levels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..entropy.likelihood import LOG_SCALES, PARAMETERS, Bounded, bits_beside_outlier
from ..integer.masked import Masked

__all__ = ["ContextNetwork", "Residual", "mixture_bits"]

BANDS = 3  # HL, LH, HH


class Residual(nn.Module):
    """relu(x + conv(relu(conv(x)))), both 3x3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Fusion(nn.Module):
    """What joins the features of a level with a subband's own coefficients, in raster order.

    Parameters
    ----------
    index : int
        0 for HL, 1 for LH, which knows HL, 2 for HH, which knows both.
    width, layers, mixtures : int
        As of `ContextNetwork`.
    """

    def __init__(self, index: int, width: int, layers: int, mixtures: int) -> None:
        super().__init__()
        self.known = nn.Conv2d(width, width, 1)
        self.siblings = nn.Conv2d(index, width, 5, padding=2) if index else None
        self.own = Masked(1, width, centre=False)
        self.layers = nn.ModuleList(Masked(width, width, centre=True) for _ in range(layers))
        self.tail = nn.Conv2d(width, PARAMETERS * mixtures, 1)
        spread = torch.linspace(0, 3.5, mixtures) if mixtures > 1 else torch.ones(1)
        with torch.no_grad():
            nn.init.zeros_(self.tail.weight)
            assert self.tail.bias is not None
            nn.init.zeros_(self.tail.bias)
            self.tail.bias.view(PARAMETERS, mixtures)[2] = spread

    def forward(self, features: Tensor, siblings: Tensor, own: Tensor) -> Tensor:
        """Return the parameters of mixtures, (N, 3 K, h, w)."""
        x = self.known(features)
        if self.siblings is not None:
            x = x + self.siblings(siblings)
        x = F.relu(x + self.own(own))
        for layer in self.layers:
            x = F.relu(x + layer(x))
        out: Tensor = self.tail(x)
        return out


class ContextNetwork(nn.Module):
    """The network of one kind of component.

    Parameters
    ----------
    inputs : int
        Planes of features.
    width : int
        Channels.
    blocks : int
        Residual blocks of the trunk.
    layers : int
        Masked convolutions of a subband, behind the first one.
    mixtures : int
        Components of a mixture.
    """

    def __init__(self, inputs: int, width: int, blocks: int, layers: int, mixtures: int) -> None:
        super().__init__()
        self.mixtures = mixtures
        self.head = nn.Conv2d(inputs, width, 3, padding=1)
        self.trunk = nn.ModuleList(Residual(width) for _ in range(blocks))
        self.fusions = nn.ModuleList(Fusion(index, width, layers, mixtures) for index in range(BANDS))

    def forward(self, features: Tensor, details: Tensor) -> Tensor:
        """Return the mixtures of HL, LH and HH, (N, 3 bands, 3, K, h, w).

        Parameters
        ----------
        features : Tensor, shape (N, inputs, h, w)
            Features.
        details : Tensor, shape (N, 3, h, w)
            The compressed details; of these a place sees those before it in its own subband, and the subbands before.
        """
        x = F.relu(self.head(features))
        for block in self.trunk:
            x = block(x)
        out = [
            fusion(x, details[:, :index], details[:, index : index + 1]).float()
            for index, fusion in enumerate(self.fusions)
        ]
        return torch.stack([part.view(len(part), PARAMETERS, -1, *part.shape[-2:]) for part in out], 1)


def mixture_bits(mixtures: Tensor, values: Tensor) -> Tensor:
    """Return the bits of integers under mixtures of discretised logistic distributions.

    Parameters
    ----------
    mixtures : Tensor, shape (N, B, 3, K, h, w)
        Logits of the weights, means, logarithms of the scales.
    values : Tensor, shape (N, B, h, w)
        Integers.

    Returns
    -------
    Tensor, shape (N, B, h, w)
        A distribution that allows for anything has a weight of exp(-9) beside the mixture, so that a coefficient far
        off costs bits, and not the training.
    """
    weights = torch.log_softmax(mixtures[:, :, 0], 2)
    inverse = torch.exp(-Bounded.apply(mixtures[:, :, 2], *LOG_SCALES))  # type: ignore[no-untyped-call]
    distance = values.unsqueeze(2) - mixtures[:, :, 1]
    inside = F.logsigmoid((distance + 0.5) * inverse) + F.logsigmoid((0.5 - distance) * inverse)
    mixed = torch.logsumexp(weights + inside + torch.log(-torch.expm1(-inverse)), 2)
    return bits_beside_outlier(mixed, values)
