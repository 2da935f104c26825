"""What commands print is safe to show, to paste into a spreadsheet, and to read by a program."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.cli.output import (
    harmless,
    printable,
    show_json,
    show_pairs,
    show_table,
    time_of,
    write_csv,
)

FORMULAS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "\N{FULLWIDTH PLUS SIGN}1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_escaped(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["-0.5", "+1", "-1e-3", "plain", "a=b", "", "1-2", -0.5, -3, None])
def test_numbers_and_plain_text_stay_as_they_are(cell: object) -> None:
    assert harmless(cell) == cell


@given(st.text())
def test_no_text_that_leaves_us_starts_a_formula(text: str) -> None:
    safe = harmless(text)

    starts_formula = safe[:1] in tuple("=+-@\t\r\n")
    assert not starts_formula or math.isfinite(float(safe))


def test_csv_reads_back_what_was_written() -> None:
    """Column names are cells too: a param may be called anything that the key rules allow."""
    file = io.StringIO(newline="")
    rows = [{"a": 'say "hi",\nplease', "b": 0.1}, {"b": float("nan"), "-c": "=2"}]

    write_csv(file, ("a", "b", "-c"), rows)

    file.seek(0)
    assert list(csv.reader(file)) == [
        ["a", "b", "'-c"],
        ['say "hi",\nplease', "0.1", ""],
        ["", "nan", "'=2"],
    ]


def test_tables_are_aligned_and_have_no_trailing_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("id", "name"), [("1", "Default"), ("22", None)])

    assert capsys.readouterr().out == "id  name\n1   Default\n22\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb", "a\\nb"),
        ("naïve 测试", "naïve 测试"),
        ("\u202e", "\\u202e"),
    ],
)
def test_nothing_steers_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_pairs_stand_below_their_title(capsys: pytest.CaptureFixture[str]) -> None:
    show_pairs("params", {"lr": "0.1", "epochs": "20"})
    show_pairs("tags", {})

    assert capsys.readouterr().out == "params\n  lr      0.1\n  epochs  20\n"


def test_json_says_what_json_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"loss": float("nan"), "best": float("-inf")})

    assert json.loads(capsys.readouterr().out) == {"loss": "NaN", "best": "-Infinity"}


@pytest.mark.parametrize(
    ("at_ms", "shown"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_999, "2023-11-14T22:13:20Z"),
        (2**63 - 1, "9223372036854775807"),
    ],
)
def test_times_read_as_dates_where_there_is_one(at_ms: int | None, shown: str | None) -> None:
    assert time_of(at_ms) == shown
