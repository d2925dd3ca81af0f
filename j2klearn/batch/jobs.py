"""The jobs of a collection: the pictures of a folder or a list, and the JP2 files to write."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, OptionError
from ..io.pictures import SUFFIXES, pictures_in
from .summary import Failure

__all__ = ["Collection", "Job", "find_jobs", "read_list"]

Place = str | bytes | os.PathLike[str] | os.PathLike[bytes]

Sources = Place | Iterable[Place]


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to encode, and the JP2 file to write.

    Attributes
    ----------
    source, target : str
        Absolute paths. They are strings, which take less memory than `Path`: a collection may have millions.
    """

    source: str
    target: str


@dataclass
class Collection:
    """The jobs of a collection, and a failure for each folder that cannot be listed."""

    jobs: list[Job] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def read_list(data: bytes, name: str) -> list[str]:
    """Return the paths in a text with one path per line; empty lines are skipped.

    Parameters
    ----------
    data : bytes
        The text, in the encoding of the file system.
    name : str
        What to call the text in messages.

    Raises
    ------
    InputError
        If the data is not text.
    """
    if b"\0" in data:
        raise InputError(f"{name} is neither a folder nor a text file with one path per line")
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")  # the byte-order mark of UTF-8
    return [os.fsdecode(line.removesuffix(b"\r")) for line in lines if line.strip()]


def _path(name: str, value: object) -> str:
    """Return an argument that is a path as text.

    An empty path is refused too: it would be the current folder, and is more likely a variable that is not set.
    """
    if not isinstance(value, str | bytes | os.PathLike):
        raise InputError(f"{name} is a path, not {value!r}")
    path = os.fsdecode(value)
    if not path or "\0" in path:
        raise InputError(f"{name} is a path, and {path!r} cannot be one")
    return path


def _listed(source: str) -> list[str]:
    try:
        return read_list(Path(source).read_bytes(), source)
    except FileNotFoundError:
        raise InputError(f"there is no folder and no list {source}") from None
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from None


def _names(paths: Iterable[Place], root: Path) -> Iterator[tuple[str, Path]]:
    """Yield each path of a list, and its path relative to `root`, or only its name if it is not below `root`."""
    for path in paths:
        source = Path(os.path.abspath(_path("each entry of a list", path)))
        inside = root in source.parents
        yield str(source), source.relative_to(root) if inside else Path(source.name or "root")


def find_jobs(
    sources: Sources,
    target: Place,
    *,
    root: Place | None = None,
    keep_suffix: bool = False,
) -> Collection:
    """Return the jobs of a collection, including those whose file exists already.

    Parameters
    ----------
    sources : path, or iterable of paths
        A folder, a text file of paths, or the paths themselves.
    target : path
        Folder for the JP2 files.
    root : path, optional
        Folder below which pictures of a list keep their subfolders. Default: the current folder.
    keep_suffix : bool
        Name files ``photo.tif.jp2`` rather than ``photo.jp2``.

    Raises
    ------
    InputError
        If there is no such folder or list, or an argument is no path.
    OptionError
        If there are no pictures, if two pictures would be written to the same file, or if a file would replace one of
        the pictures.
    """
    found = Collection()
    named: Iterable[tuple[str, Path]]
    out = Path(os.path.abspath(_path("the target", target)))
    base = Path(os.path.abspath(os.fsdecode(root or os.curdir)))
    if isinstance(sources, str | bytes | os.PathLike):
        single = _path("the collection", sources)
        if not os.path.isdir(single):
            named = _names(_listed(single), base)
        elif root is not None:
            raise OptionError("root is only for a list of pictures: a folder is its own root")
        else:
            folder = Path(os.path.abspath(single))
            files = pictures_in(folder, lambda error: found.failures.append(_unlisted(error)))
            named = ((str(path), path.relative_to(folder)) for path in files)
    elif isinstance(sources, Iterable):
        named = _names(sources, base)
    else:
        raise InputError(f"a collection is a path or a list of paths, not {sources!r}")
    becomes: dict[str, str] = {}
    for source, name in named:
        file = str(out / (name.with_name(name.name + ".jp2") if keep_suffix else name.with_suffix(".jp2")))
        other = becomes.setdefault(file, source)
        if other != source:
            raise OptionError(
                f"{other} and {source} would both become {file}: keep their suffixes (--keep-suffix), or their "
                "folders (--root)"
            )
    if not becomes and not found.failures:
        raise OptionError(f"there is no {', '.join(SUFFIXES)} file to encode")
    place = _places()
    pictures = set(map(place, becomes.values()))
    for file, source in becomes.items():
        if place(file) in pictures:
            raise OptionError(f"{source} would be written over {file}: choose another folder")
    found.jobs = [Job(source, file) for file, source in becomes.items()]
    return found


def _places() -> Callable[[str], str]:
    """Return a function that returns the path of a file with the links of its folder resolved."""
    real = functools.cache(os.path.realpath)  # a collection has fewer folders than files
    return lambda path: os.path.join(real(os.path.dirname(path)), os.path.basename(path))


def _unlisted(error: OSError) -> Failure:
    return Failure(Path(error.filename), f"cannot list the folder: {error.strerror}")
