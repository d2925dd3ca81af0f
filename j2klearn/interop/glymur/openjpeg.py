"""glymur calls OpenJPEG too. Where it has found none, as beside a wheel that brings its own, it gets ours."""

from __future__ import annotations

import ctypes
import importlib

from glymur import config, version
from glymur.lib import openjp2

from ...errors import NativeLibraryError
from ...native.openjpeg import bundled_file, loaded_files

__all__ = ["provide"]


def provide() -> None:
    """Give glymur the OpenJPEG that j2klearn uses, unless it has one.

    glymur looks for the library, and lays out its structures by its version, when its module is imported. So that
    module is loaded again.
    """
    if openjp2.OPENJP2 is not None:
        return
    try:
        files = [path for path in [bundled_file()] if path] or loaded_files()
    except NativeLibraryError:
        return  # there is no library of ours either; reading says so
    if not files:
        return
    library, find = ctypes.CDLL(str(files[0])), config.glymur_config
    config.glymur_config = lambda name: library if name == "openjp2" else find(name)
    try:
        importlib.reload(openjp2)
    finally:
        config.glymur_config = find
    version.openjpeg_version = openjp2.version()
    version.openjpeg_version_tuple = version.parse(version.openjpeg_version).release
