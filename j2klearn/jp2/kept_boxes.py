"""The boxes of a JP2 or JPX file that stay with the picture when it is coded again, and boxes for other colours."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..core.peeking import peek_bytes
from ..errors import CodestreamError, OptionError, UnsupportedError
from .boxes import MAX_BOXES, SIGNATURE, box, children, is_jp2, walk
from .peek import top_boxes

__all__ = [
    "KeptBoxes",
    "Palette",
    "channel_types",
    "enumerated",
    "needs_jpx",
    "read_kept_boxes",
    "with_boxes",
]

_ENUMERATED, _RESTRICTED_ICC = 1, 2  # METH of a colour specification box (T.800 Table I.9)

#: EnumCS of a colour specification box (T.800 Table I.10, T.801 Table M.25).
_ENUMCS = {"grey": 17, "rgb": 16, "sycc": 18, "cmyk": 12, "cielab": 14}
_JP2_ENUMCS = (16, 17, 18)

#: EP of CIELab (T.801 M.11.7.4.1): ranges and offsets of L*, a*, b* for 8 bits, and the illuminant D50.
_LAB_8_BITS = struct.pack(">6I4s", 100, 0, 255, 128, 255, 128, b"\x00D50")

# Typ and Asoc of a channel definition box (T.800 Tables I.16 and I.17)
_COLOUR, _OPACITY, _PREMULTIPLIED, _UNSPECIFIED, _WHOLE = 0, 1, 2, 65535, 0
_TYPES = {"alpha": _OPACITY, "premultiplied": _PREMULTIPLIED, "unspecified": _UNSPECIFIED}

_HEADER_KINDS = (b"colr", b"cdef", b"res ")

#: Boxes that belong to the codestream or to the structure of the old file, not to the picture.
_STRUCTURE = {
    b"jP  ", b"ftyp", b"rreq", b"jp2h", b"jp2c", b"jpch", b"jplh", b"comp", b"copt", b"inst", b"ftbl", b"flst",
    b"dtbl", b"mdat", b"free", b"cidx", b"fidx", b"iptr", b"prxy", b"cptr", b"mhix", b"tpix", b"thix", b"ppix",
    b"phix", b"manf", b"faix",
}  # fmt: skip

_MAX_HEADER_BYTES = 1 << 27

_JPX = b"jpx "
_T800_CODESTREAM = 5  # standard feature of a reader requirements box

Content = tuple[bytes, bytes]


@dataclass(frozen=True)
class Palette:
    """A palette, and how channels are made from components (T.800 I.5.3.4, I.5.3.5).

    Attributes
    ----------
    table : ndarray, shape (entries, columns)
        The values, int64.
    depths : tuple of int
        Bits of each column.
    signed : tuple of bool
        Whether each column is signed.
    mapping : tuple of (int, int or None)
        For each channel its component, and the column to apply; None to take the component as it is.
    """

    table: NDArray[np.int64]
    depths: tuple[int, ...]
    signed: tuple[bool, ...]
    mapping: tuple[tuple[int, int | None], ...]

    def apply(self, samples: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the channels, shape (h, w, channels), of samples of shape (h, w) or (h, w, C)."""
        components = samples[:, :, None] if samples.ndim == 2 else samples
        out = np.empty((*components.shape[:2], len(self.mapping)), dtype)
        for channel, (component, column) in enumerate(self.mapping):
            values = components[:, :, component]
            if column is not None:
                values = self.table[np.clip(values, 0, len(self.table) - 1), column]
            out[:, :, channel] = values
        return out


@dataclass(frozen=True)
class KeptBoxes:
    """What the boxes of a file say about its components, and the boxes to keep.

    Attributes
    ----------
    header : tuple of (bytes, bytes)
        Type and contents of the colour specification, channel definition and resolution boxes.
    other : tuple of (bytes, bytes)
        Type and contents of the boxes outside of the JP2 header that belong to the picture.
    palette : Palette or None
        The palette, if there is one.
    """

    header: tuple[Content, ...]
    other: tuple[Content, ...]
    palette: Palette | None


def read_kept_boxes(stream: IO[bytes], skipped: Iterable[bytes] = ()) -> KeptBoxes:
    """Read the boxes of a JP2 or JPX file; a bare codestream has none.

    Parameters
    ----------
    stream : file object
        A seekable binary file object.
    skipped : iterable of bytes
        UUIDs of boxes that do not belong to the picture.

    Raises
    ------
    UnsupportedError
        If the file holds several codestreams or compositing layers.
    CodestreamError
        If its palette is damaged.
    """
    header: list[Content] = []
    other: list[Content] = []
    pclr = cmap = b""
    codestreams = layers = 0
    for part in top_boxes(stream):
        if part.kind in (b"jp2c", b"jplh"):
            codestreams += part.kind == b"jp2c"
            layers += part.kind == b"jplh"
            if part.kind == b"jp2c":
                continue
        if part.end - part.contents > _MAX_HEADER_BYTES:
            continue
        stream.seek(part.contents)
        content = stream.read(part.end - part.contents)
        if part.kind in (b"jp2h", b"jplh"):
            for kind, body in _flattened(content):
                if kind in _HEADER_KINDS:
                    header.append((kind, body))
                elif kind == b"pclr":
                    pclr = pclr or body
                elif kind == b"cmap":
                    cmap = cmap or body
        elif part.kind not in _STRUCTURE and not (part.kind == b"uuid" and content[:16] in tuple(skipped)):
            other.append((part.kind, content))
    if codestreams > 1 or layers > 1:
        raise UnsupportedError(
            f"the file holds {max(codestreams, layers)} pictures or layers, and only one can be kept"
        )
    return KeptBoxes(tuple(header), tuple(other), _palette(pclr, cmap) if pclr else None)


def _flattened(content: bytes) -> Iterable[Content]:
    for kind, body in children(content):
        if kind == b"cgrp":  # a colour group of a compositing layer header (T.801 M.11.7.1)
            yield from children(body)
        else:
            yield kind, body


def _palette(pclr: bytes, cmap: bytes) -> Palette:
    try:
        entries, columns = struct.unpack_from(">HB", pclr)
        bits = pclr[3 : 3 + columns]
        depths = tuple((value & 0x7F) + 1 for value in bits)
        sizes = [-(-depth // 8) for depth in depths]
        if not 0 < entries <= 1024 or len(bits) != columns or max(depths) > 16:
            raise ValueError
        at, table = 3 + columns, np.empty((entries, columns), np.int64)
        signed = tuple(bool(value & 0x80) for value in bits)
        for entry in range(entries):
            for column, size in enumerate(sizes):
                word = pclr[at : at + size]
                if len(word) < size:
                    raise ValueError
                table[entry, column] = int.from_bytes(word, "big", signed=signed[column])
                at += size
        mapping: list[tuple[int, int | None]] = []
        for component, kind, column in struct.iter_unpack(">HBB", cmap[: len(cmap) // 4 * 4]):
            if kind > 1 or (kind == 1 and column >= columns):
                raise ValueError
            mapping.append((component, column if kind else None))
        if not mapping:
            raise ValueError
    except (ValueError, struct.error):
        raise CodestreamError("the palette of the file is damaged") from None
    return Palette(table, depths, signed, tuple(mapping))


def enumerated(colour: str) -> Content:
    """Return a colour specification box with the colour space ``"grey"``, ``"rgb"``, ``"sycc"``, ``"cmyk"`` or
    ``"cielab"`` (in 8 bits, a* and b* offset by 128).
    """  # noqa: D205
    body = struct.pack(">BBBI", _ENUMERATED, 0, 0, _ENUMCS[colour])
    return b"colr", body + (_LAB_8_BITS if colour == "cielab" else b"")


def channel_types(colours: int, extra: Sequence[str]) -> Content:
    """Return a channel definition box for colours and the components after them (T.800 I.5.3.6).

    Parameters
    ----------
    colours : int
        Number of colour components.
    extra : sequence of str
        ``"alpha"``, ``"premultiplied"`` or ``"unspecified"`` for each of the others.
    """
    rows = [(_COLOUR, number + 1) for number in range(colours)]
    rows += [(_TYPES[kind], _UNSPECIFIED if kind == "unspecified" else _WHOLE) for kind in extra]
    body = b"".join(struct.pack(">HHH", number, *row) for number, row in enumerate(rows))
    return b"cdef", struct.pack(">H", len(rows)) + body


def needs_jpx(header: Iterable[Content]) -> str:
    """Return what a JP2 file cannot say of the first colour specification, or "" if it can say it."""
    for kind, body in header:
        if kind != b"colr":
            continue
        method = body[0] if body else 0
        if method == _RESTRICTED_ICC:
            return ""
        if method == _ENUMERATED and len(body) >= 7:
            space = int.from_bytes(body[3:7], "big")
            names = {value: name for name, value in _ENUMCS.items()}
            return "" if space in _JP2_ENUMCS else names.get(space, f"the enumerated colour space {space}")
        return f"a colour specification of method {method}"
    return ""


def with_boxes(head: bytes, header: Sequence[Content], other: Sequence[Content], *, jpx: bool) -> bytes:
    """Return the boxes before the codestream with other colours, and with further boxes.

    Parameters
    ----------
    head : bytes
        The file up to its contiguous codestream box.
    header : sequence of (bytes, bytes)
        Type and contents of boxes for the JP2 header. Those of their types that are there are left out. A colour
        specification replaces the channel definition, too.
    other : sequence of (bytes, bytes)
        Type and contents of boxes to add after the JP2 header.
    jpx : bool
        Whether to write a JPX file (T.801 Annex M) rather than a JP2 file.

    Raises
    ------
    OptionError
        If `head` is not of a JP2 file.
    """
    if not is_jp2(head):
        raise OptionError("a bare codestream cannot store boxes: write a JP2 file")
    replaced = {kind for kind, _ in header}
    if b"colr" in replaced:
        replaced.add(b"cdef")  # which counts the colours of the old colour specification
    out = [SIGNATURE]
    for part in walk(peek_bytes(head), len(head)):
        content = head[part.contents : part.end]
        if part.kind == b"ftyp" and jpx:
            out.append(box(b"ftyp", _JPX + bytes(4) + _JPX))
            out.append(_requirements())
        elif part.kind == b"jp2h":
            kept = [(kind, body) for kind, body in children(content) if kind not in replaced]
            ordered = sorted([*kept, *header], key=lambda child: _ORDER.get(child[0], len(_ORDER)))
            out.append(box(b"jp2h", b"".join(box(kind, body) for kind, body in ordered)))
            out += [box(kind, body) for kind, body in other[:MAX_BOXES]]
        elif part.kind != b"jP  ":
            out.append(box(part.kind, content))
    return b"".join(out)


_ORDER = {kind: place for place, kind in enumerate((b"ihdr", b"bpcc", b"colr", b"cdef", b"res "))}


def _requirements() -> bytes:
    """Return a reader requirements box (T.801 M.11.1): a codestream of T.800, which suffices to show the picture."""
    feature = struct.pack(">HB", _T800_CODESTREAM, 0x80)
    return box(b"rreq", struct.pack(">BBBH", 1, 0x80, 0x80, 1) + feature + struct.pack(">H", 0))
