"""The subbands of a picture in the order of P2 (Section 3.1), and the input planes of the context of each.

Subband 0 is LL. HL, LH and HH follow, from the coarsest level to the finest. A component is coded independently, or
with one or two earlier components as context. This number is its role: 0, 1 (Cb) or 2 (Cr).
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

#: Roles of components: the number of earlier components that are available as context.
ROLES = (0, 1, 2)


def band_count(levels: int) -> int:
    """Return the number of subbands of a component with `levels` decomposition levels."""
    return 1 + 3 * levels


def orientation_of(index: int) -> str:
    """Return the orientation of the subband `index`: LL, HL, LH or HH."""
    return ORIENTATIONS[(index - 1) % 3] if index else "LL"


def level_of(index: int, levels: int) -> int:
    """Return the decomposition level of the subband `index`, of `levels`."""
    return levels - (index - 1) // 3 if index else levels


def fusion_count(config: Mapping[str, Any]) -> int:
    """Return the number of context fusion modules: one per subband, or one for LL and three that all levels share."""
    return 4 if config["shared"] else band_count(config["levels"])


def fusion_of(index: int, config: Mapping[str, Any]) -> int:
    """Return the number of the context fusion module of the subband `index`."""
    return 1 + (index - 1) % 3 if config["shared"] and index else index


@dataclass(frozen=True)
class Inputs:
    """Numbers of planes of a long-term context, in the order of the planes.

    Attributes
    ----------
    others : int
        Number of earlier components of which the same subband is a plane.
    predicted : int
        1 if the prediction by the recurrent network is a plane, otherwise 0.
    parent : int
        1 if the upsampled subband of the same orientation at the next coarser level is a plane, otherwise 0.
    told : int
        1 if the quantiser step is a plane, otherwise 0.
    """

    others: int
    predicted: int
    parent: int
    told: int

    @property
    def count(self) -> int:
        """Number of all planes."""
        return self.others + self.predicted + self.parent + self.told


def inputs_of(index: int, role: int, config: Mapping[str, Any]) -> Inputs:
    """Return the planes of the long-term context of a subband (the three equations in P2, Section 3.1).

    If all levels share their modules, the coarsest level has a plane of zeros as its parent.

    Parameters
    ----------
    index : int
        The subband.
    role : int
        The role of its component, one of `ROLES`.
    config : mapping
        The configuration of the entropy model.
    """
    others = role if config["conditioned"] else 0
    return Inputs(
        others=others,
        predicted=int(index > 0 or others == 1),
        parent=int(index > 3 or (index > 0 and config["shared"])),
        told=int(config["told"]),
    )
