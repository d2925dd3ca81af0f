"""Cross-component prediction: it finds a component that is a multiple of another one, and their correlation."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as some

from j2klearn.neural.context import features as seen
from j2klearn.neural.context import prediction
from j2klearn.neural.integer import companding
from j2klearn.neural.integer.companding import FRACTION

#: Planes of one earlier component: details predicted with the first window, and the squared correlation.
PREDICTED = slice(seen.KNOWN, seen.KNOWN + seen.DETAILS)
CORRELATION = seen.KNOWN + seen.DETAILS


def known(local):
    """Return features of which only `local` matters: int (4, h, w), the low-pass plane and three parents."""
    local = torch.as_tensor(np.asarray(local))[None].to(torch.int32)
    return seen.Known(torch.zeros(1, seen.KNOWN, *local.shape[-2:], dtype=torch.int16), local)


def noise(seed, scale=100, size=24):
    return np.random.default_rng(seed).normal(0, scale, (4, size, size)).round().astype(int)


def one(planes, other=0):
    return planes[0, other * prediction.PLANES // 2 : (other + 1) * prediction.PLANES // 2]


def test_a_multiple_is_foretold():
    luma = noise(0)
    details = torch.from_numpy(np.random.default_rng(1).integers(-60, 60, (1, 3, 24, 24)))
    for factor in (-2, -1, 1, 3):
        planes = one(prediction.predicted(known(factor * luma), [known(luma)], [details]))
        wanted = companding.compress((factor * details[0]) << FRACTION)
        assert int((planes[PREDICTED] - wanted).abs().max()) <= 2
        assert int(planes[CORRELATION].min()) >= companding.UNIT - 1


def test_the_factor_is_that_of_the_place():
    luma = noise(0)
    chroma = luma.copy()
    chroma[:, :, 12:] = -2 * luma[:, :, 12:]
    details = torch.full((1, 3, 24, 24), 40)
    predicted = one(prediction.predicted(known(chroma), [known(luma)], [details]))[PREDICTED]
    assert (predicted[..., :11] > 0).all()
    assert (predicted[..., 13:] < 0).all()


def test_what_has_nothing_in_common_is_hardly_foretold():
    details = torch.full((1, 3, 24, 24), 40)
    planes = one(prediction.predicted(known(noise(2)), [known(noise(3))], [details]))
    wide = planes[CORRELATION + 4]  # of the larger window
    assert int(wide.max()) < 0.3 * companding.UNIT
    flat = one(prediction.predicted(known(noise(2)), [known(np.zeros((4, 24, 24), int))], [details]))
    assert int(flat.abs().max()) == 0


def test_places_for_two_others():
    details = torch.full((1, 3, 24, 24), 40)
    first, second = known(noise(4)), known(noise(5))
    own = known(noise(4))
    both = prediction.predicted(own, [first, second], [details, details])
    single = prediction.predicted(own, [first], [details])
    assert both.shape == single.shape == (1, prediction.PLANES, 24, 24)
    assert both.dtype == single.dtype == torch.int16
    assert torch.equal(one(both), one(single))
    assert int(one(single, 1).abs().max()) == 0
    assert torch.equal(one(both, 1), one(prediction.predicted(own, [second], [details])))


@given(some.integers(0, 2**32), some.sampled_from([1, 1 << 10, 1 << 17]), some.sampled_from([1, 1 << 29]))
def test_extremes_stay_in_range(seed, scale, largest):
    rng = np.random.default_rng(seed)
    parts = [known(rng.integers(-scale, scale + 1, (4, 9, 11))) for _ in range(2)]
    details = torch.from_numpy(rng.integers(-largest, largest + 1, (1, 3, 9, 11)))
    planes = one(prediction.predicted(parts[0], parts[1:], [details]))
    assert 0 <= int(planes[CORRELATION].min()) <= int(planes[CORRELATION].max()) <= companding.UNIT
    assert int(planes.abs().max()) < 4096


def test_windows_count_each_place_once():
    x = torch.from_numpy(np.random.default_rng(6).integers(-(2**40), 2**40, (2, 7, 5)))
    for size in (3, 9):
        reach = size // 2
        for y in range(7):
            for z in range(5):
                part = x[:, max(0, y - reach) : y + reach + 1, max(0, z - reach) : z + reach + 1]
                assert torch.equal(prediction._window(x, size)[:, y, z], part.sum((1, 2)))
