"""The report's crops: their images, embedded in the page, and the two that are shown first."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError

__all__ = ["arrange_crop"]

Document = Mapping[str, Any]


def arrange_crop(crop: Document, codecs: Iterable[Document], anchor: str, folder: Path) -> dict[str, Any]:
    """Read the images of a crop, in the order of the codecs, and choose the two that are shown first.

    Parameters
    ----------
    crop : mapping
        An entry of ``crops`` in the results document.
    codecs : iterable of mapping
        The codecs of the results document.
    anchor : str
        Name of the anchor.
    folder : Path
        Folder of the results, with the images.

    Returns
    -------
    dict
        What the page's template needs.

    Raises
    ------
    InputError
        If an image cannot be read, is not a PNG file, or lies outside the folder.
    """
    y0, x0, y1, x1 = crop["box"]
    kinds = {codec["name"]: codec["kind"] for codec in codecs}
    names = [name for name in kinds if name in crop["codecs"]]
    names += [name for name in crop["codecs"] if name not in kinds]
    images = [crop["codecs"][name] | {"codec": name} for name in names]
    images.append({"codec": None, "file": crop["original"], "bytes": None, "psnr": None})
    for image in images:
        image["source"] = _data_uri(folder, image["file"])

    learned = [i for i, name in enumerate(names) if kinds.get(name) == "learned"]
    ordinary = [i for i, name in enumerate(names) if name == anchor]
    ordinary += [i for i, name in enumerate(names) if kinds.get(name) == "jpeg2000"]
    right = learned[0] if learned else 0
    left = next((i for i in [*ordinary, *range(len(images))] if i != right), right)
    return {
        "picture": crop["picture"],
        "bpp": crop["bpp"],
        "box": crop["box"],
        "width": x1 - x0,
        "height": y1 - y0,
        "images": images,
        "left": left,
        "right": right,
    }


def _data_uri(folder: Path, name: str) -> str:
    """Return a PNG file in the folder as a data URI; refuse files outside the folder."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"the crop {name} lies outside the folder of the results")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the crop {name}: {error.strerror}") from None
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise InputError(f"the crop {name} is not a PNG file")
    return "data:image/png;base64," + base64.b64encode(data).decode()
