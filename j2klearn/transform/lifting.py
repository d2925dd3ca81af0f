"""Lifting steps on planes: an operator's prediction from some planes, added to others, block by block.

Planes of one step share a grid, whose positions are cells of the plane that was split: each holds one sample of every
phase, but at the borders, where a phase may lack a row or a column.
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

# Planes are worked on in blocks of this many samples a side: their activations stay in the second-level cache, and
# the memory in use does not grow with the picture.
_BLOCK = 256


class Plane(NamedTuple):
    """Samples, shape (C, 1, h, w), and the cells that they cover."""

    samples: Tensor
    rect: Rect

    @property
    def transposed(self) -> Plane:
        """The plane with rows and columns exchanged: horizontal lifting is vertical lifting of it."""
        y0, x0, y1, x1 = self.rect.y0, self.rect.x0, self.rect.y1, self.rect.x1
        return Plane(self.samples.transpose(-1, -2), Rect(x0, y0, x1, y1))


class Oracle(Protocol):
    """Says the opacities of a step from elsewhere, for the pre-training of proposals (P1, Section IV-B1)."""

    def __call__(self, count: int, grid: Rect, spacing: tuple[int, int], transposed: bool) -> Tensor:
        """Return opacities, shape (C, count, h, w), of the cells of `grid`.

        Cells lie `spacing` samples of the level's plane apart, down and across; `transposed` says that rows of the grid
        are columns of that plane.
        """
        ...


def _window(plane: Plane, window: Rect) -> Tensor:
    """Cut a window of cells out of a plane, repeating its border samples beyond."""
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
    """Takes lifting steps.

    Attributes
    ----------
    shared : bool
        The first component's opacities serve all components, which are those of one picture; else every component
        stands for itself.
    fast : bool
        Convolve in bfloat16.
    oracle : Oracle or None
        Opacities from elsewhere, in training.
    """

    shared: bool = False
    fast: bool = False
    oracle: Oracle | None = None

    def configured(self, *, shared: bool = False, fast: bool = False) -> Self:
        """Return these steps, with the same weights, to be taken in another way; this object stays as it is."""
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
        """Return the targets with the operator's predictions from the sources added.

        Parameters
        ----------
        operator : Operator
            As many inputs as `sources`, as many outputs as `targets`.
        sources, targets : sequence of Plane
            Planes on one grid. With gradients off the targets are overwritten.
        sign : {1, -1}
            -1 takes the predictions off instead.
        spacing, transposed
            For the oracle; see there.
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
        # Where the sources of a component are zero, so is its prediction, exactly.
        loud = [component for component in range(len(x)) if x[component].any()]
        if len(loud) == len(x):
            return operator(x, guide, fast=self.fast)  # type: ignore[no-any-return]
        predicted = x.new_zeros(len(x), operator.outputs, *block.shape)
        if loud:
            predicted[loud] = operator(x[loud], guide, fast=self.fast)
        return predicted
