"""Warnings of files that miss their targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..core.targets import Targets
from ..core.warning import warn_caller
from ..errors import TargetMissedWarning

if TYPE_CHECKING:
    from ..core.picture import Picture
    from .made_file import MadeFile

__all__ = ["PSNR_MISS", "distance", "report", "report_psnr", "report_size", "shortfall"]

#: A PSNR that is off by no more dB is met.
PSNR_MISS = 0.1

#: A layer of too few dB counts as one of so many times as many dB too many.
_BELOW = 4.0

#: Files larger than the target by this share, or smaller by that share, miss it.
_MOST_OVER, _MOST_UNDER = 0.02, 0.1

#: Headers may make a file of up to `_SMALL` bytes larger than its target, and a coding pass that does not fit may leave
#: up to `_UNUSED` bytes.
_SMALL, _UNUSED = 1024, 256


def shortfall(db: float, goal: float) -> float:
    """Return by how many dB a PSNR is too low; 0 if it meets its target."""
    return goal - db if db < goal - PSNR_MISS else 0.0


def distance(reached: Sequence[float], wanted: Sequence[float]) -> tuple[float, float]:
    """Return how far the layers of a file are from their PSNRs, to compare files: the smallest is the nearest.

    That the last layer has its PSNR comes first. Then the layer counts that is farthest from its PSNR: one of too few
    dB counts as if it had four times as many too many.

    Parameters
    ----------
    reached, wanted : sequence of float
        PSNR of each layer in dB.
    """
    misses = [
        _BELOW * shortfall(db, goal) or max(0.0, db - goal) for db, goal in zip(reached, wanted, strict=True)
    ]
    return shortfall(reached[-1], wanted[-1]), max(misses)


def report(file: MadeFile, picture: Picture, targets: Targets, threads: int) -> None:
    """Warn if a file misses its targets.

    Parameters
    ----------
    file : MadeFile
        The file.
    picture : Picture
        The original picture.
    targets : Targets
        Sizes or PSNRs of the layers.
    threads : int
        Threads to use.
    """
    if targets.kind == "psnr":
        reached = [file.psnr(picture, layer, threads) for layer in range(1, len(targets.values) + 1)]
        report_psnr(reached, targets.values)
        return

    def exact() -> bool:
        return math.isinf(file.psnr(picture, len(targets.values), threads))

    report_size(len(file), targets.values[-1], exact)


def report_psnr(reached: Sequence[float], wanted: Sequence[float]) -> None:
    """Warn if PSNRs of layers are off their targets. Layers that are exact cannot be better, and are not reported.

    Parameters
    ----------
    reached, wanted : sequence of float
        PSNR of each layer in dB; infinite for an exact layer.
    """
    missed = [
        (layer, db, goal)
        for layer, (db, goal) in enumerate(zip(reached, wanted, strict=True), 1)
        if math.isfinite(db) and abs(db - goal) > PSNR_MISS
    ]
    if not missed:
        return
    said = ", that".join(_one(layer if len(wanted) > 1 else 0, db, goal) for layer, db, goal in missed)
    if len(wanted) > 1:
        reason = "no file that was tried is nearer"
    else:
        smaller = "smaller " if reached[0] > wanted[0] else ""
        reason = f"no {smaller}file that was tried reaches the target"
    warn_caller(f"the PSNR{said}: {reason}", TargetMissedWarning)


def _one(layer: int, db: float, goal: float) -> str:
    name = f" of layer {layer}" if layer else ""
    return f"{name} is {db:.2f} dB, not {goal:g} dB"


def report_size(size: int, wanted: float, exact: Callable[[], bool]) -> None:
    """Warn if the size of a file is off its target. A file that is smaller because nothing is lost is not reported.

    Parameters
    ----------
    size : int
        Bytes of the file.
    wanted : float
        Bytes that were asked for; 0 for no limit.
    exact : callable
        Returns whether the decoded picture equals the original one.
    """
    if not wanted:
        return
    if size > max(_SMALL, wanted * (1 + _MOST_OVER)):
        warn_caller(
            f"the file has {size} bytes, not {wanted:.0f}: its headers and the least amount of data need that many",
            TargetMissedWarning,
        )
    elif size < min(wanted * (1 - _MOST_UNDER), wanted - _UNUSED) and not exact():
        warn_caller(
            f"the file has {size} bytes, not {wanted:.0f}: no larger file was found that fits",
            TargetMissedWarning,
        )
