"""The features of the context networks: compression, grids, dtypes."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as some

from j2klearn.neural.context import features as seen
from j2klearn.neural.context.lowpass import Reversible
from j2klearn.neural.integer import companding


@given(some.integers(-(2**52), 2**52))
def test_compression_is_asinh(x):
    value = int(companding.compress(torch.tensor([x])))
    assert abs(value - 64 * np.arcsinh(x / 16)) < 1.1
    assert int(companding.compress(torch.tensor([-x]))) == -value


def test_compression_rises():
    values = companding.compress(torch.arange(0, 40000))
    assert bool((values.diff() >= 0).all())


def test_compressed_values():
    values = np.array([0, 1, -1, 255, -256, 300, -(2**29)], np.int32)
    wanted = companding.compress(torch.from_numpy(values.astype(np.int64)) << 4)
    for part in (values[:4], values, values[:0]):
        assert companding.compressed(part).tolist() == wanted[: len(part)].tolist()
        assert companding.compressed(part).dtype == np.int16


def test_known_features():
    rows = torch.arange(6).view(1, 6, 1).expand(1, 6, 5) * 10
    known = seen.known(Reversible(rows, 2), None)
    assert known.planes.shape == (1, seen.KNOWN, 6, 5)
    assert known.planes.dtype == torch.int16
    middle, across, down = known.planes[0, :3]
    assert int(across.abs().max()) == 0
    assert int(middle[1:-1].abs().max()) == 0  # the 3x3 mean of a slope is its middle
    assert torch.equal(down[1:-1], companding.compress(torch.full((4, 5), 160)))
    assert int(known.planes[0, 3:].abs().max()) == 0  # there is no coarser level
    assert torch.equal(companding.compress(known.local[:, 0].long()), known.planes[:, 0])
    above = torch.zeros(1, 3, 3, 3, dtype=torch.int64)
    above[0, 0, 1, 2] = 5
    known = seen.known(Reversible(rows, 2), above)
    parents = known.planes[0, 3:]
    assert set(parents[0, 2:4, 4].tolist()) == {int(companding.compress(torch.tensor(80)))}
    assert int(parents.abs().sum()) == 2 * int(companding.compress(torch.tensor(80)))
    assert known.local[0, 1].unique().tolist() == [0, 80]
    far = seen.known(Reversible(rows, 2), above << 40)
    assert int(far.local.max()) == 1 << 17


def test_scalars_and_others():
    planes = companding.scalar_planes(torch.tensor([64, 0]), 9, (2, 3))
    assert planes.shape == (2, 2, 2, 3)
    assert planes[:, 0, 0, 0].tolist() == [0, -64]
    assert planes[0, 1].unique().tolist() == [64]
    details = torch.ones(1, 3, 2, 2, dtype=torch.int64)
    first = seen.others([details, None], (2, 2), 1)
    both = seen.others([details, details], (2, 2), 1)
    assert first.shape == both.shape == (1, seen.OTHERS, 2, 2)
    assert int(first[:, 3:].abs().sum()) == 0
    assert int(both[:, -1].min()) == companding.UNIT
