"""The palette of a JP2 file (T.800 I.5.3.4 and I.5.3.5), which makes channels of components."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.peeking import peek_bytes
from .boxes import Box, box, children, walk

__all__ = ["Channel", "palette_channels", "with_one_column_per_channel"]

#: Bits per sample, and whether samples are signed.
Channel = tuple[int, bool]

_DIRECT = 0  # MTYP of the component mapping box: the samples of the component are those of the channel
_SIGNED = 0x80
_MOST_CHANNELS = 255  # NPC is a byte


class _Palette(NamedTuple):
    """B of each column, the bytes of each column (a row for each entry), and CMP, MTYP and PCOL of each channel."""

    depths: bytes
    columns: list[NDArray[np.uint8]]
    channels: list[tuple[int, int, int]]


def palette_channels(before: bytes, components: Sequence[Channel]) -> list[Channel] | None:
    """Return the channels that the palette of a file makes of its components.

    Parameters
    ----------
    before : bytes
        The boxes before the codestream.
    components : sequence of (int, bool)
        Bits per sample of each component of the codestream, and whether its samples are signed.

    Returns
    -------
    list of (int, bool) or None
        The same of the channels. None if the file has no palette, or the boxes of the palette are invalid.
    """
    header = _jp2_header(before)
    palette = None if header is None else _read(before[header.contents : header.end])
    if palette is None or any(component >= len(components) for component, _, _ in palette.channels):
        return None
    channels = []
    for component, kind, column in palette.channels:
        depth = palette.depths[column] if kind != _DIRECT else 0
        channels.append(components[component] if kind == _DIRECT else ((depth & 0x7F) + 1, depth >= _SIGNED))
    return channels


def with_one_column_per_channel(before: bytes, components: Sequence[Channel]) -> bytes:
    """Return JP2 boxes with a palette whose columns are those of the channels, in order; the channels stay the same.

    OpenJPEG (at least 2.5.0) reads as many channels as there are columns, orders them by column, takes no column twice,
    and takes all depths from the columns. So it loses components that are mapped directly beside a palette.

    Parameters
    ----------
    before : bytes
        The boxes before the codestream. They are returned unchanged if the palette is like that already, if there is
        none, or if its boxes are invalid.
    components : sequence of (int, bool)
        As in `palette_channels`.
    """
    header = _jp2_header(before)
    palette = None if header is None else _read(before[header.contents : header.end])
    depths = palette_channels(before, components)
    if header is None or palette is None or depths is None or len(depths) > _MOST_CHANNELS:
        return before
    wanted = [
        (component, kind, number if kind != _DIRECT else 0)
        for number, (component, kind, _) in enumerate(palette.channels)
    ]
    columns = bytes(depth - 1 | _SIGNED * signed for depth, signed in depths)
    if wanted == palette.channels and columns == palette.depths:
        return before
    entries = len(palette.columns[0])
    values = [
        palette.columns[column] if kind != _DIRECT else np.zeros((entries, -(-depth // 8)), np.uint8)
        for (_, kind, column), (depth, _) in zip(palette.channels, depths, strict=True)
    ]
    new = {
        b"pclr": struct.pack(">HB", entries, len(wanted)) + columns + np.hstack(values).tobytes(),
        b"cmap": b"".join(struct.pack(">HBB", *channel) for channel in wanted),
    }
    content = b""
    for kind, body in children(before[header.contents : header.end]):
        content += box(kind, new.get(kind, body))
    return before[: header.start] + box(b"jp2h", content) + before[header.end :]


def _jp2_header(before: bytes) -> Box | None:
    return next((found for found in walk(peek_bytes(before), len(before)) if found.kind == b"jp2h"), None)


def _read(content: bytes) -> _Palette | None:
    """Return the palette in the contents of the JP2 header box; None if there is none, or it is invalid."""
    found: dict[bytes, bytes] = {}
    for kind, body in children(content):
        found.setdefault(kind, body)
    palette, mapping = found.get(b"pclr", b""), found.get(b"cmap", b"")
    if len(palette) < 4 or not mapping or len(mapping) % 4:
        return None
    entries, count = struct.unpack_from(">HB", palette)
    depths, values = palette[3 : 3 + count], palette[3 + count :]
    channels = list(struct.iter_unpack(">HBB", mapping))
    sizes = [((depth & 0x7F) + 8) // 8 for depth in depths]
    if not count or not entries or len(values) < entries * sum(sizes):
        return None
    if any(kind != _DIRECT and column >= count for _, kind, column in channels):
        return None
    table = np.frombuffer(values, np.uint8, entries * sum(sizes)).reshape(entries, -1)
    return _Palette(depths, np.split(table, np.cumsum(sizes)[:-1], axis=1), channels)
