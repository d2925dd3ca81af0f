"""Convolutions whose results depend neither on the size of a block nor on the number of threads.

In float32 PyTorch chooses between two implementations: oneDNN, and a matrix product. It takes the matrix product if the
input has 20,480 samples or fewer, or if the kernel is 1x1 and there is one thread. The two add the products in
different orders. So the decoded samples of a region could differ from those of the whole picture, and a file could
depend on the number of threads. oneDNN's convolutions of channels-last planes add the products of a sample in the same
order at every position of a block, unless the block is narrow. So inference calls oneDNN directly and widens narrow
blocks. `tests/transform/test_convolution.py` checks this for the instruction sets of the processor that runs it.

Training needs gradients, for which oneDNN takes several times as long as for the convolution if there are few channels.
So in float32 on a processor, lifting steps that are trained are computed in native code
(`j2klearn.native.convolution`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..native import convolution as native
from ..native.instructions import available_instructions

__all__ = ["Convolution", "convolve", "trains_natively"]


#: Results with fewer columns are computed with this many columns and cropped. oneDNN adds in another order for narrow
#: results: up to 50 columns with AMX, up to four with AVX-512.
_MIN_COLUMNS = 64


def _channels_last(x: Tensor) -> Tensor:
    """Return a tensor with exactly the strides of channels-last, even if other strides describe the same memory.

    A tensor with one channel, or with one row and one column, has the same memory layout in both orders. But oneDNN
    chooses its layout, and with it the order of additions, by the strides.
    """
    channels, height, width = x.shape[1:]
    strides = (height * width * channels, 1, width * channels, channels)
    return x.contiguous(memory_format=torch.channels_last).as_strided(x.shape, strides)


def _direct(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    width = x.shape[-1] + 2 * padding - weight.shape[-1] + 1
    if width < _MIN_COLUMNS:
        x = F.pad(x, (0, _MIN_COLUMNS - width))
    x, weight = _channels_last(x), _channels_last(weight.to(x.dtype))
    bias = None if bias is None else bias.to(x.dtype)
    if x.dtype == torch.float32:
        out: Tensor = torch.mkldnn_convolution(x, weight, bias, [padding, padding], [1, 1], [1, 1], 1)
    else:  # for bfloat16 PyTorch itself calls oneDNN
        out = F.conv2d(x, weight, bias, padding=padding)
    # `contiguous` would return a view if there is one row; autograd forbids in-place operations on views of `_Direct`
    return out if out.shape[-1] == width else out[..., :width].clone(memory_format=torch.channels_last)


class _Direct(torch.autograd.Function):
    """A convolution with constant weights. Its gradient is a convolution with the flipped weights."""

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


#: With this many inputs and outputs, oneDNN's gradients take no longer than the native ones.
_MANY = 32


class _Native(torch.autograd.Function):
    """A convolution in native code, for layers that are trained."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rectified: bool) -> Tensor:
        arrays = [None if tensor is None else tensor.detach().numpy() for tensor in (x, weight, bias)]
        out = torch.from_numpy(
            native.convolve(*arrays, rectified=rectified, threads=torch.get_num_threads())  # type: ignore[arg-type]
        )
        ctx.save_for_backward(x, weight, out if rectified else None)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, result = ctx.saved_tensors
        found = native.gradients(
            x.numpy(),
            weight.numpy(),
            gradient.numpy(),
            rectified=None if result is None else result.numpy(),
            wanted=tuple(ctx.needs_input_grad[:3]),
            threads=torch.get_num_threads(),
        )
        return *(None if array is None else torch.from_numpy(array) for array in found), None


@cache
def _native_is_fast() -> bool:
    """Return whether the native code has vectors for this processor."""
    return available_instructions()[-1] != "portable"


def trains_natively(x: Tensor, weight: Tensor) -> bool:
    """Return whether `convolve` computes a layer without padding natively, because it is trained.

    The layers with padding are those of networks for de-quantisation. Their planes fit into the second-level cache,
    where oneDNN is as fast.

    Parameters
    ----------
    x : Tensor, shape (N, I, H, W)
        The planes.
    weight : Tensor, shape (O, I, h, w)
        The kernels.
    """
    return (
        torch.is_grad_enabled()
        and weight.requires_grad
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and min(weight.shape[:2]) < _MANY
        and min(x.shape) > 0
        and _native_is_fast()
    )


@cache
def _available() -> bool:
    """Return whether oneDNN is available and fast. Without AVX2 it is slow on channels-last planes."""
    return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() != "DEFAULT"


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0, *, rectified: bool = False
) -> Tensor:
    """Convolve planes with stride 1.

    Parameters
    ----------
    x : Tensor, shape (N, I, H, W), float32 or bfloat16
        The planes.
    weight : Tensor, shape (O, I, h, w)
        The kernels.
    bias : Tensor, shape (O,), optional
        Added to the result.
    padding : int
        Rows and columns of zeros to add on each side; fewer than the kernel has rows and columns.
    rectified : bool
        Whether negative results become zero (ReLU).

    Returns
    -------
    Tensor, shape (N, O, H + 2 padding - h + 1, W + 2 padding - w + 1)
        The result. On x86-64 processors with AVX2 and with constant weights, it has the dtype of `x`, and each sample
        depends only on the samples under the kernel. Weights in training: see `trains_natively`. In all other cases
        (a GPU, no AVX2, training in bfloat16) the result is that of `torch.nn.functional.conv2d`.
    """
    if not padding and trains_natively(x, weight):
        natively: Tensor = _Native.apply(x, weight, bias, rectified)  # type: ignore[no-untyped-call]
        return natively
    out = _by_pytorch(x, weight, bias, padding)
    return F.relu_(out) if rectified else out


def _by_pytorch(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    trained = torch.is_grad_enabled() and (weight.requires_grad or (bias is not None and bias.requires_grad))
    if trained or x.device.type != "cpu" or not x.numel() or not _available():
        return F.conv2d(x, weight, bias, padding=padding)
    if torch.is_grad_enabled() and x.requires_grad:
        out: Tensor = _Direct.apply(x, weight, bias, padding)  # type: ignore[no-untyped-call]
        return out
    return _direct(x, weight, bias, padding)


class Convolution(nn.Conv2d):
    """A `torch.nn.Conv2d` that calls `convolve`; stride 1, one group, equal padding on all sides."""

    def forward(self, x: Tensor, *, rectified: bool = False) -> Tensor:
        """Convolve planes of shape (N, I, H, W); see `convolve`."""
        return convolve(x, self.weight, self.bias, int(self.padding[0]), rectified=rectified)
