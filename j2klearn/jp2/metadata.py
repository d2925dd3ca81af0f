"""Metadata in the boxes of a JP2 file: ICC profile, EXIF, XMP, GeoTIFF, resolution, and comments of the codestream."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO
from uuid import UUID

from ..errors import OptionError
from .boxes import find_codestream, is_jp2, replace_codestream
from .peek import top_boxes

__all__ = ["Metadata", "add_metadata", "read_metadata"]

_EXIF = b"JpgTiffExif->JP2"
_XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_GEOTIFF = UUID("b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03").bytes

#: T.800 Table I.9: restricted and, in JPX files, any ICC profile.
_ENUMERATED, _RESTRICTED_ICC, _ANY_ICC = 1, 2, 3

#: What stands before the TIFF structure of EXIF in JPEG files, and in some boxes.
_EXIF_PREFIXES = (b"Exif\x00\x00", b"EXIF\x00\x00")

_INCH = Fraction(254, 10_000)  # in metres
_U16 = 1 << 16
_MAX_DPI = 1e6
_MAX_COMMENT = 65_531


@dataclass(frozen=True)
class Metadata:
    """What is known of a picture beside its samples; None where nothing is.

    Attributes
    ----------
    icc_profile, exif, xmp, geotiff : bytes or None
        As they are: EXIF and GeoTIFF are TIFF structures, XMP is XML.
    dpi : (float, float) or None
        Pixels per inch, across and down.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    geotiff: bytes | None = None
    dpi: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in vars(self).values())


@dataclass
class _Found:
    """Metadata being collected: the first of a kind counts."""

    values: dict[str, object] = field(default_factory=dict)

    def note(self, name: str, value: object) -> None:
        self.values.setdefault(name, value)


def read_metadata(stream: IO[bytes]) -> Metadata:
    """Read the metadata of a JP2 file; a bare codestream has none."""
    found = _Found()
    for box in top_boxes(stream):
        if box.kind in (b"jp2h", b"uuid"):
            stream.seek(box.offset)
            content = stream.read(box.size)
            if box.kind == b"jp2h":
                _read_header(content, found)
            else:
                _read_uuid(content, found)
    return Metadata(**found.values)  # type: ignore[arg-type]


def _read_uuid(content: bytes, found: _Found) -> None:
    name, body = content[:16], content[16:]
    if name == _EXIF:
        for prefix in _EXIF_PREFIXES:
            body = body.removeprefix(prefix)
        found.note("exif", body)
    elif name == _XMP:
        found.note("xmp", body)
    elif name == _GEOTIFF:
        found.note("geotiff", body)


def _children(content: bytes) -> list[tuple[bytes, bytes]]:
    result, at = [], 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        length = length or len(content) - at
        if length < 8:
            break
        result.append((kind, content[at + 8 : at + length]))
        at += length
    return result


def _read_header(content: bytes, found: _Found) -> None:
    for kind, body in _children(content):
        if kind == b"colr" and body[:1] and body[0] in (_RESTRICTED_ICC, _ANY_ICC):
            found.note("icc_profile", body[3:])
        elif kind == b"res ":
            for part, values in _children(body):
                if part == b"resc" and len(values) >= 10:
                    down, across = _per_metre(values)
                    if down and across:
                        found.note("dpi", (across * float(_INCH), down * float(_INCH)))


def _per_metre(values: bytes) -> tuple[float, float]:
    """Return the resolution of a capture resolution box (T.800 I.5.3.7.1), down and across."""
    vn, vd, hn, hd, ve, he = struct.unpack_from(">HHHHbb", values)
    return (vn / vd * 10.0**ve if vd else 0.0), (hn / hd * 10.0**he if hd else 0.0)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _rational(dpi: float) -> tuple[int, int, int]:
    """Return pixels per metre as numerator, denominator and power of ten, the first two of 16 bits."""
    value = Fraction(dpi).limit_denominator(100) / _INCH
    numerator, denominator, exponent = value.numerator, value.denominator, 0
    if denominator >= _U16:
        numerator, denominator = round(value), 1
    while numerator >= _U16:
        numerator, exponent = (numerator + 5) // 10, exponent + 1
    return numerator, denominator, exponent


def _resolution(dpi: tuple[float, float]) -> bytes:
    across, down = (float(value) for value in dpi)
    if not (0 < across < _MAX_DPI and 0 < down < _MAX_DPI):
        return b""
    vn, vd, ve = _rational(down)
    hn, hd, he = _rational(across)
    return _box(b"res ", _box(b"resc", struct.pack(">HHHHbb", vn, vd, hn, hd, ve, he)))


def add_metadata(data: bytes, metadata: Metadata, comment: bytes | None = None) -> bytes:
    """Return a file with metadata added: boxes before the codestream, the comment in its main header.

    Parameters
    ----------
    data : bytes
        A JP2 file; or a codestream, which can hold the comment alone.
    metadata : Metadata
        What to add. An ICC profile takes the place of the enumerated colour space.
    comment : bytes, optional
        Text in ISO 8859-15, at most 65,531 bytes.

    Raises
    ------
    OptionError
        If the comment is too long, or `data` is a codestream and there are boxes to add.
    """
    if comment is not None:
        data = replace_codestream(data, _with_comment(find_codestream(data), comment))
    if not metadata:
        return data
    if not is_jp2(data):
        raise OptionError("a bare codestream holds no metadata: write a JP2 file")
    uuids: Mapping[bytes, bytes | None] = {
        _EXIF: metadata.exif,
        _XMP: metadata.xmp,
        _GEOTIFF: metadata.geotiff,
    }
    extra = b"".join(_box(b"uuid", name + body) for name, body in uuids.items() if body is not None)
    out = []
    for box in top_boxes(io.BytesIO(data)):
        content = data[box.offset : box.offset + box.size]
        if box.kind == b"jp2h":
            out.append(_box(b"jp2h", _header(content, metadata)))
            out.append(extra)
        elif box.kind == b"jp2c":
            out.append(data[box.offset - 8 :])  # the last
            break
        else:
            out.append(_box(box.kind, content))
    return b"".join(out)


def _header(content: bytes, metadata: Metadata) -> bytes:
    out = []
    for kind, body in _children(content):
        if kind == b"colr" and metadata.icc_profile is not None:
            body = struct.pack(">BbB", _RESTRICTED_ICC, 0, 0) + metadata.icc_profile
        out.append(_box(kind, body))
    if metadata.dpi is not None:
        out.append(_resolution(metadata.dpi))
    return b"".join(out)


def _with_comment(codestream: bytes, comment: bytes) -> bytes:
    from ..codestream.learned_segment import MAGIC
    from ..codestream.main_header import read_main_header

    if len(comment) > _MAX_COMMENT:
        raise OptionError(f"a comment has at most {_MAX_COMMENT} bytes, not {len(comment)}")
    header = read_main_header(codestream)
    ours = [c.offset for c in header.comments if c.binary and c.data.startswith(MAGIC)]
    at = min(ours, default=header.end)  # the learned-transform segment stays last
    segment = struct.pack(">HHH", 0xFF64, len(comment) + 4, 1) + comment
    return codestream[:at] + segment + codestream[at:]
