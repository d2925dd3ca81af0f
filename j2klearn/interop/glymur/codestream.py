"""glymur's parser of codestreams, which ends for every file."""

from __future__ import annotations

from typing import IO, Any

from glymur.codestream import Codestream

__all__ = ["FiniteCodestream"]


class FiniteCodestream(Codestream):
    """glymur's parser, but an error where a tile-part ends before its data begins: glymur reads it again and again."""

    def _parse_sod_marker(self, fptr: IO[bytes]) -> Any:
        segment = super()._parse_sod_marker(fptr)
        if not self._tile_offset or self._tile_offset[-1] + self._tile_length[-1] < fptr.tell():
            raise ValueError(
                f"the tile-part that has its data at byte {fptr.tell()} is shorter than its header"
            )
        return segment
