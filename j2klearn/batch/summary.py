"""The summary of a run: numbers of pictures and bytes, failures and remarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

__all__ = ["Failure", "Remark", "Summary"]


class Failure(NamedTuple):
    """A picture that could not be encoded, and the reason as one sentence."""

    source: Path
    reason: str


class Remark(NamedTuple):
    """A warning about a picture: its samples are kept, but the file does not hold something else. The text names it."""

    source: Path
    text: str


@dataclass
class Summary:
    """The summary of a run, so far or at its end.

    Attributes
    ----------
    total : int
        Number of pictures of the collection.
    written, skipped : int
        Number of pictures encoded, and of those that an earlier run had encoded.
    failures : list of Failure
        Pictures that could not be encoded.
    remarks : list of Remark
        The warnings of the library about pictures.
    pixels, bytes : int
        Number of pixels encoded, and of bytes written.
    seconds : float
        Time since the run began.
    """

    total: int = 0
    written: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    pixels: int = 0
    bytes: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Number of pictures that are finished: written, skipped or failed."""
        return self.written + self.skipped + len(self.failures)

    @property
    def rate(self) -> float:
        """Megapixels encoded per second."""
        return self.pixels / 1e6 / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return (
            f"{self.written} written, {self.skipped} skipped, {len(self.failures)} failed: "
            f"{self.pixels / 1e6:.1f} MP in {self.seconds:.1f} s, {self.rate:.2f} MP/s"
        )
