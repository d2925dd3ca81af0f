"""Lifting steps: an operator predicts from some planes, and the prediction is added to others, block by block.

The planes of one step share a grid. A position of this grid is called a cell. A cell holds one sample of every phase of
the plane that was split. At the borders a phase may lack a row or a column.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.geometry import Rect
from .operators import Operator, ProposalOpacity

__all__ = ["Oracle", "Plane", "Steps"]

#: Rows and columns of a block. The activations of a block fit into the second-level cache, and the memory in use does
#: not grow with the picture.
_BLOCK = 256


class Plane(NamedTuple):
    """Samples of shape (C, 1, h, w), and the area of cells that they cover."""

    samples: Tensor
    rect: Rect

    @property
    def transposed(self) -> Plane:
        """The plane with rows and columns exchanged. Vertical lifting of it is horizontal lifting of the plane."""
        y0, x0, y1, x1 = self.rect.y0, self.rect.x0, self.rect.y1, self.rect.x1
        return Plane(self.samples.transpose(-1, -2), Rect(x0, y0, x1, y1))


class Oracle(Protocol):
    """Supplies the opacities of a step, for the pre-training of proposals (P1, Section IV-B1)."""

    def __call__(self, count: int, grid: Rect, spacing: tuple[int, int], transposed: bool) -> Tensor:
        """Return the opacities of the cells of a grid.

        Parameters
        ----------
        count : int
            Number of proposals.
        grid : Rect
            The cells, height h and width w.
        spacing : (int, int)
            Distance of neighbouring cells in samples of the level's plane: down and across.
        transposed : bool
            Whether rows of the grid are columns of the level's plane.

        Returns
        -------
        Tensor, shape (C, count, h, w)
            Opacities.
        """
        ...


def _window(plane: Plane, window: Rect) -> Tensor:
    """Cut a window of cells out of a plane; outside the plane the border samples are repeated."""
    samples, rect = plane
    if rect.size == 0:
        return samples.new_zeros(*samples.shape[:2], *window.shape)
    inside = window.intersection(rect)
    pads = (
        inside.x0 - window.x0,
        window.x1 - inside.x1,
        inside.y0 - window.y0,
        window.y1 - inside.y1,
    )
    return F.pad(samples[(..., *inside.slices_in(rect))], pads, mode="replicate")


def _blocks(grid: Rect) -> Iterator[Rect]:
    for y in range(grid.y0, grid.y1, _BLOCK):
        for x in range(grid.x0, grid.x1, _BLOCK):
            yield Rect(y, x, y + _BLOCK, x + _BLOCK).intersection(grid)


class Steps(nn.Module):
    """Base class of modules that take lifting steps.

    Attributes
    ----------
    shared : bool
        Whether the opacities of the first component serve all components. The components are then those of one picture.
        Otherwise every component has its own opacities.
    fast : bool
        Whether the learned parts compute in bfloat16.
    oracle : Oracle or None
        Supplies the opacities in pre-training; None to compute them by the operators.
    """

    shared: bool = False
    fast: bool = False
    oracle: Oracle | None = None

    def configured(self, *, shared: bool = False, fast: bool = False) -> Self:
        """Return a shallow copy with the same weights and other settings, without an oracle.

        Parameters
        ----------
        shared, fast : bool
            See the attributes.
        """
        other = copy.copy(self)
        other.shared, other.fast, other.oracle = shared, fast, None
        return other

    def lift(
        self,
        operator: Operator,
        sources: Sequence[Plane],
        targets: Sequence[Plane],
        sign: int,
        spacing: tuple[int, int] = (2, 2),
        *,
        transposed: bool = False,
    ) -> list[Plane]:
        """Add the predictions of an operator to the targets, or subtract them.

        Parameters
        ----------
        operator : Operator
            Has as many inputs as `sources` and as many outputs as `targets`.
        sources, targets : sequence of Plane
            Planes on one grid. If gradients are off, the targets are overwritten.
        sign : {1, -1}
            1 adds the predictions, -1 subtracts them.
        spacing, transposed
            Passed to the oracle; see `Oracle`.

        Returns
        -------
        list of Plane
            The new targets.
        """
        rects = [plane.rect for plane in (*sources, *targets)]
        grid = Rect(
            min(rect.y0 for rect in rects),
            min(rect.x0 for rect in rects),
            max(rect.y1 for rect in rects),
            max(rect.x1 for rect in rects),
        )
        if not grid.size:
            return list(targets)
        if torch.is_grad_enabled():
            opacities = None
            if self.oracle is not None and isinstance(operator, ProposalOpacity):
                opacities = self.oracle(operator.count, grid, spacing, transposed)
            step = self._predict(operator, sources, grid, opacities)
            return [
                Plane(band + sign * step[(slice(None), slice(i, i + 1), *rect.slices_in(grid))], rect)
                for i, (band, rect) in enumerate(targets)
            ]
        for block in _blocks(grid):
            step = self._predict(operator, sources, block)
            for i, (band, rect) in enumerate(targets):
                part = block.intersection(rect)
                prediction = step[(slice(None), slice(i, i + 1), *part.slices_in(block))]
                band[(..., *part.slices_in(rect))].add_(prediction, alpha=sign)
        return list(targets)

    def _predict(
        self, operator: Operator, sources: Sequence[Plane], block: Rect, opacities: Tensor | None = None
    ) -> Tensor:
        window = block.grown(operator.radius)
        x = torch.cat([_window(plane, window) for plane in sources], 1)
        x = x.contiguous(memory_format=torch.channels_last)
        guide = x[:1] if self.shared else None
        predicted: Tensor
        if torch.is_grad_enabled() or not operator.quiet:
            predicted = operator(x, guide, fast=self.fast, opacities=opacities)
            return predicted
        # If all sources of a component are zero, its prediction is exactly zero: skip the network.
        nonzero = [component for component in range(len(x)) if x[component].any()]
        if len(nonzero) == len(x):
            return operator(x, guide, fast=self.fast)  # type: ignore[no-any-return]
        predicted = x.new_zeros(len(x), operator.outputs, *block.shape)
        if nonzero:
            predicted[nonzero] = operator(x[nonzero], guide, fast=self.fast)
        return predicted
