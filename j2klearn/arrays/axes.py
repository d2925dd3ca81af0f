"""The roles of the axes of an array, and arrays as stacks of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.limits import MAX_COMPONENTS
from ..errors import InputError, OptionError

__all__ = ["Axes"]


@dataclass(frozen=True)
class Axes:
    """The roles of the axes of an array. All axes without a role are stacked.

    Attributes
    ----------
    ndim : int
        Number of axes.
    y, x : int
        The axes of rows and of columns, 0 to ``ndim - 1``.
    channel : int or None
        The axis of colours or bands, which are coded together as the components of a picture.
    """

    ndim: int
    y: int
    x: int
    channel: int | None

    @classmethod
    def of(cls, ndim: int, axes: Sequence[int] | None = None, channel_axis: int | None = None) -> Axes:
        """Return the roles that options assign; negative numbers count from the last axis.

        Parameters
        ----------
        ndim : int
            Number of axes of the array.
        axes : (int, int), optional
            The axes of rows and of columns. Default: the last two axes other than `channel_axis`.
        channel_axis : int, optional
            The axis of colours or bands. Default: there is none.

        Raises
        ------
        InputError
            If the array has too few axes.
        OptionError
            If the array has no such axis, or an axis would have two roles.
        """
        needed = 2 if channel_axis is None else 3
        if ndim < needed:
            roles = "rows and columns" if channel_axis is None else "rows, columns and channels"
            raise InputError(f"an array of pictures needs axes of {roles}, and this one has {ndim} axes")
        channel = None if channel_axis is None else _axis("channel_axis", channel_axis, ndim)
        if axes is None:
            y, x = [axis for axis in range(ndim) if axis != channel][-2:]
        else:
            y, x = (_axis("axes", axis, ndim) for axis in axes)
        if len({y, x, channel}) < 3:
            raise OptionError(
                f"axes={axes!r} with channel_axis={channel_axis!r} give two roles to the same axis"
            )
        return cls(ndim, y, x, channel)

    def check(self, shape: Sequence[int]) -> None:
        """Raise `InputError` if an array of a shape has more channels than one picture can have components."""
        if self.channel is not None and shape[self.channel] > MAX_COMPONENTS:
            raise InputError(
                f"at most {MAX_COMPONENTS} channels are coded together, and the chunk has {shape[self.channel]}"
            )

    @property
    def _order(self) -> tuple[int, ...]:
        """The axes in the order stacked axes, rows, columns, channels."""
        roles = [self.y, self.x] + ([] if self.channel is None else [self.channel])
        return (*(axis for axis in range(self.ndim) if axis not in roles), *roles)

    def stacked_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape (N, H, W) or (N, H, W, C) that `stack` gives an array of a shape."""
        roles = 2 if self.channel is None else 3
        ordered = [shape[axis] for axis in self._order]
        return (math.prod(ordered[:-roles]), *ordered[-roles:])

    def stack(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the stack of pictures of an array: shape (N, H, W), or (N, H, W, C) with channels."""
        return array.transpose(self._order).reshape(self.stacked_shape(array.shape))

    def unstack(self, pictures: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
        """Return the array of a shape from its stack of pictures: the inverse of `stack`."""
        ordered = pictures.reshape([shape[axis] for axis in self._order])
        return ordered.transpose(tuple(int(at) for at in np.argsort(self._order)))


def _axis(name: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise OptionError(f"{name} contains the axis {axis}, and the array has {ndim} axes")
    return axis % ndim
