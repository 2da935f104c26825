"""Several server processes on one socket: forked, watched, replaced, and stopped together.

The first worker is started alone, because it may have to set the database up; the others follow
when it is ready. A worker whose parent is gone stops by itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from millrace.asgi.listening import SIGNALS
from millrace.core.errors import MillraceError, NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAUSE_S: Final = 1.0
"""How long to wait before a dead worker is replaced, lest ever dying ones take the machine."""
SPARE_S: Final = 5.0
"""What workers get beyond their grace time before they are killed."""

logger = logging.getLogger(__name__)


class Work(Protocol):
    """What a worker does until it is told to stop."""

    def __call__(self, is_ready: Callable[[], object], lifeline: int, /) -> None:
        """Call *is_ready* once it is; stop when *lifeline* (a descriptor) reads as ended."""
        ...


def run(
    work: Work,
    count: int,
    *,
    grace_s: float,
    when_ready: Callable[[], None],
    when_stopping: Callable[[], None],
) -> None:
    """Keep *count* processes at *work* until SIGTERM or SIGINT, then wait for them to end.

    *when_stopping* is called once, with the signal: time to let go of what the workers share.
    SystemExit, with its exit code, when a worker cannot even start, after it has said why.
    `NotSupported` where processes cannot be forked.
    """
    if not hasattr(os, "fork"):
        raise NotSupported("Several workers need a system that can fork; start with --workers 1.")
    parent = _Parent(work, grace_s, when_stopping)
    with parent.signals():
        if parent.start_first():
            for _ in range(count - 1):
                parent.start()
            when_ready()
        parent.watch()
    if parent.failure:
        raise SystemExit(parent.failure)


class _Parent:
    def __init__(self, work: Work, grace_s: float, when_stopping: Callable[[], None]) -> None:
        self.failure = 0
        """The exit code of the worker that failed for good."""
        self._work = work
        self._grace_s = grace_s
        self._when_stopping = when_stopping
        # The reading end of each worker's pipe, which holds a byte once the worker is ready.
        self._started: dict[int, int] = {}
        self._is_up = False
        self._is_stopping = False
        # Nothing is ever written: the reading end tells workers when the writing end is gone.
        self._lifeline, self._held = os.pipe()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Pass signals on to the workers."""
        handlers: dict[int, Any] = dict.fromkeys(SIGNALS, self._stop)
        handlers[signal.SIGALRM] = self._kill
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            signal.alarm(0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def start_first(self) -> bool:
        """Fork a worker and wait for it; whether it got ready."""
        self.start()
        select.select(list(self._started.values()), [], [])
        self._is_up = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        return self._is_up

    def start(self) -> None:
        """Fork a worker."""
        ready, tell_ready = os.pipe()
        # A signal between the fork and our note of it would miss the child, or find our handlers
        # in it.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            if self._is_stopping:
                os.close(ready)
                return
            pid = os.fork()
            if pid == 0:
                os.close(ready)
                self._be_worker(tell_ready)
            self._started[pid] = ready
        finally:
            os.close(tell_ready)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def watch(self) -> None:
        """Replace workers that die; return when all have ended."""
        while self._started:
            pid, status = os.wait()
            ready = self._started.pop(pid)
            was_ready = os.read(ready, 1) != b""
            os.close(ready)
            if self._is_stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            logger.error("worker %s died, exit code %s", pid, code)
            # Where it was not killed, and nobody serves, another one would fail the same way.
            if self._is_up and (was_ready or code < 0 or self._is_somebody_ready()):
                time.sleep(PAUSE_S)
                self.start()
            else:
                self.failure = max(code, 1)
                self._stop()

    def _is_somebody_ready(self) -> bool:
        readable, _, _ = select.select(list(self._started.values()), [], [], 0)
        return bool(readable)

    def _be_worker(self, tell_ready: int) -> NoReturn:
        code = 1
        try:
            os.close(self._held)
            for number in (*SIGNALS, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._work(lambda: os.write(tell_ready, b"1"), self._lifeline)
            code = 0
        except MillraceError as error:
            sys.stderr.write(f"Error: {error.message}\n")
            code = error.exit_code
        except BaseException:
            logger.exception("worker %s failed", os.getpid())
        finally:
            # Never back into the parent's stack, which is not ours to unwind.
            logging.shutdown()
            os._exit(code)

    def _stop(self, *_: object) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._when_stopping()
            signal.alarm(max(1, round(self._grace_s + SPARE_S)))
        self._send(signal.SIGTERM)

    def _kill(self, *_: object) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
