"""Read the tile-parts of a plan, and verify that their headers agree with the index and with PLT."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..codestream.main_header import MainHeader
from ..codestream.tile_parts import TilePartHeader, read_tile_part_header
from ..errors import CodestreamError
from .tile_index import ContradictionError
from .tile_plan import Part, Stretch, TilePlan

__all__ = ["TilePartReader"]


class TilePartReader:
    """Reads tile-parts of one codestream.

    Parameters
    ----------
    header : MainHeader
        The main header.
    size : int
        Bytes of the codestream that are in the file.
    read : callable
        Returns the bytes of ranges of the codestream, each (start, end).
    parts : callable
        Returns the tile-parts of a tile.
    trusts_plt : bool
        Use the packet lengths in PLT.
    """

    def __init__(
        self,
        header: MainHeader,
        size: int,
        read: Callable[[Sequence[tuple[int, int]]], list[bytes]],
        parts: Callable[[int], list[Part]],
        *,
        trusts_plt: bool,
    ) -> None:
        self.header, self.size, self.parts, self.trusts_plt = header, size, parts, trusts_plt
        self._read = read

    def read_headers(self, tiles: list[TilePlan]) -> bool:
        """Read the headers of the tile-parts, and the whole tile-parts of which all packets are needed.

        Return whether some of the needed bytes lie beyond the end of the file.
        """
        size = self.size
        truncated = False
        wanted = []
        for tile in tiles:
            there = [part for part in tile.parts if part.start + 14 <= size]
            truncated |= len(there) < len(tile.parts) or any(part.end > size for part in there)
            truncated |= tile.finest >= 0 and not tile.parts
            tile.spans = tile.spans[: len(there)]
            tile.parts = there
            wanted += [(tile, part) for part in there]
        guesses = []
        for tile, part in wanted:
            whole = tile.raw or part.whole
            guesses.append(min(part.end, size, part.end if whole else part.start + self._guess(tile, part)))
        heads = self._read([(part.start, end) for (_, part), end in zip(wanted, guesses, strict=True)])
        again = []
        for (tile, part), data in zip(wanted, heads, strict=True):
            part.header, part.data = self._checked(tile, part, data), data
            if part.header is None:
                again.append((tile, part))
        if again:
            heads = self._read([(part.start, min(part.end, size)) for _, part in again])
            for (tile, part), data in zip(again, heads, strict=True):
                part.header, part.data = self._checked(tile, part, data), data
                if part.header is None and part.end <= size:
                    raise ContradictionError
        for tile in tiles:
            tile.raw = tile.raw or not self._has_valid_plt(tile)
            if tile.raw and tile.spans:  # the tile-parts are not by resolution after all
                tile.parts, tile.spans = self.parts(tile.index), []
                truncated |= any(part.end > size for part in tile.parts)
        return truncated

    def bodies(self, tiles: list[TilePlan], kept: list[list[Stretch]]) -> list[bytes]:
        """Return the bytes of the stretches to copy; bytes that were read with the headers are not read again."""
        out: list[bytes] = []
        missing: list[int] = []
        ranges: list[tuple[int, int]] = []
        for tile, spans in zip(tiles, kept, strict=True):
            parts = iter(tile.parts)
            part = next(parts, None)
            for start, end in ((span.start, span.end) for span in spans if span.start < span.end):
                while part is not None and part.end < end:
                    part = next(parts, None)
                at = part.start if part is not None else 0
                if part is not None and at <= start and end <= at + len(part.data):
                    out.append(part.data[start - at : end - at])
                else:
                    missing.append(len(out))
                    ranges.append((start, end))
                    out.append(b"")
        for number, data in zip(missing, self._read(ranges), strict=True):
            out[number] = data
        return out

    def _guess(self, tile: TilePlan, part: Part) -> int:
        """Return an upper bound for the header of a tile-part that has no marker segments but PLT, in bytes."""
        packets = len(tile.order) if tile.order is not None else 0
        if tile.spans:
            packets = packets // max(1, self.header.levels + 1) + 1
        return 24 + packets * ((part.end - part.start).bit_length() // 7 + 1)

    def _checked(self, tile: TilePlan, part: Part, data: bytes) -> TilePartHeader | None:
        try:
            header = read_tile_part_header(data)
        except CodestreamError:
            raise ContradictionError from None
        if header is not None and (
            header.tile != tile.index
            or header.index != part.index
            or (header.length and header.length != part.end - part.start)
        ):
            raise ContradictionError
        return header

    def _has_valid_plt(self, tile: TilePlan) -> bool:
        """Return whether the packet lengths in PLT fit the tile-parts of a tile and their packets."""
        if tile.order is None or not self.trusts_plt:
            return False
        at = 0
        for index, part in enumerate(tile.parts):
            header = part.header
            if header is None:
                continue  # truncated
            if header.packets is None or not header.regular:
                return False
            if header.size + sum(header.packets) != part.end - part.start:
                return False
            first, last = tile.spans[index] if tile.spans else (at, at + len(header.packets))
            if last - first != len(header.packets):
                return False
            at = last
        return at <= len(tile.order)
