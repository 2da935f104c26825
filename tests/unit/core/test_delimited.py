"""Records of delimited text: the same as the csv module's, from wherever the reading begins."""

from __future__ import annotations

import csv
import io
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import delimited
from millrace.core.errors import InvalidArgument

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0\ufeff"), max_size=8)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=30)


def written(table: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue().encode()


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@given(TABLES, st.integers(1, 40))
def test_a_survey_counts_what_the_csv_module_reads(table: list[list[str]], size: int) -> None:
    found = delimited.survey(pieces(written(table), size))

    assert found.records == len(table)


@given(TABLES, st.integers(1, 40), st.data())
def test_any_record_is_found_from_the_mark_before_it(
    table: list[list[str]], size: int, data: st.DataObject
) -> None:
    body = written(table)
    wanted = data.draw(st.integers(0, len(table) - 1))
    survey = delimited.survey(pieces(body, size))
    mark = survey.before(wanted)

    found = delimited.records(pieces(body[mark.offset :], size), mark)
    record = next(islice(found, wanted - mark.ended, None))

    assert delimited.cells(record.body, ",") == table[wanted]
    assert body[record.offset :].startswith(record.body)


def test_a_quote_that_is_never_closed_is_told() -> None:
    body = b'a,b\n"x\n' + b"1,2\n" * 400_000

    with pytest.raises(InvalidArgument, match="quote may be left open"):
        list(delimited.records([body], delimited.Mark(0, 0, is_quoted=False)))


def test_what_has_no_lines_is_no_table() -> None:
    with pytest.raises(InvalidArgument, match="may be no table"):
        list(delimited.records([b"x" * 2_000_000], delimited.Mark(0, 0, is_quoted=False)))


@pytest.mark.parametrize(
    ("header", "expected"),
    [(b"a,b,c", ","), (b"a;b;c", ";"), (b'"a,a,a,a";b', ";"), (b"a\tb", "\t"), (b"alone", ",")],
)
def test_the_delimiter_is_what_stands_between_names(header: bytes, expected: str) -> None:
    assert delimited.delimiter(header) == expected
