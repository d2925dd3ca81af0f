"""A client of FastCGI 1.0, for image servers: it starts one with a socket of its own, and sends it queries."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Server", "serving"]

_BEGIN, _PARAMETERS, _STDIN, _STDOUT = 1, 4, 5, 6


class Server:
    """A running server, which answers one query for each connection."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, query: str) -> bytes:
        """Return the body of the answer to a query."""
        variables = {"QUERY_STRING": query, "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1"}
        pairs = b"".join(
            struct.pack(">II", len(name) | 1 << 31, len(value) | 1 << 31) + name.encode() + value.encode()
            for name, value in variables.items()
        )
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(self.path)
            connection.sendall(
                _record(_BEGIN, struct.pack(">HB5x", 1, 0))
                + _record(_PARAMETERS, pairs)
                + _record(_PARAMETERS)
                + _record(_STDIN)
            )
            with connection.makefile("rb") as stream:
                out = b"".join(body for kind, body in _records(stream.read()) if kind == _STDOUT)
        return out.partition(b"\r\n\r\n")[2]


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        _, kind, _, length, padding, _ = struct.unpack_from(">BBHHBB", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + padding


@contextmanager
def serving(program: str, environment: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """Run a server that accepts connections on its standard input; its socket lies in `folder`."""
    path = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        process = subprocess.Popen([program], stdin=listening, env=dict(environment))
    try:
        yield Server(path)
    finally:
        process.terminate()
        process.wait()
