"""The transform over all levels, for training: the loop over the levels, and a level with gradients, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import Tensor

from ..geometry import Rect
from ..structures import Bands, BaseWavelet, Structure
from .oracle import OrientedOpacities

__all__ = [
    "Details",
    "Pyramid",
    "analyse",
    "analyse_level",
    "compose",
    "decompose",
    "synthesise",
    "synthesise_level",
]

#: HL, LH and HH of one level.
Details = tuple[Tensor, Tensor, Tensor]

#: LL of the coarsest level, and (HL, LH, HH) per level, finest first.
Pyramid = tuple[Tensor, list[Details]]

#: Samples, and what a level takes and makes of its three subbands beside LL.
Samples = TypeVar("Samples")
Level = TypeVar("Level")


def decompose(
    x: Samples, levels: int, split: Callable[[Samples, int], tuple[Samples, Level]]
) -> tuple[Samples, list[Level]]:
    """Decompose samples level by level.

    Parameters
    ----------
    x : Samples
        Tensors or arrays; `split` says which.
    levels : int
        Number of decompositions.
    split : callable
        Takes LL (the samples themselves at first) and the level, 1 for the finest; returns the next LL and the details.

    Returns
    -------
    ll : Samples
        Of the coarsest level.
    details : list
        Those of all levels, finest first.
    """
    details = []
    for level in range(1, levels + 1):
        x, own = split(x, level)
        details.append(own)
    return x, details


def compose(ll: Samples, details: Sequence[Level], join: Callable[[Samples, Level, int], Samples]) -> Samples:
    """Put samples together again, level by level; the inverse of `decompose`.

    Parameters
    ----------
    ll : Samples
        Of the coarsest level.
    details : sequence
        Those of all levels, finest first.
    join : callable
        Takes LL, the details and the level, 1 for the finest; returns the LL of the level below.
    """
    for level in range(len(details), 0, -1):
        ll = join(ll, details[level - 1], level)
    return ll


def _set_oracle_level(structure: Structure, level: int) -> None:
    if isinstance(structure.oracle, OrientedOpacities):
        structure.oracle.level = level


def analyse_level(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, level: int) -> Bands:
    """Split planes (N, 1, H, W) into LL, HL, LH and HH by a structure, or by the base wavelet alone."""
    if structure is None:
        return wavelet.analyse(x)
    _set_oracle_level(structure, level)
    return structure.analyse(x, (0, 0), wavelet)


def analyse(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, levels: int) -> Pyramid:
    """Decompose pictures (N, 1, H, W) by a structure, or by the base wavelet alone."""

    def split(x: Tensor, level: int) -> tuple[Tensor, Details]:
        ll, hl, lh, hh = analyse_level(structure, wavelet, x, level)
        return ll, (hl, lh, hh)

    return decompose(x, levels, split)


def synthesise_level(
    structure: Structure | None, wavelet: BaseWavelet, ll: Tensor, details: Sequence[Tensor], level: int
) -> Tensor:
    """Put the subbands of one level together again."""
    hl, lh, hh = details
    if structure is None:
        return wavelet.synthesise(ll, hl, lh, hh)
    _set_oracle_level(structure, level)
    area = Rect(0, 0, ll.shape[-2] + lh.shape[-2], ll.shape[-1] + hl.shape[-1])
    return structure.synthesise((ll, hl, lh, hh), area, wavelet)


def synthesise(structure: Structure | None, wavelet: BaseWavelet, pyramid: Pyramid) -> Tensor:
    """Put a pyramid together again."""

    def join(ll: Tensor, details: Details, level: int) -> Tensor:
        return synthesise_level(structure, wavelet, ll, details, level)

    return compose(*pyramid, join)
