"""Lines of logs: where they are in a file, what they say, and how grave it is.

Pure. What a run printed is kept by the client in one form, `stamped`: time, stream, text. Files of
other origin are lines of text; how grave they are is told by the words that loggers write.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Stream = Literal["out", "err"]
Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the least to the gravest. For `levels` a line has its place here plus one, or 0 for none."""

LONGEST: Final = 4_000
"""Characters of a line that are shown."""
_KEPT: Final = 4 * LONGEST  # bytes that may hold so many
_SPACING: Final = 64 * 1024
_BLOCK: Final = 4096
_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (out|err) ", re.ASCII)
_STREAMS: Final = {b"Z out ": b"out", b"Z err ": b"err"}
_STAMP_END: Final = 29
_NEAR: Final = 200
"""Bytes of a line in which it says how grave it is."""
_PLACES: Final = {name: at for at, name in enumerate(LEVELS, start=1)}
# Loggers say it in capitals; Python's warnings and exceptions have it in their names; compilers
# and shells begin with it; structured records have it as the value of a key.
_CAPITALS: Final = {
    b"TRACE": 1, b"DEBUG": 1, b"INFO": 2, b"NOTICE": 2, b"WARN": 3, b"WARNING": 3, b"ERROR": 4,
    b"Traceback (most": 4, b"CRITICAL": 5, b"FATAL": 5, b"PANIC": 5,
}  # fmt: skip
# One set of first letters, so that all of a line is looked through at the speed of a loop in C.
_CAPITAL: Final = re.compile(
    rb"[TDINWECFP](?<![\w.].)(?:RACE|EBUG|NFO|OTICE|ARN(?:ING)?|RROR|raceback \(most|RITICAL|ATAL"
    rb"|ANIC)(?!\w)",
    re.ASCII,
)
_NAME: Final = re.compile(rb"[A-Z](?<![\w].)\w*?(?:(Warning)|Error|Exception)(?=:|$)", re.ASCII)
_LOW: Final = {
    b"trace": 1, b"debug": 1, b"info": 2, b"warn": 3, b"warning": 3, b"error": 4, b"critical": 5,
    b"fatal": 5, b"panic": 5,
}  # fmt: skip
_WORDS: Final = rb"(trace|debug|info|warn(?:ing)?|error|critical|fatal|panic)"
_FIRST: Final = re.compile(_WORDS + rb":", re.IGNORECASE)
_KEY: Final = re.compile(
    rb"level[\"']?\s*[=:]\s*[\"']?" + _WORDS + rb"\b", re.ASCII | re.IGNORECASE
)


class Mark(NamedTuple):
    """A line by its number (from 0), and where it begins."""

    line: int
    offset: int


class Survey(Struct, frozen=True):
    """How many lines there are, and marks to find them by, the first at the first line."""

    marks: tuple[Mark, ...]
    lines: int
    size: int

    def at(self, line: int) -> int:
        """Which mark is the last at or before *line*."""
        return bisect_right(self.marks, line, key=lambda mark: mark.line) - 1

    def end(self, mark: int) -> int:
        """Where the lines of a mark end."""
        return self.marks[mark + 1].offset if mark + 1 < len(self.marks) else self.size


class Line(NamedTuple):
    """A line as it is shown."""

    text: str
    time_ms: int | None
    stream: Stream | None
    is_cut: bool


def stamped(time_ms: int, stream: Stream, text: str) -> str:
    """A line that a run printed, as it is kept."""
    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z {stream} {text}\n"


def survey(chunks: Iterable[bytes]) -> Survey:
    """Look through a file once, at the speed of counting."""
    marks = [Mark(0, 0)]
    offset = lines = 0
    last = b""
    for chunk in chunks:
        for at in range(0, len(chunk), _SPACING):
            piece = chunk[at : at + _SPACING]
            ended = piece.count(b"\n")
            if ended:
                lines += ended
                marks.append(Mark(lines, offset + piece.rindex(b"\n") + 1))
            offset += len(piece)
        last = chunk[-1:] or last
    if last and last != b"\n":
        lines += 1
    elif len(marks) > 1:
        marks.pop()  # nothing begins there
    return Survey(tuple(marks), lines, offset)


def cut(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The lines of *chunks* without their ends; what is too long to be shown is left out, and said
    so. Holds no more of a line than is shown."""
    held, is_cut = b"", False
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        held += head[: _KEPT - len(held) + 1]
        for line in rest:
            yield held[:_KEPT].removesuffix(b"\r"), is_cut or len(held) > _KEPT
            held = line[: _KEPT + 1]
        is_cut = len(held) > _KEPT
    if held:
        yield held[:_KEPT].removesuffix(b"\r"), is_cut


def read(line: bytes, *, is_cut: bool = False) -> Line:
    """What a line says."""
    stamp = _STAMP.match(line)
    text = (line[stamp.end() :] if stamp else line).decode("utf-8", "replace")
    if len(text) > LONGEST:
        text, is_cut = text[:LONGEST], True
    if stamp is None:
        return Line(text, None, None, is_cut)
    try:
        at = datetime.fromisoformat(stamp[1].decode())
    except ValueError:  # the thirteenth month
        return Line(line.decode("utf-8", "replace")[:LONGEST], None, None, is_cut)
    return Line(text, round(at.timestamp() * 1000), "out" if stamp[2] == b"out" else "err", is_cut)


def levels(chunks: Iterable[bytes]) -> bytes:
    """How grave each line is, a byte for each; see `LEVELS`.

    A line that is indented belongs to the one before it, as those of tracebacks do.
    """
    found = bytearray()
    above: dict[bytes, int] = {}  # by stream: what they print is mixed
    for line, _ in cut(chunks):
        stream = _STREAMS.get(line[_STAMP_END - 6 : _STAMP_END], b"")
        said = line[_STAMP_END if stream else 0 :][:_NEAR]
        code = above.get(stream, 0) if said[:1] in {b" ", b"\t"} else _told(said)
        above[stream] = code
        found.append(code)
    return bytes(found)


def _told(said: bytes) -> int:
    capital = _CAPITAL.search(said)
    if b"Error" in said or b"Warning" in said or b"Exception" in said:
        name = _NAME.search(said)
        if name and (capital is None or name.start() < capital.start()):
            return 3 if name[1] else 4
    if capital:
        return _CAPITALS[capital[0]]
    low = _FIRST.match(said) or (_KEY.search(said) if b"level" in said else None)
    return _LOW[low[1].lower()] if low else 0


class Grave:
    """The lines of a log that are at least as grave as *level*, by their place among these."""

    def __init__(self, found: bytes, level: Level) -> None:
        least = _PLACES[level]
        yes = bytes(code >= least for code in range(256))
        self._is = found.translate(yes)
        blocks = range(0, len(found), _BLOCK)
        self._before = [0, *accumulate(self._is.count(1, at, at + _BLOCK) for at in blocks)]

    def __len__(self) -> int:
        return self._before[-1]

    def lines(self, start: int, stop: int) -> list[int]:
        """The numbers of the lines from the *start*-th up to without the *stop*-th of them."""
        start, stop = max(start, 0), min(stop, len(self))
        if start >= stop:
            return []
        block = bisect_right(self._before, start) - 1
        skip = start - self._before[block]
        found: list[int] = []
        at = block * _BLOCK - 1
        while len(found) < stop - start + skip:
            at = self._is.index(1, at + 1)
            found.append(at)
        return found[skip:]

    def has(self, line: int) -> bool:
        """Whether this line is one of them."""
        return self._is[line] == 1

    def place(self, line: int) -> int:
        """How many of them are before *line*."""
        block = line // _BLOCK
        return self._before[block] + self._is.count(1, block * _BLOCK, line)


def finds(text: str) -> tuple[bytes, bool]:
    """What to look for in `lowered` lines, and whether they have to be read as text for it."""
    return text.lower().encode("utf-8", "replace"), not text.isascii()


def lowered(body: bytes, *, as_text: bool) -> bytes:
    """*body* as it is searched: whatever the case, with its line ends where they were counted."""
    if not as_text:
        return body.lower()
    return body.decode("utf-8", "replace").lower().encode("utf-8", "replace")
