"""The fuzz targets of the Python side: each reads bytes that nothing is known of.

Any exception but `J2KError` is a fault.

    J2K_FUZZ_TARGET=boxes python -m tests.fuzz.targets CORPUS ... -max_total_time=60

`python -m tests.fuzz` calls this for all targets, with seeds and limits.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["TARGETS", "Target", "read"]

#: Seconds of the processor that an input of a few kB may take. Instrumented code is about three times as slow.
SLOW = 3.0

#: Limit of the pixels that are decoded: what a file declares costs time and memory by right.
MAX_PIXELS = 1 << 14


class Target(NamedTuple):
    """What is fuzzed, from which seeds, and whether the checksums of learned-transform segments are corrected."""

    run: Callable[[bytes], object]
    seeds: str = "files"
    checksums: bool = False


def _peek(data: bytes) -> Callable[[int, int], bytes]:
    return lambda at, count: data[at : at + count] if at >= 0 else b""


def boxes(data: bytes) -> None:
    from j2klearn.jp2 import boxes as walker
    from j2klearn.jp2.palette import palette_channels, with_one_column_per_channel

    with contextlib.suppress(_errors()):
        walker.locate(_peek(data), len(data))
    for content in (data, data[12:]):
        list(walker.walk(_peek(content), len(content)))
        with contextlib.suppress(_errors()):
            for _, inner in walker.children(content):
                list(walker.children(inner))
    with contextlib.suppress(_errors()):
        palette_channels(data, [(8, False)] * 3)
    with contextlib.suppress(_errors()):
        with_one_column_per_channel(data, [(8, False)] * 3)


def metadata(data: bytes) -> None:
    from j2klearn.jp2.kept_boxes import read_kept_boxes
    from j2klearn.jp2.metadata import add_metadata, find_metadata

    found = None
    with contextlib.suppress(_errors()):
        found = find_metadata(_peek(data), len(data))
    with contextlib.suppress(_errors()):
        read_kept_boxes(io.BytesIO(data))
    if found is not None:
        add_metadata(data, found, b"comment")


def markers(data: bytes) -> None:
    from j2klearn.codestream.main_header import read_main_header
    from j2klearn.codestream.tile_parts import plt_bytes, tile_parts

    header = read_main_header(data)
    for tile in range(min(4, header.tile_grid[0] * header.tile_grid[1])):
        header.tile_area(tile)
    list(tile_parts(data))
    plt_bytes(data)


def segment(data: bytes) -> None:
    from j2klearn.codestream.learned_segment import read_comments

    comments, at = [], 0
    while len(data) - at >= 6:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        comments.append(data[at + 6 : at + 2 + length])
        at += max(length, 2) + 2
    descriptor, _ = read_comments(comments)
    if descriptor is not None:
        assert read_comments([descriptor.to_bytes()])[0] is not None


def model_file(data: bytes) -> None:
    from j2klearn.models.model import Model

    model = Model.from_bytes(data)
    assert Model.from_bytes(model.to_bytes()).id == model.id


def payload(data: bytes) -> None:
    from j2klearn.neural.format.payload import read_payload

    header, segments = read_payload(lambda a, b: data[a:b], len(data), len(data))
    segments.first(segments.there(len(data)))
    assert header.shape


def access(data: bytes) -> None:
    from j2klearn.access.partial_codestream import PartialCodestream
    from j2klearn.core.geometry import Rect
    from j2klearn.io.sources import open_source

    codestream = PartialCodestream(open_source(io.BytesIO(data)))
    area = codestream.header.area
    y0, x0 = area.origin
    for part, reduce, layers in (
        (area, 0, 1),
        (Rect(y0, x0, y0 + 5, x0 + 7).intersection(area), 0, 65535),
        (Rect(y0 + 3, x0 + 9, y0 + 20, x0 + 22).intersection(area), 1, 2),
    ):
        with contextlib.suppress(_errors()):
            codestream.extract([(part, reduce)], layers)


def info(data: bytes) -> None:
    import j2klearn

    described = j2klearn.info(data)
    str(described)
    described.as_dict()


def open_region(data: bytes) -> None:
    import j2klearn

    picture = j2klearn.open(io.BytesIO(data), max_pixels=MAX_PIXELS, threads=1)
    with contextlib.suppress(_errors()):
        picture.read((2, 3, 9, 14), reduce=min(1, picture.levels), layers=1)
    picture.read()


def repack(data: bytes) -> None:
    import j2klearn

    j2klearn.repack(data, progression="RPCL", tile_parts="R", plt=True, tlm=True)
    j2klearn.repack(data, layers=1)


def jp2k(data: bytes) -> None:
    import numpy as np

    import j2klearn

    path = Path(_folder(), "input.jp2")
    path.write_bytes(data)
    file: Any = j2klearn.Jp2k(path, max_pixels=MAX_PIXELS)
    reads: list[Callable[[], object]] = [
        lambda: file.shape,
        lambda: str(file),
        lambda: file[:4, :4],
        lambda: file[::2, ::2],
        lambda: file.get_codestream(header_only=False),
        lambda: np.asarray(file[0]),
        lambda: (file.ndim, file.tilesize, file.learned, len(file)),
        lambda: file.read_bands(rlevel=1),
        lambda: str(file.codestream),
    ]
    for one in reads:
        with contextlib.suppress(_errors()):
            one()


#: The targets by name.
TARGETS = {
    "py-boxes": Target(boxes),
    "py-metadata": Target(metadata),
    "py-markers": Target(markers),
    "py-segment": Target(segment, "segments", checksums=True),
    "py-model-file": Target(model_file, "models"),
    "py-payload": Target(payload, "payloads"),
    "py-access": Target(access),
    "py-info": Target(info, checksums=True),
    "py-open": Target(open_region, checksums=True),
    "py-repack": Target(repack),
    "py-jp2k": Target(jp2k, checksums=True),
}


def _errors() -> type[Exception]:
    from j2klearn.errors import J2KError

    return J2KError


_folders: list[tempfile.TemporaryDirectory[str]] = []


def _folder() -> str:
    if not _folders:
        _folders.append(tempfile.TemporaryDirectory())
    return _folders[0].name


def corrected(data: bytes) -> bytes:
    """Correct the checksums of all learned-transform segments; hardly any input would pass the first check without."""
    out, at = bytearray(data), data.find(b"\0\0J2KL")
    while at >= 0:
        length = (
            int.from_bytes(data[at - 2 : at], "big")
            if at >= 4 and data[at - 4 : at - 2] == b"\xff\x64"
            else 0
        )
        if 8 <= length <= len(data) - at + 2:
            end = at + length - 6
            out[end : end + 4] = zlib.crc32(bytes(out[at + 2 : end])).to_bytes(4, "big")
        at = data.find(b"\0\0J2KL", at + 1)
    return bytes(out)


def read(target: Target, data: bytes) -> bool:
    """Read an input; return whether it is valid.

    Raises
    ------
    Exception
        Anything but a `J2KError`: a fault.
    TimeoutError
        If it takes too long.
    """
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.run(data)
        return True
    except _errors():
        return False
    finally:
        seconds = time.process_time() - start
        if seconds > SLOW:
            raise TimeoutError(f"{len(data)} bytes take {seconds:.1f} s of the processor")


def main() -> None:
    import atheris

    target = TARGETS[os.environ["J2K_FUZZ_TARGET"]]
    # Atheris does not count what it loads by the finder of an editable installation. This folder has the same modules.
    sys.meta_path[:] = [each for each in sys.meta_path if not type(each).__module__.startswith("_editable_")]
    with atheris.instrument_imports(include=["j2klearn", "glymur"]):
        _import(target)

    def mutate(data: bytes, size: int, seed: int) -> bytes:
        out = bytes(atheris.Mutate(data, size))
        return corrected(out) if seed % 16 else out

    options: dict[str, Any] = {"custom_mutator": mutate} if target.checksums else {}
    atheris.Setup(sys.argv, lambda data: read(target, data), internal_libfuzzer=True, **options)
    atheris.Fuzz()


def _import(target: Target) -> None:
    """Import all modules that a target uses, by reading a seed, so that their code is instrumented."""
    for path in sorted(Path(__file__).with_name("seeds").joinpath(target.seeds).iterdir()):
        with contextlib.suppress(Exception):
            read(target, path.read_bytes())


if __name__ == "__main__":
    main()
