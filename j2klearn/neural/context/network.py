"""The context network in floating point, for training: computes a mixture for every coefficient from decoded data.

A trunk of residual blocks reads the features that are available before a level, on the grid of the level's LL. HL, LH
and HH are then coded one after the other, each in raster order. Masked convolutions (P2, Fig. 5) read the earlier
coefficients of the same subband; an ordinary convolution reads the earlier subbands of the level. All levels have the
same weights.
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
    """A residual block: relu(x + conv(relu(conv(x)))), with two 3x3 convolutions of `width` channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Fusion(nn.Module):
    """Combines the features of a level with the earlier coefficients of one subband, in raster order.

    Parameters
    ----------
    index : int
        0 for HL, 1 for LH, which has HL as context, 2 for HH, which has both.
    width, layers, mixtures : int
        As in `ContextNetwork`.
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
        """Return the parameters of the mixtures, (N, 3 K, h, w).

        Parameters
        ----------
        features : Tensor, shape (N, width, h, w)
            The output of the trunk.
        siblings : Tensor, shape (N, index, h, w)
            The earlier subbands of the level, compressed.
        own : Tensor, shape (N, 1, h, w)
            The subband itself, compressed.
        """
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
        Number of input planes.
    width : int
        Number of channels.
    blocks : int
        Number of residual blocks of the trunk.
    layers : int
        Number of masked convolutions of a subband after the first one.
    mixtures : int
        Number of components of a mixture.
    """

    def __init__(self, inputs: int, width: int, blocks: int, layers: int, mixtures: int) -> None:
        super().__init__()
        self.mixtures = mixtures
        self.head = nn.Conv2d(inputs, width, 3, padding=1)
        self.trunk = nn.ModuleList(Residual(width) for _ in range(blocks))
        self.fusions = nn.ModuleList(Fusion(index, width, layers, mixtures) for index in range(BANDS))

    def forward(self, features: Tensor, details: Tensor) -> Tensor:
        """Return the parameters of the mixtures of HL, LH and HH, (N, 3 subbands, 3, K, h, w).

        Parameters
        ----------
        features : Tensor, shape (N, inputs, h, w)
            The input planes (`j2klearn.neural.context.inputs`), in floating point.
        details : Tensor, shape (N, 3, h, w)
            The compressed details. The mixture of a place only depends on earlier subbands, and on places before it in
            its own subband.
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
        Logits of the weights, means, natural logarithms of the scales.
    values : Tensor, shape (N, B, h, w)
        Integers.

    Returns
    -------
    Tensor, shape (N, B, h, w)
        Bits. An outlier distribution with weight exp(-9) is added to the mixture, so that an outlier costs a bounded
        number of bits and does not destabilise training.
    """
    weights = torch.log_softmax(mixtures[:, :, 0], 2)
    inverse = torch.exp(-Bounded.apply(mixtures[:, :, 2], *LOG_SCALES))  # type: ignore[no-untyped-call]
    distance = values.unsqueeze(2) - mixtures[:, :, 1]
    inside = F.logsigmoid((distance + 0.5) * inverse) + F.logsigmoid((0.5 - distance) * inverse)
    mixed = torch.logsumexp(weights + inside + torch.log(-torch.expm1(-inverse)), 2)
    return bits_beside_outlier(mixed, values)
