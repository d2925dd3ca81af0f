"""Write pictures to files, with their colours, depth and metadata as far as the format holds them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.warning import warn_caller
from ..errors import MetadataWarning, OptionError
from . import picture_format
from .atomic import write_by
from .photoshop import IPTC, resource, without_resource
from .picture_format import Meaning, format_of, rescaled
from .picture_metadata import Metadata

__all__ = ["write_in_parts", "write_picture"]

_NAMES = {
    "icc_profile": "the ICC profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "geotiff": "the georeferencing",
    "dpi": "the resolution",
    "iptc": "IPTC",
    "photoshop": "Photoshop's image resources",
}

#: The longest side that libjpeg writes.
_JPEG_SIDE = 65_500

#: Bytes that fit into a marker segment of JPEG, which IPTC and Photoshop's image resources share; an ICC profile can
#: have 255 segments.
_JPEG_LIMITS = {
    "exif": 65_527,
    "xmp": 65_504,
    "icc_profile": 255 * 65_519,
    "iptc": 32_000,
    "photoshop": 33_000,
}
_APP13, _PHOTOSHOP = b"\xff\xed", b"Photoshop 3.0\0"


def write_picture(
    path: Path, samples: NDArray[Any], meaning: Meaning | None = None, metadata: Metadata | None = None
) -> None:
    """Write a picture file atomically.

    Parameters
    ----------
    path : Path
        The file to write. Its suffix selects the format.
    samples : ndarray, shape (H, W) or (H, W, C)
        Samples, uint8, uint16, int8 or int16.
    meaning : Meaning, optional
        What they mean. Default: all bits of the dtype are significant; grey, grey and alpha, RGB, RGB and alpha.
    metadata : Metadata, optional
        Metadata to write.

    Raises
    ------
    OptionError
        If the suffix is unknown, or the format cannot store such samples.
    WriteError
        If the file cannot be written.

    Warns
    -----
    MetadataWarning
        If the format does not hold some of the metadata.
    """
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[:, :, 0]
    components = 1 if samples.ndim == 2 else samples.shape[2]
    meaning = meaning or Meaning.of_samples(components, samples.dtype)
    file_format = format_of(path)
    if file_format is picture_format.TIFF:
        write_in_parts(path, samples.shape, samples.dtype, [samples], meaning, metadata or Metadata())
        return
    file_format.check(meaning, components, samples.dtype)
    kept = _held(metadata or Metadata(), file_format.metadata, file_format.name)
    if meaning.alpha == "premultiplied":
        samples = _straight(samples, meaning)
    write_by(path, _writer(path.suffix.lower(), samples, meaning, kept))


def write_in_parts(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    bands: Iterable[NDArray[Any]],
    meaning: Meaning,
    metadata: Metadata,
) -> None:
    """Write a picture file atomically from bands of rows, in order.

    For TIFF, memory holds one band at a time; for the other formats, it holds the picture.

    Parameters
    ----------
    path : Path
        The file to write. Its suffix selects the format.
    shape : (int, int) or (int, int, int)
        Shape of the picture.
    dtype : dtype
        Dtype of the samples.
    bands : iterable of ndarray, shape (h, W) or (h, W, C)
        The rows.
    meaning, metadata
        As in `write_picture`.

    Raises
    ------
    OptionError, WriteError
        As `write_picture`.
    """
    from .tiff_writer import write_tiff

    file_format = format_of(path)
    file_format.check(meaning, 1 if len(shape) == 2 else shape[2], dtype)
    if file_format is picture_format.TIFF:
        write_by(path, lambda temporary: write_tiff(temporary, shape, dtype, bands, meaning, metadata))
        return
    samples, y = np.empty(shape, dtype), 0
    for band in bands:
        samples[y : y + len(band)] = band
        y += len(band)
    write_picture(path, samples, meaning, metadata)


def _held(metadata: Metadata, kinds: tuple[str, ...], name: str) -> Metadata:
    """Return the metadata that a format holds, and warn of the rest."""
    limits = _JPEG_LIMITS if name == "JPEG" else {}
    lost = []
    for kind in (field.name for field in fields(metadata)):
        value = getattr(metadata, kind)
        if value is not None and (kind not in kinds or (kind in limits and len(value) > limits[kind])):
            lost.append(kind)
    if lost:
        words = [_NAMES[kind] for kind in lost]
        text = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
        reason = "cannot hold so much of" if any(kind in kinds for kind in lost) else "cannot hold"
        warn_caller(f"{name} {reason} {text}: left out", MetadataWarning)
    return replace(metadata, **dict.fromkeys(lost))


def _straight(samples: NDArray[Any], meaning: Meaning) -> NDArray[Any]:
    """Divide premultiplied colours by alpha, rounded; where alpha is 0 they are 0."""
    colours, top = meaning.colours, (1 << meaning.bit_depth) - 1
    alpha = samples[:, :, colours].astype(np.uint32)[:, :, None]
    values = (samples[:, :, :colours].astype(np.uint32) * top + alpha // 2) // np.maximum(alpha, 1)
    out = samples.copy()
    out[:, :, :colours] = np.where(alpha == 0, 0, np.minimum(values, top))
    return out


def _writer(
    suffix: str, samples: NDArray[Any], meaning: Meaning, metadata: Metadata
) -> Callable[[Path], object]:
    if suffix == ".png":
        from .png_writer import encode_png

        return lambda temporary: temporary.write_bytes(encode_png(samples, meaning, metadata))
    if suffix in _PNM:
        encode = _PNM[suffix]
        return lambda temporary: temporary.write_bytes(encode(samples, meaning))
    return lambda temporary: _save_by_pillow(temporary, suffix, samples, meaning, metadata)


def _pnm(samples: NDArray[Any], meaning: Meaning) -> bytes:
    """Return a binary PGM or PPM file, whose maxval says the bit depth."""
    height, width = samples.shape[:2]
    head = f"P{5 if meaning.space == 'grey' else 6}\n{width} {height}\n{(1 << meaning.bit_depth) - 1}\n"
    return head.encode() + samples.astype(">u2" if meaning.bit_depth > 8 else "u1").tobytes()


def _pbm(samples: NDArray[Any], meaning: Meaning) -> bytes:
    """Return a binary PBM file, where 1 is black."""
    height, width = samples.shape
    return f"P4\n{width} {height}\n".encode() + np.packbits(samples == 0, axis=1).tobytes()


def _pam(samples: NDArray[Any], meaning: Meaning) -> bytes:
    """Return a PAM file, whose tuple type says what the components mean."""
    height, width = samples.shape[:2]
    top = (1 << meaning.bit_depth) - 1
    colour = "RGB" if meaning.space == "rgb" else "GRAYSCALE" if top > 1 else "BLACKANDWHITE"
    head = (
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {samples[0, 0].size}\nMAXVAL {top}\n"
        f"TUPLTYPE {colour}{'_ALPHA' if meaning.alpha else ''}\nENDHDR\n"
    )
    return head.encode() + samples.astype(">u2" if meaning.bit_depth > 8 else "u1").tobytes()


_PNM = {".pbm": _pbm, ".pgm": _pnm, ".ppm": _pnm, ".pnm": _pnm, ".pam": _pam}


def _photoshop_segment(metadata: Metadata) -> bytes:
    """Return the marker segment of JPEG that holds Photoshop's image resources, IPTC among them."""
    content = metadata.photoshop or b""
    if metadata.iptc is not None:
        content = without_resource(content, IPTC) + resource(IPTC, metadata.iptc)
    content = _PHOTOSHOP + content
    return _APP13 + struct.pack(">H", len(content) + 2) + content


def _save_by_pillow(
    path: Path, suffix: str, samples: NDArray[Any], meaning: Meaning, metadata: Metadata
) -> None:
    from PIL import Image

    options: dict[str, Any] = {
        "icc_profile": metadata.icc_profile,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
        "exif": None if metadata.exif is None else b"Exif\0\0" + metadata.exif,
    }
    if metadata.iptc is not None or metadata.photoshop is not None:
        options["extra"] = _photoshop_segment(metadata)
    if suffix == ".webp":
        options |= {"lossless": True, "exact": True}
    picture = Image.fromarray(rescaled(samples, meaning.bit_depth, 8))
    given = {name: value for name, value in options.items() if value is not None}
    program = Image.registered_extensions()[suffix]
    if program in ("JPEG", "MPO") and max(picture.size) > _JPEG_SIDE:
        raise OptionError(f"JPEG files have at most {_JPEG_SIDE} rows and columns: write PNG or TIFF")
    try:
        picture.save(path, format=program, **given)
        if program in Image.OPEN:
            with Image.open(path, formats=[program]) as written:  # icons of other sizes are made smaller
                if written.size != picture.size:
                    raise ValueError("it would have another size")
    except (ValueError, KeyError, OverflowError, RuntimeError, struct.error) as error:
        raise OptionError(f"Pillow cannot write this picture to {suffix}: {error}") from None
    except OSError as error:
        if error.errno is None:  # an error of the format, not of the disk
            raise OptionError(f"Pillow cannot write this picture to {suffix}: {error}") from None
        raise
