"""What a file may ask for at most, unless the caller says otherwise."""

from __future__ import annotations

from ..errors import LimitError

__all__ = [
    "MAX_COMPONENTS",
    "MAX_EMBEDDED_BYTES",
    "MAX_ENTROPY_MODEL_BYTES",
    "MAX_MODEL_BYTES",
    "MAX_PIXELS",
    "MAX_TILES",
    "check_pixels",
]

#: Pixels of a picture (Pillow's limit against decompression bombs).
MAX_PIXELS = 178_956_970

#: Components of a learned codestream, and of any other.
MAX_COMPONENTS = 255
MAX_COMPONENTS_ORDINARY = 16_384

#: Tiles of a codestream (T.800 A.4.2 counts them in 16 bits).
MAX_TILES = 65_535

#: Bytes of the model file that a picture may carry.
MAX_EMBEDDED_BYTES = 1 << 20

#: Bytes of any transform's model file.
MAX_MODEL_BYTES = 1 << 22

#: Bytes of the file of an entropy model, which no picture carries.
MAX_ENTROPY_MODEL_BYTES = 1 << 26


def check_pixels(height: int, width: int, max_pixels: int | None) -> None:
    """Raise `LimitError` when a picture has more than `max_pixels` pixels (None: no limit)."""
    if max_pixels is not None and height * width > max_pixels:
        raise LimitError(
            f"the picture has {height} x {width} pixels, over the limit of {max_pixels}: raise max_pixels to allow it"
        )
