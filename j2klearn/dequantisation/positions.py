"""Positions of the networks for de-quantisation: blocks of 2 x 2 or 4 x 4 samples on the reference grid.

The samples of a position, its phases, are channels of the network. They are in the order of rows.
"""

from __future__ import annotations

__all__ = ["MEAN_REACH"]

#: By the side of a position: positions on each side of a position that belong to the window of its local mean.
MEAN_REACH = {2: 4, 4: 2}
