"""JPEG 2000 with a learned wavelet transform.

`encode` writes a picture, `decode` reads one, and `info` describes a file. `encode_file` and `open` are for pictures
that do not fit into memory. The files open in every JPEG 2000 reader; decoded with j2klearn, they need fewer bits for
the same quality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api.decode import decode
    from .api.describe import info
    from .api.encode import encode
    from .api.encode_file import encode_file
    from .api.picture_file import PictureFile, open
    from .api.presets import presets
    from .api.repack import repack
    from .core.process_limits import Isolation
    from .interop.glymur.jp2k import Jp2k
    from .interop.glymur.jp2kr import Jp2kr
    from .interop.pillow import register_pillow

__all__ = [
    "Isolation",
    "Jp2k",
    "Jp2kr",
    "PictureFile",
    "__version__",
    "decode",
    "encode",
    "encode_file",
    "errors",
    "info",
    "open",
    "presets",
    "register_pillow",
    "repack",
]

from . import errors
from ._version import __version__
from .core import forked as _forked  # noqa: F401  (it registers a function that is called after fork)
from .core.lazy import lazy_names

_HOMES = {
    "Isolation": "core.process_limits",
    "Jp2k": "interop.glymur.jp2k",
    "Jp2kr": "interop.glymur.jp2kr",
    "PictureFile": "api.picture_file",
    "decode": "api.decode",
    "encode": "api.encode",
    "encode_file": "api.encode_file",
    "info": "api.describe",
    "open": "api.picture_file",
    "open_jpeg2000": "api.jpeg2000_input",  # not public: the reader of picture files in io looks it up here
    "presets": "api.presets",
    "register_pillow": "interop.pillow",
    "repack": "api.repack",
}

# importing PyTorch and glymur takes seconds, so public names are imported on first use
__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
