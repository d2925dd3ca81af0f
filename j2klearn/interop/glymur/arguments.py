"""Checks of the arguments with which a picture is written.

glymur passes most of them to OpenJPEG as they are, in fields of C. There a number out of range becomes another one, and
some values end the process or take for ever.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...core.scalars import as_real, real_number, whole_number, whole_numbers
from ...errors import OptionError

__all__ = ["check_arguments"]

_LARGEST = 2**32 - 1  # of a position on the reference grid (T.800 A.5.1)
_MOST_LAYERS = 100  # OpenJPEG's array of rates
_MOST_PRECINCTS = 33
_PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def _pair(low: int, high: int) -> Callable[[str, Any], object]:
    return lambda name, value: whole_numbers(name, value, low, high, count=2)


def _shape(name: str, value: Any) -> None:
    if len(whole_numbers(name, value, 1, _LARGEST)) not in (2, 3):
        raise OptionError(f"{name} is (height, width) or (height, width, components), not {value!r}")


def _layers(name: str, value: Any) -> None:
    """Check the rates or the PSNR of the quality layers; 0 stands for all coding passes."""
    numbers = None
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        numbers = [as_real(number) for number in value]
    if numbers is None or None in numbers:
        raise OptionError(f"{name} is a sequence of numbers, not {value!r}")
    if len(numbers) > _MOST_LAYERS:
        raise OptionError(
            f"{name} has at most {_MOST_LAYERS} numbers, one for each layer, not {len(numbers)}"
        )
    if not all(number is not None and math.isfinite(number) and number >= 0 for number in numbers):
        raise OptionError(f"{name} is positive and finite, or 0 for all coding passes, not {value!r}")


def _precincts(name: str, value: Any) -> None:
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise OptionError(f"{name} is a sequence of (height, width), not {value!r}")
    sizes = list(value)
    if len(sizes) > _MOST_PRECINCTS:
        raise OptionError(
            f"{name} has at most {_MOST_PRECINCTS} sizes, one for each resolution, not {len(sizes)}"
        )
    for size in sizes:
        whole_numbers(name, size, 1, 1 << 15, count=2)


def _progression(name: str, value: Any) -> None:
    if not isinstance(value, str) or value.upper() not in _PROGRESSIONS:
        raise OptionError(f"{name} is one of {', '.join(_PROGRESSIONS)}, not {value!r}")


def _resolution(name: str, value: Any) -> None:
    """Check pixels per metre; glymur looks for their exponent of ten, which 0 and negative numbers do not have."""
    numbers = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else []
    if len(numbers) != 2:
        raise OptionError(f"{name} is (vertical, horizontal) in pixels per metre, not {value!r}")
    for number in numbers:
        real_number(name, number, 1e-100, 1e100)


_CHECKS: dict[str, Callable[[str, Any], object]] = {
    "capture_resolution": _resolution,
    "cbsize": _pair(4, 1024),
    "cratios": _layers,
    "display_resolution": _resolution,
    "grid_offset": _pair(0, _LARGEST),
    "modesw": lambda name, value: whole_number(name, value, 0, 63),
    "numres": lambda name, value: whole_number(name, value, 1),
    "prog": _progression,
    "psizes": _precincts,
    "psnr": _layers,
    "shape": _shape,
    "subsam": _pair(1, 255),
    "tilesize": _pair(1, _LARGEST),
}


def check_arguments(given: Mapping[str, Any]) -> None:
    """Check the arguments of glymur's `Jp2k` that were given; None stands for the default of each. `data` is an array.

    Raises
    ------
    OptionError
        If an argument is of another type, or is out of range.
    """
    for name, check in _CHECKS.items():
        if given.get(name) is not None:
            check(name, given[name])
    shape, tile = given.get("shape"), given.get("tilesize")
    if shape is None and given.get("data") is not None:
        shape = given["data"].shape
    if shape is not None and tile is not None and any(map(operator.gt, tile, shape)):
        raise OptionError(f"tilesize={tuple(tile)} is larger than the picture, whose shape is {tuple(shape)}")
    rgb = isinstance(given.get("colorspace"), str) and given["colorspace"].lower() == "rgb"
    if rgb and shape is not None and (len(shape) < 3 or shape[2] < 3):
        raise OptionError(f"colorspace='rgb' needs three components, and the shape is {tuple(shape)}")
    if given.get("cinema2k") and given["cinema2k"] not in (24, 48):
        raise OptionError(f"cinema2k is 24 or 48, the frames per second, not {given['cinema2k']!r}")
