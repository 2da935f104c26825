"""What commands print: tables for people, JSON for programs, CSV for spreadsheets."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import click
import msgspec

from millrace.core import wire
from millrace.core.numbers import number_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Cell = str | int | float | None

# What a spreadsheet takes for the start of a formula or a command, full-width forms included.
_FORMULA = (
    *"=+-@\t\r\n",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print *rows* in aligned columns under their names."""
    lines = [tuple(columns), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def show_pairs(title: str | None, pairs: Mapping[str, Cell]) -> None:
    """Print *pairs* one below the other, below *title* if there is one; nothing if empty."""
    if not pairs:
        return
    indent = "  " if title else ""
    if title:
        click.echo(title)
    width = max(map(len, map(printable, pairs)))
    for key in pairs:
        click.echo(f"{indent}{printable(key).ljust(width)}  {printable(pairs[key])}".rstrip())


def show_json(value: object) -> None:
    """Print *value* as indented JSON in the wire's dialect."""
    click.echo(msgspec.json.format(wire.encode(value), indent=2))


def printable(cell: Cell) -> str:
    """*cell* on one line; what would steer a terminal is shown as an escape sequence."""
    text = "" if cell is None else str(cell)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def write_csv(file: IO[str], columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> None:
    """Write *rows* as CSV (RFC 4180) in which no cell is a formula to a spreadsheet."""
    writer = csv.writer(file)
    writer.writerow([harmless(column) for column in columns])
    for row in rows:
        writer.writerow([harmless(row.get(column)) for column in columns])


def harmless(cell: Cell) -> Cell:
    """*cell*, with an apostrophe before what a spreadsheet would run; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(_FORMULA) and number_in(cell) is None:
        return f"'{cell}"
    return cell


def time_of(at_ms: int | None) -> str | None:
    """*at_ms* as ISO 8601, UTC, to the second; None stays None, what is no date stays a number."""
    if at_ms is None:
        return None
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(at_ms)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
