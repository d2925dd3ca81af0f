"""The learned transform over all levels, for training: in PyTorch only, with gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...core.geometry import Rect
from ...transform.levels import compose, decompose
from ...transform.structures import Bands, BaseWavelet, Structure
from .oracle import OrientedOpacities

__all__ = ["Details", "Pyramid", "analyse", "analyse_level", "synthesise", "synthesise_level"]

#: HL, LH and HH of one level.
Details = tuple[Tensor, Tensor, Tensor]

#: LL of the coarsest level, and (HL, LH, HH) per level, finest first.
Pyramid = tuple[Tensor, list[Details]]


def _set_oracle_level(structure: Structure, level: int) -> None:
    if isinstance(structure.oracle, OrientedOpacities):
        structure.oracle.level = level


def analyse_level(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, level: int) -> Bands:
    """Decompose planes (N, 1, H, W) into LL, HL, LH and HH of one level.

    Parameters
    ----------
    structure : Structure or None
        The structure; None: the base wavelet alone.
    wavelet : BaseWavelet
        The base wavelet of the structure.
    x : Tensor, shape (N, 1, H, W)
        The LL of the next finer level, or pictures.
    level : int
        The level, 1 for the finest. Oracle opacities depend on it.
    """
    if structure is None:
        return wavelet.analyse(x)
    _set_oracle_level(structure, level)
    return structure.analyse(x, (0, 0), wavelet)


def analyse(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, levels: int) -> Pyramid:
    """Decompose pictures (N, 1, H, W) into a pyramid of `levels` levels; see `analyse_level`."""

    def split(x: Tensor, level: int) -> tuple[Tensor, Details]:
        ll, hl, lh, hh = analyse_level(structure, wavelet, x, level)
        return ll, (hl, lh, hh)

    return decompose(x, levels, split)


def synthesise_level(
    structure: Structure | None, wavelet: BaseWavelet, ll: Tensor, details: Sequence[Tensor], level: int
) -> Tensor:
    """Synthesise planes (N, 1, H, W) from the subbands of one level; the inverse of `analyse_level`."""
    hl, lh, hh = details
    if structure is None:
        return wavelet.synthesise(ll, hl, lh, hh)
    _set_oracle_level(structure, level)
    area = Rect(0, 0, ll.shape[-2] + lh.shape[-2], ll.shape[-1] + hl.shape[-1])
    return structure.synthesise((ll, hl, lh, hh), area, wavelet)


def synthesise(structure: Structure | None, wavelet: BaseWavelet, pyramid: Pyramid) -> Tensor:
    """Synthesise pictures (N, 1, H, W) from a pyramid; the inverse of `analyse`."""

    def join(ll: Tensor, details: Details, level: int) -> Tensor:
        return synthesise_level(structure, wavelet, ll, details, level)

    return compose(*pyramid, join)
