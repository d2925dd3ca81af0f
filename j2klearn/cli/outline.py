"""What ``j2klearn info`` prints: the facts, then the boxes and marker segments of a file."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..api.describe import info
from ..codestream.learned_segment import MAGIC
from ..neural.format.container import UUID_BOX

__all__ = ["outline"]

_INDENT = "    "


def outline(path: str | Path, *, full: bool = False) -> str:
    """Describe a file: its facts, and its boxes and the marker segments of its main header, a line each.

    Parameters
    ----------
    path : str or Path
        A JP2 file or a codestream; of a URL the facts are told alone.
    full : bool
        Print all that boxes and segments hold, as glymur's jp2dump does.

    Raises
    ------
    CodestreamError
        If it is neither, or damaged.
    """
    facts = str(info(path))
    if isinstance(path, str) and "://" in path:
        return facts
    from ..interop.glymur.jp2kr import Jp2kr

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        file = Jp2kr(path)
        if full:
            lines = _full(file)
        elif file.box:
            lines = [line for box in file.box for line in _box(box, file)]
        else:
            lines = _segments(file)
    notes = [f"note: {textwrap.shorten(str(warning.message), 200)}" for warning in caught]
    return "\n".join([facts, "", *lines, *notes])


def _full(file: Any) -> list[str]:
    lines = []
    for part in file.box or [file.codestream]:
        try:
            lines += str(part).splitlines()
        except (
            Exception
        ) as error:  # glymur prints GeoTIFF boxes with the help of GDAL, where that is half installed
            lines += [*_box(part, file), f"{_INDENT}cannot be printed: {error}"]
    return lines


def _box(box: Any, file: Any) -> Iterator[str]:
    yield f"{box.longname} box ({box.box_id.strip()}) at {box.offset}, {box.length} bytes{_meaning(box)}"
    children = _segments(file) if box.box_id == "jp2c" else [line for b in box.box for line in _box(b, file)]
    yield from (_INDENT + line for line in children)


def _meaning(box: Any) -> str:
    """Return what a box says in a few words."""
    match box.box_id:
        case "ihdr":
            return f": {box.width} x {box.height}, {box.num_components} component(s) of {box.bits_per_component} bits"
        case "colr":
            if box.colorspace is None:
                return ": ICC profile"
            return f": {({16: 'sRGB', 17: 'greyscale', 18: 'sYCC'}).get(box.colorspace, box.colorspace)}"
        case "cdef":
            kinds = {0: "colour", 1: "opacity", 2: "premultiplied opacity"}
            return ": " + ", ".join(kinds.get(kind, "unspecified") for kind in box.channel_type)
        case "pclr":
            return f": {box.palette.shape[0]} entries of {box.palette.shape[1]} columns"
        case "resc" | "resd":
            return f": {box.vertical_resolution:g} x {box.horizontal_resolution:g} pixels per metre"
        case "uuid":
            names = {
                "be7acfcb-97a9-42e8-9c71-999491e3afac": "XMP",
                "b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03": "GeoTIFF",
                "4a706754-6966-6645-7869-662d3e4a5032": "EXIF",
                str(UUID_BOX): "payload of the neural profile",
            }
            return f": {names.get(str(box.uuid), box.uuid)}"
        case "lbl ":
            return f": {box.label}"
    return ""


def _segments(file: Any) -> list[str]:
    lines = []
    for segment in file.codestream.segment:
        text = f"{segment.marker_id} marker segment at {segment.offset}, {segment.length} bytes"
        match segment.marker_id:
            case "SIZ":
                text += f": {segment.xsiz} x {segment.ysiz}, tiles of {segment.xtsiz} x {segment.ytsiz}"
            case "COD":
                wavelet = "5-3" if segment.xform == 1 else "9-7"
                text += f": {segment.num_res} levels, {segment.layers} layer(s), {wavelet}"
            case "CME":
                text += f": {_comment(segment)}"
        lines.append(text)
    return lines


def _comment(segment: Any) -> str:
    if segment.rcme == 1:
        return textwrap.shorten(segment.ccme.decode("latin-1"), 80)
    if not segment.ccme.startswith(MAGIC):
        return "binary"
    return (
        "learned transform" if segment.ccme[len(MAGIC) + 1 : len(MAGIC) + 2] == b"\x00" else "model, in part"
    )
