"""What a context network gets: planes of a component's own, and of the components before it where it knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..integer.companding import scalar_planes
from . import prediction
from .features import OTHERS, OWN, Known, others

__all__ = ["count", "planes"]


def count(options: Mapping[str, Any]) -> int:
    """Return the number of planes that a network gets.

    Parameters
    ----------
    options : mapping
        Its part of a model's configuration: ``conditioned``, whether it gets the details of the two components before,
        and ``predicted``, whether it gets what these foretell, too (`j2klearn.neural.context.prediction`); they may
        be missing.
    """
    return (
        OWN
        + (OTHERS if options.get("conditioned") else 0)
        + (prediction.PLANES if options.get("predicted") else 0)
    )


def planes(
    options: Mapping[str, Any],
    known: Sequence[Known],
    details: Sequence[Tensor],
    step_code: Tensor,
    level: int,
) -> Tensor:
    """Return the planes of a component at a level, int16 (N, count, h, w), in 1/64.

    Parameters
    ----------
    options : mapping
        As of `count`.
    known : sequence of Known
        What is known of the component, last, behind that of the components that it knows, if it is conditioned.
    details : sequence of Tensor of int64, each (N, 3, h, w)
        The details of these at this level.
    step_code : Tensor of int64, shape (N,)
        16 log2 of the quantiser steps.
    level : int
        The level.
    """
    own = known[-1]
    shape = (own.planes.shape[-2], own.planes.shape[-1])
    parts = [own.planes, scalar_planes(step_code, level, shape)]
    if options.get("conditioned"):
        parts.append(others([details[0], details[1] if len(details) > 1 else None], shape, len(own.planes)))
    if options.get("predicted"):
        parts.append(prediction.predicted(own, known[:-1], details))
    return torch.cat(parts, 1)
