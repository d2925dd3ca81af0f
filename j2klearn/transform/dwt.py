"""The learned transform by PyTorch, for coding and decoding: all structures and operators.

The 9/7 runs in the native library; the other base wavelets and all networks run in PyTorch.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.geometry import Rect
from ..native import wavelet
from . import coding, structures
from .precision import fast_bfloat16
from .structures import BaseWavelet, Structure
from .threads import bounded
from .wavelet import WAVELETS

__all__ = ["StructureTransform", "ready"]


def _batch(planes: coding.Planes) -> Tensor:
    """Return planes of equal shape (H, W) as one tensor of shape (C, 1, H, W)."""
    if isinstance(planes, np.ndarray):
        return torch.from_numpy(planes)[:, None]
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

    def analyse(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> structures.Bands:
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


def ready(structure: Structure, threads: int, *, fast: bool | None = None) -> tuple[Structure, BaseWavelet]:
    """Return a structure configured for coding, and its base wavelet.

    Parameters
    ----------
    structure : Structure
        The learned transform; it is not changed.
    threads : int
        Threads of the base wavelet.
    fast : bool, optional
        Whether the networks compute in bfloat16. Default: if the processor supports it.

    Returns
    -------
    structure : Structure
        The same weights. The opacities of the first component serve all components.
    wavelet : BaseWavelet
        The base wavelet: the native 9/7, or a wavelet in PyTorch.
    """
    configured = structure.configured(shared=True, fast=fast_bfloat16() if fast is None else fast)
    return configured, _NativeWavelet(threads) if structure.base == "9-7" else WAVELETS[structure.base]


class StructureTransform(coding.CodingTransform):
    """A structure in PyTorch as a transform for coding.

    Parameters
    ----------
    structure : Structure
        The learned transform; it is not changed.
    fast : bool, optional
        As in `ready`.
    """

    engine = "torch"

    def __init__(self, structure: Structure, *, fast: bool | None = None) -> None:
        self.structure, self.fast = structure, fast
        self.reach = 2 * structure.radius + coding.BASE_REACH

    def split(
        self, planes: coding.Planes, origin: tuple[int, int], threads: int, learned: int | None = None
    ) -> coding.Bands:
        configured, base = ready(self.structure, threads, fast=self.fast)
        with bounded(threads), torch.inference_mode():
            found = [configured.analyse(_batch(planes[:learned]), origin, base)]
            if len(planes[:learned]) < len(planes):
                found.append(base.analyse(_batch(planes[learned:]), origin))
            ll, hl, lh, hh = (torch.cat(parts)[:, 0].numpy() for parts in zip(*found, strict=True))
        return ll, hl, lh, hh

    def join(
        self, bands: coding.Bands, area: Rect, threads: int, learned: int | None = None
    ) -> NDArray[np.float32]:
        configured, base = ready(self.structure, threads, fast=self.fast)
        with bounded(threads), torch.inference_mode():
            ll, hl, lh, hh = (_batch(band[:learned]) for band in bands)
            out = configured.synthesise((ll, hl, lh, hh), area, base)
            if len(ll) < len(bands[0]):
                ll, hl, lh, hh = (_batch(band[learned:]) for band in bands)
                out = torch.cat([out, base.synthesise(ll, hl, lh, hh, area.origin)])
            planes: NDArray[np.float32] = out[:, 0].numpy()
        return planes
