"""Write PNG files of 1 to 16 bits, with the chunks of their metadata."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .picture_format import Meaning, rescaled
from .picture_metadata import Metadata

__all__ = ["encode_png"]

_INCH = 0.0254  # metres
_START = 33  # end of the signature and of IHDR
_U31 = (1 << 31) - 1


def encode_png(samples: NDArray[Any], meaning: Meaning, metadata: Metadata) -> bytes:
    """Encode a picture as PNG.

    Bilevel pictures have one bit per sample. Other samples are scaled to 8 or 16 bits, and sBIT says how many bits are
    significant (PNG, 11.3.2.4).

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, C), uint8 or uint16
        Grey or RGB, with or without straight alpha.
    meaning : Meaning
        What they mean.
    metadata : Metadata
        ICC profile, EXIF, XMP and resolution.

    Returns
    -------
    bytes
        The file.
    """
    components = 1 if samples.ndim == 2 else samples.shape[2]
    depth = meaning.bit_depth
    significant = meaning.significant or (depth,) * components
    if depth == 1 and components == 1:
        data, written = _bilevel(samples), 1
    else:
        import imagecodecs

        written = 8 if depth <= 8 else 16
        data = bytes(imagecodecs.png_encode(np.ascontiguousarray(rescaled(samples, depth, written))))
    chunks = _chunks(metadata)
    if any(bits < written for bits in significant):
        chunks = _chunk(b"sBIT", bytes(significant)) + chunks
    return data[:_START] + chunks + data[_START:]


def _bilevel(samples: NDArray[Any]) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(samples.astype(bool)).save(out, format="PNG")
    return out.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunks(metadata: Metadata) -> bytes:
    out = b""
    if metadata.icc_profile is not None:
        out += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc_profile))
    if metadata.dpi is not None:
        across, down = (min(_U31, round(value / _INCH)) for value in metadata.dpi)
        out += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if metadata.exif is not None:
        out += _chunk(b"eXIf", metadata.exif)
    if metadata.xmp is not None:
        out += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    return out
