"""JPEG 2000 with a learned wavelet transform.

`encode` writes a picture, `decode` reads one, `info` says what a file is; `encode_file` and `open` are for pictures
that do not fit into memory. Files open in every JPEG 2000 reader;
read with j2klearn they have the same quality for fewer bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .access.picture import PictureFile, open
    from .describe import info
    from .ebcot.reader import decode
    from .encoder import encode
    from .jp2k import Jp2k
    from .jp2kr import Jp2kr
    from .large import encode_file
    from .pillow import register_pillow

__all__ = [
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
    "register_pillow",
]

__version__ = "0.1.0"

from . import errors

_HOMES = {
    "Jp2k": "jp2k",
    "Jp2kr": "jp2kr",
    "PictureFile": "access.picture",
    "decode": "ebcot.reader",
    "encode": "encoder",
    "encode_file": "large",
    "info": "describe",
    "open": "access.picture",
    "register_pillow": "pillow",
}


def __getattr__(name: str) -> object:
    # PyTorch and glymur take seconds to import: they wait until they are needed.
    if name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
