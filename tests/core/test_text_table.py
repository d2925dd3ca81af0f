"""Tables as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from j2klearn.core.text_table import text_table

WORDS = st.text("abc 0123456789.-", min_size=1, max_size=9).map(str.strip).filter(bool)


@st.composite
def tables(draw):
    columns = draw(st.integers(1, 5))
    row = st.lists(WORDS, min_size=columns, max_size=columns)
    return draw(st.lists(row, min_size=1, max_size=6))


def test_columns_line_up():
    assert text_table([("codec", "dB"), ("a long name", "31.20"), ("b", "9")]) == (
        "codec           dB\n-----------  -----\na long name  31.20\nb                9"
    )


@given(tables())
def test_every_cell_stands_in_its_column(rows):
    header, rule, *others = text_table(rows).split("\n")
    assert len(others) == len(rows) - 1
    ends = []
    at = 0
    for column, dashes in enumerate(rule.split("  ")):
        assert set(dashes) == {"-"}
        assert len(dashes) == max(len(row[column]) for row in rows)
        at += len(dashes)
        ends.append((at - len(dashes), at))
        at += 2
    assert len(ends) == len(rows[0])
    for line, row in zip([header, *others], rows, strict=True):
        assert line == line.rstrip()
        line = line.ljust(ends[-1][1])
        assert line[: ends[0][1]] == row[0].ljust(ends[0][1])
        for (start, end), cell in zip(ends[1:], row[1:], strict=True):
            assert line[start - 2 : end] == "  " + cell.rjust(end - start)


@pytest.mark.parametrize("row", [("a",), ("a", "1", "2")])
def test_rows_of_other_lengths_are_refused(row):
    with pytest.raises((IndexError, ValueError)):
        text_table([("codec", "dB"), row])
