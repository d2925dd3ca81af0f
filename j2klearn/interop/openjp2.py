"""The library in the place of OpenJPEG's, through which other programs decode learned files at full quality.

It has the public functions of ``libopenjp2.so.7`` and calls those of the real library (``native/openjp2/``). A program
uses it if the dynamic linker loads it first: by ``LD_PRELOAD``, or from a folder in ``LD_LIBRARY_PATH``. It loads its
engine, a library that lies beside it, when a program reads a learned file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from ..errors import NativeLibraryError, OptionError
from ..io.atomic import cannot_write, write_whole
from ..models.registry import shipped_files

__all__ = ["ENGINE", "LIBRARY", "environment", "install", "library"]

#: The name under which programs look for OpenJPEG 2.
LIBRARY = "libopenjp2.so.7"

#: The name under which the library looks for its engine, in its own folder.
ENGINE = "libj2kl_openjp2.so"

#: A symbol that only our library has.
_MARK = b"opj_j2klearn_version"


def library() -> Path:
    """Return the path of the library in this package.

    Raises
    ------
    NativeLibraryError
        If the package has none: it is built on Linux only.
    """
    path = Path(str(resources.files("j2klearn"))) / "native" / "openjp2" / LIBRARY
    if not path.is_file():
        where = "this package has no" if sys.platform == "linux" else "only on Linux there is a"
        raise NativeLibraryError(f"{where} library in the place of OpenJPEG's")
    return path


def environment(base: Mapping[str, str], folders: Sequence[Path] = ()) -> dict[str, str]:
    """Return the environment of a program that decodes learned files through the library.

    Parameters
    ----------
    base : mapping
        The environment to extend.
    folders : sequence of Path
        Folders of further model files.

    Raises
    ------
    NativeLibraryError
        If the package has no library.
    OptionError
        If a folder is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise OptionError(f"there is no folder {folder} of models")
    added = {"LD_PRELOAD": [str(library())], "J2KLEARN_MODELS": [str(folder.resolve()) for folder in folders]}
    out = dict(base)
    for name, values in added.items():
        values += [value for value in base.get(name, "").split(":") if value]
        if values:
            out[name] = ":".join(values)
    return out


def install(folder: Path) -> list[Path]:
    """Copy the library, its engine, and the models of the package into a folder, which is made if there is none.

    Parameters
    ----------
    folder : Path
        The folder. The models go into its subfolder ``models``, where the library finds them.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    OptionError
        If the folder has an OpenJPEG that is not ours: it is never replaced.
    WriteError
        If a file cannot be written.
    NativeLibraryError
        If the package has no library.
    """
    source, target = library(), folder / LIBRARY
    # The engine first: a program that starts meanwhile finds both.
    files = {folder / ENGINE: source.with_name(ENGINE).read_bytes(), target: source.read_bytes()}
    files |= {
        folder / "models" / f"{name}.safetensors": file.data
        for name, file in shipped_files().items()
        if file.kind is None
    }
    try:
        if target.exists() and _MARK not in target.read_bytes():
            raise OptionError(f"{target} is OpenJPEG's own library: choose a folder of its own")
        (folder / "models").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    for path, data in files.items():
        write_whole(path, data)
    for name in (ENGINE, LIBRARY):
        os.chmod(folder / name, 0o755)
    return list(files)
