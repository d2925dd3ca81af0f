"""The subbands of a picture in the order of P2 (Section 3.1), and the planes that each one's context is made of.

Subband 0 is LL; HL, LH and HH follow, from the coarsest level to the finest. A component is coded on its own, or
knowing one or two that are coded before it; which of these it is, is its role: 0, 1 (Cb) or 2 (Cr).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.geometry import ORIENTATIONS

__all__ = [
    "ROLES",
    "Inputs",
    "band_count",
    "fusion_count",
    "fusion_of",
    "inputs_of",
    "level_of",
    "orientation_of",
]

ROLES = (0, 1, 2)


def band_count(levels: int) -> int:
    """Return the number of subbands of a component."""
    return 1 + 3 * levels


def orientation_of(index: int) -> str:
    """Return the orientation of a subband."""
    return ORIENTATIONS[(index - 1) % 3] if index else "LL"


def level_of(index: int, levels: int) -> int:
    """Return the level of a subband."""
    return levels - (index - 1) // 3 if index else levels


def fusion_count(config: Mapping[str, Any]) -> int:
    """Return the number of context fusion modules of a network: one per subband, or LL's and three for all levels."""
    return 4 if config["shared"] else band_count(config["levels"])


def fusion_of(index: int, config: Mapping[str, Any]) -> int:
    """Return which of the context fusion modules a subband has."""
    return 1 + (index - 1) % 3 if config["shared"] and index else index


@dataclass(frozen=True)
class Inputs:
    """The planes of a long-term context, in their order.

    Attributes
    ----------
    others : int
        The same subband of as many components that are coded before.
    predicted : int
        1 where there is a prediction by the recurrent network.
    parent : int
        1 where there is the subband of the same orientation of the level before, upsampled.
    told : int
        1 where there is a plane of the quantiser step.
    """

    others: int
    predicted: int
    parent: int
    told: int

    @property
    def count(self) -> int:
        return self.others + self.predicted + self.parent + self.told


def inputs_of(index: int, role: int, config: Mapping[str, Any]) -> Inputs:
    """Return what the context of a subband is made of (P2, Section 3.1: the three equations of the long-term context).

    Where the modules are shared between levels, those of the coarsest one have a plane of zeros as their `parent`.
    """
    others = role if config["conditioned"] else 0
    return Inputs(
        others=others,
        predicted=int(index > 0 or others == 1),
        parent=int(index > 3 or (index > 0 and config["shared"])),
        told=int(config["told"]),
    )
