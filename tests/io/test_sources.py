"""Sources: what is said of a server that cannot be reached."""

from __future__ import annotations

import socket

import pytest

from j2klearn.errors import CodestreamError
from j2klearn.io.sources import open_source


def test_a_server_that_does_not_answer_is_no_missing_file() -> None:
    pytest.importorskip("aiohttp")
    with socket.socket() as closed:  # bound, so that no other program takes the port, and not listening
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a.jp2"
        with pytest.raises(CodestreamError, match=r"cannot read .*: .*[Cc]onnect") as caught:
            open_source(url)
    assert "no such file" not in str(caught.value)
