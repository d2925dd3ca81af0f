"""Scale factors of the subbands for the transport, measured once per model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transform.scales import extended

if TYPE_CHECKING:
    from .model import Model

__all__ = ["transport_scales"]

#: Measured ratios by the id of the model, for the life of the process.
_RATIOS: dict[bytes, list[float]] = {}


def transport_scales(model: Model, levels: int) -> tuple[float, ...]:
    """Return the factors by which the subbands of a model are multiplied before the transport.

    Parameters
    ----------
    model : Model
        The learned transform. Integer models, and models with a twin, carry their gains. Those of other models are
        measured once per process; see `j2klearn.transform.gains.measure`.
    levels : int
        Number of decomposition levels.

    Returns
    -------
    tuple of float
        A factor per subband in the order of the transport: LL, then HL, LH and HH from coarse to fine. Empty if the
        subbands are not scaled: the gains match those of the 9/7, or `levels` is 0.
    """
    if model.matched or not levels:
        return ()
    carried = (model if model.integer else model.twin or model).config.get("gains")
    if isinstance(carried, list):
        return extended(carried, levels)
    if model.id not in _RATIOS:
        from ..transform.gains import measure

        _RATIOS[model.id] = measure(model.build())
    return extended(_RATIOS[model.id], levels)
