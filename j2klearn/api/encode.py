"""Encoding of a picture in memory: `encode`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from ..core.limits import MAX_PIXELS
from ..core.progress import Progress
from ..core.targets import Number, Tune, Values
from ..ebcot import encode as ebcot
from .options import EncodeOptions
from .repack import repack

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["encode", "encode_with"]


def encode(
    image: ArrayLike,
    *,
    bpp: Values = None,
    ratio: Values = None,
    psnr: Number | Sequence[Number] | None = None,
    quality: Number | None = None,
    lossless: bool = False,
    layers: int = 1,
    profile: str = "ebcot",
    model: str | Path | Model | EntropyModel | None = "auto",
    wavelet: str | None = None,
    embed_model: bool = False,
    engine: str = "auto",
    fallback: bool = True,
    effort: int = 0,
    tune: Tune = "psnr",
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
    tile_parts: str | None = None,
    preset: str | None = None,
    jp2: bool = True,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    progress: Progress | None = None,
) -> bytes:
    """Encode a picture as JPEG 2000 with a learned wavelet transform.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        Samples of dtype uint8, uint16, int8, int16 or bool; C is at most 255.
    bpp : float or sequence of float, optional
        Size of the whole file in bits per pixel, headers included. A sequence has one target per quality layer; if the
        last one is None, that layer is lossless, which `ratio` allows too. Very small pictures exceed the target,
        because the headers take about 200 bytes.
    ratio : float or sequence of float, optional
        Size of the samples over the size of the file, or one such ratio per quality layer. Default: 20, if no other
        target is given.
    psnr : float or sequence of float, optional
        PSNR of the decoded picture in dB over all samples, met to 0.1 dB, or one such PSNR per quality layer. If it
        cannot be met, the smallest file that exceeds it is returned, or else the best one. With layers, the last one
        comes first; the others are as near to their PSNRs as possible.
    quality : float, optional
        For the neural profile only: 0 to 100. It sets the quantiser step directly, without a search: the step falls
        geometrically from 128 grey levels at 0 to 1 at 100 (34 at 27, 11 at 50). These are grey levels of 8 bits,
        whatever the bit depth.
    lossless : bool
        Lossless coding. In the profile ``"ebcot"``, the file has the reversible learned transform, or the 5/3 where
        that is smaller: doubtful pictures are coded in both ways. ``fallback=False`` keeps the learned one,
        ``model=None`` the 5/3.
    layers : int
        Number of quality layers, 1 to 100. With a single target, the rates of the layers are spread from one
        sixteenth of the target to the target (or over 12 dB below it). With a sequence of targets, its length is the
        number of layers.
    profile : {"ebcot", "neural"}
        How coefficients are coded. ``"ebcot"`` uses the block coder of JPEG 2000: every reader decodes the files, and
        they have layers, tiles and fast access to regions. ``"neural"`` gives the smallest files but takes several
        seconds per picture: a learned context model codes the coefficients, other readers show a small preview, there
        is one quality layer, and a region is cut out of the decoded picture. It accepts one target, `model`,
        `fallback` (without effect), `bit_depth`, `colorspace`, `alpha`, `component_transform`, `threads`, `max_pixels`
        and `progress`; every other option has to have its default value. For `bpp` or `ratio`, it codes the picture
        two or three times.
    model : str, Path or None
        Learned transform: the name of a shipped model or the path of a model file. ``"auto"`` is the default model of
        the profile. Lossless coding needs a reversible model. None writes ordinary JPEG 2000, with the 9/7 wavelet, or
        the 5/3 if lossless. For the neural profile, the entropy model; lossless coding needs a different one than lossy
        coding.
    wavelet : {"9-7", "5-3"}, optional
        The wavelet of ordinary JPEG 2000; it needs ``model=None``.
    embed_model : bool
        Store the weights in the file, so that it can be decoded where the model is not installed.
    engine : {"auto", "native", "torch"}
        What computes the learned steps, as in `j2klearn.decode`. Files of both engines have the same format, and each
        engine decodes those of the other.
    fallback : bool
        If a picture looks drawn (screens, graphics, large flat areas), has a bit depth other than 8 or a narrow range
        of samples, or has a very small file or a high rate in colour, code it with the 9/7 and the 5/3 too, and keep
        the file with the highest PSNR for a target size, or the smallest file for a target PSNR. If that is not the
        learned one, a comment in the file and `info` say so. Small files may lack the comment.
    effort : {0, 1, 2}
        How much time to spend for a better file. 0: compare with the 9/7 and the 5/3 only as `fallback` says.
        1: always compare, also without loss. 2: also optimise the coefficients of the learned transform for the
        decoder at the highest target rate, and keep the result if the file is better; this takes over a minute per
        megapixel, and does nothing without loss. Decoding is equally fast for all three.
    tune : {"psnr", "visual"}
        What a file of the size asked for is tuned for. ``"psnr"``: the smallest squared error. ``"visual"``: quality as
        people see it. Errors count less where they are seen less, and PSNR becomes lower. Any reader decodes the file,
        at the same speed. It needs `bpp` or `ratio`, a transform with quantiser steps (not the 5/3), and an effort of 0
        or 1. `fallback` then compares files by an error with these weights.
    bit_depth : int, optional
        Significant bits per sample, 1 to 16. Default: the width of the dtype.
    colorspace : {"rgb", "grey"}, optional
        Meaning of the first three components (RGB) or of the first one (grey). Default: RGB if there are three
        components or more.
    alpha : bool, optional
        Whether the component after the colour components is alpha, which a JP2 file records. Default: yes if there is
        exactly one extra component.
    component_transform : bool, optional
        Whether RGB goes through the ICT, or the RCT if lossless (T.800 Annex G). Default: yes.
    levels : int, optional
        Decomposition levels, 0 to 14, no more than every tile is large enough for. Default: five, or the largest
        number that fits. A number always fits if tiles begin at multiples of ``2 ** levels``.
    tile_size : int or (int, int), optional
        Height and width of tiles in pixels. Default: one tile. The learned transform runs across tile borders.
    offset, tile_offset : (int, int)
        Origin (y, x) of the picture and of the tile grid on the reference grid (T.800 B.2, B.3).
    codeblock_size : (int, int)
        Height and width of code-blocks: powers of two from 4 to 1024, with a product of at most 4096.
    precincts : sequence of (int, int)
        Heights and widths of precincts, powers of two, from the finest resolution down; the last pair applies to all
        further resolutions. Default: the largest precincts.
    progression : {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"}, optional
        Order of the packets. Default: RPCL with `tile_size`, else LRCP. RPCL groups the tile-parts of all tiles by
        resolution, and RLCP by resolution and layer, so that a reader of a remote file needs few byte ranges.
    mode_switches : int
        Code-block style, a sum of (T.800 Table A.19): 1 bypass, 2 reset, 4 termall, 8 vertically causal,
        16 predictable termination, 32 segmentation symbols.
    sop, eph : bool
        Whether to write SOP marker segments and EPH markers.
    plt, tlm : bool, optional
        Whether to write PLT and TLM marker segments. Default: yes with `tile_size`, else no.
    tile_parts : str, optional
        Where a new tile-part begins: letters of ``"R"`` (resolution), ``"L"`` (layer) and ``"C"`` (component), or
        ``""`` for one tile-part in each tile. Their few bytes are not counted in the size. Default: with `tile_size`,
        as the progression groups them; else one.
    preset : str, optional
        The name of a recipe in `j2klearn.presets`. Options that differ from their defaults replace those of the recipe;
        a rate replaces its rate. Small pictures get as many of its levels as fit.
    jp2 : bool
        Write a JP2 file rather than a bare codestream.
    threads : int, optional
        Threads of OpenJPEG, of the base wavelet and, at most, of PyTorch. Default: one per processor. In a process made
        by fork, PyTorch computes with one thread.
    max_pixels : int or None
        Limit of the number of pixels (H * W); None for no limit.
    progress : callable, optional
        Called with the share of the work done, 0 to 1, and the name of the stage.

    Returns
    -------
    bytes
        A JP2 file, or a codestream.

    Raises
    ------
    InputError
        If the picture cannot be coded because of its dtype, its shape, or a sample out of range.
    OptionError
        If an option is out of range or options contradict each other.
    ModelError
        If the model is not installed, or its file is damaged.
    LimitError
        If the picture has more than `max_pixels` pixels.
    PyTorchError
        If the model, the engine, the profile or ``effort=2`` needs PyTorch, and it cannot be imported.

    Warns
    -----
    TargetMissedWarning
        If the file misses the size by more than 2 % above or 10 % below, or a PSNR by more than 0.1 dB. The message has
        the figure that was reached. Files that are smaller or better because they are exact are not reported.
    """
    options = EncodeOptions(
        bpp=bpp,
        ratio=ratio,
        psnr=psnr,
        quality=quality,
        lossless=lossless,
        layers=layers,
        profile=profile,
        model=model,
        wavelet=wavelet,
        embed_model=embed_model,
        engine=engine,
        fallback=fallback,
        effort=effort,
        tune=tune,
        bit_depth=bit_depth,
        colorspace=colorspace,
        alpha=alpha,
        component_transform=component_transform,
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
        tile_parts=tile_parts,
        preset=preset,
        jp2=jp2,
        threads=threads,
        max_pixels=max_pixels,
        progress=progress,
    )
    return encode_with(image, options if preset is None else EncodeOptions.of(options.given()))


def encode_with(image: ArrayLike, options: EncodeOptions) -> bytes:
    """Encode a picture with options that are one object.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        As in `encode`.
    options : EncodeOptions
        The keyword arguments of `encode`.

    Returns
    -------
    bytes
        A JP2 file, or a codestream.

    Raises
    ------
    InputError, OptionError, ModelError, LimitError
        As in `encode`.
    """
    picture, run = options.picture(image), options.run
    run.check_pixels(picture.height, picture.width)
    pixels, raw_bytes = picture.height * picture.width, picture.samples.size * picture.bit_depth / 8
    if options.neural:
        from ..neural import encode as neural

        target = options.neural_target(pixels, raw_bytes)
        return neural.encode_picture(picture, options.entropy_model(), target, run)
    layout = options.layout(picture.height, picture.width)
    targets = options.targets(pixels, raw_bytes)
    data = ebcot.encode_picture(
        picture,
        layout,
        options.transform(),
        targets,
        run,
        embed_model=options.embed_model,
        fallback=options.fallback,
        effort=options.effort,
        jp2=options.jp2,
    )
    return repack(data, tile_parts=options.tile_parts) if options.tile_parts else data
