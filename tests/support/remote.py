"""File objects and a server that count the bytes that are read, and faulty file objects."""

from __future__ import annotations

import http.server
import io
import re
import threading


class Recorder(io.BytesIO):
    """Counts the bytes and the calls of `read`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.bytes = self.requests = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes += len(data)
        self.requests += 1
        return data


class ShortReads(io.BytesIO):
    """Returns at most 700 bytes per call."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(700 if size is None or size < 0 else min(size, 700))


class Failing(io.BytesIO):
    """Fails after a number of reads, with any exception: not all libraries raise an `OSError`."""

    def __init__(self, data: bytes, after: int, error: type[Exception] = OSError) -> None:
        super().__init__(data)
        self.left, self.error = after, error

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise self.error("the connection was lost")
        return super().read(size)


class FailingStream(Failing):
    """A failing file object that cannot seek."""

    def seekable(self) -> bool:
        return False


class Lying(io.BytesIO):
    """Reports a size that is larger, or smaller, than its real size."""

    def __init__(self, data: bytes, more: int = 50_000) -> None:
        super().__init__(data)
        self.more = more

    def seek(self, offset: int, whence: int = 0, /) -> int:
        at = super().seek(offset, whence)
        return at + self.more if whence == 2 else at


class RangeServer:
    """Serves one file over HTTP, whole or in ranges, and counts the bytes that it sends.

    Attributes
    ----------
    url : str
        Address of the file.
    bytes, requests : int
        Bytes of contents sent, and number of GET requests.
    """

    def __init__(self, data: bytes) -> None:
        self.bytes = self.requests = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _head(self) -> bytes:
                body, status = data, 200
                wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if wanted:
                    start, end = int(wanted[1]), int(wanted[2] or len(data) - 1) + 1
                    body, status = data[start:end], 206
                self.send_response(status)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(data)}")
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                return body

            def do_HEAD(self) -> None:
                self._head()

            def do_GET(self) -> None:
                body = self._head()
                outer.requests += 1
                outer.bytes += len(body)
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/picture.jp2"

    def __enter__(self) -> RangeServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
