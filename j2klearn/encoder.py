"""Writing: a picture through colour, learned lifting, transport, codestream and boxes."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native, boxes
from .codestream import HEADROOM, insert_comments, read_main_header, to_declared
from .colour import Picture, planes
from .errors import OptionError
from .geometry import Rect, ceil_div
from .layers import plt_bytes
from .limits import MAX_PIXELS, check_pixels
from .progress import Progress, silent
from .quality import psnr
from .segment import Colour, Descriptor, Opacities, Transport, split_weights
from .targets import Number, Targets, read_targets

if TYPE_CHECKING:
    from .model import Model

__all__ = ["DEFAULT_MODEL", "PROGRESSIONS", "default_levels", "encode", "levels_fit"]

DEFAULT_MODEL = "hybrid97-9c-compact"

PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")

#: Default number of decomposition levels; small pictures get fewer.
DEFAULT_LEVELS = 5

#: OpenJPEG's tiles have to be two to this power wide and high.
MAX_LEVELS = 14

#: OpenJPEG takes samples of 24 bits: eight, `HEADROOM`, and these.
_MAX_FRACTION_BITS = 14

#: A file for `psnr` is right within this many dB.
_PSNR_TOLERANCE = 0.05
_PSNR_ROUNDS = 12
_PSNR_STEP = 5e-4

#: SOT and SOD of a tile-part, which OpenJPEG's rate control does not count.
_TILE_MARKERS = 14


@dataclass(frozen=True)
class _Layout:
    """How the codestream is laid out, whatever the transform."""

    levels: int
    codeblock_size: tuple[int, int]
    precincts: tuple[tuple[int, int], ...]
    progression: str
    tile_size: tuple[int, int] | None
    offset: tuple[int, int]
    tile_offset: tuple[int, int]
    mode_switches: int
    sop: bool
    eph: bool
    plt: bool
    tlm: bool
    threads: int

    def area(self, picture: Picture) -> Rect:
        y0, x0 = self.offset
        return Rect(y0, x0, y0 + picture.height, x0 + picture.width)

    def parameters(self, picture: Picture, **special: Any) -> _native.Parameters:
        return _native.Parameters(
            area=self.area(picture),
            tile_origin=self.tile_offset,
            tile_shape=self.tile_size,
            components=picture.components,
            component_transform=picture.ict,
            levels=self.levels,
            codeblock=self.codeblock_size,
            precincts=self.precincts,
            progression=PROGRESSIONS.index(self.progression),
            mode_switches=self.mode_switches,
            sop=self.sop,
            eph=self.eph,
            plt=self.plt,
            tlm=self.tlm,
            threads=self.threads,
            **special,
        )


def _fits(start: int, end: int, origin: int, tile: int, levels: int, *, reversible: bool = False) -> bool:
    """Tell whether tiles along one direction have room for `levels` decompositions, and OpenJPEG can do them."""
    if tile < 1 << levels:
        return False
    edges = [start, *range(origin + tile * ((start - origin) // tile + 1), end, tile), end]
    for first, last in itertools.pairwise(edges):
        for level in range(levels):
            low, high = ceil_div(first, 1 << level), ceil_div(last, 1 << level)
            if low >= high or (high - low == 1 and low % 2 and not reversible):
                return False
    return True


def levels_fit(
    area: Rect,
    tile_offset: tuple[int, int],
    tile_size: tuple[int, int] | None,
    levels: int,
    *,
    reversible: bool = False,
) -> bool:
    """Tell whether every tile has room for `levels` decompositions, and OpenJPEG can do them."""
    height, width = tile_size or (area.y1 - tile_offset[0], area.x1 - tile_offset[1])
    return _fits(area.y0, area.y1, tile_offset[0], height, levels, reversible=reversible) and _fits(
        area.x0, area.x1, tile_offset[1], width, levels, reversible=reversible
    )


def default_levels(area: Rect, tile_offset: tuple[int, int], tile_size: tuple[int, int] | None) -> int:
    """Five, or as many as leave a sample in every direction of every tile."""
    levels = min(DEFAULT_LEVELS, int(math.log2(min(area.shape))))
    while levels and not levels_fit(area, tile_offset, tile_size, levels):
        levels -= 1
    return levels


def _pair(name: str, value: object, low: int, high: int) -> tuple[int, int]:
    values = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(values, Sequence)
        or len(values) != 2
        or not all(isinstance(v, (int, np.integer)) and low <= v <= high for v in values)
    ):
        raise OptionError(f"{name} is a pair of integers from {low} to {high}, not {value!r}")
    return int(values[0]), int(values[1])


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def encode(
    image: ArrayLike,
    *,
    bpp: Number | Sequence[Number] | None = None,
    ratio: Number | Sequence[Number] | None = None,
    psnr: Number | Sequence[Number] | None = None,
    lossless: bool = False,
    layers: int = 1,
    model: str | Path | Model | None = DEFAULT_MODEL,
    wavelet: str | None = None,
    embed_model: bool = False,
    bit_depth: int | None = None,
    colorspace: str | None = None,
    alpha: bool | None = None,
    component_transform: bool | None = None,
    levels: int | None = None,
    tile_size: int | tuple[int, int] | None = None,
    offset: tuple[int, int] = (0, 0),
    tile_offset: tuple[int, int] = (0, 0),
    codeblock_size: tuple[int, int] = (64, 64),
    precincts: Sequence[tuple[int, int]] = (),
    progression: str = "LRCP",
    mode_switches: int = 0,
    sop: bool = False,
    eph: bool = False,
    plt: bool = False,
    tlm: bool = False,
    jp2: bool = True,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    progress: Progress | None = None,
) -> bytes:
    """Code a picture as JPEG 2000 with a learned wavelet transform.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        Samples, uint8, uint16, int8 or int16; C up to 255.
    bpp : float or sequence of float, optional
        Bits per pixel of the whole file, headers included; a sequence gives every quality layer its own. Very small
        pictures come out larger: the headers take some 200 bytes.
    ratio : float or sequence of float, optional
        Size of the samples over the size of the file; 20 if nothing is asked for.
    psnr : float or sequence of float, optional
        PSNR in dB over all samples that `decode` reaches, to 0.1 dB.
    lossless : bool
        Code without loss; needs ``model=None`` for now.
    layers : int
        Number of quality layers, 1 to 100. With a single target the layers below it are spread over a sixteenth to
        all of its rate (or 12 dB); with a sequence the number follows from it.
    model : str, Path or None
        Learned transform: the name of a shipped model or the path of a model file. None writes ordinary JPEG 2000
        (the 9/7, or the 5/3 if lossless).
    wavelet : {"9-7", "5-3"}, optional
        The wavelet of ordinary JPEG 2000; with a model there is nothing to choose.
    embed_model : bool
        Put the weights into the file, so that it can be read where the model is not installed.
    bit_depth : int, optional
        Bits in use of the samples, 1 to 16; all those of the dtype if not given.
    colorspace : {"rgb", "grey"}, optional
        What the first three components, or the first one, are; RGB from three components on, if not given.
    alpha : bool, optional
        The component after the colours is their opacity; if not given it is where it is the only one there. A JP2
        file says what each component is.
    component_transform : bool, optional
        RGB goes through the ICT (lossless: the RCT), T.800 Annex G; it does if not given.
    levels : int, optional
        Decomposition levels, 0 to 14, as many as a tile has room for; if not given five, or what fits. Tiles that
        begin at multiples of ``2 ** levels`` (powers of two, say) have room on every picture.
    tile_size : int or (int, int), optional
        Height and width of tiles; one tile if not given. The learned transform runs across tile borders.
    offset, tile_offset : (int, int)
        Origin (y, x) of the picture and of the tile grid on the reference grid (T.800 B.2, B.3).
    codeblock_size : (int, int)
        Height and width of code-blocks: powers of two from 4 to 1024, area at most 4096.
    precincts : sequence of (int, int)
        Heights and widths of precincts, powers of two, finest resolution first; the last one goes for the rest.
    progression : {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"}
        Order of the packets.
    mode_switches : int
        Code-block style (T.800 Table A.19): 1 bypass, 2 reset, 4 termall, 8 vertically causal, 16 predictable
        termination, 32 segmentation symbols.
    sop, eph, plt, tlm : bool
        Marker segments to write.
    jp2 : bool
        Write a JP2 file; else the bare codestream.
    threads : int, optional
        Threads of the base wavelet and of OpenJPEG; all processors if not given.
    max_pixels : int or None
        Limit of the picture's pixels.
    progress : callable, optional
        Called with the share of the work done, 0 to 1, and the name of the stage.

    Returns
    -------
    bytes
        A JP2 file, or a codestream.

    Raises
    ------
    InputError
        If the picture cannot be coded: dtype, shape, NaN, emptiness.
    OptionError
        If an option is out of range or options contradict each other.
    ModelError
        If the model is not installed, or its file is damaged.
    LimitError
        If the picture has more than `max_pixels` pixels.
    """
    picture = Picture(
        image, bit_depth, colorspace=colorspace, alpha=alpha, component_transform=component_transform
    )
    check_pixels(picture.height, picture.width, max_pixels)
    if progression.upper() not in PROGRESSIONS:
        raise OptionError(f"the progression is one of {', '.join(PROGRESSIONS)}, not {progression!r}")
    if levels is not None and (not isinstance(levels, int) or not 0 <= levels <= MAX_LEVELS):
        raise OptionError(f"the number of levels is 0 to {MAX_LEVELS}, not {levels!r}")
    tiles = None if tile_size is None else _pair("tile_size", tile_size, 1, 2**31 - 1)
    layout = _Layout(
        levels=levels or 0,
        codeblock_size=_pair("codeblock_size", codeblock_size, 4, 1024),
        precincts=tuple(_pair("precincts", size, 1, 32768) for size in precincts),
        progression=progression.upper(),
        tile_size=tiles,
        offset=_pair("offset", offset, 0, 2**31 - 1),
        tile_offset=_pair("tile_offset", tile_offset, 0, 2**31 - 1),
        mode_switches=mode_switches,
        sop=sop,
        eph=eph,
        plt=plt,
        tlm=tlm,
        threads=default_threads() if threads is None else threads,
    )
    if levels is None:
        best = default_levels(layout.area(picture), layout.tile_offset, layout.tile_size)
        layout = replace(layout, levels=best)
    targets = read_targets(
        pixels=picture.height * picture.width,
        raw_bytes=picture.samples.size * picture.bit_depth / 8,
        bpp=bpp,
        ratio=ratio,
        psnr=psnr,
        lossless=lossless,
        layers=layers,
    )
    coder: _Coder
    if model is None:
        if embed_model:
            raise OptionError("embed_model needs a model, and model is None")
        if wavelet not in (None, "9-7", "5-3"):
            raise OptionError(f"the wavelet is 9-7 or 5-3, not {wavelet!r}")
        if lossless and wavelet == "9-7":
            raise OptionError("the 9-7 is not lossless: the 5-3 is")
        coder = _OrdinaryCoder(picture, layout, jp2=jp2, reversible=lossless or wavelet == "5-3")
    else:
        if wavelet is not None:
            raise OptionError("wavelet needs model=None: a model has its own")
        if lossless:
            raise OptionError(
                "lossless coding with a learned model is not there yet: use model=None (the 5/3)"
            )
        from .registry import resolve

        coder = _LearnedCoder(picture, layout, resolve(model), targets, jp2=jp2, embed_model=embed_model)
    coder.progress = progress or silent
    data = coder.at_size(targets.values) if targets.kind == "bytes" else coder.at_psnr(targets.values)
    coder.progress(1.0, "done")
    return data


class _Coder:
    """Codes one picture, at one size or several times until a PSNR is met."""

    model: Model | None = None
    progress: Progress = staticmethod(silent)

    def __init__(self, picture: Picture, layout: _Layout, *, jp2: bool) -> None:
        self.picture, self.layout, self.jp2 = picture, layout, jp2

    def code(self, layer_bytes: Sequence[float], *, again: bool) -> bytes:
        """Return the file whose layers end at the given sizes; `again` where it will be asked for once more."""
        raise NotImplementedError

    def reached(self, data: bytes, layers: int) -> float:
        """Return the PSNR in dB that a reader gets from the first `layers` layers."""
        from .decoder import decode

        decoded = decode(data, layers=layers, threads=self.layout.threads, max_pixels=None, model=self.model)
        return psnr(self.picture.samples, decoded, self.picture.bit_depth)

    def wrapped(self, codestream: bytes) -> bytes:
        if not self.jp2:
            return codestream
        picture = self.picture
        return boxes.wrap(
            codestream,
            picture.height,
            picture.width,
            picture.components,
            picture.bit_depth,
            signed=picture.signed,
            colours=picture.colours,
            alpha=picture.alpha,
        )

    def overhead(self) -> int:
        """Bytes of the file that OpenJPEG's rate control does not count."""
        layout = self.layout
        area = layout.area(self.picture)
        tiles = 1
        if layout.tile_size:
            ends, starts = (area.y1, area.x1), layout.tile_offset
            tiles = math.prod(
                ceil_div(e - s, t) for e, s, t in zip(ends, starts, layout.tile_size, strict=True)
            )
        return len(self.wrapped(b"")) + _TILE_MARKERS * tiles + 2  # and the end-of-codestream marker

    def budget(self, layer_bytes: Sequence[float]) -> tuple[float, ...]:
        """Return what OpenJPEG may spend up to each layer; 0, everything, stays 0."""
        overhead = self.overhead()
        return tuple(max(1.0, size - overhead) if size else 0.0 for size in layer_bytes)

    def at_size(self, layer_bytes: Sequence[float]) -> bytes:
        data = self.code(layer_bytes, again=self.layout.plt)
        if self.layout.plt and layer_bytes[-1] and len(data) > layer_bytes[-1]:
            # its size is known once it is written; the highest layer makes room, for files of fewer go without it
            most = max(1.0, layer_bytes[-1] - plt_bytes(boxes.find_codestream(data)))
            return self.code([min(size, most) for size in layer_bytes], again=False)
        return data

    def at_psnr(self, wanted: Sequence[float]) -> bytes:
        """Find the sizes at which the layers reach the PSNRs wanted.

        PSNR is close to linear in the logarithm of the size, so every layer is led to its target by the line through
        its two best tries.
        """
        raw = self.picture.samples.size * self.picture.bit_depth / 8
        smallest, largest = float(self.overhead() + 200), 2.0 * raw
        tries: list[list[tuple[float, float]]] = [[] for _ in wanted]
        sizes = [min(largest, max(smallest, raw * 2.0 ** ((db - 62) / 6))) for db in wanted]
        best, best_miss = b"", math.inf
        for round_ in range(_PSNR_ROUNDS):
            self.progress(round_ / _PSNR_ROUNDS, f"search for PSNR, try {round_ + 1}")
            data = self.code(sizes, again=True)
            reached = [self.reached(data, layer) for layer in range(1, len(wanted) + 1)]
            misses = [abs(db - goal) for db, goal in zip(reached, wanted, strict=True)]
            if max(misses) < best_miss:
                best, best_miss = data, max(misses)
            if best_miss <= _PSNR_TOLERANCE:
                break
            for layer, (size, db) in enumerate(zip(sizes, reached, strict=True)):
                tries[layer].append((math.log2(size), db))
            following = [
                2.0 ** _towards(tries[layer], goal, math.log2(smallest), math.log2(largest))
                for layer, goal in enumerate(wanted)
            ]
            for layer in range(1, len(following)):  # layers have to rise
                following[layer] = max(following[layer], following[layer - 1] * 1.001)
            if all(abs(new / old - 1) < _PSNR_STEP for new, old in zip(following, sizes, strict=True)):
                break  # the layers of a small picture come in steps: there is nothing between the last two tries
            sizes = following
        return best


def _towards(tries: list[tuple[float, float]], goal: float, low: float, high: float) -> float:
    """Return the next log2(size) to try for `goal` dB, from the (log2(size), dB) tried so far."""
    below = [t for t in tries if t[1] <= goal]
    above = [t for t in tries if t[1] > goal]
    if below and above:
        (x0, y0), (x1, y1) = max(below), min(above)
        share = (goal - y0) / (y1 - y0) if y1 > y0 else 0.5
        return x0 + (x1 - x0) * min(0.95, max(0.05, share))
    x, y = max(below) if below else min(above)
    # six decibels per bit and sample at high rates, less per doubling of the size at low ones: step out boldly
    step = (goal - y) / 3.0
    step = math.copysign(max(abs(step), 0.05), step)
    return min(high, max(low, x + step))


class _OrdinaryCoder(_Coder):
    """JPEG 2000 as OpenJPEG writes it."""

    def __init__(self, picture: Picture, layout: _Layout, *, jp2: bool, reversible: bool) -> None:
        super().__init__(picture, layout, jp2=jp2)
        self.reversible = reversible

    def code(self, layer_bytes: Sequence[float], *, again: bool) -> bytes:
        parameters = self.layout.parameters(
            self.picture,
            precision=self.picture.bit_depth,
            signed=False,
            reversible=self.reversible,
            layer_bytes=self.budget(layer_bytes),
        )
        samples = self.picture.samples.reshape(self.picture.height, self.picture.width, -1)
        with _native.Encoder(parameters) as encoder:
            for index in range(self.picture.components):
                encoder.put_samples(index, np.ascontiguousarray(samples[:, :, index], np.int32))
            self.progress(0.1, "coding")
            return self.wrapped(encoder.finish())


class _LearnedCoder(_Coder):
    """Learned lifting, and its subbands through the irreversible transport."""

    def __init__(
        self,
        picture: Picture,
        layout: _Layout,
        model: Model,
        targets: Targets,
        *,
        jp2: bool,
        embed_model: bool,
    ) -> None:
        from .gains import transport_scales

        super().__init__(picture, layout, jp2=jp2)
        self.model: Model = model
        self.scales = transport_scales(model, layout.levels)
        self.embed_model = embed_model
        # the coefficients are in units of 8-bit grey levels, the samples in units of the bit depth
        self.scale_bits = _fraction_bits(picture, targets)
        self.fraction_bits = self.scale_bits - (picture.bit_depth - 8)
        self.kept: list[NDArray[np.float32]] = []

    @property
    def descriptor(self) -> Descriptor:
        picture = self.picture
        shared = Opacities.FIRST if picture.components == 3 else Opacities.COLOUR
        if not picture.ict:
            shared = Opacities.FIRST if picture.components == 1 else Opacities.OWN
        return Descriptor(
            transport=Transport.IRREVERSIBLE,
            precision=picture.bit_depth,
            fraction_bits=self.fraction_bits,
            levels=self.layout.levels,
            colour=Colour.ICT if picture.ict else Colour.NONE,
            components=picture.components,
            opacities=shared,
            model_id=self.model.id,
            scales=self.scales,
        )

    def payloads(self) -> list[bytes]:
        weights = split_weights(self.model.to_bytes()) if self.embed_model else []
        return [*weights, self.descriptor.to_bytes()]

    def overhead(self) -> int:
        segments = sum(len(payload) + 6 for payload in self.payloads())
        comment = 6 + len("Created by OpenJPEG version ") + len(_native.openjpeg_version())
        return super().overhead() + segments - comment

    def subbands(self) -> Iterator[NDArray[np.float32]]:
        """Yield the coefficients of every component in the transport's order."""
        from .transform import analyse

        done = 0.0
        size = 0  # components worked on together

        def advance(share: float) -> None:
            nonlocal done
            done += 0.8 * share * size / self.picture.components
            self.progress(done, "lifting")

        layout = self.layout
        area = layout.area(self.picture)
        whole = planes(self.picture)
        groups = [whole[group] for group in self.descriptor.groups]
        del whole  # at the size of a picture every copy counts
        while groups:
            size = len(groups[0])
            components = analyse(groups.pop(0), area, layout.levels, self.model, layout.threads, advance)
            while components:
                bands = components.pop(0)
                if self.scales:
                    bands.multiply(self.scales)
                yield bands.to_flat()

    def code(self, layer_bytes: Sequence[float], *, again: bool) -> bytes:
        parameters = self.layout.parameters(
            self.picture,
            precision=self.picture.bit_depth + self.fraction_bits + HEADROOM,
            signed=True,
            reversible=False,
            layer_bytes=self.budget(layer_bytes),
            fraction_bits=self.scale_bits,
        )
        if again and not self.kept:
            self.kept = list(self.subbands())
        source: Iterable[NDArray[np.float32]] = self.kept or self.subbands()
        with _native.Encoder(parameters) as encoder:
            for index, flat in enumerate(source):
                encoder.put_subbands(index, flat)
            if not again:
                self.progress(0.8, "coding")
            codestream = encoder.finish()
        picture = self.picture
        codestream = to_declared(codestream, read_main_header(codestream), picture.bit_depth, picture.signed)
        return self.wrapped(insert_comments(codestream, self.payloads()))


def _fraction_bits(picture: Picture, targets: Targets) -> int:
    """Choose how finely the carrier is rounded, in binary digits of an 8-bit grey level.

    Tier-1 codes every bit-plane before it truncates, so each costs time. Rounding to whole levels leaves a PSNR of
    58.9 dB and every digit adds 6 dB; 22 dB above the PSNR of the picture it costs 0.03 dB of that.
    """
    if targets.kind == "psnr":
        wanted = max(targets.values)
    else:
        bits = max(targets.values) * 8 / picture.samples.size
        wanted = 30 + 6 * bits if bits > 0.25 else 0.0  # of an easy picture rather than of a hard one
        wanted += 6
    digits = math.ceil((wanted + 22 - 58.9) / 6.02)
    return max(0, min(_MAX_FRACTION_BITS, digits))
