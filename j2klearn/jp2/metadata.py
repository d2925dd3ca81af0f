"""Metadata in the boxes of a JP2 file: ICC profile, EXIF, XMP, GeoTIFF and resolution; comments in the codestream."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO
from uuid import UUID

from ..codestream.segments import Com
from ..core.peeking import peek_bytes
from ..errors import OptionError
from ..io.picture_metadata import Metadata
from .boxes import box, children, find_codestream, is_jp2, replace_codestream, uuid_box, walk
from .peek import top_boxes

__all__ = ["Metadata", "add_metadata", "read_metadata"]

_EXIF = b"JpgTiffExif->JP2"
_XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_GEOTIFF = UUID("b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03").bytes

#: METH of a colour specification box: a restricted ICC profile (T.800 Table I.9) or, in JPX files, any ICC profile.
_RESTRICTED_ICC, _ANY_ICC = 2, 3

#: Prefixes of the TIFF structure of EXIF in JPEG files, which some writers copy into the box.
_EXIF_PREFIXES = (b"Exif\x00\x00", b"EXIF\x00\x00")

_INCH = Fraction(254, 10_000)  # metres
_U16_END = 1 << 16
_MIN_DPI, _MAX_DPI = 1e-4, 1e6
_MAX_DENOMINATOR = 100_000  # of a resolution in dpi
_MAX_EXPONENT = 5
_MAX_COMMENT = 65_531


@dataclass
class _Found:
    """Collects metadata; only the first value of each kind is kept."""

    values: dict[str, object] = field(default_factory=dict)

    def note(self, name: str, value: object) -> None:
        self.values.setdefault(name, value)


def read_metadata(stream: IO[bytes]) -> Metadata:
    """Read the metadata of a JP2 file from a seekable binary file object; a bare codestream has none."""
    found = _Found()
    for part in top_boxes(stream):
        if part.kind in (b"jp2h", b"uuid"):
            stream.seek(part.contents)
            content = stream.read(part.end - part.contents)
            if part.kind == b"jp2h":
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


def _read_header(content: bytes, found: _Found) -> None:
    for kind, body in children(content):
        if kind == b"colr" and body[:1] and body[0] in (_RESTRICTED_ICC, _ANY_ICC):
            found.note("icc_profile", body[3:])
        elif kind == b"res ":
            for part, values in children(body):
                if part == b"resc" and len(values) >= 10:
                    down, across = _per_metre(values)
                    if down and across:
                        found.note("dpi", (across * float(_INCH), down * float(_INCH)))


def _per_metre(values: bytes) -> tuple[float, float]:
    """Return the (vertical, horizontal) pixels per metre of a capture resolution box (T.800 I.5.3.7.1)."""
    vn, vd, hn, hd, ve, he = struct.unpack_from(">HHHHbb", values)
    return (vn / vd * 10.0**ve if vd else 0.0), (hn / hd * 10.0**he if hd else 0.0)


def _rational(dpi: float) -> tuple[int, int, int]:
    """Convert `dpi` to pixels per metre: the nearest numerator and denominator of 16 bits, and power of ten."""
    value = Fraction(dpi).limit_denominator(_MAX_DENOMINATOR) / _INCH
    best: tuple[Fraction, int, int, int] | None = None
    for exponent in range(_MAX_EXPONENT):
        scaled = value / 10**exponent
        if scaled >= _U16_END - 1:
            continue
        near = scaled.limit_denominator(min(_U16_END - 1, int((_U16_END - 1) / scaled)))
        error = abs(near - scaled) / scaled
        if near.numerator and (best is None or error < best[0]):
            best = (error, near.numerator, near.denominator, exponent)
    if best is None:
        raise OptionError(f"a resolution of {dpi} dpi cannot be stored")
    return best[1:]


def _resolution(dpi: tuple[float, float]) -> bytes:
    across, down = (float(value) for value in dpi)
    if not (_MIN_DPI < across < _MAX_DPI and _MIN_DPI < down < _MAX_DPI):
        return b""
    vn, vd, ve = _rational(down)
    hn, hd, he = _rational(across)
    return box(b"res ", box(b"resc", struct.pack(">HHHHbb", vn, vd, hn, hd, ve, he)))


def add_metadata(data: bytes, metadata: Metadata, comment: bytes | None = None) -> bytes:
    """Return a file with metadata in boxes before the codestream, and a comment in the main header.

    Parameters
    ----------
    data : bytes
        A JP2 file. Or a codestream, which can store only the comment.
    metadata : Metadata
        Metadata to add. An ICC profile replaces the enumerated colour space.
    comment : bytes, optional
        Text in ISO 8859-15, at most 65,531 bytes.

    Returns
    -------
    bytes
        The file with the metadata.

    Raises
    ------
    OptionError
        If the comment is too long, or `data` is a codestream and `metadata` is not empty.
    """
    if comment is not None:
        data = replace_codestream(data, _with_comment(find_codestream(data), comment))
    if not metadata:
        return data
    if not is_jp2(data):
        raise OptionError("a bare codestream cannot store metadata: write a JP2 file")
    uuids: Mapping[bytes, bytes | None] = {
        _EXIF: metadata.exif,
        _XMP: metadata.xmp,
        _GEOTIFF: metadata.geotiff,
    }
    extra = b"".join(uuid_box(name, body) for name, body in uuids.items() if body is not None)
    out = []
    for old in walk(peek_bytes(data), len(data)):
        content = data[old.contents : old.end]
        if old.kind == b"jp2h":
            out.append(box(b"jp2h", _header(content, metadata)))
            out.append(extra)
        elif old.kind == b"jp2c":
            out.append(data[old.start :])  # the codestream and all boxes after it
            break
        else:
            out.append(box(old.kind, content))
    return b"".join(out)


def _header(content: bytes, metadata: Metadata) -> bytes:
    out = []
    for kind, body in children(content):
        if kind == b"colr" and metadata.icc_profile is not None:
            body = struct.pack(">BbB", _RESTRICTED_ICC, 0, 0) + metadata.icc_profile
        out.append(box(kind, body))
    if metadata.dpi is not None:
        out.append(_resolution(metadata.dpi))
    return b"".join(out)


def _with_comment(codestream: bytes, comment: bytes) -> bytes:
    from ..codestream.learned_segment import MAGIC
    from ..codestream.main_header import read_main_header

    if len(comment) > _MAX_COMMENT:
        raise OptionError(f"a comment can have at most {_MAX_COMMENT} bytes, not {len(comment)}")
    header = read_main_header(codestream)
    ours = [c.offset for c in header.comments if c.binary and c.data.startswith(MAGIC)]
    at = min(ours, default=header.end)  # the learned-transform segment must stay the last
    return codestream[:at] + Com(1, comment).to_bytes() + codestream[at:]
