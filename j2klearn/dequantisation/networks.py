"""The networks for learned de-quantisation: which components they read, and what they add to the components.

The networks of this project process positions: the samples of each block of 2 x 2 or 4 x 4 are channels, divided by the
expected noise. The network of P2 processes the samples themselves at full resolution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..transform.convolution import Convolution
from .noise import REACH
from .parts import Part, guided, single
from .positions import MEAN_REACH

__all__ = [
    "AnyDequantiser",
    "ChromaDequantiser",
    "Dequantiser",
    "FloatNetwork",
    "GuidedDequantiser",
    "ResidualDequantiser",
    "dequantiser_of",
]

#: Factor of the compressed input.
_COMPRESSION = 0.7

#: Factor of log2 of the noise, as an input of a network.
_LOG_SCALE = 0.25

#: Samples of the network of P2 are divided by this.
_RANGE = 256.0


def _octaves(exponent: Tensor) -> Tensor:
    """Return two to the power of each exponent.

    `torch.exp2` rounds the last samples of a thread's share differently; `torch.exp` does not.
    """
    return torch.exp(exponent * math.log(2.0))


def _normalised(x: Tensor, scale: Tensor, side: int) -> Tensor:
    """Return the network input of a component.

    The phases are divided by the noise, the local mean is subtracted, and the result is compressed.
    """
    u = F.pixel_unshuffle(x, side) / scale
    reach = MEAN_REACH[side]
    wide = F.pad(u.mean(1, keepdim=True), (reach,) * 4, mode="replicate")
    return torch.asinh(u - F.avg_pool2d(wide, 2 * reach + 1, 1)) * _COMPRESSION


class _Pairs(nn.Module):
    """A 3x3 convolution with ReLU, residual pairs of such convolutions, and a last 3x3 convolution.

    The input of a pair is added before its last ReLU. The network reads some components and corrects the last of them.
    """

    def __init__(self, reads: int, writes: int, width: int, pairs: int, side: int) -> None:
        super().__init__()
        self.side = side
        phases = side * side
        inputs, outputs = phases * reads + writes, phases * writes
        self.head = Convolution(inputs, width, 3, padding=1)
        self.body = nn.ModuleList(Convolution(width, width, 3, padding=1) for _ in range(2 * pairs))
        self.tail = Convolution(width, outputs, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    @property
    def reach(self) -> int:
        """Samples that the network reads beyond an area, at most."""
        return REACH * self.side // 2

    def _run(self, planes: Tensor) -> Tensor:
        kind = self.head.weight.dtype
        h = F.relu(self.head(planes.to(kind, memory_format=torch.channels_last)))
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            h = F.relu(h + second(F.relu(first(h))))
        out: Tensor = self.tail(h)
        return out.float()


class Dequantiser(_Pairs):
    """The network for one component.

    A position is a block of S x S samples; its samples are the phases. Let u be the phases of the component divided by
    the noise, and v be u minus its local mean. The input is 0.7 asinh(v) and a quarter of log2 of the noise. It passes
    through a 3x3 convolution with ReLU, then through pairs of 3x3 convolutions. A pair has a ReLU between its
    convolutions; its input is added to its output, and a ReLU follows. The last 3x3 convolution returns the phases,
    which are multiplied by the noise. Outside the picture the convolutions read zeros.

    Parameters
    ----------
    width : int
        Channels of the hidden layers.
    pairs : int
        Pairs of convolutions, 1 to 4.
    side : int
        Side S of a position, 2 or 4.

    Attributes
    ----------
    told : bool
        Whether the network reads the noise level: always True.
    """

    told = True

    def __init__(self, width: int, pairs: int, side: int = 2) -> None:
        super().__init__(1, 1, width, pairs, side)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the correction to add to the samples.

        Parameters
        ----------
        x : Tensor, shape (N, 1, H, W), float32
            Samples in units of 8-bit grey levels; H and W are multiples of S.
        noise : Tensor, shape (N, 1, H / S, W / S), or one that broadcasts to it
            log2 of the noise, in 8-bit grey levels.

        Returns
        -------
        Tensor, shape (N, 1, H, W), float32
            The correction, in units of 8-bit grey levels.
        """
        return F.pixel_shuffle(self._run(self.inputs(x, noise)) * _octaves(noise), self.side)

    def inputs(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the inputs of the first convolution, (N, S S + 1, H / S, W / S), of the arguments of `forward`."""
        v = _normalised(x, _octaves(noise), self.side)
        return torch.cat([v, (noise * _LOG_SCALE).expand(-1, 1, *v.shape[2:])], 1)

    def parts(self, components: int, *, ict: bool) -> list[Part[FloatNetwork]]:
        """Return the applications of the network to a picture; see `j2klearn.dequantisation.parts.single`."""
        return single(self, components)


class ChromaDequantiser(_Pairs):
    """The network for both chroma components, which reads luma too.

    It is like `Dequantiser`, with the phases of three components and two planes of noise as inputs. The phases of luma
    are those before its own de-quantisation, divided by the geometric mean of the two chroma noises. The phases of each
    chroma component are divided by its own noise.

    Parameters
    ----------
    width, pairs, side : int
        As in `Dequantiser`.
    """

    def __init__(self, width: int, pairs: int, side: int = 2) -> None:
        super().__init__(3, 2, width, pairs, side)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the correction to add to chroma.

        Parameters
        ----------
        x : Tensor, shape (N, 3, H, W), float32
            Luma and chroma in units of 8-bit grey levels; H and W are multiples of S.
        noise : Tensor, shape (N, 2, H / S, W / S), or one that broadcasts to it
            log2 of the noise of the chroma components, in 8-bit grey levels.

        Returns
        -------
        Tensor, shape (N, 2, H, W), float32
            The correction of both chroma components, in units of 8-bit grey levels.
        """
        scale = _octaves(noise).repeat_interleave(self.side**2, 1)
        return F.pixel_shuffle(self._run(self.inputs(x, noise)) * scale, self.side)

    def inputs(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the inputs of the first convolution, (N, 3 S S + 2, H / S, W / S), of the arguments of `forward`."""
        scale = _octaves(noise)
        scales = (_octaves(noise.mean(1, keepdim=True)), scale[:, :1], scale[:, 1:])
        v = torch.cat([_normalised(x[:, at : at + 1], each, self.side) for at, each in enumerate(scales)], 1)
        return torch.cat([v, (noise * _LOG_SCALE).expand(-1, 2, *v.shape[2:])], 1)


class GuidedDequantiser(nn.Module):
    """Two networks: one for single components, and one for chroma with luma as a guide.

    The first network processes luma, extra components, and all components of pictures without the ICT.

    Parameters
    ----------
    width, pairs, side : int
        Parameters of the network for single components; see `Dequantiser`.
    chroma_width, chroma_pairs, chroma_side : int
        Parameters of the network for chroma; see `ChromaDequantiser`.

    Attributes
    ----------
    told : bool
        Whether the networks read the noise level: always True.
    """

    told = True

    def __init__(
        self,
        width: int,
        pairs: int,
        chroma_width: int,
        chroma_pairs: int,
        side: int = 2,
        chroma_side: int = 2,
    ) -> None:
        super().__init__()
        self.luma = Dequantiser(width, pairs, side)
        self.chroma = ChromaDequantiser(chroma_width, chroma_pairs, chroma_side)

    @property
    def side(self) -> int:
        """The side of the larger positions of the two networks."""
        return max(self.luma.side, self.chroma.side)

    @property
    def reach(self) -> int:
        """Samples that the networks read beyond an area, at most."""
        return max(self.luma.reach, self.chroma.reach)

    def parts(self, components: int, *, ict: bool) -> list[Part[FloatNetwork]]:
        """Return the applications of the networks, in order; see `j2klearn.dequantisation.parts.guided`."""
        return guided(self.luma, self.chroma, components, ict=ict)


class ResidualDequantiser(nn.Module):
    """The de-quantisation module of iWave++ (P2, Section 2.2), at full resolution.

    The samples are divided by 256. They pass through a 3x3 convolution, residual blocks of two 3x3 convolutions with a
    ReLU between them, and one more 3x3 convolution, to which the output of the first one is added. A last 3x3
    convolution returns one channel, which is multiplied by 256.

    Parameters
    ----------
    width : int
        Channels of the hidden layers, 64 in P2.
    blocks : int
        Residual blocks, 6 in P2.
    told : bool
        Whether the network reads the noise level, for models of a range of rates. The second input channel then is a
        quarter of log2 of the noise. Without it, the model is for one rate.

    Attributes
    ----------
    side : int
        Side of the blocks of samples that have a noise level: 2.
    reach : int
        Samples that the network reads beyond an area, at most.
    """

    side = 2
    reach = REACH

    def __init__(self, width: int, blocks: int, told: bool) -> None:
        super().__init__()
        self.told = told
        self.head = Convolution(2 if told else 1, width, 3, padding=1)
        self.body = nn.ModuleList(Convolution(width, width, 3, padding=1) for _ in range(2 * blocks))
        self.join = Convolution(width, width, 3, padding=1)
        self.tail = Convolution(width, 1, 3, padding=1)
        with torch.no_grad():
            for layer in self.body[1::2]:
                layer.weight *= 0.3  # type: ignore[operator,assignment]
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the correction to add to the samples; see `Dequantiser.forward`."""
        planes = x / _RANGE
        if self.told:
            up = noise.repeat_interleave(2, 2).repeat_interleave(2, 3) if noise.shape[-1] > 1 else noise
            planes = torch.cat([planes, (up * _LOG_SCALE).expand_as(x)], 1)
        kind = self.head.weight.dtype
        first = self.head(planes.to(kind, memory_format=torch.channels_last))
        h = first
        for inner, outer in zip(self.body[::2], self.body[1::2], strict=True):
            h = h + outer(F.relu(inner(h)))
        out: Tensor = self.tail(self.join(h) + first)
        return out.float() * _RANGE

    def parts(self, components: int, *, ict: bool) -> list[Part[FloatNetwork]]:
        """Return the applications of the network to a picture; see `j2klearn.dequantisation.parts.single`."""
        return single(self, components)


#: A network that is applied to components of a picture; see `j2klearn.dequantisation.parts.Part`.
FloatNetwork = Dequantiser | ChromaDequantiser | ResidualDequantiser

AnyDequantiser = Dequantiser | GuidedDequantiser | ResidualDequantiser

#: Network classes by the ``kind`` in their options. Options without a kind belong to the first class.
_NETWORKS: dict[str, type[Dequantiser] | type[GuidedDequantiser] | type[ResidualDequantiser]] = {
    "": Dequantiser,
    "guided": GuidedDequantiser,
    "residual": ResidualDequantiser,
}


def dequantiser_of(options: Mapping[str, Any]) -> AnyDequantiser:
    """Return an untrained network for the ``dequantiser`` options in a checked model configuration.

    Parameters
    ----------
    options : mapping
        The ``kind`` of the network, if it has one, and the keyword arguments of its class.
    """
    own = {key: value for key, value in options.items() if key != "kind"}
    return _NETWORKS[options.get("kind", "")](**own)
