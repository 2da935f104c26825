"""What is printed, kept in pieces: in order, within bounds, whatever the store says."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator

import pytest

from millrace.client.output import FOLDER, Limits, Output
from millrace.core import loglines
from millrace.core.errors import Unavailable

MIB = 1024 * 1024


class Shelf:
    """Takes pieces, unless it is away."""

    def __init__(self) -> None:
        self.pieces: dict[str, str] = {}
        self.is_away = False
        self.was_asked = threading.Event()

    def keep(self, path: str, body: str) -> None:
        self.was_asked.set()
        if self.is_away:
            raise Unavailable("away")
        assert path not in self.pieces
        self.pieces[path] = body

    def lines(self) -> list[loglines.Line]:
        body = "".join(self.pieces[path] for path in sorted(self.pieces)).encode()
        return [loglines.read(line) for line, _ in loglines.cut([body])]

    def texts(self) -> list[str]:
        return [line.text for line in self.lines()]


class Terminal(io.StringIO):
    """A stream that can be overheard, and says what arrived at it."""


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    """Streams of our own. Not a fixture: pytest puts its own in place between those and tests."""
    stream = Terminal()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(Terminal()):
        yield stream


def listening(shelf: Shelf, *, interval_s: float = 60.0, most_bytes: int = MIB) -> Output:
    output = Output(shelf.keep, Limits(interval_s=interval_s, most_bytes=most_bytes))
    output.begin()
    return output


def test_what_is_printed_is_kept_and_still_shown() -> None:
    with terminal() as shown:
        shelf = Shelf()
        before = sys.stdout.write
        output = listening(shelf)
        print("one", 2)
        print("three", file=sys.stderr)
        print("not ended", end="")
        output.end()
        print("after")

        assert shown.getvalue() == "one 2\nnot endedafter\n"
        assert sorted((line.stream, line.text) for line in shelf.lines()) == [
            ("err", "three"),
            ("out", "not ended"),
            ("out", "one 2"),
        ]
        assert all(path.startswith(f"{FOLDER}/") for path in shelf.pieces)
        assert sys.stdout.write == before


def test_pieces_come_at_intervals_and_each_is_new() -> None:
    with terminal():
        shelf = Shelf()
        output = listening(shelf, interval_s=0.2)
        for n in range(3):
            shelf.was_asked.clear()
            print(n)
            assert shelf.was_asked.wait(30)
        output.end()

        assert len(shelf.pieces) == 3
        assert shelf.texts() == ["0", "1", "2"]


def test_two_that_listen_hear_the_same() -> None:
    with terminal():
        inner, outer = Shelf(), Shelf()
        first = listening(outer)
        print("a")
        second = listening(inner)
        print("b")
        second.end()
        print("c")
        first.end()

        assert (outer.texts(), inner.texts()) == (["a", "b", "c"], ["b"])


def test_what_somebody_put_around_a_stream_stays() -> None:
    with terminal() as shown:
        shelf = Shelf()
        output = listening(shelf)
        ours = sys.stdout.write
        vars(sys.stdout)["write"] = lambda text: ours(text.upper())
        output.end()
        print("x")

        assert shown.getvalue() == "X\n"
        assert shelf.pieces == {}


def test_an_upload_that_fails_is_tried_again_as_it_was() -> None:
    with terminal():
        shelf = Shelf()
        shelf.is_away = True
        output = listening(shelf, interval_s=0.2)
        print("first")
        assert shelf.was_asked.wait(30)
        print("second")
        shelf.is_away = False
        output.end()

        assert shelf.texts() == ["first", "second"]
        assert len(shelf.pieces) == 2


def test_who_cannot_keep_the_last_lines_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with terminal():
        shelf = Shelf()
        shelf.is_away = True
        output = listening(shelf)
        print("lost")
        output.end()

        assert "the last lines that were printed were not kept: away" in caplog.text


def test_the_log_says_where_it_is_full() -> None:
    with terminal() as shown:
        shelf = Shelf()
        output = listening(shelf, most_bytes=5_000)
        for n in range(500):
            print(f"line {n}")
        output.end()

        texts = shelf.texts()
        assert texts[:2] == ["line 0", "line 1"]
        assert "MILLRACE_LOG_OUTPUT_MIB" in texts[-1]
        assert sum(map(len, shelf.pieces.values())) < 5_500
        assert shown.getvalue().endswith("line 499\n")


def test_what_comes_faster_than_it_is_kept_is_counted() -> None:
    with terminal():
        shelf = Shelf()
        shelf.is_away = True
        output = listening(shelf, interval_s=0.2, most_bytes=1024 * MIB)
        # More than may wait in all three places: heard, as lines, and as a piece on its way.
        line = "x" * 1_000
        for _ in range(40_000):
            print(line)
        shelf.is_away = False
        output.end()

        left_out = [text for text in shelf.texts() if "lines were left out here" in text]
        counted = sum(int(text.split()[2]) for text in left_out)
        assert counted > 0
        assert shelf.texts().count(line) + counted == 40_000


def test_a_stream_that_cannot_be_overheard_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Bare:
        __slots__ = ("held",)

        def __init__(self) -> None:
            self.held = ""

        def write(self, text: str) -> int:
            self.held += text
            return len(text)

    stream = Bare()
    with contextlib.redirect_stdout(stream):  # type: ignore[type-var]
        output = listening(Shelf())
        print("x")
        output.end()

    assert stream.held == "x\n"
    assert "cannot be kept" in caplog.text
