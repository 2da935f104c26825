"""Delimited text (CSV, TSV) in pieces: where its records are, and what they hold.

Pure. A record ends at a line break outside of quotes (RFC 4180), so how many quotes came before
tells what a break is, and a file can be read from any of the marks that one survey leaves.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_RECORD: Final = 1024 * 1024
"""The longest record, in bytes: a longer one is a quote that somebody forgot to close."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_BOM: Final = b"\xef\xbb\xbf"


class Mark(NamedTuple):
    """A place in the file: how many records end before it, and whether it is within quotes."""

    offset: int
    ended: int
    is_quoted: bool


BEGINNING: Final = Mark(0, 0, is_quoted=False)


class Survey(Struct, frozen=True):
    """How many records there are, the header included, and marks to find them by."""

    marks: tuple[Mark, ...]
    records: int

    def before(self, record: int) -> Mark:
        """The last mark that stands before all of *record*."""
        # At a mark behind as many records as are sought, a part of the sought one may be behind it.
        at = bisect_left(self.marks, record, key=lambda mark: mark.ended)
        return self.marks[max(0, at - 1)]


class Found(NamedTuple):
    """A record: where its bytes begin, and the bytes."""

    offset: int
    body: bytes


def survey(chunks: Iterable[bytes]) -> Survey:
    """Look through a file once, at the speed of counting."""
    marks: list[Mark] = []
    offset = ended = 0
    is_quoted = False
    last = b""
    for chunk in chunks:
        marks.append(Mark(offset, ended, is_quoted))
        if b'"' in chunk:
            parts = chunk.split(b'"')
            ended += sum(part.count(b"\n") for part in parts[int(is_quoted) :: 2])
            is_quoted ^= len(parts) % 2 == 0
        elif not is_quoted:
            ended += chunk.count(b"\n")
        offset += len(chunk)
        last = chunk[-1:] or last
    if last and (last != b"\n" or is_quoted):
        ended += 1
    return Survey(tuple(marks) or (BEGINNING,), ended)


def records(chunks: Iterable[bytes], start: Mark) -> Iterator[Found]:
    """What comes from *start* on; first what is left of the record that it stands in."""
    is_quoted = start.is_quoted
    offset, held, size = start.offset, [], 0
    for line in _lines(chunks):
        held.append(line)
        size += len(line)
        is_quoted ^= line.count(b'"') % 2 == 1
        if not is_quoted:
            yield Found(offset, line if len(held) == 1 else b"".join(held))
            offset, held, size = offset + size, [], 0
        elif size > MOST_RECORD:
            raise InvalidArgument(
                f"The table has a record of more than {MOST_RECORD} bytes, from byte {offset} on: "
                "a quote may be left open there. Download the file to look at it."
            )
    if held:
        yield Found(offset, b"".join(held))


def cells(body: bytes, delimiter: str) -> list[str]:
    """The cells of a record."""
    text = body.removeprefix(_BOM).decode("utf-8", "replace").rstrip("\r\n").replace("\0", "")
    try:
        found = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise InvalidArgument(f"The table cannot be read: {error}.") from error
    return found


def delimiter(header: bytes) -> str:
    """What stands most often between the cells of the header."""
    text = header.decode("utf-8", "replace")
    outside = "".join(text.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def number(text: str) -> float | None:
    """The number that *text* is; None when it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    left = b""
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        left += head
        for line in rest:
            yield left + b"\n"
            left = line
        if len(left) > MOST_RECORD:
            raise InvalidArgument(
                f"The table has a line of more than {MOST_RECORD} bytes: it may be no table. "
                "Download the file to look at it."
            )
    if left:
        yield left
