"""Scales of the subbands for the transport, measured once per model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transform.gains import extended, measure

if TYPE_CHECKING:
    from .model import Model

__all__ = ["transport_scales"]

#: Ratios of models that have been measured, by id.
_RATIOS: dict[bytes, list[float]] = {}


def transport_scales(model: Model, levels: int) -> tuple[float, ...]:
    """Return the factors of a model's subbands before the transport, in its order; empty where all are one.

    Parameters
    ----------
    model : Model
        The learned transform; its gains are measured once in a process.
    levels : int
        Number of decompositions; without any there is nothing to scale.
    """
    if model.structure.matched or not levels:
        return ()
    if model.id not in _RATIOS:
        _RATIOS[model.id] = measure(model.build())
    return extended(_RATIOS[model.id], levels)
