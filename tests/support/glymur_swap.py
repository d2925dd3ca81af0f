"""A pytest plugin that replaces glymur's classes by j2klearn's; see `tests.support.glymur_suite`.

The environment variable J2KLEARN_SWAP selects the transform: `classic` uses the wavelet that glymur would have used;
`learned` leaves the choice to j2klearn, which uses the learned transform for lossy files.
"""

from __future__ import annotations

import os
from typing import Any

import glymur
import glymur._core_converter
import glymur.command_line
import glymur.jp2k
import glymur.jpeg
import glymur.tiff

import j2klearn

_Jp2k, _Jp2kr = j2klearn.Jp2k, j2klearn.Jp2kr


class _Classic(_Jp2k):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("transform", "9-7" if kwargs.get("irreversible") else "5-3")
        super().__init__(*args, **kwargs)


def _swap() -> None:
    writer = {"classic": _Classic, "learned": _Jp2k}[os.environ["J2KLEARN_SWAP"]]
    for module in (
        glymur,
        glymur.jp2k,
        glymur.command_line,
        glymur.jpeg,
        glymur.tiff,
        glymur._core_converter,
    ):
        for name, ours in (("Jp2k", writer), ("Jp2kr", _Jp2kr)):
            if hasattr(module, name):
                setattr(module, name, ours)


_swap()
