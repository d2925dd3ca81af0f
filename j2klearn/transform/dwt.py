"""The learned transform over all levels of a component, for coding: native 9/7, all else in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.geometry import Rect
from ..core.subbands import Subbands
from ..core.timing import stage
from ..native import wavelet
from .levels import compose, decompose
from .precision import fast_bfloat16
from .structures import Bands, BaseWavelet, Structure
from .wavelet import WAVELETS

__all__ = ["analyse", "reach", "ready", "synthesise"]

Planes = NDArray[np.float32]
Details = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

#: Rows and columns that one level of the 9/7 synthesis, the longest of a base wavelet, reaches beyond a sample, in
#: samples of the finer level.
_BASE_REACH = 8


def _batch(planes: Sequence[NDArray[np.float32]]) -> Tensor:
    """Return planes of one size as one tensor (C, 1, H, W)."""
    if len(planes) == 1:
        return torch.from_numpy(planes[0])[None, None]
    out = torch.empty(len(planes), 1, *planes[0].shape)
    for part, plane in zip(out, planes, strict=True):
        part[0].numpy()[...] = plane
    return out


class _NativeWavelet:
    """The 9/7 of the native library, behind the interface of `j2klearn.transform.wavelet.Wavelet`."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def analyse(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> Bands:
        area = Rect(*origin, origin[0] + x.shape[-2], origin[1] + x.shape[-1])
        out = tuple(torch.empty(x.shape[0], 1, *rect.shape) for rect in area.decomposed())
        for component, plane in enumerate(x):
            bands = wavelet.analyse(plane[0].numpy(), origin, self.threads)
            for tensor, band in zip(out, bands, strict=True):
                tensor[component, 0].numpy()[...] = band
        return out[0], out[1], out[2], out[3]

    def synthesise(
        self, ll: Tensor, hl: Tensor, lh: Tensor, hh: Tensor, origin: tuple[int, int] = (0, 0)
    ) -> Tensor:
        height, width = ll.shape[-2] + lh.shape[-2], ll.shape[-1] + hl.shape[-1]
        area = Rect(*origin, origin[0] + height, origin[1] + width)
        out = torch.empty(ll.shape[0], 1, height, width)
        for component, plane in enumerate(out):
            low, horizontal, vertical, diagonal = (band[component, 0].numpy() for band in (ll, hl, lh, hh))
            plane[0].numpy()[...] = wavelet.synthesise(
                low, horizontal, vertical, diagonal, area, self.threads
            )
        return out


def ready(structure: Structure, threads: int) -> tuple[Structure, BaseWavelet]:
    """Return a structure as it codes, the first component's opacities serving all, and its base wavelet."""
    coding = structure.configured(shared=True, fast=fast_bfloat16())
    return coding, _NativeWavelet(threads) if structure.base == "9-7" else WAVELETS[structure.base]


def reach(structure: Structure) -> int:
    """Return how far beyond an area one level of synthesis reads, in samples of the finer level."""
    return 2 * structure.radius + _BASE_REACH


def analyse(
    planes: Planes,
    area: Rect,
    levels: int,
    structure: Structure,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> list[Subbands]:
    """Decompose the components of a picture.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Samples of `area`, in units of 8-bit grey levels, level shifted.
    area : Rect
        What the planes cover on their grid.
    levels : int
        Number of decompositions.
    structure : Structure
        The learned transform. The first component's opacities serve all.
    threads : int
        Threads of the base wavelet.
    progress : callable, optional
        Called with the share of the work that each level done was.
    """
    coding, wavelet = ready(structure, threads)
    x = torch.from_numpy(planes)[:, None]
    del planes  # at the size of a picture every copy counts
    samples = x.numel()

    def split(x: Tensor, level: int) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        ll, hl, lh, hh = coding.analyse(x, area.resolution(level - 1).origin, wavelet)
        if progress:
            progress((x.numel() - ll.numel()) / samples)
        return ll, (hl, lh, hh)

    with torch.inference_mode(), stage("analysis"):
        x, details = decompose(x, levels, split)
    return [
        Subbands(
            area,
            x[component, 0].numpy(),
            [
                (hl[component, 0].numpy(), lh[component, 0].numpy(), hh[component, 0].numpy())
                for hl, lh, hh in details
            ],
        )
        for component in range(x.shape[0])
    ]


def synthesise(
    components: list[Subbands],
    structure: Structure,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Planes:
    """Put the components of a picture together again; the inverse of `analyse`.

    The subbands may be those of lower resolutions alone; the list is emptied.
    """
    coding, wavelet = ready(structure, threads)
    area = components[0].area
    low = _batch([bands.ll for bands in components])
    details = [list(level) for level in zip(*(bands.details for bands in components), strict=True)]
    count = len(components)
    components.clear()

    def join(ll: Tensor, level_details: list[Details], level: int) -> Tensor:
        hl, lh, hh = (_batch([bands[i] for bands in level_details]) for i in range(3))
        level_details.clear()  # at the size of a picture every copy counts
        out = coding.synthesise((ll, hl, lh, hh), area.resolution(level - 1), wavelet)
        if progress:
            progress((out.numel() - ll.numel()) / (count * area.size))
        return out

    with torch.inference_mode(), stage("synthesis"):
        return compose(low, details, join)[:, 0].numpy()
