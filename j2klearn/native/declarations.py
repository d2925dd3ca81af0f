"""The declarations of ``j2kl.h`` for cffi.

Parsing them takes about as long as decoding a small picture. So the build parses them once and writes the module
``_j2kl.py``, which is installed beside the library (``python declarations.py HEADER MODULE``). It is used only if
it was made from the same header; otherwise the header is parsed.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from typing import Any

__all__ = ["HEADER", "read", "write"]

#: The names of the header and of the module.
HEADER, _MODULE = "j2kl.h", "_j2kl"


def _declarations(header: bytes) -> str:
    return header.decode("utf-8").partition("[cffi begin] */")[2].partition("/* [cffi end]")[0]


def _digest(header: bytes) -> str:
    return hashlib.sha256(header).hexdigest()


def read(header: Path) -> Any:
    """Return cffi's ``ffi`` with the declarations of a header.

    Parameters
    ----------
    header : Path
        The header, in the folder of this package.
    """
    data = header.read_bytes()
    try:
        module = importlib.import_module(f".{_MODULE}", __package__)
        if _digest(data) == module.DIGEST:
            return module.ffi
    except Exception:  # it is missing, damaged, or made for another cffi
        pass
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(_declarations(data))
    return ffi


def write(header: Path, module: Path) -> None:
    """Write the module of a header."""
    import cffi

    data = header.read_bytes()
    ffi = cffi.FFI()
    ffi.set_source(_MODULE, None)
    ffi.cdef(_declarations(data))
    ffi.emit_python_code(str(module))
    with module.open("a") as stream:
        stream.write(f'DIGEST = "{_digest(data)}"\n')


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
