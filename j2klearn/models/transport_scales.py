"""Scale factors of the subbands for the transport, measured once per model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transform.gains import extended, measure

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
        The learned transform. Its gains are measured once per process; see `j2klearn.transform.gains.measure`.
    levels : int
        Number of decomposition levels.

    Returns
    -------
    tuple of float
        A factor per subband in the order of the transport: LL, then HL, LH and HH from coarse to fine. Empty if the
        subbands are not scaled: the gains match those of the 9/7, or `levels` is 0.
    """
    if model.structure.matched or not levels:
        return ()
    if model.id not in _RATIOS:
        _RATIOS[model.id] = measure(model.build())
    return extended(_RATIOS[model.id], levels)
