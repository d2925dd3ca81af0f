"""L2 norms of the synthesis basis functions of the 9/7."""

from __future__ import annotations

__all__ = ["NORMS_97", "norm_97"]

#: L2 norms of the 9/7 synthesis basis vectors in T.800's normalisation (low-pass gain 1, high-pass gain 2), level
#: 1 first. A coefficient's error is worth ``norm ** 2`` in the picture.
NORMS_97 = {
    "LL": (1.9659, 4.1224, 8.4167, 16.9356, 33.9249, 67.8772),
    "HL": (1.0113, 1.9968, 4.1833, 8.5341, 17.1667, 34.3852),
    "LH": (1.0113, 1.9968, 4.1833, 8.5341, 17.1667, 34.3852),
    "HH": (0.5202, 0.9672, 2.0793, 4.3005, 8.6867, 17.4188),
}


def norm_97(orientation: str, level: int) -> float:
    """Return the L2 norm of the 9/7's synthesis basis vectors; beyond the levels tabulated it doubles with each."""
    if level == 0:
        return 1.0
    known = NORMS_97[orientation]
    return known[min(level, len(known)) - 1] * 2.0 ** max(0, level - len(known))
