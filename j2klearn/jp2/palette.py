"""The palette of a JP2 file (T.800 I.5.3.4 and I.5.3.5), which makes channels of components."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..core.peeking import peek_bytes
from .boxes import children, walk

__all__ = ["Channel", "palette_channels"]

#: Bits per sample, and whether samples are signed.
Channel = tuple[int, bool]

_DIRECT = 0  # MTYP of the component mapping box: the samples of the component are those of the channel
_SIGNED = 0x80


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
    header = next((box for box in walk(peek_bytes(before), len(before)) if box.kind == b"jp2h"), None)
    if header is None:
        return None
    found: dict[bytes, bytes] = {}
    for kind, content in children(before[header.contents : header.end]):
        found.setdefault(kind, content)
    palette, mapping = found.get(b"pclr", b""), found.get(b"cmap", b"")
    columns = palette[3 : 3 + palette[2]] if len(palette) > 3 else b""
    if not columns or not mapping or len(mapping) % 4:
        return None
    channels = []
    for component, kind, column in struct.iter_unpack(">HBB", mapping):
        if component >= len(components) or (kind != _DIRECT and column >= len(columns)):
            return None
        depth = columns[column] if kind != _DIRECT else 0
        channels.append(components[component] if kind == _DIRECT else ((depth & 0x7F) + 1, depth >= _SIGNED))
    return channels
