"""Convolutions whose results depend neither on the size of a block nor on the number of threads.

PyTorch takes one of two implementations in float32: oneDNN's, or a matrix product where the input has few samples
(20,480 or fewer) or where the kernel is 1x1 and there is one thread. The two add up in different orders. A region would
then differ from the same samples of the whole picture, and a file from the one that another number of threads writes.
oneDNN's convolutions of channels-last planes add up the products of a sample in one order, wherever in a block the
sample lies, unless the block is narrow. So inference asks oneDNN, and widens narrow blocks.
`tests/transform/test_convolution.py` holds this for the instruction sets that a processor has.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Convolution", "convolve"]


#: Results of fewer columns are computed with so many: oneDNN's kernels for AMX add up in another order for up to 50,
#: and those for AVX-512 for up to four.
_NARROW = 64


def _channels_last(x: Tensor) -> Tensor:
    """Return a tensor whose strides are those of channels-last, also where other strides would mean the same.

    A tensor with one channel, or with one row and one column, lies in memory alike in both orders. oneDNN's layout, and
    with it the order of additions, follows from the strides.
    """
    channels, height, width = x.shape[1:]
    strides = (height * width * channels, 1, width * channels, channels)
    return x.contiguous(memory_format=torch.channels_last).as_strided(x.shape, strides)


def _direct(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    width = x.shape[-1] + 2 * padding - weight.shape[-1] + 1
    if width < _NARROW:
        x = F.pad(x, (0, _NARROW - width))
    x, weight = _channels_last(x), _channels_last(weight.to(x.dtype))
    bias = None if bias is None else bias.to(x.dtype)
    if x.dtype == torch.float32:
        out: Tensor = torch.mkldnn_convolution(x, weight, bias, [padding, padding], [1, 1], [1, 1], 1)
    else:  # bfloat16, for which PyTorch itself takes oneDNN
        out = F.conv2d(x, weight, bias, padding=padding)
    return out if out.shape[-1] == width else out[..., :width].clone(memory_format=torch.channels_last)


class _Direct(torch.autograd.Function):
    """A convolution by constant weights; the derivative is one by the weights turned round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.padding = padding
        return _direct(x, weight, bias, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        rows, columns = (side - 1 - ctx.padding for side in weight.shape[2:])
        wide = F.pad(gradients[0], (columns, columns, rows, rows))
        return _direct(wide, weight.flip(2, 3).transpose(0, 1), None, 0), None, None, None


@cache
def _available() -> bool:
    """Tell whether oneDNN is there and fast: without AVX2 it is not, on channels-last planes."""
    return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() != "DEFAULT"


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """Convolve planes, stride 1.

    Parameters
    ----------
    x : Tensor, shape (N, I, H, W), float32 or bfloat16
        The planes.
    weight : Tensor, shape (O, I, h, w)
        The kernels.
    bias : Tensor, shape (O,), optional
        Added to the result.
    padding : int
        Rows and columns of zeros around the planes, fewer than the kernel has.

    Returns
    -------
    Tensor, shape (N, O, H + 2 padding - h + 1, W + 2 padding - w + 1)
        The result, in the dtype of `x` unless the weights are trained. Where they are not, a sample is a function of
        what the kernel covers there and of nothing else, on x86-64 processors with AVX2.
    """
    trained = torch.is_grad_enabled() and (weight.requires_grad or (bias is not None and bias.requires_grad))
    if trained or x.device.type != "cpu" or not x.numel() or not _available():
        return F.conv2d(x, weight, bias, padding=padding)
    if torch.is_grad_enabled() and x.requires_grad:
        out: Tensor = _Direct.apply(x, weight, bias, padding)  # type: ignore[no-untyped-call]
        return out
    return _direct(x, weight, bias, padding)


class Convolution(nn.Conv2d):
    """`torch.nn.Conv2d` by `convolve`, of stride 1 and one group, padded alike on all sides."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve planes (N, I, H, W)."""
        return convolve(x, self.weight, self.bias, int(self.padding[0]))
