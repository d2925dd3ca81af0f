"""Encoding of pictures that do not fit into memory, a row of tiles at a time: `encode_file`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.picture import plain_array, unmasked
from ..core.progress import Progress
from ..core.targets import Tune, Values
from ..ebcot.lossless_strips import LosslessStripWriter
from ..ebcot.strip_writer import ArrayLike, StripWriter, rows_of
from ..errors import InputError
from ..io.atomic import write_by
from .options import EncodeOptions

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["DEFAULT_TILE", "ArrayLike", "encode_file", "encode_file_with"]

#: Default side of a tile, in pixels.
DEFAULT_TILE = 1024


def encode_file(
    source: ArrayLike,
    path: str | Path,
    *,
    bpp: Values = None,
    ratio: Values = None,
    lossless: bool = False,
    layers: int = 1,
    model: str | Path | Model | None = "auto",
    wavelet: str | None = None,
    embed_model: bool = False,
    engine: str = "auto",
    tune: Tune = "psnr",
    bit_depth: int | None = None,
    colorspace: str | None = None,
    alpha: bool | None = None,
    component_transform: bool | None = None,
    levels: int | None = None,
    tile_size: int | tuple[int, int] = DEFAULT_TILE,
    codeblock_size: tuple[int, int] = (64, 64),
    precincts: Sequence[tuple[int, int]] = (),
    progression: str | None = None,
    plt: bool = True,
    tlm: bool = True,
    jp2: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Encode a picture of any size to a file, with only a few rows of tiles in memory at a time.

    The learned transform runs across tiles as in `j2klearn.encode`. Each tile gets a share of the bytes that is
    proportional to its area.

    Parameters
    ----------
    source : array_like, shape (H, W) or (H, W, C)
        Samples of dtype uint8, uint16, int8, int16 or bool, for example a memory map or a zarr array. Some groups of
        rows are read first, to see the range of the samples. Then all rows are read in order, some hundreds at a time;
        pictures of up to 512 x 1024 pixels are read again.
    path : str or Path
        File to write. No partial file remains after an error. While it is written, its folder needs space for two
        more copies of it.
    tile_size : int or (int, int)
        Height and width of tiles in pixels.
    bpp, ratio, lossless, layers, model, wavelet, embed_model, engine, tune : optional
        As in `j2klearn.encode`. There is no `psnr`, which needs the picture in memory. Without loss, windows of the
        picture are coded by the learned transform and by the 5/3, and the one that makes them smaller is taken.
    bit_depth, colorspace, alpha, component_transform : optional
        As in `j2klearn.encode`.
    levels, codeblock_size, precincts, progression, plt, tlm, jp2, threads, progress : optional
        As in `j2klearn.encode`.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    InputError
        If the picture cannot be coded.
    OptionError
        If an option is out of range or options contradict each other.
    ModelError
        If the model is not installed, or its file is damaged.
    WriteError
        If the file cannot be written.

    Warns
    -----
    TargetMissedWarning
        If the file misses its size, as in `j2klearn.encode`.
    """
    options = EncodeOptions(
        bpp=bpp,
        ratio=ratio,
        lossless=lossless,
        layers=layers,
        model=model,
        wavelet=wavelet,
        embed_model=embed_model,
        engine=engine,
        tune=tune,
        bit_depth=bit_depth,
        colorspace=colorspace,
        alpha=alpha,
        component_transform=component_transform,
        levels=levels,
        tile_size=tile_size,
        codeblock_size=codeblock_size,
        precincts=precincts,
        progression=progression,
        plt=plt,
        tlm=tlm,
        jp2=jp2,
        threads=threads,
        progress=progress,
    )
    return encode_file_with(source, path, options)


def encode_file_with(source: ArrayLike, path: str | Path, options: EncodeOptions) -> int:
    """Encode a picture to a file; arguments, result and errors are those of `encode_file`.

    `max_pixels` has no effect.

    Raises
    ------
    OptionError
        Also if an option that only pictures in memory support differs from its default.
    """
    options.check_in_parts()
    if options.tile_size is None:
        options = replace(options, tile_size=DEFAULT_TILE)
    if not hasattr(source, "shape"):
        source = plain_array(source)  # lists
    unmasked(source)
    shape = tuple(int(side) for side in source.shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"a picture has the shape (H, W) or (H, W, C), without zeros, not {shape}")
    layout = options.layout(*shape[:2])
    first = options.picture(rows_of(source, 0, 1))
    pixels = shape[0] * shape[1]
    targets = options.targets(pixels, pixels * first.components * first.bit_depth / 8)
    run, transform = options.run, options.transform()
    kind = StripWriter if isinstance(transform, str) or not transform.reversible else LosslessStripWriter
    writer = kind(
        source,
        options.picture,
        layout,
        transform,
        targets,
        run,
        embed_model=options.embed_model,
        jp2=options.jp2,
        fallback=options.fallback,
    )
    size = 0

    def write(temporary: Path) -> None:
        nonlocal size
        size = writer.write(temporary, first)

    write_by(Path(path), write)
    run.progress(1.0, "done")
    return size
