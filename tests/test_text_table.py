"""Tables on a terminal."""

from __future__ import annotations

from j2klearn.core.text_table import text_table


def test_columns_line_up():
    assert text_table([("codec", "dB"), ("a long name", "31.20"), ("b", "9")]) == (
        "codec           dB\n-----------  -----\na long name  31.20\nb                9"
    )
