"""Training pictures with subsampled chroma: the share is as requested, and luma hardly changes."""

from __future__ import annotations

import numpy as np
from skimage import data as photographs

from j2klearn.training.subsampling import subsampled


def test_a_share_of_the_pictures():
    rgb = photographs.astronaut()[:64, :64]
    patches = np.stack([rgb] * 40)
    assert subsampled(patches, 0.0, 1) is patches
    out = subsampled(patches, 0.5, 1)
    changed = [not np.array_equal(patch, rgb) for patch in out]
    assert 8 < sum(changed) < 32
    assert np.array_equal(patches, np.stack([rgb] * 40))  # the input is unchanged
    assert np.array_equal(out, subsampled(patches, 0.5, 1))
    assert all(not np.array_equal(patch, rgb) for patch in subsampled(patches, 1.0, 2))


def test_chroma_loses_its_details_and_luma_does_not():
    rng = np.random.default_rng(0)
    rgb = rng.integers(90, 160, (1, 64, 64, 3)).astype(np.uint8)
    out = subsampled(rgb, 1.0, 3)
    luma = np.array([0.299, 0.587, 0.114])
    before, after = rgb[0].astype(float), out[0].astype(float)
    assert np.abs((after - before) @ luma).max() < 2.5
    blue = [x[..., 2] - x @ luma for x in (before, after)]
    assert np.abs(np.diff(blue[1])).mean() < 0.6 * np.abs(np.diff(blue[0])).mean()
