"""The packets of tiles (T.800 B.9 to B.12): where they lie, and to which precinct and layer each belongs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .handle import Handle
from .library import Report, load

__all__ = ["PACKET", "PacketReader"]

#: A packet, as ``j2kl_packet`` of the native library. Offsets are in the data of the tile; that of the header is in the
#: packed packet headers, if there are any.
PACKET = np.dtype(
    [(name, "u8") for name in ("begin", "header", "header_size", "body", "end")]
    + [(name, "u4") for name in ("component", "resolution", "precinct", "layer", "sop", "reserved")]
)

Packets = NDArray[Any]


class PacketReader(Handle):
    """Lists the packets of the tiles of a codestream.

    Parameters
    ----------
    head : bytes
        Main header with at least SIZ, COD and COC, and the SOT marker that ends it.

    Raises
    ------
    CodestreamError
        If the main header is damaged.
    """

    def __init__(self, head: bytes) -> None:
        self._ffi, self._library = load()
        self._report = Report(self._ffi)
        handle = self._ffi.new("j2kl_packets **")
        self._report.check(self._library.j2kl_packets_open(head, len(head), self._report.pointer, handle))
        self._handle = handle[0]

    def _free(self, handle: Any) -> None:
        self._library.j2kl_packets_free(handle)

    def listed(self, tile: int, segments: bytes) -> Packets:
        """Return the packets that a tile should have, in order. Their offsets are 0.

        Parameters
        ----------
        tile : int
            The tile.
        segments : bytes
            The marker segments COD, COC and POC of its tile-part headers, followed by the marker SOD.

        Returns
        -------
        ndarray of `PACKET`, shape (packets,)
            The packets.

        Raises
        ------
        CodestreamError
            If a marker segment is damaged.
        LimitError
            If the tile has too many precincts or packets.
        """
        return self._call(self._library.j2kl_packets_list, tile, segments, len(segments))

    def found(self, tile: int, segments: bytes, data: bytes, headers: bytes | None) -> Packets:
        """Return the packets that a tile has, in order.

        Parameters
        ----------
        tile, segments
            As in `listed`.
        data : bytes
            The data of all tile-parts of the tile, without their headers.
        headers : bytes or None
            The packed packet headers of the tile (T.800 A.7.4, A.7.5), if it has any.

        Returns
        -------
        ndarray of `PACKET`, shape (packets,)
            The packets.

        Raises
        ------
        CodestreamError
            If a packet is damaged or missing.
        LimitError
            If the tile has too many precincts, code-blocks or packets.
        """
        packed = (self._ffi.NULL, 0) if headers is None else (headers, len(headers))
        return self._call(
            self._library.j2kl_packets_find, tile, segments, len(segments), data, len(data), *packed
        )

    def raised(self, tile: int, segments: bytes, data: bytes, planes: bytes) -> tuple[bytes, Packets]:
        """Return the packets of a tile with more zero bit-planes (T.800 B.10.5).

        Parameters
        ----------
        tile, segments
            As in `listed`.
        data : bytes
            The packets of the tile, with their headers.
        planes : bytes
            The number of further zero bit-planes of every subband of every component, a byte each: LL, then HL, LH and
            HH from the coarsest to the finest level.

        Returns
        -------
        bytes, ndarray of `PACKET`, shape (packets,)
            The new packets, and where they lie.

        Raises
        ------
        CodestreamError
            If a packet is damaged or missing.
        LimitError
            If the tile has too many precincts, code-blocks or packets.
        InputError
            If there is not a number for every subband.
        """
        out = self._ffi.new("const uint8_t **")
        packets = self._call(
            self._library.j2kl_packets_raise,
            *(tile, segments, len(segments), data, len(data), planes, len(planes), out),
        )
        end = int(packets["end"][-1]) if len(packets) else 0
        return bytes(self._ffi.buffer(out[0], end)), packets

    def _call(self, function: Any, *arguments: Any) -> Packets:
        result, count = self._ffi.new("const j2kl_packet **"), self._ffi.new("size_t *")
        self._report.check(function(self._open(), *arguments, result, count))
        if not count[0]:
            return np.empty(0, PACKET)
        size = count[0] * PACKET.itemsize
        return np.frombuffer(bytes(self._ffi.buffer(result[0], size)), PACKET)
