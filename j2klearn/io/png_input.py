"""Read PNG files: the samples exactly, with the significant bits that sBIT gives, and the metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.limits import check_pixels
from ..core.warning import warn_caller
from ..errors import InputError, InputWarning
from .input_picture import ALPHA, Colour, InputPicture
from .picture_metadata import Metadata

__all__ = ["is_png", "open_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6  # colour types of IHDR
_MAX_TEXT = 1 << 26
_MAX_CHUNKS = 1 << 20
_INCH = 0.0254  # metres
_SRGB_GAMMA = 45455
_SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def is_png(head: bytes) -> bool:
    """Return whether a file with these first bytes is a PNG file."""
    return head[:8] == _SIGNATURE


def open_png(data: NDArray[np.uint8], name: str, max_pixels: int | None) -> InputPicture:
    """Read a PNG file.

    Palettes are applied. A transparent colour becomes an alpha component.

    Parameters
    ----------
    data : ndarray of uint8
        The bytes of the file.
    name : str
        What to call the file in messages.
    max_pixels : int or None
        Limit of its pixels.

    Returns
    -------
    InputPicture
        The picture, in memory.

    Raises
    ------
    InputError
        If the file is damaged or an animation.
    LimitError
        If it has more than `max_pixels` pixels.

    Warns
    -----
    InputWarning
        If its colours are not those of sRGB and there is no ICC profile that says so.
    """
    import imagecodecs

    chunks: dict[bytes, bytes] = {}
    texts: list[tuple[bytes, bytes]] = []
    for kind, content in _chunks(data):
        if kind in (b"iTXt", b"zTXt", b"tEXt"):
            texts.append((kind, content))
        else:
            chunks.setdefault(kind, content)
    header = chunks.get(b"IHDR", b"")
    if len(header) < 13:
        raise InputError(f"{name} has no valid image header (IHDR)")
    width, height, depth, colour_type = struct.unpack_from(">IIBB", header)
    check_pixels(height, width, max_pixels)
    frames = chunks.get(b"acTL", b"")[:4]
    if len(frames) == 4 and int.from_bytes(frames, "big") > 1:
        raise InputError(f"{name} is an animation: JPEG 2000 files hold one picture")
    samples = np.asarray(imagecodecs.png_decode(data.tobytes()))
    if samples.shape[:2] != (height, width):
        raise InputError(
            f"{name} has the size {samples.shape[1]} x {samples.shape[0]}, not {width} x {height}"
        )
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[:, :, 0]
    if depth < 8 and colour_type == _GREY:
        samples, depth = _unscaled(samples, depth)
    elif colour_type == _PALETTE:
        depth = 8
    samples, depth = _significant(samples, depth, chunks.get(b"sBIT", b""), colour_type)
    count = 1 if samples.ndim == 2 else samples.shape[2]
    colour: Colour = "grey" if count < 3 else "rgb"
    return InputPicture(
        samples,
        depth,
        colour=colour,
        extra=(ALPHA,) if count in (2, 4) else (),
        metadata=_metadata(chunks, texts, name),
    )


def _chunks(data: NDArray[np.uint8]) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and contents of the chunks that do not hold samples."""
    at = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        head = bytes(data[at : at + 8])
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if kind not in (b"IDAT", b"fdAT"):
            yield kind, bytes(data[at + 8 : at + 8 + size])
        if kind == b"IEND":
            return
        at += size + 12


def _unscaled(samples: NDArray[Any], depth: int) -> tuple[NDArray[Any], int]:
    """Return samples of 1, 2 or 4 bits, which libpng scales to 8, with the alpha of a transparent colour."""
    return samples // (255 // ((1 << depth) - 1)), depth


def _significant(
    samples: NDArray[Any], depth: int, sbit: bytes, colour_type: int
) -> tuple[NDArray[Any], int]:
    """Return samples and depth before the encoder scaled them up, as sBIT gives it, if nothing is lost so."""
    bits = set(sbit)
    if colour_type == _PALETTE or len(bits) != 1 or depth < 8:
        return samples, depth
    (wanted,) = bits
    if not 0 < wanted < depth or (samples.ndim == 3 and samples.shape[2] > len(sbit)):
        return samples, depth
    original = samples >> (depth - wanted)
    values = np.arange(1 << wanted, dtype=np.int64)
    top, full = (1 << wanted) - 1, (1 << depth) - 1
    shifted = values << (depth - wanted)
    replicated, at = shifted.copy(), wanted
    while at < depth:
        replicated |= shifted >> at
        at += wanted
    for scaled in (shifted, replicated, (values * full + top // 2) // top):
        if np.array_equal(scaled[original], samples):
            return original.astype(np.uint8 if wanted <= 8 else np.uint16), wanted
    return samples, depth


def _metadata(chunks: dict[bytes, bytes], texts: list[tuple[bytes, bytes]], name: str) -> Metadata:
    icc = exif = xmp = iptc = None
    if b"iCCP" in chunks:
        icc = _inflated(chunks[b"iCCP"].partition(b"\0")[2][1:], name)
    exif = chunks.get(b"eXIf")
    for kind, content in texts:
        keyword, _, rest = content.partition(b"\0")
        if kind == b"iTXt" and keyword == b"XML:com.adobe.xmp" and len(rest) > 2:
            text = rest[2:].split(b"\0", 2)[-1]
            xmp = _inflated(text, name) if rest[0] else text
        elif keyword.startswith(b"Raw profile type "):
            profile = keyword.removeprefix(b"Raw profile type ")
            body = _raw_profile(_inflated(rest[1:], name) if kind == b"zTXt" else rest)
            if profile in (b"exif", b"APP1") and body.startswith(b"Exif\0\0"):
                exif = exif or body
            elif profile == b"xmp":
                xmp = xmp or body
            elif profile in (b"icc", b"icm"):
                icc = icc or body
            elif profile == b"iptc":
                iptc = body
    _check_colours(chunks, icc, name)
    return Metadata(
        icc_profile=icc or None,
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=xmp or None,
        dpi=_dpi(chunks.get(b"pHYs", b"")),
        iptc=iptc or None,
    )


def _inflated(data: bytes, name: str) -> bytes:
    inflater = zlib.decompressobj()
    out = inflater.decompress(data, _MAX_TEXT)
    if inflater.unconsumed_tail:
        raise InputError(f"{name} has metadata of more than {_MAX_TEXT} bytes")
    return out


def _raw_profile(text: bytes) -> bytes:
    """Return the profile in ImageMagick's notation: a name, a length and hexadecimal digits."""
    lines = text.strip().split(b"\n", 2)
    if len(lines) < 3:
        return b""
    try:
        return bytes.fromhex(lines[2].decode("ascii", "replace"))
    except ValueError:
        return b""


def _dpi(physical: bytes) -> tuple[float, float] | None:
    if len(physical) < 9:
        return None
    across, down, unit = struct.unpack_from(">IIB", physical)
    return (across * _INCH, down * _INCH) if unit == 1 and across and down else None


def _check_colours(chunks: dict[bytes, bytes], icc: bytes | None, name: str) -> None:
    """Warn if the chunks of a file say that its colours are not those of sRGB, and it has no ICC profile."""
    if b"cICP" in chunks and chunks[b"cICP"][:3] not in (b"\x01\x0d\x00", b"\x01\x01\x00"):
        warn_caller(f"{name} says its colours in a cICP chunk, which is not kept", InputWarning)
    elif icc is None and b"sRGB" not in chunks:
        gamma, primaries = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
        other = len(gamma) == 4 and abs(int.from_bytes(gamma, "big") - _SRGB_GAMMA) > 500
        if len(primaries) == 32:
            values = struct.unpack(">8I", primaries)
            other |= any(
                abs(value - usual) > 200 for value, usual in zip(values, _SRGB_PRIMARIES, strict=True)
            )
        if other:
            warn_caller(
                f"{name} says its colours in gAMA and cHRM chunks, which are not kept: give it an ICC profile",
                InputWarning,
            )
