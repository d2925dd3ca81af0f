"""Files of other formats that hold JPEG 2000: a PDF page (ISO 32000-1, 7.4.9), a slide of Aperio's (a tiled TIFF)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["pdf_page", "slide"]

_JPEG2000_RGB = 33005  # Aperio's number for Compression: the components are RGB


def pdf_page(picture: bytes | NDArray[np.uint8], height: int, width: int) -> bytes:
    """Return a PDF file with one page, as large as the picture it shows: a JP2 file, or samples that are not coded."""
    if isinstance(picture, bytes):
        kind, body = "/Filter /JPXDecode", picture
    else:
        space = "/DeviceGray" if picture.ndim == 2 else "/DeviceRGB"
        kind, body = f"/ColorSpace {space} /BitsPerComponent 8", picture.tobytes()
    contents = f"q {width} 0 0 {height} 0 0 cm /P Do Q".encode()
    page = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents 4 0 R"
    image = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} {kind}"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< {page} /Resources << /XObject << /P 5 0 R >> >> >>".encode(),
        _stream("", contents),
        _stream(image, body),
    ]
    out, starts = bytearray(b"%PDF-1.5\n"), []
    for number, each in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    count, end = len(objects) + 1, len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, end)
    return bytes(out)


def _stream(entries: str, body: bytes) -> bytes:
    return f"<< {entries} /Length {len(body)} >>\nstream\n".encode() + body + b"\nendstream"


def slide(tiles: Sequence[bytes], height: int, width: int, side: int) -> bytes:
    """Return a slide of one level, an SVS file, whose square tiles are codestreams of RGB pictures."""
    out = bytearray(b"II*\0\0\0\0\0")
    said = f"Aperio Image Library v1\n{width}x{height} ({side}x{side}) J2K|AppMag = 20|MPP = 0.5\0".encode()

    def put(body: bytes) -> int:
        start = len(out)
        out.extend(body + bytes(len(body) % 2))
        return start

    count, short, long = len(tiles), 3, 4
    starts = [put(tile) for tile in tiles]
    tags = [
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, 3, put(struct.pack("<3H", 8, 8, 8))),
        (259, short, 1, _JPEG2000_RGB),
        (262, short, 1, 2),  # RGB
        (270, 2, len(said), put(said)),
        (277, short, 1, 3),
        (284, short, 1, 1),
        (322, long, 1, side),
        (323, long, 1, side),
        (324, long, count, put(struct.pack(f"<{count}I", *starts))),
        (325, long, count, put(struct.pack(f"<{count}I", *map(len, tiles)))),
    ]
    struct.pack_into("<I", out, 4, len(out))
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return bytes(out) + struct.pack("<H", len(tags)) + entries + bytes(4)
