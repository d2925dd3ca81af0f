"""The whole blocks of planes of any size."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.blocks import whole_blocks


@pytest.mark.parametrize("shape", [(0, 5), (3, 3), (4, 8), (11, 6), (13, 30)])
def test_every_block_is_that_part_of_the_plane(shape: tuple[int, int]) -> None:
    plane = np.arange(shape[0] * shape[1]).reshape(shape)
    blocks = whole_blocks(plane, 4)
    assert blocks.shape == (shape[0] // 4, 4, shape[1] // 4, 4)
    for row in range(shape[0] // 4):
        for column in range(shape[1] // 4):
            part = plane[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert np.array_equal(blocks[row, :, column], part)
