"""Writing: a picture in memory to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from ..core.limits import MAX_PIXELS
from ..core.progress import Progress
from ..core.targets import Number
from ..ebcot import encode as ebcot
from .options import EncodeOptions

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["encode", "encode_with"]


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
        fallback=fallback,
        effort=effort,
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
        jp2=jp2,
        threads=threads,
        max_pixels=max_pixels,
        progress=progress,
    )
    return encode_with(image, options)


def encode_with(image: ArrayLike, options: EncodeOptions) -> bytes:
    """Code a picture; picture, options, result and errors are those of `encode`."""
    picture, run = options.picture(image), options.run
    run.check_pixels(picture.height, picture.width)
    pixels, raw_bytes = picture.height * picture.width, picture.samples.size * picture.bit_depth / 8
    if options.neural:
        from ..neural import encode as neural

        target = options.neural_target(pixels, raw_bytes)
        return neural.encode_picture(picture, options.entropy_model(), target, run)
    layout = options.layout(picture.height, picture.width)
    targets = options.targets(pixels, raw_bytes)
    return ebcot.encode_picture(
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
