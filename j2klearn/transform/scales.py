"""Subband scales of any number of levels, from the ratios that were measured for a few."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MEASURED_LEVELS", "extended"]

#: Levels whose gains are measured. At coarser levels the ratios to the norms of the 9/7 hardly change.
MEASURED_LEVELS = 3


def extended(ratios: Sequence[float], levels: int) -> tuple[float, ...]:
    """Extend measured ratios to any number of levels.

    Levels coarser than `MEASURED_LEVELS` get the ratios of that level. LL always gets its measured ratio, also if there
    are fewer levels.

    Parameters
    ----------
    ratios : sequence of float
        The result of `j2klearn.transform.gains.measure`.
    levels : int
        Number of decomposition levels, at least 1.

    Returns
    -------
    tuple of float
        A ratio per subband in the order of the transport: LL, then HL, LH and HH from coarse to fine.
    """
    low, *details = ratios
    by_level = [details[i : i + 3] for i in range(len(details) - 3, -1, -3)]  # finest first
    wanted = [by_level[min(level, MEASURED_LEVELS) - 1] for level in range(levels, 0, -1)]
    return low, *(ratio for level in wanted for ratio in level)
