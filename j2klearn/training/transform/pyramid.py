"""The transform over all levels, for training: with gradients, in PyTorch alone."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...core.geometry import Rect
from ...transform.structures import BaseWavelet, Structure
from .oracle import OrientedOpacities

__all__ = ["Pyramid", "analyse", "synthesise", "synthesise_level"]

#: LL of the coarsest level, and (HL, LH, HH) per level, finest first.
Pyramid = tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]


def _tell_oracle(structure: Structure, level: int) -> None:
    if isinstance(structure.oracle, OrientedOpacities):
        structure.oracle.level = level


def analyse(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, levels: int) -> Pyramid:
    """Decompose pictures (N, 1, H, W) by a structure, or by the base wavelet alone."""
    details = []
    for level in range(1, levels + 1):
        if structure is None:
            x, *bands = wavelet.analyse(x)
        else:
            _tell_oracle(structure, level)
            x, *bands = structure.analyse(x, (0, 0), wavelet)
        details.append((bands[0], bands[1], bands[2]))
    return x, details


def synthesise_level(
    structure: Structure | None, wavelet: BaseWavelet, ll: Tensor, details: Sequence[Tensor], level: int
) -> Tensor:
    """Put the subbands of one level together again."""
    hl, lh, hh = details
    if structure is None:
        return wavelet.synthesise(ll, hl, lh, hh)
    _tell_oracle(structure, level)
    area = Rect(0, 0, ll.shape[-2] + lh.shape[-2], ll.shape[-1] + hl.shape[-1])
    return structure.synthesise((ll, hl, lh, hh), area, wavelet)


def synthesise(structure: Structure | None, wavelet: BaseWavelet, pyramid: Pyramid) -> Tensor:
    """Put a pyramid together again."""
    x, details = pyramid
    for level in range(len(details), 0, -1):
        x = synthesise_level(structure, wavelet, x, details[level - 1], level)
    return x
