"""Upper limits on what a file may declare."""

from __future__ import annotations

import math

from ..errors import LimitError, OptionError
from .scalars import as_integer, as_real

__all__ = [
    "MAX_COMPONENTS",
    "MAX_EMBEDDED_BYTES",
    "MAX_ENTROPY_MODEL_BYTES",
    "MAX_MODEL_BYTES",
    "MAX_PIXELS",
    "MAX_TILES",
    "check_pixels",
    "pixel_limit",
]

#: Default limit of the pixels of a picture: Pillow's limit against decompression bombs. Callers may change it.
MAX_PIXELS = 178_956_970

#: Components of a learned codestream.
MAX_COMPONENTS = 255

#: Components of any other codestream (T.800 Table A.9).
MAX_COMPONENTS_ORDINARY = 16_384

#: Tiles of a codestream (T.800 A.4.2 counts them in 16 bits).
MAX_TILES = 65_535

#: Bytes of a model file that is embedded in a picture.
MAX_EMBEDDED_BYTES = 1 << 20

#: Bytes of the model file of a transform.
MAX_MODEL_BYTES = 1 << 22

#: Bytes of the model file of an entropy model. These are never embedded in pictures.
MAX_ENTROPY_MODEL_BYTES = 1 << 26


def pixel_limit(value: object) -> int | None:
    """Return the option `max_pixels` as an int; None and infinity mean no limit.

    Raises
    ------
    OptionError
        If it is neither a number of pixels nor None. A float such as ``1e9`` is a number of pixels.
    """
    if value is None:
        return None
    limit = as_real(value) if as_integer(value) is None else as_integer(value)
    if limit is None or not limit >= 0:
        raise OptionError(f"max_pixels must be a number of pixels, or None for no limit, not {value!r}")
    return None if limit == math.inf else int(limit)


def check_pixels(height: int, width: int, max_pixels: int | None) -> None:
    """Check the size of a picture against a limit.

    Parameters
    ----------
    height, width : int
        Size of the picture in pixels.
    max_pixels : int or None
        Largest allowed ``height * width``; None for no limit.

    Raises
    ------
    LimitError
        If the picture has more pixels.
    """
    if max_pixels is not None and height * width > max_pixels:
        raise LimitError(
            f"the picture has {height} x {width} pixels, over the limit of {max_pixels}: raise max_pixels to allow it"
        )
