"""The learned transform over all decomposition levels, for coding and decoding.

The 9/7 runs in the native library; the other base wavelets and all networks run in PyTorch.
"""

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

#: Samples of the finer level that one level of base wavelet analysis or synthesis reads beyond an area. The 9/7 has
#: the longest filters of all base wavelets.
_BASE_REACH = 8


def _batch(planes: Sequence[NDArray[np.float32]]) -> Tensor:
    """Return planes of equal shape (H, W) as one tensor of shape (C, 1, H, W)."""
    if len(planes) == 1:
        return torch.from_numpy(planes[0])[None, None]
    out = torch.empty(len(planes), 1, *planes[0].shape)
    for part, plane in zip(out, planes, strict=True):
        part[0].numpy()[...] = plane
    return out


class _NativeWavelet:
    """The 9/7 of the native library, with the interface of `j2klearn.transform.wavelet.Wavelet`."""

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
    """Return a structure configured for coding, and its base wavelet.

    Parameters
    ----------
    structure : Structure
        The learned transform; it is not changed.
    threads : int
        Threads of the base wavelet.

    Returns
    -------
    structure : Structure
        The same weights. The opacities of the first component serve all components, and the networks compute in
        bfloat16 if the processor supports it.
    wavelet : BaseWavelet
        The base wavelet: the native 9/7, or a wavelet in PyTorch.
    """
    coding = structure.configured(shared=True, fast=fast_bfloat16())
    return coding, _NativeWavelet(threads) if structure.base == "9-7" else WAVELETS[structure.base]


def reach(structure: Structure) -> int:
    """Return how many samples of the finer level one level of analysis or synthesis reads beyond an area."""
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
        The area of the planes on their grid.
    levels : int
        Number of decomposition levels.
    structure : Structure
        The learned transform. The opacities of the first component serve all components.
    threads : int
        Threads of the base wavelet.
    progress : callable, optional
        Called after each level with the share of the whole work that the level was. The shares add up to almost one.

    Returns
    -------
    list of Subbands
        One per component, float32.
    """
    coding, wavelet = ready(structure, threads)
    x = torch.from_numpy(planes)[:, None]
    del planes  # a copy of the picture is too much memory to keep
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
    """Synthesise the components of a picture; the inverse of `analyse`.

    Parameters
    ----------
    components : list of Subbands
        Subbands of components that cover the same area, float32. They may be those of a lower resolution only. The list
        is emptied, to free memory early.
    structure, threads, progress
        As in `analyse`.

    Returns
    -------
    ndarray, shape (C, H, W), float32
        The planes, in units of 8-bit grey levels, level shifted.
    """
    coding, wavelet = ready(structure, threads)
    area = components[0].area
    low = _batch([bands.ll for bands in components])
    details = [list(level) for level in zip(*(bands.details for bands in components), strict=True)]
    count = len(components)
    components.clear()

    def join(ll: Tensor, level_details: list[Details], level: int) -> Tensor:
        hl, lh, hh = (_batch([bands[i] for bands in level_details]) for i in range(3))
        level_details.clear()  # a copy of the picture is too much memory to keep
        out = coding.synthesise((ll, hl, lh, hh), area.resolution(level - 1), wavelet)
        if progress:
            progress((out.numel() - ll.numel()) / (count * area.size))
        return out

    with torch.inference_mode(), stage("synthesis"):
        return compose(low, details, join)[:, 0].numpy()
