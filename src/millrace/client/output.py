"""What a program prints while a run is open, kept with the run as a log in pieces.

The streams stay what they are and write where they always did: their `write` is overheard, so that
loggers which took hold of a stream earlier are heard, too. What goes past `sys.stdout` and
`sys.stderr` (other processes, libraries in C) is not heard, nor what forked children print. One
thread for each run makes lines of it and uploads them at intervals, so that of a program that is
killed all but the last seconds are there.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.client.screen import Screen
from millrace.core import clock, ids
from millrace.core.loglines import stamped

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.loglines import Stream

    Hear = Callable[[Stream, str], None]

FOLDER: Final = "logs/output.log"
"""Where it is among the artifacts of a run; pieces have names in the order of their times."""

logger = logging.getLogger(__name__)

_PIECE: Final = 256 * 1024
_MOST_WAITING: Final = 8 * 1024 * 1024
# The longer a run goes on the longer its pieces take, so that they stay few.
_SLOWER_EVERY: Final = 20
_SHORTEST_S: Final = 0.2
_LONGEST_S: Final = 60.0
_LAST_WAIT_S: Final = 60.0
_STREAMS: Final[tuple[tuple[str, Stream], ...]] = (("stdout", "out"), ("stderr", "err"))


class Tap:
    """Overhears `sys.stdout` and `sys.stderr` of this process for whoever wants to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tapped: list[tuple[Any, Callable[[str], int]]] = []
        self._ears: tuple[Hear, ...] = ()

    def reset(self) -> None:
        """Hear nothing any more: in a forked child nobody would take it away."""
        self._lock = threading.Lock()
        self._ears = ()

    def begin(self, hear: Hear) -> None:
        """Tell *hear* of all that is written from now on, after it was written."""
        with self._lock:
            for name, stream in _STREAMS:
                self._tap(getattr(sys, name), stream)
            self._ears = (*self._ears, hear)

    def end(self, hear: Hear) -> None:
        """Tell it no more."""
        with self._lock:
            self._ears = tuple(one for one in self._ears if one != hear)
            if not self._ears:
                while self._tapped:
                    stream, write = self._tapped.pop()
                    # Somebody may have put something around ours: then it stays, and is silent.
                    if vars(stream).get("write") is write:
                        del vars(stream)["write"]

    def _tap(self, stream: Any, name: Stream) -> None:  # noqa: ANN401 - a file, more or less
        if stream is None or any(stream is one for one, _ in self._tapped):
            return
        original = stream.write

        def write(text: str) -> int:
            written: int = original(text)
            for hear in self._ears:
                hear(name, text)
            return written

        try:
            vars(stream)["write"] = write
        except TypeError:
            logger.warning("what is written to sys.std%s cannot be kept: it is a %r", name, stream)
        else:
            self._tapped.append((stream, write))


TAP: Final = Tap()

if sys.platform != "win32":
    os.register_at_fork(after_in_child=TAP.reset)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How often pieces are uploaded, at first, and how much of one run in one process."""

    interval_s: float
    most_bytes: int


class Output:
    """Keeps what is printed from `begin` to `end`; `keep(path, body)` uploads a piece."""

    def __init__(self, keep: Callable[[str, str], None], limits: Limits) -> None:
        self._keep = keep
        self._limits = limits
        # Filled by whoever prints, maybe in the middle of a signal: no lock is taken there.
        self._heard: deque[tuple[int, Stream, str]] = deque()
        self._waiting = 0
        # Only ever grows: the first is counted by whoever prints, the second by the thread.
        self._missed = 0
        self._dropped = 0
        self._told = 0
        self._screens: dict[Stream, Screen] = {"out": Screen(), "err": Screen()}
        self._lines: list[str] = []
        self._size = self._sent = self._pieces = 0
        self._piece: tuple[str, str] | None = None
        self._last_ms = 0
        self._token = ids.run_id()[:8]
        self._problem: Exception | None = None
        self._wake = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="millrace-output", daemon=True)

    def begin(self) -> None:
        """Listen from now on."""
        self._thread.start()
        TAP.begin(self._hear)

    def note(self, error: BaseException) -> None:
        """Keep the traceback of what ended the run: it is printed later, if at all."""
        self._hear("err", "".join(traceback.format_exception(error)))

    def end(self, timeout_s: float = _LAST_WAIT_S) -> None:
        """Listen no more, and wait until the rest is uploaded."""
        TAP.end(self._hear)
        self._is_over = True
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        if self._thread.is_alive() or self._piece is not None or self._lines:
            logger.warning(
                "the last lines that were printed were not kept: %s", self._problem or "no time"
            )

    def _hear(self, stream: Stream, text: str) -> None:
        if self._waiting > _MOST_WAITING:
            lines = text.count("\n")
            self._missed += lines  # nothing is called in between: no other thread's count is lost
            return
        self._heard.append((clock.now_ms(), stream, text))
        self._waiting += len(text)
        if self._waiting > _PIECE:
            self._wake.set()

    # --- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        due = time.monotonic() + self._interval_s()
        while True:
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            is_last = self._is_over
            is_due = is_last or time.monotonic() >= due
            self._take()
            if is_due:
                self._show(is_last=is_last)
            if is_due or self._size >= _PIECE:
                self._send()
                due = time.monotonic() + self._interval_s()
            if is_last:
                self._send()  # what was held back by a piece that failed before
                return

    def _interval_s(self) -> float:
        first = max(self._limits.interval_s, _SHORTEST_S)
        return min(first * (1 + self._pieces / _SLOWER_EVERY), max(first, _LONGEST_S))

    def _take(self) -> None:
        """Make lines of what was heard."""
        heard = [self._heard.popleft() for _ in range(len(self._heard))]
        self._waiting = 0  # nobody who counts here waits for another
        # What is printed is written word by word.
        for (at_ms, stream), parts in groupby(heard, key=itemgetter(0, 1)):
            self._screens[stream].write(at_ms, "".join(text for _, _, text in parts))
        for stream, screen in self._screens.items():
            for at_ms, line in screen.above():
                self._add(at_ms, stream, line)
        missed = self._missed + self._dropped - self._told
        if missed:
            self._told += missed
            self._say(f"{missed} lines were left out here: they came faster than they were kept.")

    def _show(self, *, is_last: bool) -> None:
        """What stands in lines that go on: progress bars, and at the end everything."""
        for stream, screen in self._screens.items():
            for at_ms, line in screen.rest() if is_last else screen.progress():
                self._add(at_ms, stream, line)

    def _add(self, at_ms: int, stream: Stream, line: str) -> None:
        if self._sent + self._size > self._limits.most_bytes:
            if self._limits.most_bytes:
                self._limits = msgspec.structs.replace(self._limits, most_bytes=0)
                TAP.end(self._hear)
                self._say(
                    "what is printed from here on is not kept: the log has reached "
                    "MILLRACE_LOG_OUTPUT_MIB."
                )
            return
        if self._size > _MOST_WAITING:
            self._dropped += 1
            return
        kept = stamped(at_ms, stream, line)
        self._lines.append(kept)
        self._size += len(kept)

    def _say(self, notice: str) -> None:
        kept = stamped(clock.now_ms(), "err", f"WARNING millrace: {notice}")
        self._lines.append(kept)
        self._size += len(kept)

    def _send(self) -> None:
        """Upload the piece that failed before, or all lines as a new one."""
        if self._piece is None:
            if not self._lines:
                return
            self._last_ms = max(clock.now_ms(), self._last_ms + 1)
            name = f"{FOLDER}/{self._last_ms:015d}-{self._token}.log"
            # The two streams were read apart.
            self._piece = name, "".join(sorted(self._lines, key=_time))
            self._sent += self._size
            self._lines, self._size = [], 0
        try:
            self._keep(*self._piece)
        except Exception as error:  # noqa: BLE001 - in whatever words a store says it; we go on
            if self._problem is None:
                logger.warning("what is printed cannot be uploaded now: %s", error)
            self._problem = error
            return
        self._piece = self._problem = None
        self._pieces += 1


def _time(line: str) -> str:
    return line[:24]
