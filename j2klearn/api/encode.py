"""Writing: a picture through colour, learned lifting, transport, codestream and boxes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ..core.limits import MAX_PIXELS, check_pixels
from ..core.picture import Picture
from ..core.progress import Progress, silent
from ..core.targets import Number, read_targets
from ..core.threads import default_threads
from ..ebcot.coders import LearnedCoder, OrdinaryCoder
from ..ebcot.effort import check_effort, learned_file, measured
from ..ebcot.layout import MAX_LEVELS, PROGRESSIONS, Layout, default_levels, pair
from ..ebcot.rate_control import File
from ..ebcot.transform_choice import worth_measuring
from ..errors import OptionError
from ..models.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["PROFILES", "encode", "read_layout", "read_profile", "read_transform"]


#: Ways to code coefficients.
PROFILES = ("ebcot", "neural")

#: Options that are for JPEG 2000's own way alone.
_EBCOT_ONLY = (
    "layers",
    "wavelet",
    "embed_model",
    "effort",
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
    effort: int = 0,
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
    effort : {0, 1, 2}
        Time for a better file. 0: only pictures that look drawn are measured; 1: every picture is; 2: also, a learned
        transform's coefficients are fitted to what the decoder makes of them at the highest rate asked for, which
        takes over a minute per megapixel and is kept where the file is better for it. Files are read as any other,
        and as fast.
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
        from ..neural.encode import encode_picture, find_model, read_target

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
    check_effort(effort)
    report = progress or silent
    size = max(targets.values) if targets.kind == "bytes" else None
    if isinstance(chosen, str):
        coder = OrdinaryCoder(picture, layout, reversible=chosen == "5-3")
        data = File(coder, jp2=jp2, progress=report).made(targets)
    else:
        learned = LearnedCoder(picture, layout, chosen, targets, embed_model=embed_model)
        file = File(learned, jp2=jp2, progress=report)
        if fallback and (effort or worth_measuring(picture.samples, size)):
            data = measured(file, targets, effort)
        else:
            data = learned_file(file, targets, effort)
    report(1.0, "done")
    return data


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
    from ..models.registry import resolve

    return resolve(DEFAULT_MODEL if isinstance(model, str) and model == "auto" else model)
