"""Writing pictures that do not fit into memory: `encode_file`, a row of tiles at a time."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from ..codestream.main_header import comment_segments, main_header_end, read_main_header
from ..codestream.tile_parts import EOC, TilePartWriter
from ..core.geometry import Rect
from ..core.picture import Picture
from ..core.progress import Progress, silent
from ..core.subbands import Subbands
from ..core.targets import Number, Targets, read_targets
from ..ebcot.coders import Coder, LearnedCoder, OrdinaryCoder
from ..ebcot.layout import Layout
from ..ebcot.rate_control import header_overhead
from ..errors import InputError, J2KError
from ..io.atomic import write_by
from ..jp2 import boxes
from ..jp2.boxes import wrapped
from ..transform.colour import planes
from ..transform.strips import StripAnalysis
from .encode import read_layout, read_transform

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["DEFAULT_TILE", "ArrayLike", "encode_file"]

#: Side of a tile, in pixels, where none is asked for.
DEFAULT_TILE = 1024

_SIZ_GRID = 8  # offset of Xsiz in a codestream


class ArrayLike(Protocol):
    """What can be written: an array in memory, in a file or in parts (numpy, memory maps, zarr, dask, h5py)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, index: Any, /) -> Any: ...


def encode_file(
    source: ArrayLike,
    path: str | Path,
    *,
    bpp: Number | Sequence[Number] | None = None,
    ratio: Number | Sequence[Number] | None = None,
    lossless: bool = False,
    layers: int = 1,
    model: str | Path | Model | None = "auto",
    wavelet: str | None = None,
    embed_model: bool = False,
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
    """Code a picture of any size to a file, holding some rows of tiles in memory at a time.

    The learned transform runs across tiles as it does in `j2klearn.encode`. Every tile gets its share of the bytes
    by its area.

    Parameters
    ----------
    source : array_like, shape (H, W) or (H, W, C)
        Samples, uint8, uint16, int8 or int16. Rows are taken out of it in order, some hundreds at a time; it is not
        loaded as a whole.
    path : str or Path
        File to write: there whole at the end, or not at all. Beside it there has to be room for it twice.
    tile_size : int or (int, int)
        Height and width of tiles.
    bpp, ratio, lossless, layers, model, wavelet, embed_model : optional
        As in `j2klearn.encode`; PSNRs are for pictures in memory.
    bit_depth, colorspace, alpha, component_transform : optional
        As there.
    levels, codeblock_size, precincts, progression, plt, tlm, jp2, threads, progress : optional
        As there.

    Returns
    -------
    int
        Bytes written.

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
    """
    shape = tuple(int(side) for side in source.shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"a picture has the shape (H, W) or (H, W, C), none of them 0, not {shape}")
    layout = read_layout(
        *shape[:2],
        levels=levels,
        tile_size=tile_size,
        offset=(0, 0),
        tile_offset=(0, 0),
        codeblock_size=codeblock_size,
        precincts=precincts,
        progression=progression,
        mode_switches=0,
        sop=False,
        eph=False,
        plt=plt,
        tlm=tlm,
        threads=threads,
    )

    def picture(rows: Any) -> Picture:
        return Picture(
            rows, bit_depth, colorspace=colorspace, alpha=alpha, component_transform=component_transform
        )

    first = picture(_rows(source, 0, 1))
    pixels = shape[0] * shape[1]
    targets = read_targets(
        pixels=pixels,
        raw_bytes=pixels * first.components * first.bit_depth / 8,
        bpp=bpp,
        ratio=ratio,
        psnr=None,
        lossless=lossless,
        layers=layers,
    )
    transform = read_transform(model, wavelet, lossless=lossless, embed_model=embed_model)

    def coder(part: Picture, part_layout: Layout, part_targets: Targets) -> Coder:
        if isinstance(transform, str):
            return OrdinaryCoder(part, part_layout, reversible=transform == "5-3")
        return LearnedCoder(part, part_layout, transform, part_targets, embed_model=embed_model)

    job = _Job(source, shape, layout, targets, picture, coder, progress or silent)
    whole = first
    size = 0

    def write(temporary: Path) -> None:
        nonlocal size
        size = job.write(temporary, whole, jp2=jp2, learned=not isinstance(transform, str))

    write_by(Path(path), write)
    job.progress(1.0, "done")
    return size


def _rows(source: ArrayLike, start: int, end: int) -> NDArray[Any]:
    """Take rows out of a source, which may be a file or a server that fails."""
    try:
        rows = np.asarray(source[start:end])
    except (J2KError, MemoryError):
        raise
    except Exception as error:  # arrays raise what they like
        raise InputError(
            f"the rows {start} to {end} of the picture cannot be read: {error or type(error).__name__}"
        ) from error
    if rows.shape != (end - start, *source.shape[1:]):
        raise InputError(
            f"the picture says that it has the shape {tuple(source.shape)}, and its rows {start} to {end} have "
            f"{rows.shape}"
        )
    return rows


class _Job:
    """One picture on its way into a file."""

    def __init__(
        self,
        source: ArrayLike,
        shape: tuple[int, ...],
        layout: Layout,
        targets: Targets,
        picture: Callable[[Any], Picture],
        coder: Callable[[Picture, Layout, Targets], Coder],
        progress: Progress,
    ) -> None:
        self.source, self.shape, self.layout, self.targets = source, shape, layout, targets
        self.picture, self.coder, self.progress = picture, coder, progress
        self.area = layout.area(*shape[:2])
        assert layout.tile_size is not None
        self.height, width = layout.tile_size
        self.across = -(-self.area.width // width)
        self.overhead: int | None = None

    def write(self, path: Path, sample: Picture, *, jp2: bool, learned: bool) -> int:
        """Code everything and write the file; return its size."""
        head = b""
        noises: list[NDArray[np.uint8] | None] = []
        coder: Coder | None = None
        writer: TilePartWriter | None = None
        try:
            for number, (coder, strip) in enumerate(self._strips(learned=learned)):
                codestream = coder.code(self._budget(coder, strip, jp2=jp2))
                noises.append(coder.noise(codestream))
                if writer is None:
                    head = self._main_header(codestream)
                    header = read_main_header(head + codestream[len(head) : len(head) + 2])

                    def spool() -> BinaryIO:
                        return tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}.")

                    writer = TilePartWriter(header, plt=self.layout.plt, tlm=self.layout.tlm, spool=spool)
                start = number * self.across
                writer.add(codestream, lambda tile, start=start: tile + start)  # type: ignore[misc]
                self.progress((strip.y1 - self.area.y0) / self.area.height, "coding")
            assert writer is not None
            assert coder is not None
            measured = [noise for noise in noises if noise is not None]
            payloads = coder.payloads(np.concatenate(measured, 2) if measured else None)
            head += writer.tlm_segments() + comment_segments(payloads)
            size = len(head) + writer.size() + len(EOC)
            with path.open("wb") as out:
                if jp2:
                    before = boxes.resized(wrapped(b"", sample), *self.shape[:2])
                    out.write(before[: -len(boxes.codestream_header(0))] + boxes.codestream_header(size))
                out.write(head)
                writer.write(out)
                out.write(EOC)
                return out.tell()
        finally:
            if writer is not None:
                writer.close()

    def _budget(self, coder: Coder, strip: Rect, *, jp2: bool) -> list[float]:
        """Return what OpenJPEG may spend on a strip up to each layer.

        What tile-parts need beside their packets is spread by area: a last row of low tiles would have little left.
        """
        layers = len(self.targets.values)
        share = strip.size / self.area.size
        components = coder.picture.components
        tiles = len(self.layout.tiles(self.area))
        once = header_overhead(coder, layers, tiles) + (len(wrapped(b"", coder.picture)) if jp2 else 0)
        if self.overhead is None:
            self.overhead = self.layout.overhead(self.area, components, layers, self.targets.values[-1])
        once += self.overhead
        return [max(1.0, share * (size - once)) if size else 0.0 for size in self.targets.values]

    def _strips(self, *, learned: bool) -> Iterator[tuple[Coder, Rect]]:
        """Yield a coder for each row of tiles, and what it covers."""
        tops = range(self.area.y0, self.area.y1, self.height)
        strips = [Rect(y, self.area.x0, min(y + self.height, self.area.y1), self.area.x1) for y in tops]
        groups: list[tuple[slice, StripAnalysis]] = []
        waiting: list[tuple[Coder, Rect]] = []
        for strip in strips:
            picture = self.picture(_rows(self.source, strip.y0, strip.y1))
            layout = self.layout.at((strip.y0, strip.x0))
            share = strip.size / self.area.size
            part_targets = Targets("bytes", tuple(share * size for size in self.targets.values))
            coder = self.coder(picture, layout, part_targets)
            if not isinstance(coder, LearnedCoder):
                yield coder, strip
                continue
            if not groups:
                groups = [
                    (group, StripAnalysis(self.area, layout.levels, coder.model, layout.threads))
                    for group in coder.descriptor.groups
                ]
            whole = planes(picture)
            for group, analysis in groups:
                analysis.push(whole[group])
            del whole, picture
            waiting.append((coder, strip))
            while waiting and all(analysis.has(waiting[0][1]) for _, analysis in groups):
                done, at = waiting.pop(0)
                assert isinstance(done, LearnedCoder)
                bands: list[Subbands] = [part for _, analysis in groups for part in analysis.take(at)]
                done.use(bands)
                yield done, at

    def _main_header(self, codestream: bytes) -> bytes:
        """Return the main header of the whole picture, from that of its first strip."""
        end = main_header_end(lambda at, size: codestream[at : at + size], len(codestream))
        out = bytearray(codestream[:end])
        assert self.layout.tile_size is not None
        height, width = self.layout.tile_size
        grid = (self.area.x1, self.area.y1, self.area.x0, self.area.y0, width, height, 0, 0)
        struct.pack_into(">8I", out, _SIZ_GRID, *grid)
        return bytes(out)
