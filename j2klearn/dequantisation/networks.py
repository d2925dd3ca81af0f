"""The networks for learned de-quantisation: what they see of a picture, and what they add to it.

They work at half resolution on the four phases of the samples, normalised by the noise to be expected; P2's at full
resolution on the samples themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..transform.convolution import Convolution

__all__ = [
    "AnyDequantiser",
    "ChromaDequantiser",
    "Dequantiser",
    "GuidedDequantiser",
    "Part",
    "ResidualDequantiser",
    "dequantiser_of",
]

_PHASES = 4
_MEAN = 9  # side of the window, at half resolution, whose mean is taken off
_COMPRESSION = 0.7
_LOG_SCALE = 0.25
_RANGE = 256.0


class Part(NamedTuple):
    """What one network does: it reads some components of a picture and adds to some of these."""

    network: nn.Module
    reads: tuple[int, ...]
    writes: tuple[int, ...]


class _Apart:
    """Networks that work on one component after the other."""

    def parts(self, components: int, *, ict: bool) -> list[Part]:
        """Return what is done to a picture, in turn.

        Parameters
        ----------
        components : int
            Of the picture.
        ict : bool
            The first three are those of the ICT.
        """
        assert isinstance(self, nn.Module)
        return [Part(self, (index,), (index,)) for index in range(components)]


def _octaves(exponent: Tensor) -> Tensor:
    """Return two to the power of each exponent.

    `torch.exp2` rounds differently at the end of what a thread works on; `torch.exp` does not.
    """
    return torch.exp(exponent * math.log(2.0))


def _seen(x: Tensor, scale: Tensor) -> Tensor:
    """Return the four phases of a component over the noise, less the mean around them, compressed."""
    u = F.pixel_unshuffle(x, 2) / scale
    wide = F.pad(u.mean(1, keepdim=True), (_MEAN // 2,) * 4, mode="replicate")
    return torch.asinh(u - F.avg_pool2d(wide, _MEAN, 1)) * _COMPRESSION


class _Pairs(nn.Module):
    """A 3x3 convolution and ReLU; pairs of these, a pair's input added before its last ReLU; one more convolution."""

    def __init__(self, inputs: int, width: int, pairs: int, outputs: int) -> None:
        super().__init__()
        self.head = Convolution(inputs, width, 3, padding=1)
        self.body = nn.ModuleList(Convolution(width, width, 3, padding=1) for _ in range(2 * pairs))
        self.tail = Convolution(width, outputs, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    def _run(self, planes: Tensor) -> Tensor:
        kind = self.head.weight.dtype
        h = F.relu(self.head(planes.to(kind, memory_format=torch.channels_last)))
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            h = F.relu(h + second(F.relu(first(h))))
        out: Tensor = self.tail(h)
        return out.float()


class Dequantiser(_Pairs, _Apart):
    """The network of a component by itself.

    With u the four phases over the noise, and v their distance from the mean around them: 0.7 asinh(v) and a quarter
    of log2 of the noise go through a 3x3 convolution and ReLU; then pairs of 3x3 convolutions, each pair with ReLU
    between and, its input added, ReLU behind; a 3x3 convolution makes four phases of it, times the noise. Beyond the
    border of the picture convolutions read zeros.

    Parameters
    ----------
    width : int
        Channels.
    pairs : int
        Pairs of convolutions, 1 to 4.
    """

    told = True

    def __init__(self, width: int, pairs: int) -> None:
        super().__init__(_PHASES + 1, width, pairs, _PHASES)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return what is to be added to the samples.

        Parameters
        ----------
        x : Tensor, shape (N, 1, H, W)
            Samples in units of 8-bit grey levels, H and W even.
        noise : Tensor, shape (N, 1, H / 2, W / 2), or one that broadcasts to it
            log2 of the noise.
        """
        scale = _octaves(noise)
        v = _seen(x, scale)
        h = torch.cat([v, (noise * _LOG_SCALE).expand(-1, 1, *v.shape[2:])], 1)
        return F.pixel_shuffle(self._run(h) * scale, 2)


class ChromaDequantiser(_Pairs):
    """The network of the two components of chroma, which sees luma too.

    As `Dequantiser`, of twelve phases and two planes of noise: those of luma, as it was before its own de-quantisation,
    over the geometric mean of chroma's noises, and of both components over their own.

    Parameters
    ----------
    width, pairs : int
        As in `Dequantiser`.
    """

    def __init__(self, width: int, pairs: int) -> None:
        super().__init__((_PHASES + 1) * 2 + _PHASES, width, pairs, _PHASES * 2)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return what is to be added to chroma.

        Parameters
        ----------
        x : Tensor, shape (N, 3, H, W)
            Luma and chroma in units of 8-bit grey levels, H and W even.
        noise : Tensor, shape (N, 2, H / 2, W / 2), or one that broadcasts to it
            log2 of the noise of chroma.
        """
        scale = _octaves(noise)
        scales = (_octaves(noise.mean(1, keepdim=True)), scale[:, :1], scale[:, 1:])
        v = torch.cat([_seen(x[:, at : at + 1], each) for at, each in enumerate(scales)], 1)
        out = self._run(torch.cat([v, (noise * _LOG_SCALE).expand(-1, 2, *v.shape[2:])], 1))
        return F.pixel_shuffle(out * scale.repeat_interleave(_PHASES, 1), 2)


class GuidedDequantiser(nn.Module):
    """Luma, and all components of pictures without the ICT, by themselves; chroma guided by luma.

    Parameters
    ----------
    width, pairs : int
        Of the network of luma, see `Dequantiser`.
    chroma_width, chroma_pairs : int
        Of that of chroma, see `ChromaDequantiser`.
    """

    told = True

    def __init__(self, width: int, pairs: int, chroma_width: int, chroma_pairs: int) -> None:
        super().__init__()
        self.luma = Dequantiser(width, pairs)
        self.chroma = ChromaDequantiser(chroma_width, chroma_pairs)

    def parts(self, components: int, *, ict: bool) -> list[Part]:
        """Return what is done to a picture: chroma first, which reads luma as it is before; see `Dequantiser`."""
        if not ict:
            return self.luma.parts(components, ict=False)
        alone = self.luma.parts(components, ict=False)
        return [Part(self.chroma, (0, 1, 2), (1, 2)), alone[0], *alone[3:]]


class ResidualDequantiser(nn.Module, _Apart):
    """The de-quantisation module of iWave++ (P2, Section 2.2): at full resolution, for one rate or told the noise.

    The samples over 256 go through a 3x3 convolution, residual blocks of two 3x3 convolutions with ReLU between, one
    more of these convolutions with the first one's output added, and a last one that makes one channel of it, times
    256.

    Parameters
    ----------
    width : int
        Channels, 64 in P2.
    blocks : int
        Residual blocks, 6 in P2.
    told : bool
        A plane of a quarter of log2 of the noise goes in beside the samples, for models of a range of rates.
    """

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
        """Return what is to be added to the samples; see `Dequantiser.forward`."""
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


AnyDequantiser = Dequantiser | GuidedDequantiser | ResidualDequantiser

#: Networks by the ``kind`` in their options; the one without is the plain one.
_NETWORKS: dict[str, type[Dequantiser] | type[GuidedDequantiser] | type[ResidualDequantiser]] = {
    "": Dequantiser,
    "guided": GuidedDequantiser,
    "residual": ResidualDequantiser,
}


def dequantiser_of(options: Mapping[str, Any]) -> AnyDequantiser:
    """Return an untrained network of the options in a model's configuration."""
    own = {key: value for key, value in options.items() if key != "kind"}
    return _NETWORKS[options.get("kind", "")](**own)
