"""The input planes of a context network: features of a component, and of earlier components if it is conditioned."""

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
    """Return the number of input planes of a network.

    Parameters
    ----------
    options : mapping
        The part of the network in the configuration of a model. Two flags count, which may be missing:
        ``conditioned``, whether the details of the two earlier components are inputs, and ``predicted``, whether the
        predictions from them are inputs too (`j2klearn.neural.context.prediction`).
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
    """Return the input planes of a component at a level, int16, shape (N, count(options), h, w), in units of 1/64.

    Parameters
    ----------
    options : mapping
        As in `count`.
    known : sequence of Known
        The features of earlier components, if the network is conditioned on them, and last of the component itself.
    details : sequence of Tensor of int64, each (N, 3, h, w)
        The details of the earlier components at this level.
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
