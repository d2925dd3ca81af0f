"""Measurement of what a configuration costs: parameters, region of support and multiply-accumulates.

The region of support is computed as in P1, Table III. It assumes that every learned step of a level reads the output of
the step before. So the supports of the steps add up to a number of cells of the subband grid, and a cell is two samples
wide. If the base wavelet is fixed, the length of its longest synthesis filter minus one is added. The support of a step
is measured by back-propagation from one sample of its output, the length of the filter by its impulse response.

The region that a sample of the picture actually reads is measured too, by back-propagation through the whole level. It
is smaller than the region of support if steps do not read each other's output.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.geometry import Rect
from ..transform.operators import Operator
from ..transform.structures import Hybrid, Structure
from ..transform.wavelet import WAVELETS
from .build import build

__all__ = ["PAPER", "Cost", "Published", "cost"]

#: Decomposition levels, and side of the picture in samples, for counting multiply-accumulates.
_LEVELS = 5
_SIDE = 256


@dataclass(frozen=True)
class Published:
    """A row of P1, Table III: its name, parameters in thousands, and the side of the region of support in samples."""

    name: str
    parameters: int
    support: int


#: P1, Table III, by the name of the configuration that reproduces it.
PAPER = {
    "hybrid53-5c": Published("Hybrid(5/3)-5c", 35, 78),
    "hybrid97-5c": Published("Hybrid(9/7)-5c", 35, 82),
    "hybrid53-9c": Published("Hybrid(5/3)-9c", 63, 78),
    "hybrid97-9c": Published("Hybrid(9/7)-9c", 63, 82),
    "hybrid97-9c-compact-18": Published("Hybrid(9/7)-9c-compact", 35, 54),
    "custom4s-5c": Published("Custom-4S-5c", 38, 162),
    "custom4ms-5c": Published("Custom-4MS-5c", 55, 202),
    "custom5s-5c": Published("Custom-5S-5c", 73, 234),
    "custom4s-9c": Published("Custom-4S-9c", 69, 162),
    "custom4ms-9c": Published("Custom-4MS-9c", 98, 202),
    "custom5s-9c": Published("Custom-5S-9c", 133, 234),
}


@dataclass(frozen=True)
class Cost:
    """The cost of a configuration.

    Attributes
    ----------
    parameters : int
        Number of weights.
    support : int
        Side of the region of support in samples of the picture, counted as in P1, Table III.
    reads : (int, int)
        Height and width of the region that one cell of the picture reads in the subbands of one level, in samples of
        the picture.
    macs : float
        Multiply-accumulates of the operators per pixel, over all levels of an analysis.
    """

    parameters: int
    support: int
    reads: tuple[int, int]
    macs: float


def _with_positive_weights(module: nn.Module) -> nn.Module:
    """Return a copy with small positive weights, so that for positive inputs no ReLU stops a gradient."""
    generator = torch.Generator().manual_seed(5)
    module = copy.deepcopy(module)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.rand(weight.shape, generator=generator) * 0.02 + 0.01)
    return module


def _extent(gradients: Tensor) -> tuple[int, int]:
    """Return the height and width of the smallest rectangle with all nonzero values of a matrix."""
    rows, columns = gradients.nonzero(as_tuple=True)
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def step_support(operator: Operator) -> int:
    """Return the side of the region that an operator reads for one output sample, measured by back-propagation."""
    side = 2 * operator.radius + 9
    x = torch.rand(1, operator.inputs, side + 4, side + 4, requires_grad=True)
    out = _with_positive_weights(operator)(x)
    out[0, :, out.shape[-2] // 2, out.shape[-1] // 2].sum().backward()
    assert x.grad is not None
    return max(_extent(x.grad.abs().sum((0, 1))))


def _filter_length(base: str) -> int:
    """Return the length of the longest synthesis filter of a base wavelet, measured by impulse responses."""
    side, lengths = 32, []
    for index in range(4):
        bands = [torch.zeros(side, side, dtype=torch.float64) for _ in range(4)]
        bands[index][side // 2, side // 2] = 1
        ll, hl, lh, hh = bands
        lengths.append(max(_extent(WAVELETS[base].synthesise(ll, hl, lh, hh))))
    return max(lengths)


def _reads(structure: Structure) -> tuple[int, int]:
    """Measure the region that the four samples of one cell read in the subbands, in samples of the picture."""
    positive = _with_positive_weights(structure)
    assert isinstance(positive, Structure)
    half = structure.radius + 6
    bands = [torch.rand(1, 1, 2 * half, 2 * half, requires_grad=True) for _ in range(4)]
    area = Rect(0, 0, 4 * half, 4 * half)
    x = positive.synthesise((bands[0], bands[1], bands[2], bands[3]), area, WAVELETS[structure.base])
    cell = x[0, 0, 2 * half : 2 * half + 2, 2 * half : 2 * half + 2]
    weights = torch.tensor([[1.0, 0.7], [0.5, 0.3]])  # different, so that shared terms do not cancel
    (cell * weights).sum().backward()
    total = torch.zeros(2 * half, 2 * half)
    for band in bands:
        assert band.grad is not None
        total += band.grad[0, 0].abs()
    rows, columns = _extent(total)
    return 2 * rows, 2 * columns


def _macs(structure: Structure) -> float:
    """Count the multiply-accumulates per pixel of the operators in an analysis.

    Every weight of an operator is counted once for each position at which the operator predicts.
    """
    counted = 0.0

    def count(operator: nn.Module, arguments: Any, out: Tensor) -> None:
        nonlocal counted
        counted += sum(weight.numel() for weight in operator.parameters()) * out[:, 0].numel()

    operators = {id(operator): operator for operator in structure.chain}
    hooks = [operator.register_forward_hook(count) for operator in operators.values()]
    try:
        with torch.inference_mode():
            x = torch.randn(1, 1, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0)) * 30
            for _ in range(_LEVELS):
                x = structure.analyse(x, (0, 0), WAVELETS[structure.base])[0]
    finally:
        for hook in hooks:
            hook.remove()
    return counted / _SIDE**2


def cost(config: Mapping[str, Any]) -> Cost:
    """Measure the cost of a model configuration.

    Parameters
    ----------
    config : mapping
        The configuration without de-quantisation; see `j2klearn.models.config`.

    Raises
    ------
    ModelError
        If the configuration is invalid.
    """
    structure = build(config)
    cells = 1 + sum(step_support(operator) - 1 for operator in structure.chain)
    fixed_length = _filter_length(structure.base) if isinstance(structure, Hybrid) else 1
    return Cost(
        parameters=sum(weight.numel() for weight in structure.parameters()),
        support=2 * cells + fixed_length - 1,
        reads=_reads(structure),
        macs=_macs(structure),
    )
