"""L2 norms of the synthesis basis vectors of the 9/7."""

from __future__ import annotations

__all__ = ["NORMS_97", "norm_97"]

#: L2 norms of the 9/7 synthesis basis vectors in the normalisation of T.800 (low-pass gain 1, high-pass gain 2) by
#: orientation, level 1 first. A coefficient that is off by e adds the squared error ``(e * norm) ** 2`` to the picture.
NORMS_97 = {
    "LL": (1.9659, 4.1224, 8.4167, 16.9356, 33.9249, 67.8772),
    "HL": (1.0113, 1.9968, 4.1833, 8.5341, 17.1667, 34.3852),
    "LH": (1.0113, 1.9968, 4.1833, 8.5341, 17.1667, 34.3852),
    "HH": (0.5202, 0.9672, 2.0793, 4.3005, 8.6867, 17.4188),
}


def norm_97(orientation: str, level: int) -> float:
    """Return the L2 norm of the 9/7 synthesis basis vectors of a subband.

    Parameters
    ----------
    orientation : {"LL", "HL", "LH", "HH"}
        The orientation of the subband.
    level : int
        The decomposition level, 1 for the finest; 0 stands for the picture itself. Beyond the tabulated levels the norm
        doubles with each level.
    """
    if level == 0:
        return 1.0
    tabulated = NORMS_97[orientation]
    return tabulated[min(level, len(tabulated)) - 1] * 2.0 ** max(0, level - len(tabulated))
