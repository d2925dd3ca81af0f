"""What has become of a collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

__all__ = ["Failure", "Summary"]


class Failure(NamedTuple):
    """A picture that could not be coded, and why."""

    source: Path
    reason: str


@dataclass
class Summary:
    """What has become of a collection, up to now or in the end.

    Attributes
    ----------
    total : int
        Pictures of the collection.
    written, skipped : int
        Pictures coded, and those that had been done before.
    failures : list of Failure
        Those that could not be coded.
    pixels, bytes : int
        Pixels coded, and bytes written.
    seconds : float
        Since the work began.
    """

    total: int = 0
    written: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)
    pixels: int = 0
    bytes: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Pictures that need no more work: written, skipped or failed."""
        return self.written + self.skipped + len(self.failures)

    @property
    def rate(self) -> float:
        """Megapixels per second."""
        return self.pixels / 1e6 / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return (
            f"{self.written} written, {self.skipped} skipped, {len(self.failures)} failed: "
            f"{self.pixels / 1e6:.1f} MP in {self.seconds:.1f} s, {self.rate:.2f} MP/s"
        )
