"""Image file directories of TIFF: the tags of TIFF files, EXIF and GeoJP2 (TIFF 6.0, p. 14)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Entry", "read_directory", "write_directory"]

#: Bytes of one value of each field type, and of the units in which a byte order applies.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_UNITS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}

_MAX_ENTRIES = 4096


class Entry(NamedTuple):
    """A tag: its code, field type, number of values (`length`), and the values as little-endian bytes."""

    code: int
    kind: int
    length: int
    values: bytes

    @property
    def offset(self) -> int:
        """The first value of a tag that holds the offset of another directory; 0 if it is none."""
        return int.from_bytes(self.values[:4], "little") if self.kind in (4, 13) and self.length == 1 else 0

    def numbers(self) -> tuple[float, ...]:
        """Return the values of a tag of floating-point numbers (DOUBLE)."""
        return struct.unpack(f"<{self.length}d", self.values) if self.kind == 12 else ()


def read_directory(data: bytes, offset: int | None = None) -> list[Entry]:
    """Read a directory of a TIFF structure.

    Parameters
    ----------
    data : bytes
        The structure.
    offset : int, optional
        Offset of the directory. Default: the first one.

    Returns
    -------
    list of Entry
        Its tags, in the order of their codes. Damaged tags are left out; of damaged structures the list is empty.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return []
    if offset is None:
        (offset,) = struct.unpack_from(f"{order}I", data, 4)
    if not 8 <= offset <= len(data) - 2:
        return []
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    entries: dict[int, Entry] = {}
    for number in range(min(count, _MAX_ENTRIES)):
        at = offset + 2 + 12 * number
        if at + 12 > len(data):
            break
        code, kind, length = struct.unpack_from(f"{order}HHI", data, at)
        size = _SIZES.get(kind, 0) * length
        start = at + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, at + 8)[0]
        values = data[start : start + size]
        if not size or len(values) < size:
            continue
        if order == ">" and kind in _UNITS:
            values = np.frombuffer(values, f"u{_UNITS[kind]}").byteswap().tobytes()
        entries.setdefault(code, Entry(code, kind, length, values))
    return [entries[code] for code in sorted(entries)]


def write_directory(entries: Sequence[Entry], at: int, *, big: bool = False) -> bytes:
    """Return a little-endian directory with its values after it, and no further directory.

    Parameters
    ----------
    entries : sequence of Entry
        Tags in the order of their codes.
    at : int
        Offset in the file at which the directory will be written.
    big : bool
        Whether the file is a BigTIFF file.
    """
    head, line, link = ("<Q", "<HHQ", 8) if big else ("<H", "<HHI", 4)
    out, after = struct.pack(head, len(entries)), b""
    end = at + len(out) + len(entries) * (struct.calcsize(line) + link) + link
    for entry in entries:
        out += struct.pack(line, entry.code, entry.kind, entry.length)
        if len(entry.values) <= link:
            out += entry.values.ljust(link, b"\0")
        else:
            out += (end + len(after)).to_bytes(link, "little")
            after += entry.values + b"\0" * (-len(entry.values) % 8)
    return out + bytes(link) + after
