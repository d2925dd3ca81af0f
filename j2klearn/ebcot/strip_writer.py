"""Encoding of a picture larger than memory: one row of tiles at a time, directly into a file."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import comment_segments, main_header_end, read_main_header
from ..codestream.reversibility import MEASURED
from ..codestream.tile_parts import EOC, TilePartWriter
from ..core.geometry import Rect
from ..core.peeking import peek_bytes
from ..core.picture import Picture, plain_array
from ..core.progress import silent
from ..core.request import ReadRequest
from ..core.run import Run
from ..core.subbands import Subbands
from ..core.targets import Targets
from ..errors import InputError, J2KError
from ..io.sources import open_source
from ..jp2 import boxes
from ..jp2.boxes import wrapped
from ..models.registry import finder
from ..transform.strips import StripAnalysis
from .coders import Coder, LearnedCoder
from .encode import bounds, coder_of
from .layout import Layout
from .learned_file import LearnedFile
from .lossless_file import reversibility_note
from .made_file import MadeFile
from .missed import report_size
from .probe import Probe
from .rate_control import header_overhead
from .reader import read
from .reversible_coder import ReversibleCoder
from .strip_choice import loses_on_probe, worth_comparing
from .transform_choice import best, note_is_cheap

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["ArrayLike", "StripWriter", "rows_of"]

_SIZ_GRID = 8  # offset of Xsiz in a codestream


class ArrayLike(Protocol):
    """An array that can be encoded row by row: of numpy, a memory map, zarr, dask or h5py."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, index: Any, /) -> Any: ...


def rows_of(source: ArrayLike, start: int, end: int) -> NDArray[Any]:
    """Read rows of an array.

    Parameters
    ----------
    source : array_like, shape (H, W) or (H, W, C)
        The array, which may read from a file or a server.
    start, end : int
        The first row, and the one after the last.

    Returns
    -------
    ndarray, shape (end - start, W) or (end - start, W, C)
        The rows, in the dtype of the source.

    Raises
    ------
    InputError
        If reading fails, or if the rows do not have the shape of the source.
    """
    try:
        rows = plain_array(source[start:end])
    except (J2KError, MemoryError):
        raise
    except Exception as error:  # the array library may raise any exception
        raise InputError(
            f"the rows {start} to {end} of the picture cannot be read: {error or type(error).__name__}"
        ) from error
    if rows.shape != (end - start, *source.shape[1:]):
        raise InputError(
            f"the picture has the shape {tuple(source.shape)}, but its rows {start} to {end} have the shape "
            f"{rows.shape}"
        )
    return rows


class StripWriter:
    """Encodes one picture into a file, one row of tiles at a time.

    Parameters
    ----------
    source : array_like, shape (H, W) or (H, W, C)
        The samples.
    picture : callable
        Returns a `Picture` for an array of rows.
    layout, transform, targets, run, embed_model, jp2
        As in `j2klearn.ebcot.encode.encode_picture`. The layout must have tiles, and the targets must be sizes in
        bytes.
    fallback : bool
        Whether to use the 9/7 if the learned transform loses on some windows of the picture.
    """

    def __init__(
        self,
        source: ArrayLike,
        picture: Callable[[NDArray[Any]], Picture],
        layout: Layout,
        transform: Model | str,
        targets: Targets,
        run: Run,
        *,
        embed_model: bool,
        jp2: bool,
        fallback: bool = True,
    ) -> None:
        self.source, self.picture, self.layout = source, picture, layout
        self.transform, self.targets, self.run = transform, targets, run
        self.embed_model, self.jp2 = embed_model, jp2
        self.shape = shape = tuple(int(side) for side in source.shape)
        self.area = layout.area(*shape[:2])
        assert layout.tile_size is not None
        self.height, width = layout.tile_size
        self.across = -(-self.area.width // width)
        self.overhead: int | None = None
        self.probe = Probe.read(shape[0], shape[1], lambda top, end: picture(rows_of(source, top, end)))
        self.note, self.fallback = reversibility_note(transform, targets), fallback

    def write(self, path: Path, sample: Picture) -> int:
        """Encode the picture and write the file.

        Parameters
        ----------
        path : Path
            The file. Temporary files are made in its folder.
        sample : Picture
            Some rows of the picture, from which the contents of the JP2 boxes are derived.

        Returns
        -------
        int
            Size of the file in bytes.

        Raises
        ------
        InputError
            If rows cannot be read from the source.

        Warns
        -----
        TargetMissedWarning
            If the file is much larger or smaller than its target.
        """
        with bounds(self.transform, self.run):
            size = self._chosen(path, sample)
            report_size(size, self.targets.values[-1], lambda: self._exact(path))
        return size

    def _chosen(self, path: Path, sample: Picture) -> int:
        """Write the file with the learned transform, or with the 9/7 if that is better."""
        if isinstance(self.transform, str) or not self.fallback:
            return self._write(path, sample)
        share = sum(part.height * part.width for part in self.probe.parts) / self.area.size
        targets = self._shared(share)
        arguments = self.probe, self.layout, self.transform, targets, self.run
        if self.probe.whole:
            return self._better(path, sample)
        if worth_comparing(*arguments) and loses_on_probe(*arguments):
            self.transform, self.note = "9-7", f"{MEASURED}: 9-7"
        return self._write(path, sample)

    def _better(self, path: Path, sample: Picture) -> int:
        """Write a small file with the learned transform and with the 9/7, and keep the better one."""
        run, self.run = self.run, replace(self.run, progress=silent)
        model = self.transform

        def made(transform: Model | str, note: str = "") -> tuple[MadeFile, list[float]]:
            self.transform, self.note, self.overhead = transform, note, None
            self._write(path, sample)
            file = MadeFile(path.read_bytes(), None if isinstance(transform, str) else transform)
            layers = range(1, len(self.targets.values) + 1)
            return file, [
                file.psnr(self.probe.picture, layer, run.threads, self.targets.tune) for layer in layers
            ]

        file, learned = made(model)
        plain, other = made("9-7")
        if best({"learned": learned, "9-7": other}) == "9-7":
            noted, with_note = made("9-7", f"{MEASURED}: 9-7")
            file = noted if note_is_cheap(with_note, other) else plain
        else:
            self.transform = model
        self.run = run
        return path.write_bytes(file.data)

    def _exact(self, path: Path) -> bool:
        """Return whether the file decodes to the source."""
        with path.open("rb") as stream:
            codestream = PartialCodestream(open_source(stream))
            model, learned = self.transform, None
            if not isinstance(model, str):
                learned = LearnedFile.open(codestream, finder(lambda: [model]))
            for y0 in range(self.area.y0, self.area.y1, self.height):
                strip = Rect(y0, self.area.x0, min(y0 + self.height, self.area.y1), self.area.x1)
                decoded = read(codestream, learned, ReadRequest(strip), Run(self.run.threads)).samples
                rows = rows_of(self.source, strip.y0, strip.y1)
                if not np.array_equal(rows.reshape(decoded.shape), decoded):
                    return False
        return True

    def _write(self, path: Path, sample: Picture) -> int:
        head = b""
        noises: list[NDArray[np.uint8] | None] = []
        coder: Coder | None = None
        writer: TilePartWriter | None = None
        try:
            for number, (coder, strip) in enumerate(self._strips()):
                codestream = coder.code(self._budget(coder, strip))
                noises.append(coder.noise(codestream))
                if writer is None:
                    head = self._main_header(codestream)
                    header = read_main_header(head + codestream[len(head) : len(head) + 2])

                    def spool() -> BinaryIO:
                        return tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}.")

                    writer = TilePartWriter(header, plt=self.layout.plt, tlm=self.layout.tlm, spool=spool)
                start = number * self.across
                writer.add(codestream, lambda tile, start=start: tile + start)  # type: ignore[misc]
                self.run.progress((strip.y1 - self.area.y0) / self.area.height, "coding")
            assert writer is not None
            assert coder is not None
            measured = [noise for noise in noises if noise is not None]
            payloads = coder.payloads(np.concatenate(measured, 2) if measured else None)
            head += writer.tlm_segments() + comment_segments(payloads, self.note)
            size = len(head) + writer.size() + len(EOC)
            with path.open("wb") as out:
                if self.jp2:
                    before = boxes.resized(wrapped(b"", sample), *self.shape[:2])
                    out.write(before[: -len(boxes.codestream_header(0))] + boxes.codestream_header(size))
                out.write(head)
                writer.write(out)
                out.write(EOC)
                return out.tell()
        finally:
            if writer is not None:
                writer.close()

    def _shared(self, share: float) -> Targets:
        """Return the targets of a part of the picture with a share of its area."""
        return replace(self.targets, values=tuple(share * size for size in self.targets.values))

    def _budget(self, coder: Coder, strip: Rect) -> list[float]:
        """Return the bytes that OpenJPEG may spend on a strip up to the end of each layer.

        The overhead of the tile-parts is distributed by area. Otherwise a last row of low tiles would get few bytes for
        its packets.
        """
        layers = len(self.targets.values)
        share = strip.size / self.area.size
        components = coder.picture.components
        once = len(comment_segments([], self.note)) + header_overhead(coder, self.layout, self.area, layers)
        once += len(wrapped(b"", coder.picture)) if self.jp2 else 0
        if self.overhead is None:
            self.overhead = self.layout.overhead(self.area, components, layers, self.targets.values[-1])
        once += self.overhead
        return [max(1.0, share * (size - once)) if size else 0.0 for size in self.targets.values]

    def _strips(self) -> Iterator[tuple[Coder, Rect]]:
        """Yield a coder for each row of tiles, and the area of the row."""
        tops = range(self.area.y0, self.area.y1, self.height)
        strips = [Rect(y, self.area.x0, min(y + self.height, self.area.y1), self.area.x1) for y in tops]
        groups: list[tuple[slice, StripAnalysis]] = []
        waiting: list[tuple[Coder, Rect]] = []
        for strip in strips:
            picture = self.picture(rows_of(self.source, strip.y0, strip.y1))
            layout = self.layout.at((strip.y0, strip.x0))
            share = strip.size / self.area.size
            part_targets = self._shared(share)
            coder = self._coder(picture, layout, part_targets)
            if not isinstance(coder, LearnedCoder | ReversibleCoder):
                yield coder, strip
                continue
            if not groups:
                groups = [(group, coder.strip_analysis(self.area)) for group in coder.groups]
            whole = coder.planes(picture)
            for group, analysis in groups:
                analysis.push(whole[group])
            del whole, picture
            waiting.append((coder, strip))
            while waiting and all(analysis.has(waiting[0][1]) for _, analysis in groups):
                done, at = waiting.pop(0)
                assert isinstance(done, LearnedCoder | ReversibleCoder)
                bands: list[Subbands] = [part for _, analysis in groups for part in analysis.take(at)]
                done.use(bands)
                yield done, at

    def _coder(self, picture: Picture, layout: Layout, targets: Targets) -> Coder:
        """Return the coder of a row of tiles."""
        return coder_of(
            picture,
            layout,
            self.transform,
            targets,
            self.run,
            embed_model=self.embed_model,
            probe=self.probe,
        )

    def _main_header(self, codestream: bytes) -> bytes:
        """Return the main header of the whole picture, made from the codestream of its first strip."""
        end = main_header_end(peek_bytes(codestream), len(codestream))
        out = bytearray(codestream[:end])
        assert self.layout.tile_size is not None
        height, width = self.layout.tile_size
        grid = (self.area.x1, self.area.y1, self.area.x0, self.area.y0, width, height, 0, 0)
        struct.pack_into(">8I", out, _SIZ_GRID, *grid)
        return bytes(out)
