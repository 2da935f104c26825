"""Lines of a stream as a terminal shows them in the end: progress bars overwrite themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 64 * 1024
"""Characters of a line; the rest is left out."""
_BARS: Final = 16
"""Lines above the last one that programs go back to, if they are progress bars."""
_MOVES: Final = re.compile("(\n|\r|\x1b\\[[0-9]*A)")


class _Line:
    """A line. `told`: what was given away of it while it went on."""

    __slots__ = ("at_ms", "is_bar", "returned", "text", "told")

    def __init__(self, text: str, at_ms: int) -> None:
        self.text = text
        self.at_ms = at_ms
        self.is_bar = self.returned = False
        self.told: str | None = None


class Screen:
    """Takes text as it is written, and gives lines with the times at which they were complete."""

    def __init__(self) -> None:
        self._lines = [_Line("", 0)]
        self._at = 0

    def write(self, at_ms: int, text: str) -> None:
        """Add *text* where the cursor is."""
        last = self._lines[-1]
        if (
            self._at == len(self._lines) - 1
            and not last.returned
            and "\r" not in text
            and "\x1b[" not in text
        ):
            first, *others = text.split("\n")
            self._put(first, at_ms)
            self._lines += [_Line(other[:LONGEST], at_ms) for other in others]
            self._at += len(others)
            return
        for part in _MOVES.split(text):
            if part == "\n":
                self._at += 1
                if self._at == len(self._lines):
                    self._lines.append(_Line("", at_ms))
            elif part == "\r":
                self._lines[self._at].returned = True
            elif part.startswith("\x1b[") and part.endswith("A"):
                self._at = max(0, self._at - int(part[2:-1] or 1))
            elif part:
                self._put(part, at_ms)

    def _put(self, text: str, at_ms: int) -> None:
        line = self._lines[self._at]
        if line.returned:
            line.text, line.returned, line.is_bar = text[:LONGEST], False, True
        elif text:
            line.text = (line.text + text)[:LONGEST]
        line.at_ms = at_ms

    def above(self) -> Iterator[tuple[int, str]]:
        """The lines that are complete; each is given once."""
        stop = self._at
        while stop > 0 and self._at - stop < _BARS and self._lines[stop - 1].is_bar:
            stop -= 1
        given, self._lines = self._lines[:stop], self._lines[stop:]
        self._at -= stop
        return _told(given)

    def progress(self) -> Iterator[tuple[int, str]]:
        """How far progress bars are that have moved since they were last asked for."""
        return _told([line for line in self._lines if line.is_bar and line.text.strip()])

    def rest(self) -> Iterator[tuple[int, str]]:
        """What stands in the lines that were never completed."""
        given, self._lines, self._at = self._lines, [_Line("", 0)], 0
        while given and not given[-1].text:
            given.pop()
        return _told(given)


def _told(lines: list[_Line]) -> Iterator[tuple[int, str]]:
    for line in lines:
        if line.told != line.text:
            line.told = line.text
            yield line.at_ms, line.text
