"""Reversible models for tests: small operators with random weights, and pictures of every depth."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from j2klearn.models.model import Model
from j2klearn.models.reversible import packed
from j2klearn.transform.integer.operator import OperatorTwin
from j2klearn.transform.integer.reversible_base import NON_SEPARABLE


@functools.cache
def small_operator(seed: int = 0) -> OperatorTwin:
    """Return an operator that predicts details by cubic interpolation, of three strengths, with random opacities."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> NDArray[np.int16]:
        return rng.integers(-60, 60, shape).astype(np.int16)

    # what the four-point filter (-1, 9, 9, -1) / 16 predicts beyond the mean of two neighbours
    taps = np.array([0, -1, 1, 1, -1], np.int16)
    proposals = np.zeros((3, 3, 1, 5, 5), np.int16)
    for at, strength in enumerate((8, 16, 24)):
        proposals[0, at, 0, 2] = proposals[1, at, 0, :, 2] = taps * strength
        proposals[2, at, 0] = np.outer(taps, taps) * strength // 4
    return OperatorTwin(
        first=weights(6, 1, 1, 1),
        blocks=weights(2, 6, 6, 3, 3),
        last=weights(3, 6, 3, 3),
        proposals=proposals.reshape(9, 1, 5, 5),
        input_bits=6,
        first_shift=6,
        block_shifts=(9, 9),
        last_shift=5,
        proposal_shift=8,
        offset=3,
        output_bits=6,
    )


def small_reversible(seed: int = 0, base: str = NON_SEPARABLE) -> Model:
    """Return a reversible model with the operator of `small_operator`, on a base wavelet."""
    return Model(*packed(small_operator(seed), base), {"name": "small reversible"})


def textured(
    shape: tuple[int, ...], depth: int = 8, *, signed: bool = False, seed: int = 0, noise: float = 0.01
) -> NDArray[Any]:
    """Return a picture with waves, an edge and noise that uses the whole range of a bit depth.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        Height, width and, if there are several, components.
    depth : int
        Bits per sample.
    signed : bool
        Whether samples are signed.
    seed : int
        Seed of the noise.
    noise : float
        Standard deviation of the noise as a share of the range.
    """
    rng = np.random.default_rng(seed)
    y, x, c = np.mgrid[: shape[0], : shape[1], : (shape[2] if len(shape) == 3 else 1)]
    base = (
        np.sin(x / (5 + c)) * np.cos(y / 7)
        + np.tanh((x + 2 * y - shape[0]) / 3)
        + rng.normal(0, noise, x.shape)
    )
    base = (base - base.min()) / max(np.ptp(base), 1e-9)
    out = np.rint(base * (2**depth - 1)) - (2 ** (depth - 1) if signed else 0)
    return out.astype(f"{'i' if signed else 'u'}{1 if depth <= 8 else 2}").reshape(shape)
