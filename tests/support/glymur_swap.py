"""A pytest plugin that puts j2klearn's classes in the place of glymur's; see `tests.support.glymur_suite`.

The environment variable J2KLEARN_SWAP says how: `classic` asks for the wavelet that glymur would have used, `learned`
leaves the choice to j2klearn, which takes the learned transform wherever a file is lossy.
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
