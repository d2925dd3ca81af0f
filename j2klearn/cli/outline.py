"""What ``j2klearn info`` prints: the facts, then the boxes and marker segments of a file."""

from __future__ import annotations

import json
import textwrap
import warnings
from pathlib import Path
from typing import IO, Any

from ..api.describe import info
from ..io.sources import ByteSource, open_source
from .listing import list_file

__all__ = ["as_json", "outline"]


def outline(path: str | Path | IO[bytes], *, full: bool = False) -> str:
    """Describe a file: its facts, and its boxes and the marker segments of its main header, a line each.

    Parameters
    ----------
    path : str, Path or binary file object
        A JP2 file or a codestream. Of a file at a URL, only the facts are returned.
    full : bool
        Add everything that boxes and marker segments hold, as glymur's jp2dump prints it.

    Returns
    -------
    str
        Several lines, without a line break at the end.

    Raises
    ------
    CodestreamError
        If the file is not JPEG 2000, or its main header is damaged.
    InvalidFileError
        With `full`: if glymur cannot read the boxes.
    """
    file = open_source(path)
    facts = str(info(file))
    if isinstance(path, str) and "://" in path:
        return facts
    lines = _full(file) if full else list_file(file.peek, file.size)
    return "\n".join([facts, "", *lines])


def as_json(path: str | Path | IO[bytes]) -> str:
    """Return the properties of a file as a JSON object; see `j2klearn.api.describe.Info.as_dict`.

    Raises
    ------
    CodestreamError
        If the file is not JPEG 2000, or its main header is damaged.
    """
    return json.dumps(info(open_source(path)).as_dict(), indent=2)


def _full(source: ByteSource) -> list[str]:
    """Return what glymur prints of a file, and its warnings as notes."""
    from ..interop.glymur.jp2kr import Jp2kr

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        file = Jp2kr(source)
        lines = [line for box in file.box for line in _printed(box)]
        if not file.box:
            lines = str(file.codestream).splitlines()
    return [*lines, *(f"note: {textwrap.shorten(str(warning.message), 200)}" for warning in caught)]


def _printed(box: Any) -> list[str]:
    try:
        return str(box).splitlines()
    except Exception as error:  # glymur prints GeoTIFF boxes through GDAL, which may be half installed
        place = f"{box.longname} box ({box.box_id.strip()}) at {box.offset}, {box.length} bytes"
        return [f"{place}: cannot be printed: {error}"]
