"""Proposals blended by likelihoods (P1, equation 5), in native code where that serves training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..native import blend as native

__all__ = ["blend_natively"]


class _Native(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, likelihoods: Tensor, proposals: Tensor, offset: float) -> Tensor:
        arrays = likelihoods.detach().numpy(), proposals.detach().numpy()
        out = torch.from_numpy(native.blend(*arrays, offset, threads=torch.get_num_threads()))
        ctx.save_for_backward(likelihoods, proposals, out)
        ctx.offset = offset
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        likelihoods, proposals, result = (tensor.numpy() for tensor in ctx.saved_tensors)
        found = native.gradients(
            likelihoods, proposals, ctx.offset, result, gradient.numpy(), threads=torch.get_num_threads()
        )
        return *(torch.from_numpy(array) for array in found), None


def blend_natively(likelihoods: Tensor, proposals: Tensor, offset: float) -> Tensor:
    """Sum proposals, weighted by likelihoods that are divided by their sum; with gradients of both.

    Parameters
    ----------
    likelihoods : Tensor, shape (N, P, H, W), float32, of a processor
        One for each proposal, not negative.
    proposals : Tensor, shape (N, O P, H, W), float32, of a processor
        P proposals for each of O outputs.
    offset : float
        Added to every likelihood; above 0.

    Returns
    -------
    Tensor, shape (N, O, H, W), float32
        The sums.
    """
    out: Tensor = _Native.apply(likelihoods, proposals, offset)  # type: ignore[no-untyped-call]
    return out
