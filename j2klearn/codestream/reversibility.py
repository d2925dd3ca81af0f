"""Whether a codestream is lossless: what its main header proves, and what its encoder says of it.

The 5/3 without quantisation can be lossless, but only the encoder knows whether coding passes were left out. GDAL says
it in a comment: "LOSSLESS settings used" or "LOSSY settings used". Kakadu lists the slopes at which its layers end; at
the lowest value that it writes, the last layer has all coding passes. Lossless learned files count their layers.
"""

from __future__ import annotations

import re
from typing import Literal

from .learned_segment import Descriptor
from .main_header import MainHeader
from .quantisation_segments import QuantisationStyle

__all__ = ["MEASURED", "Reversibility", "claim", "reversibility", "without_claims"]

Reversibility = Literal["lossless", "possibly lossless", "lossy"]

#: Start of the comment in a file whose transform was chosen by measurement, and is a wavelet of T.800. Only lossy files
#: have it.
MEASURED = "j2klearn: transform chosen by measuring"

_LOSSLESS, _LOSSY = b"LOSSLESS settings used", b"LOSSY settings used"

_KAKADU = b"Kdu-Layer-Info: log_2{"
_KAKADU_LINE = re.compile(rb"^\s*(-?\d+(?:\.\d+)?),", re.MULTILINE)
_KAKADU_ALL_PASSES = -192.0  # or lower


def claim(version: str, *, lossless: bool) -> str:
    """Return the text of a comment that says whether a codestream of the 5/3 is lossless, as GDAL writes it.

    Parameters
    ----------
    version : str
        Version of OpenJPEG.
    lossless : bool
        Whether all coding passes are there.
    """
    return f"Created by OpenJPEG version {version}. {(_LOSSLESS if lossless else _LOSSY).decode()}"


def reversibility(header: MainHeader, descriptor: Descriptor | None = None) -> Reversibility:
    """Return whether a codestream is lossless, from its main header.

    Parameters
    ----------
    header : MainHeader
        The main header.
    descriptor : Descriptor, optional
        The learned-transform segment, if the codestream has one.

    Returns
    -------
    {"lossless", "possibly lossless", "lossy"}
        ``"lossy"`` if any component is quantised or coded with the 9/7, or a comment says so. Otherwise ``"lossless"``
        if a comment says so. The segment of a lossless learned file counts the layers that hold the exact samples:
        ``"lossless"`` if all of them are there, ``"lossy"`` if not.
    """
    styles = [header.cod.style, *(coc.style for coc in header.coc)]
    steps = [header.qcd, *(qcc.quantisation for qcc in header.qcc)]
    if not all(style.reversible for style in styles):
        return "lossy"
    if any(step.style is not QuantisationStyle.NONE for step in steps):
        return "lossy"
    if descriptor is not None:
        if not descriptor.layers:
            return "possibly lossless"
        return "lossless" if header.layers >= descriptor.layers else "lossy"
    for comment in header.comments:
        said = None if comment.binary else _said(comment.data, header.layers)
        if said is not None:
            return "lossless" if said else "lossy"
    return "possibly lossless"


def _said(text: bytes, layers: int) -> bool | None:
    """Return whether a comment says that a codestream of so many layers is lossless; None if it says nothing."""
    if _LOSSY in text or text.startswith(MEASURED.encode()):
        return False
    if _LOSSLESS in text:
        return True
    if not text.startswith(_KAKADU):
        return None
    slopes = [float(slope) for slope in _KAKADU_LINE.findall(text)]
    return len(slopes) == layers and slopes[-1] <= _KAKADU_ALL_PASSES


def without_claims(comment: bytes) -> bytes | None:
    """Return the text of a comment for a codestream from which packets were dropped; None to leave it out."""
    return None if comment.startswith(_KAKADU) else comment.replace(_LOSSLESS, _LOSSY)
