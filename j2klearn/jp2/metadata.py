"""Metadata in the boxes of a JP2 file: ICC profile, EXIF, XMP, IPTC, GeoTIFF and resolution; and comments."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO
from uuid import UUID

from ..codestream.segments import Com
from ..core.peeking import Peek, peek_bytes, peek_stream
from ..core.warning import warn_caller
from ..errors import MetadataWarning, OptionError
from ..io.photoshop import ICC_PROFILE, find_resource, resource, without_resource
from ..io.picture_metadata import Metadata
from .boxes import SIGNATURE, box, children, find_codestream, is_jp2, replace_codestream, uuid_box, walk
from .colour_boxes import read_colour_boxes
from .colour_spaces import CMYK, GREY_SPACES, SRGB
from .icc import read_profile

__all__ = ["Metadata", "add_metadata", "find_metadata", "is_metadata", "read_metadata"]

_EXIF = b"JpgTiffExif->JP2"
_XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_GEOTIFF = UUID("b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03").bytes

#: IPTC-IIM and Photoshop's image resources, as ExifTool reads and writes them.
_IPTC = UUID("33c7a4d2-b81d-4723-a0ba-f1a3e097ad38").bytes
_PHOTOSHOP = UUID("2c4c0100-8504-40b9-a03e-562148d6dfeb").bytes

_READ_UUIDS = (_EXIF, _XMP, _GEOTIFF, _IPTC, _PHOTOSHOP)

#: METH of a colour specification box: an enumerated colour space, a restricted ICC profile (T.800 Table I.9) or, in JPX
#: files, any ICC profile.
_ENUMERATED, _RESTRICTED_ICC, _ANY_ICC = 1, 2, 3

#: The colour space of ICC profiles for pictures in an enumerated colour space.
_SPACES = {**dict.fromkeys(GREY_SPACES, b"GRAY"), SRGB: b"RGB ", CMYK: b"CMYK"}

#: Prefixes of the TIFF structure of EXIF in JPEG files, which some writers copy into the box.
_EXIF_PREFIXES = (b"Exif\x00\x00", b"EXIF\x00\x00")

_INCH = Fraction(254, 10_000)  # metres
_U16_END = 1 << 16
_MIN_DPI, _MAX_DPI = 1e-3, 1e6
_MAX_DENOMINATOR = 100_000  # of a resolution in dpi
_MAX_EXPONENT = 5
_MAX_COMMENT = 65_531


@dataclass
class _Found:
    """Collects metadata; only the first value of each kind is kept."""

    values: dict[str, object] = field(default_factory=dict)
    photoshop_profile: bytes | None = None
    display: tuple[float, float] | None = None

    def note(self, name: str, value: object) -> None:
        self.values.setdefault(name, value)


def read_metadata(stream: IO[bytes]) -> Metadata:
    """Read the metadata of a JP2 file from a seekable binary file object; a bare codestream has none."""
    return find_metadata(*peek_stream(stream))


def find_metadata(peek: Peek, size: int) -> Metadata:
    """Read the metadata of a JP2 file; a bare codestream has none.

    Parameters
    ----------
    peek : callable
        Called as ``peek(offset, count)``; returns fewer bytes at the end of the file.
    size : int
        Size of the file, in bytes.

    Returns
    -------
    Metadata
    """
    found = _Found()
    if not is_jp2(peek(0, len(SIGNATURE))):
        return Metadata()
    for part in walk(peek, size):
        end = min(part.end, size)
        if part.kind == b"jp2h":
            _read_header(peek(part.contents, end - part.contents), found)
        elif part.kind == b"uuid" and peek(part.contents, 16) in _READ_UUIDS:
            _read_uuid(peek(part.contents, end - part.contents), found)
    if found.photoshop_profile is not None:
        found.note("icc_profile", found.photoshop_profile)
    if found.display is not None:
        found.note("dpi", found.display)
    return Metadata(**found.values)  # type: ignore[arg-type]


def is_metadata(kind: bytes, content: bytes) -> bool:
    """Return whether a box holds something that `find_metadata` returns."""
    return kind == b"uuid" and content[:16] in _READ_UUIDS


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
    elif name == _IPTC:
        found.note("iptc", body)
    elif name == _PHOTOSHOP:
        found.photoshop_profile = found.photoshop_profile or find_resource(body, ICC_PROFILE)
        if others := without_resource(body, ICC_PROFILE):
            found.note("photoshop", others)


def _read_header(content: bytes, found: _Found) -> None:
    for kind, body in children(content):
        if kind == b"colr" and body[:1] and body[0] in (_RESTRICTED_ICC, _ANY_ICC):
            found.note("icc_profile", body[3:])
        elif kind == b"res ":
            for part, values in children(body):
                if part not in (b"resc", b"resd") or len(values) < 10:
                    continue
                down, across = _per_metre(values)
                dpi = across * float(_INCH), down * float(_INCH)
                if not all(_MIN_DPI < value < _MAX_DPI for value in dpi):
                    continue
                if part == b"resc":
                    found.note("dpi", dpi)
                else:
                    found.display = found.display or dpi  # of files without the resolution of the capture


def _per_metre(values: bytes) -> tuple[float, float]:
    """Return the (vertical, horizontal) pixels per metre of a resolution box (T.800 I.5.3.7.1 and I.5.3.7.2)."""
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
        Metadata to add. It replaces metadata of the same kind. An ICC profile that a JP2 file may name as its colour
        space (T.800 I.5.3.3) replaces the enumerated colour space. Any other one is kept in a UUID box.
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

    Warns
    -----
    MetadataWarning
        If the ICC profile is kept in a UUID box, which most readers ignore. A JPX file can name any ICC profile of the
        colour space of the picture.
    """
    if comment is not None:
        data = replace_codestream(data, _with_comment(find_codestream(data), comment))
    if not metadata:
        return data
    if not is_jp2(data):
        raise OptionError("a bare codestream cannot store metadata: write a JP2 file")
    uuids: Mapping[bytes, bytes | None] = {
        _EXIF: metadata.exif,
        _XMP: None if metadata.xmp is None else _without_padding(metadata.xmp),
        _GEOTIFF: metadata.geotiff,
        _IPTC: metadata.iptc,
    }
    extra = b"".join(uuid_box(name, body) for name, body in uuids.items() if body is not None)
    profile, resources = metadata.icc_profile, metadata.photoshop or b""
    if profile is not None and (reason := _not_a_colour_space(profile, data)):
        warn_caller(
            f"{reason}: the profile is kept in a UUID box, and most readers show the colours without it",
            MetadataWarning,
        )
        resources += resource(ICC_PROFILE, profile)
        profile = None
    if resources:
        extra += uuid_box(_PHOTOSHOP, resources)
    out = []
    for old in walk(peek_bytes(data), len(data)):
        content = data[old.contents : old.end]
        if old.kind == b"jp2h":
            out.append(box(b"jp2h", _header(content, profile, metadata.dpi)))
            out.append(extra)
        elif old.kind == b"jp2c":
            out.append(data[old.start :])  # the codestream and all boxes after it
            break
        elif old.kind != b"uuid":
            out.append(box(old.kind, content))
        elif content[:16] == _PHOTOSHOP:
            out.append(_other_resources(content[16:], metadata))
        elif uuids.get(content[:16]) is None:
            out.append(box(old.kind, content))
    return b"".join(out)


def _without_padding(xmp: bytes) -> bytes:
    """Return XMP without the zeros at the end that some files have, which are not XML."""
    text = xmp.rstrip(b"\0")
    return xmp if b"\0" in text else text  # else it is UTF-16 or UTF-32


def _other_resources(old: bytes, metadata: Metadata) -> bytes:
    """Return a box of Photoshop's image resources without those that metadata replaces."""
    if metadata.photoshop is not None:
        return b""
    kept = old if metadata.icc_profile is None else without_resource(old, ICC_PROFILE)
    return uuid_box(_PHOTOSHOP, kept) if kept else b""


def _header(content: bytes, profile: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    out, specified = [], False
    for kind, body in children(content):
        if kind == b"colr" and profile is not None:
            parsed = read_profile(profile)
            restricted = parsed is not None and parsed.restricted
            if not specified:
                method = _RESTRICTED_ICC if restricted else _ANY_ICC
                out.append(box(b"colr", struct.pack(">BbB", method, 0, 0) + profile))
            specified = True
            # readers that do not support any profile use the enumerated colour space after it
            if restricted or body[:1] != bytes([_ENUMERATED]):
                continue
        if kind != b"res " or dpi is None:
            out.append(box(kind, body))
    if dpi is not None:
        out.append(_resolution(dpi))
    return b"".join(out)


def _not_a_colour_space(profile: bytes, data: bytes) -> str | None:
    """Return why the colour specification box of a file cannot hold an ICC profile; None if it can."""
    parsed = read_profile(profile)
    if parsed is None:
        return "the ICC profile is damaged"
    if not parsed.restricted and not _is_jpx(data):
        return "a JP2 file cannot name this ICC profile as its colour space, because it is not a matrix or grey profile"
    boxes = read_colour_boxes(peek_bytes(data), len(data))
    if boxes.space not in _SPACES or _SPACES[boxes.space] != parsed.colour_space:
        space = parsed.colour_space.decode("latin-1").strip()
        return f"the colour space of the ICC profile, {space}, is not that of the picture"
    return None


def _is_jpx(data: bytes) -> bool:
    """Return whether the brand of a file is that of JPX (T.801 M.2.1)."""
    return any(
        part.kind == b"ftyp" and data[part.contents : part.contents + 4] == b"jpx "
        for part in walk(peek_bytes(data), len(data))
    )


def _with_comment(codestream: bytes, comment: bytes) -> bytes:
    from ..codestream.learned_segment import MAGIC
    from ..codestream.main_header import read_main_header

    if len(comment) > _MAX_COMMENT:
        raise OptionError(f"a comment can have at most {_MAX_COMMENT} bytes, not {len(comment)}")
    header = read_main_header(codestream)
    ours = [c.offset for c in header.comments if c.binary and c.data.startswith(MAGIC)]
    at = min(ours, default=header.end)  # the learned-transform segment must stay the last
    return codestream[:at] + Com(1, comment).to_bytes() + codestream[at:]
