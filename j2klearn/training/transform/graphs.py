"""The cost of a batch as CUDA graphs: one launch for the forward pass, and one for the backward pass.

A step of a transform consists of thousands of small kernels, and launching them one by one takes several times as long
as their work. CUDA graphs launch all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .objective import Objective

__all__ = ["captured"]


class _EndToEnd(nn.Module):
    """The objective of the stage "end-to-end" as a function of tensors alone."""

    def __init__(self, objective: Objective, ratios: Sequence[float]) -> None:
        super().__init__()
        self.objective, self.ratios = objective, list(ratios)

    def forward(self, x: Tensor, step: Tensor, width: Tensor) -> Tensor:
        cost: Tensor = self.objective(x, step, "end-to-end", width, self.ratios, 0)
        return cost


def captured(
    objective: Objective, x: Tensor, step: Tensor, ratios: Sequence[float]
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Capture the cost of the stage "end-to-end" and its gradients as CUDA graphs.

    Parameters
    ----------
    objective : Objective
        The objective, on a CUDA device. Its quantiser must not draw noise, because a graph would draw the same noise in
        every step.
    x, step : Tensor
        Crops and quantiser steps on the device, as `Objective.forward` takes them. Later ones have the same shapes.
    ratios : sequence of float
        Gains, as `Objective.forward` takes them; constant.

    Returns
    -------
    callable
        Computes the cost, a scalar, from crops, quantiser steps and the half-width of annealed kernels (a scalar
        tensor on the device).
    """
    module = _EndToEnd(objective, ratios)
    width = torch.ones((), device=x.device)
    graphed: Any = torch.cuda.make_graphed_callables(module, (x.clone(), step.clone(), width))
    return graphed  # type: ignore[no-any-return]
