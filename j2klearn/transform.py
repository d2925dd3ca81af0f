"""The learned transform over all levels of a component, for coding: native base wavelet, networks in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import _native
from .geometry import Rect
from .structures import Bands, Structure
from .subbands import Subbands

if TYPE_CHECKING:
    from .model import Model

__all__ = ["analyse", "reach", "synthesise"]

Plane = NDArray[np.float32]

#: Rows and columns that one level of the 9/7 synthesis reaches beyond a sample, in samples of the finer level.
_BASE_REACH = 8


def _tensor(plane: NDArray[Any]) -> Tensor:
    return torch.from_numpy(plane)[None, None]


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(tensor[0, 0].numpy())


class _NativeWavelet:
    """The base wavelet of the native library, behind the interface of `j2klearn.wavelet.Wavelet`."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def analyse(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> Bands:
        ll, hl, lh, hh = _native.analyse(_array(x), origin, self.threads)
        return _tensor(ll), _tensor(hl), _tensor(lh), _tensor(hh)

    def synthesise(
        self, ll: Tensor, hl: Tensor, lh: Tensor, hh: Tensor, origin: tuple[int, int] = (0, 0)
    ) -> Tensor:
        height, width = ll.shape[-2] + lh.shape[-2], ll.shape[-1] + hl.shape[-1]
        area = Rect(*origin, origin[0] + height, origin[1] + width)
        bands = (_array(ll), _array(hl), _array(lh), _array(hh))
        return _tensor(_native.synthesise(*bands, area, self.threads))


@cache
def _fast_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 natively; emulated it would be slower than float32."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        with open("/proc/cpuinfo") as stream:
            return "avx512_bf16" in stream.read()
    except OSError:
        return False


def _ready(model: Model) -> Structure:
    structure = model.structure
    structure.opacity_dtype = torch.bfloat16 if _fast_bfloat16() else torch.float32
    return structure


def reach(model: Model) -> int:
    """Return how far beyond an area one level of synthesis reads, in samples of the finer level."""
    return 2 * model.structure.radius + _BASE_REACH


def analyse(
    plane: Plane,
    area: Rect,
    levels: int,
    model: Model,
    first_level: int = 1,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Subbands:
    """Decompose a component.

    Parameters
    ----------
    plane : ndarray
        Samples of `area`, float32, in units of 8-bit grey levels, level shifted.
    area : Rect
        What the plane covers on its grid.
    levels : int
        Number of decompositions.
    model : Model
        The learned transform.
    first_level : int
        The finest level on which the learned steps act; finer ones are the base wavelet alone.
    threads : int
        Threads of the base wavelet.
    progress : callable, optional
        Called with the share of the work that each level done was.
    """
    structure, wavelet = _ready(model), _NativeWavelet(threads)
    details = []
    x = _tensor(plane)
    with torch.inference_mode():
        for level in range(1, levels + 1):
            origin = area.resolution(level - 1).origin
            step = structure.analyse if level >= first_level else None
            ll, hl, lh, hh = step(x, origin, wavelet) if step else wavelet.analyse(x, origin)
            details.append((_array(hl), _array(lh), _array(hh)))
            if progress:
                progress((x.numel() - ll.numel()) / plane.size)
            x = ll
    return Subbands(area, _array(x), details)


def synthesise(
    subbands: Subbands,
    model: Model,
    first_level: int = 1,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Plane:
    """Put a component together again; the inverse of `analyse`, with the same `first_level`.

    The levels are those of `subbands`; where the finest resolutions were left out, `first_level` counts from the
    finest one that is there.
    """
    structure, wavelet = _ready(model), _NativeWavelet(threads)
    x = _tensor(subbands.ll)
    with torch.inference_mode():
        for level in range(subbands.levels, 0, -1):
            hl, lh, hh = map(_tensor, subbands.details[level - 1])
            area = subbands.area.resolution(level - 1)
            low = x.numel()
            if level >= first_level:
                x = structure.synthesise((x, hl, lh, hh), area, wavelet)
            else:
                x = wavelet.synthesise(x, hl, lh, hh, area.origin)
            if progress:
                progress((x.numel() - low) / subbands.area.size)
    return _array(x)
