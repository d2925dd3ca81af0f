"""Writing: a picture through colour, learned lifting, transport, codestream and boxes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import _native, boxes
from .choice import NOTE, best, looks_drawn
from .coders import Coder, LearnedCoder, OrdinaryCoder
from .codestream import insert_comments
from .colour import Picture
from .errors import OptionError
from .layers import plt_bytes
from .layout import MAX_LEVELS, PROGRESSIONS, Layout, default_levels, default_threads, pair
from .limits import MAX_PIXELS, check_pixels
from .progress import Progress, silent
from .quality import psnr
from .targets import Number, Targets, read_targets
from .tileparts import EOC, arrange

if TYPE_CHECKING:
    from .model import Model
    from .neural.entropy import EntropyModel

__all__ = [
    "DEFAULT_MODEL",
    "PROFILES",
    "encode",
    "header_overhead",
    "read_layout",
    "read_profile",
    "read_transform",
    "wrapped",
]

DEFAULT_MODEL = "hybrid97-9c-compact-dq"

#: Ways to code coefficients.
PROFILES = ("ebcot", "neural")

#: Options that are for JPEG 2000's own way alone.
_EBCOT_ONLY = (
    "layers",
    "wavelet",
    "embed_model",
    "levels",
    "tile_size",
    "offset",
    "tile_offset",
    "codeblock_size",
    "precincts",
    "progression",
    "mode_switches",
    "sop",
    "eph",
    "plt",
    "tlm",
    "jp2",
)

#: A file for `psnr` is right within this many dB.
_PSNR_TOLERANCE = 0.05
_PSNR_ROUNDS = 12
_PSNR_STEP = 5e-4


def encode(
    image: ArrayLike,
    *,
    bpp: Number | Sequence[Number] | None = None,
    ratio: Number | Sequence[Number] | None = None,
    psnr: Number | Sequence[Number] | None = None,
    quality: Number | None = None,
    lossless: bool = False,
    layers: int = 1,
    profile: str = "ebcot",
    model: str | Path | Model | EntropyModel | None = "auto",
    wavelet: str | None = None,
    embed_model: bool = False,
    fallback: bool = True,
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
    progression: str | None = None,
    mode_switches: int = 0,
    sop: bool = False,
    eph: bool = False,
    plt: bool | None = None,
    tlm: bool | None = None,
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
    quality : float, optional
        With the neural profile: 0 to 100, which says how large the quantiser step is, and needs no search. It falls
        geometrically from 128 grey levels at 0 to one at 100, of 8 bits whatever the bit depth is: 34 at 27, 11 at 50.
    lossless : bool
        Code without loss; with the profile ``"ebcot"`` that needs ``model=None`` for now.
    layers : int
        Number of quality layers, 1 to 100. With a single target the layers below it are spread over a sixteenth to
        all of its rate (or 12 dB); with a sequence the number follows from it.
    profile : {"ebcot", "neural"}
        How coefficients are coded. ``"ebcot"`` is JPEG 2000's own way: files that every reader decodes, with layers,
        tiles and quick access to regions. ``"neural"`` takes the fewest bytes and some seconds: a learned context
        model codes the coefficients, other readers see a small preview, there is one quality layer, and regions are
        cut out of the whole. It takes one target, `model`, `bit_depth`, `colorspace`, `alpha`,
        `component_transform`, `threads`, `max_pixels` and `progress`, and refuses whatever else is not as it is if
        not given. A file for `bpp` or `ratio` is coded two or three times.
    model : str, Path or None
        Learned transform: the name of a shipped model or the path of a model file; ``"auto"`` is the profile's default.
        None writes ordinary JPEG 2000 (the 9/7, or the 5/3 if lossless). With the neural profile an entropy model, for
        lossless pictures another one than for others.
    wavelet : {"9-7", "5-3"}, optional
        The wavelet of ordinary JPEG 2000; with a model there is nothing to choose.
    embed_model : bool
        Put the weights into the file, so that it can be read where the model is not installed.
    fallback : bool
        Code a picture that looks drawn (screens, graphics, large flat areas) with the 9/7 and the 5/3 as well, and
        keep what decodes best at these sizes, or is smallest at these PSNRs. A comment in the file, and `info`, say
        where that is not the learned transform.
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
    progression : {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"}, optional
        Order of the packets; if not given RPCL with `tile_size`, else LRCP. In RPCL the tile-parts of all tiles lie
        one resolution after the other, in RLCP one resolution and layer after the other, so that readers of
        remote files need few stretches of them.
    mode_switches : int
        Code-block style (T.800 Table A.19): 1 bypass, 2 reset, 4 termall, 8 vertically causal, 16 predictable
        termination, 32 segmentation symbols.
    sop, eph, plt, tlm : bool
        Marker segments to write; PLT and TLM are written with `tile_size` if nothing is said.
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
    given = dict(locals())  # before anything else is
    neural = read_profile(profile, given)
    picture = Picture(
        image, bit_depth, colorspace=colorspace, alpha=alpha, component_transform=component_transform
    )
    check_pixels(picture.height, picture.width, max_pixels)
    if neural:
        from .neural.encoder import encode_picture, find_model, read_target

        target = read_target(
            pixels=picture.height * picture.width,
            raw_bytes=picture.samples.size * picture.bit_depth / 8,
            quality=quality,
            bpp=bpp,
            ratio=ratio,
            psnr=psnr,
            lossless=lossless,
        )
        entropy_model = find_model(model, lossless=lossless)
        return encode_picture(picture, entropy_model, target, threads=threads, progress=progress)
    layout = read_layout(
        picture.height,
        picture.width,
        levels=levels,
        tile_size=tile_size,
        offset=offset,
        tile_offset=tile_offset,
        codeblock_size=codeblock_size,
        precincts=precincts,
        progression=progression,
        mode_switches=mode_switches,
        sop=sop,
        eph=eph,
        plt=plt,
        tlm=tlm,
        threads=threads,
    )
    targets = read_targets(
        pixels=picture.height * picture.width,
        raw_bytes=picture.samples.size * picture.bit_depth / 8,
        bpp=bpp,
        ratio=ratio,
        psnr=psnr,
        lossless=lossless,
        layers=layers,
    )
    chosen = read_transform(model, wavelet, lossless=lossless, embed_model=embed_model)
    coder: Coder
    if isinstance(chosen, str):
        coder = OrdinaryCoder(picture, layout, reversible=chosen == "5-3")
    else:
        coder = LearnedCoder(picture, layout, chosen, targets, embed_model=embed_model)
    report = progress or silent
    data = _File(coder, jp2=jp2, progress=report).made(targets)
    if coder.model is not None and fallback and not picture.signed and looks_drawn(picture.samples):
        data = _measured(data, coder, targets, jp2=jp2, progress=report)
    report(1.0, "done")
    return data


def _measured(learned: bytes, coder: Coder, targets: Targets, *, jp2: bool, progress: Progress) -> bytes:
    """Return the best of a learned file and of those with the wavelets of T.800."""
    files = {"learned": (_File(coder, jp2=jp2, progress=progress), learned)}
    for name in ("9-7", "5-3"):
        other = OrdinaryCoder(coder.picture, coder.layout, reversible=name == "5-3")
        file = _File(other, jp2=jp2, progress=progress, note=f"{NOTE}: {name}")
        files[name] = file, file.made(targets)
    if targets.kind == "psnr":
        return min((data for _, data in files.values()), key=len)
    layers = range(1, len(targets.values) + 1)
    chosen = best(
        {name: [file.reached(data, layer) for layer in layers] for name, (file, data) in files.items()}
    )
    return files[chosen][1]


def read_profile(profile: str, options: Mapping[str, Any]) -> bool:
    """Tell whether the profile is the neural one, and check that the options of `encode` go with it.

    Parameters
    ----------
    profile : str
        What the caller asks for.
    options : mapping
        Arguments of `encode` by name.

    Raises
    ------
    OptionError
        If there is no such profile, or it does not know an option that is not as it is if not given.
    """
    if profile not in PROFILES:
        raise OptionError(f"the profile is one of {', '.join(PROFILES)}, not {profile!r}")
    if profile == "ebcot":
        if options["quality"] is not None:
            raise OptionError("quality goes with profile='neural': others take bpp, ratio or psnr")
        return False
    defaults = inspect.signature(encode).parameters
    for name in _EBCOT_ONLY:
        default, value = defaults[name].default, options[name]
        if value != default and (value or default):
            raise OptionError(f"the neural profile has no {name}: it is to stay {default!r}, not {value!r}")
    return True


def read_layout(
    height: int,
    width: int,
    *,
    levels: int | None,
    tile_size: int | tuple[int, int] | None,
    offset: tuple[int, int],
    tile_offset: tuple[int, int],
    codeblock_size: tuple[int, int],
    precincts: Sequence[tuple[int, int]],
    progression: str | None,
    mode_switches: int,
    sop: bool,
    eph: bool,
    plt: bool | None,
    tlm: bool | None,
    threads: int | None,
) -> Layout:
    """Check the options of `encode` that lay out the codestream, and fill in what is not given.

    Raises
    ------
    OptionError
        If one is out of range.
    """
    tiles = None if tile_size is None else pair("tile_size", tile_size, 1, 2**31 - 1)
    if progression is None:
        progression = "LRCP" if tiles is None else "RPCL"
    if progression.upper() not in PROGRESSIONS:
        raise OptionError(f"the progression is one of {', '.join(PROGRESSIONS)}, not {progression!r}")
    if levels is not None and (not isinstance(levels, int) or not 0 <= levels <= MAX_LEVELS):
        raise OptionError(f"the number of levels is 0 to {MAX_LEVELS}, not {levels!r}")
    layout = Layout(
        levels=levels or 0,
        codeblock_size=pair("codeblock_size", codeblock_size, 4, 1024),
        precincts=tuple(pair("precincts", size, 1, 32768) for size in precincts),
        progression=progression.upper(),
        tile_size=tiles,
        offset=pair("offset", offset, 0, 2**31 - 1),
        tile_offset=pair("tile_offset", tile_offset, 0, 2**31 - 1),
        mode_switches=mode_switches,
        sop=sop,
        eph=eph,
        plt=tiles is not None if plt is None else plt,
        tlm=tiles is not None if tlm is None else tlm,
        threads=default_threads() if threads is None else threads,
    )
    if levels is None:
        best = default_levels(layout.area(height, width), layout.tile_offset, layout.tile_size)
        layout = replace(layout, levels=best)
    return layout


def read_transform(
    model: str | Path | Model | EntropyModel | None,
    wavelet: str | None,
    *,
    lossless: bool,
    embed_model: bool,
) -> Model | str:
    """Return the model that `encode` is asked to use, or the name of the wavelet of T.800; ``"auto"`` is the default.

    Raises
    ------
    OptionError
        If the options contradict each other.
    ModelError
        If the model is not installed, or its file is damaged.
    """
    if model is None:
        if embed_model:
            raise OptionError("embed_model needs a model, and model is None")
        if wavelet not in (None, "9-7", "5-3"):
            raise OptionError(f"the wavelet is 9-7 or 5-3, not {wavelet!r}")
        if lossless and wavelet == "9-7":
            raise OptionError("the 9-7 is not lossless: the 5-3 is")
        return "5-3" if lossless or wavelet == "5-3" else "9-7"
    if wavelet is not None:
        raise OptionError("wavelet needs model=None: a model has its own")
    if lossless:
        raise OptionError("lossless coding with a learned model is not there yet: use model=None (the 5/3)")
    from .registry import resolve

    return resolve(DEFAULT_MODEL if isinstance(model, str) and model == "auto" else model)


class _File:
    """Makes files of what a coder codes: of one size, or tried until a PSNR is met."""

    def __init__(self, coder: Coder, *, jp2: bool, progress: Progress, note: str = "") -> None:
        self.coder, self.jp2, self.progress, self.note = coder, jp2, progress, note
        self.picture, self.layout = coder.picture, coder.layout
        self.area = self.layout.area(self.picture.height, self.picture.width)
        coder.progress = progress

    def finished(self, codestream: bytes) -> bytes:
        payloads = self.coder.payloads(self.coder.noise(codestream))
        if self.layout.divided:
            codestream = arrange(codestream, plt=self.layout.plt, tlm=self.layout.tlm)
        codestream = insert_comments(codestream, payloads, self.note)
        return wrapped(codestream, self.picture) if self.jp2 else codestream

    def overhead(self, layers: int, size: float) -> int:
        """Bytes of a file of about `size` bytes that OpenJPEG's rate control does not count."""
        head = len(wrapped(b"", self.picture)) if self.jp2 else 0
        parts = self.layout.overhead(self.area, self.picture.components, layers, size)
        tiles = len(self.layout.tiles(self.area))
        note = len(self.note) + 6 if self.note else 0
        return head + header_overhead(self.coder, layers, tiles) + note + parts

    def code(self, layer_bytes: Sequence[float], *, again: bool) -> bytes:
        """Return the file whose layers end at the given sizes; `again` where it will be asked for once more."""
        overhead = self.overhead(len(layer_bytes), layer_bytes[-1])
        budget = [max(1.0, size - overhead) if size else 0.0 for size in layer_bytes]
        return self.finished(self.coder.code(budget, again=again))

    def reached(self, data: bytes, layers: int) -> float:
        """Return the PSNR in dB that a reader gets from the first `layers` layers."""
        from .decoder import decode

        decoded = decode(
            data, layers=layers, threads=self.layout.threads, max_pixels=None, model=self.coder.model
        )
        return psnr(self.picture.samples, decoded, self.picture.bit_depth)

    def made(self, targets: Targets) -> bytes:
        """Return a file that meets the targets."""
        return self.at_size(targets.values) if targets.kind == "bytes" else self.at_psnr(targets.values)

    def at_size(self, layer_bytes: Sequence[float]) -> bytes:
        again = self.layout.plt and not self.layout.divided
        data = self.code(layer_bytes, again=again)
        if again and layer_bytes[-1] and len(data) > layer_bytes[-1]:
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
        smallest, largest = float(self.overhead(len(wanted), 0.0) + 200), 2.0 * raw
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


def wrapped(codestream: bytes, picture: Picture) -> bytes:
    """Return a codestream in the boxes of a JP2 file."""
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


def header_overhead(coder: Coder, layers: int, tiles: int) -> int:
    """Return by how much the main header and the end of the codestream exceed what OpenJPEG counts."""
    payloads = coder.payloads(np.zeros((coder.picture.components, layers, tiles), np.uint8))
    if not payloads:
        return len(EOC)
    comment = 6 + len("Created by OpenJPEG version ") + len(_native.openjpeg_version())
    return sum(len(payload) + 6 for payload in payloads) - comment + len(EOC)


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
