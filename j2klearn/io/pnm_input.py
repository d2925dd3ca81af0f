"""Read PNM and PAM files (netpbm formats P1 to P7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.limits import MAX_COMPONENTS, check_pixels
from ..core.warning import warn_caller
from ..errors import InputError, InputWarning
from .input_picture import ALPHA, UNSPECIFIED, Colour, InputPicture

__all__ = ["is_pnm", "open_pnm"]

_MAX_HEADER = 1 << 16
_SPACE = b" \t\n\v\f\r"

#: Tuple types of PAM files that name their colours.
_PAM_COLOURS: dict[bytes, Colour] = {
    b"BLACKANDWHITE": "grey",
    b"GRAYSCALE": "grey",
    b"RGB": "rgb",
    b"CMYK": "cmyk",
}


def is_pnm(head: bytes) -> bool:
    """Return whether a file with these first bytes is a PNM or PAM file, or a PFM file, which is refused."""
    return len(head) > 2 and head[:1] == b"P" and head[1:2] in b"1234567fF" and head[2:3] in _SPACE + b"#"


class _Samples:
    """Rows of a raw file, in native byte order."""

    def __init__(self, samples: NDArray[Any]) -> None:
        self._samples = samples
        self.shape = samples.shape
        self.dtype = samples.dtype.newbyteorder("=")

    def __getitem__(self, index: slice) -> NDArray[Any]:
        return self._samples[index].astype(self.dtype)


class _Bits:
    """Rows of a raw bitmap, in which a set bit is black."""

    def __init__(self, packed: NDArray[np.uint8], width: int) -> None:
        self._packed = packed
        self.shape = (packed.shape[0], width)
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, index: slice) -> NDArray[np.uint8]:
        return np.bitwise_xor(np.unpackbits(self._packed[index], axis=1, count=self.shape[1]), np.uint8(1))


def open_pnm(data: NDArray[np.uint8], name: str, max_pixels: int | None) -> InputPicture:
    """Open a PNM or PAM file.

    Parameters
    ----------
    data : ndarray of uint8
        The bytes of the file, for example a memory map.
    name : str
        What to call the file in messages.
    max_pixels : int or None
        Limit of the pixels of a file that is read into memory: one whose samples are text.

    Returns
    -------
    InputPicture
        The picture, with the bits that its maxval needs.

    Raises
    ------
    InputError
        If the file is damaged or holds several pictures.

    Warns
    -----
    InputWarning
        If maxval is not a power of two less one: a JPEG 2000 file cannot say that such a value is white.
    """
    kind = bytes(data[:2])
    if kind in (b"Pf", b"PF"):
        raise InputError(f"{name} holds floating-point samples, which JPEG 2000 cannot hold")
    if kind == b"P7":
        width, height, depth, maxval, tuple_type, at = _pam_header(bytes(data[:_MAX_HEADER]), name)
    else:
        numbers, at = _numbers(bytes(data[:_MAX_HEADER]), 2 if kind in (b"P1", b"P4") else 3, name)
        width, height, maxval = numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 1
        depth, tuple_type = (3 if kind in (b"P3", b"P6") else 1), b""
    if not (width > 0 and height > 0 and 0 < maxval < 1 << 16 and 0 < depth <= MAX_COMPONENTS):
        raise InputError(
            f"{name} has an invalid header: {width} x {height} pixels, {depth} components, maxval {maxval}"
        )
    colour, extra = _meaning(depth, tuple_type)
    picture = InputPicture(
        np.empty((0, 0)), max(1, maxval.bit_length()), colour=colour, extra=extra, in_parts=True
    )
    shape = (height, width) if depth == 1 else (height, width, depth)
    if kind in (b"P1", b"P2", b"P3"):
        check_pixels(height, width, max_pixels)
        picture.in_parts = False
        picture.samples = _text_samples(data, at, shape, 0 if kind == b"P1" else maxval, name)
    elif kind == b"P4":
        row = -(-width // 8)
        picture.samples = _Bits(_raw(data, at, height * row, name).reshape(height, row), width)
    else:
        dtype = np.dtype(">u2" if maxval > 255 else "u1")
        size = height * width * depth * dtype.itemsize
        picture.samples = _Samples(_raw(data, at, size, name).view(dtype).reshape(shape))
    if maxval & (maxval + 1):
        warn_caller(
            f"{name} has the maxval {maxval}: the samples are kept, but a JPEG 2000 file takes "
            f"{(1 << maxval.bit_length()) - 1} for white",
            InputWarning,
        )
    return picture


def _meaning(depth: int, tuple_type: bytes) -> tuple[Colour | None, tuple[str, ...] | None]:
    base, has_alpha = tuple_type.removesuffix(b"_ALPHA"), tuple_type.endswith(b"_ALPHA")
    if not tuple_type:
        return {1: ("grey", ()), 3: ("rgb", ())}.get(depth, (None, None))  # type: ignore[return-value]
    colour = _PAM_COLOURS.get(base)
    if colour is None:
        return None, None
    extra = depth - {"grey": 1, "rgb": 3, "cmyk": 4}[colour]
    if extra < int(has_alpha):
        return None, None
    return colour, (*((ALPHA,) if has_alpha else ()), *[UNSPECIFIED] * (extra - int(has_alpha)))


def _raw(data: NDArray[np.uint8], at: int, size: int, name: str) -> NDArray[np.uint8]:
    if len(data) < at + size:
        raise InputError(
            f"{name} is cut off: its samples take {size} bytes, and {max(0, len(data) - at)} are there"
        )
    if is_pnm(bytes(data[at + size : at + size + 3])):
        raise InputError(f"{name} holds several pictures: split it first")
    return data[at : at + size]


def _text_samples(
    data: NDArray[np.uint8], at: int, shape: tuple[int, ...], maxval: int, name: str
) -> NDArray[Any]:
    """Return the samples of a file that lists them as decimal numbers; a maxval of 0 means the digits of a bitmap."""
    text = b"\n".join(line.partition(b"#")[0] for line in bytes(data[at:]).splitlines())
    count = int(np.prod(shape))
    values: NDArray[Any]
    if not maxval:
        digits = np.frombuffer(text, np.uint8)
        values = digits[(digits == ord("0")) | (digits == ord("1"))][:count] - ord("0")
        values = values ^ 1
    else:
        words = text.split(None, count)[:count]
        if not all(word.isdigit() and len(word) < 6 for word in words):
            raise InputError(f"{name} has a sample that is not a number from 0 to 65535")
        values = np.array([int(word) for word in words], np.int64)
    if len(values) < count:
        raise InputError(f"{name} is cut off: it has {len(values)} of {count} samples")
    if values.size and values.max() > max(1, maxval):
        raise InputError(f"{name} has a sample of {values.max()}, over its maxval {maxval}")
    return values.astype(np.uint8 if maxval < 256 else np.uint16).reshape(shape)


def _numbers(head: bytes, count: int, name: str) -> tuple[list[int], int]:
    """Return the numbers of a header after the two bytes of the type, and the offset of the samples."""
    out: list[int] = []
    at = 2
    while len(out) < count:
        while at < len(head) and (head[at] in _SPACE or head[at] == ord("#")):
            if head[at] == ord("#"):
                end = head.find(b"\n", at)
                at = len(head) if end < 0 else end
            at += 1
        start = at
        while at < len(head) and head[at : at + 1].isdigit():
            at += 1
        if start == at or at - start > 10:
            raise InputError(f"{name} has an invalid header")
        out.append(int(head[start:at]))
    return out, at + 1  # one space


def _pam_header(head: bytes, name: str) -> tuple[int, int, int, int, bytes, int]:
    end = head.find(b"ENDHDR\n")
    values: dict[bytes, bytes] = {}
    for line in head[3 : max(end, 3)].splitlines():
        key, _, value = line.strip().partition(b" ")
        if key and not key.startswith(b"#"):
            values[key] = (values[key] + b" " + value.strip()) if key in values else value.strip()
    names = (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
    if end < 0 or not all(values.get(key, b"").isdigit() and len(values[key]) <= 10 for key in names):
        raise InputError(f"{name} has an invalid header")
    width, height, depth, maxval = (int(values[key]) for key in names)
    return width, height, depth, maxval, values.get(b"TUPLTYPE", b""), end + len(b"ENDHDR\n")
