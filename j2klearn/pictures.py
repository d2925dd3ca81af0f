"""Picture files other than JPEG 2000, and writing files whole or not at all.

Pillow reads and writes them, but for RGB of 16 bits a sample, which Pillow would cut to 8: those go through tifffile
and pypng.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .errors import InputError, OptionError

__all__ = ["read_picture", "write_picture", "write_whole"]

_BITS_PER_SAMPLE = 258  # TIFF tag
_PLAIN_MODES = {"L": "L", "RGB": "RGB", "1": "L", "P": "RGB", "YCbCr": "RGB"}


def _depth_of_rgb(picture: Image.Image, path: Path) -> int:
    """Return the bits per sample of a picture that Pillow opens as RGB."""
    if picture.format == "TIFF":
        return int(max(picture.tag_v2.get(_BITS_PER_SAMPLE, (8,))))  # type: ignore[attr-defined]
    if picture.format == "PNG":
        with path.open("rb") as stream:
            return stream.read(25)[24]  # the bit depth in IHDR
    return 8


def _read_rgb16(path: Path, kind: str | None) -> NDArray[Any]:
    if kind == "TIFF":
        import tifffile

        return np.asarray(tifffile.imread(path))
    import png

    width, height, rows, _ = png.Reader(bytes=path.read_bytes()).asDirect()
    return np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, -1)


def _read(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        mode = picture.mode
        if mode == "RGB" and _depth_of_rgb(picture, path) > 8:
            return _read_rgb16(path, picture.format)
        if mode == "I" or mode.startswith("I;16"):
            samples = np.asarray(picture)
            if samples.size and (samples.min() < 0 or samples.max() > 0xFFFF):
                raise InputError(f"{path} has samples of more than 16 bits")
            return samples.astype(np.uint16)
        if mode not in _PLAIN_MODES or "transparency" in picture.info:
            raise InputError(
                f"{path} is a picture of mode {mode}, and only grey and RGB without alpha are coded"
            )
        return np.asarray(picture.convert(_PLAIN_MODES[mode]))


def read_picture(path: Path) -> NDArray[Any]:
    """Read a picture file as uint8 or uint16 samples, (H, W) or (H, W, 3).

    Raises
    ------
    InputError
        If it cannot be read, or is neither grey nor RGB.
    """
    try:
        return _read(path)
    except UnidentifiedImageError:
        raise InputError(f"{path} is not a picture in a format that Pillow reads") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path} is larger than Pillow allows") from None
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def write_picture(path: Path, samples: NDArray[Any]) -> None:
    """Write samples to a picture file whose format follows from the suffix; whole, or not at all.

    Raises
    ------
    OptionError
        If the format is not known, or does not hold such samples.
    """
    suffix = path.suffix.lower()
    if suffix not in Image.registered_extensions():
        raise OptionError(f"no picture format has the suffix {path.suffix!r}")
    wide = samples.dtype.itemsize > 1
    if samples.dtype.kind == "i":
        raise OptionError("a picture of signed samples cannot be written to a picture file")
    if wide and suffix not in (".png", ".tif", ".tiff"):
        raise OptionError(f"samples of more than 8 bits are written to PNG or TIFF, not to {path.suffix}")

    def write(temporary: Path) -> None:
        if wide and samples.ndim == 3 and suffix == ".png":
            import png

            height, width, _ = samples.shape
            with temporary.open("wb") as stream:
                writer = png.Writer(width, height, greyscale=False, bitdepth=16)
                writer.write_array(stream, samples.reshape(-1).tolist())
        elif wide and samples.ndim == 3:
            import tifffile

            tifffile.imwrite(temporary, samples, photometric="rgb")
        else:
            Image.fromarray(samples).save(temporary, format=Image.registered_extensions()[suffix])

    _replace(path, write)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one beside it, so that it is there whole or not at all."""
    _replace(path, lambda temporary: temporary.write_bytes(data))


def _replace(path: Path, write: Any) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent or Path(), prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
