"""The one place where the event loop and threads meet.

The loop hands work to a few threads over a bounded queue; threads (these, and the stores' writers)
hand outcomes back. A writer resolves many futures at a time, so arrivals are gathered: one wake-up
of the loop delivers them all.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from millrace.core.errors import Unavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")

THREADS: Final = 4
WAITING: Final = 256
PATIENCE_S: Final = 5.0
"""Work that has waited longer for a thread is refused: its caller has little use for it now."""


class Bridge:
    """Runs blocking work beside the loop it is made on."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, threads: int = THREADS, waiting: int = WAITING
    ) -> None:
        self._loop = loop
        self._limit = waiting
        # A queue of the library's would wake a second thread for each item, to find nothing there.
        self._queue: deque[_Work | None] = deque()
        self._idle: list[threading.Lock] = []
        self._arrivals: deque[_Arrival] = deque()
        self._is_ringing = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"millrace-call-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Do *call* in a thread; `Unavailable` when too much is waiting, or it waited too long."""
        if len(self._queue) >= self._limit:
            raise _overloaded()
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._put((call, waiter, time.monotonic() + PATIENCE_S))
        return waiter

    def outcome(self, future: Future[T]) -> asyncio.Future[T]:
        """What a thread's *future* comes to, for the loop to wait for."""
        waiter: asyncio.Future[T] = self._loop.create_future()

        def arrive(done: Future[T]) -> None:
            try:
                self._arrive(waiter, done.result(), None)
            except BaseException as error:  # noqa: BLE001 - whoever waits for it handles it
                self._arrive(waiter, None, error)

        future.add_done_callback(arrive)
        return waiter

    def close(self) -> None:
        """Let the threads end once what is queued is done."""
        for _ in self._threads:
            self._put(None)
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _put(self, work: _Work | None) -> None:
        self._queue.append(work)
        with contextlib.suppress(IndexError):  # all are busy; the first to be done takes it
            self._idle.pop().release()  # the last to become idle: its memory is still at hand

    def _get(self, bell: threading.Lock) -> _Work | None:
        while True:
            with contextlib.suppress(IndexError):
                return self._queue.popleft()
            self._idle.append(bell)
            if self._queue:  # it came before it could ring
                with contextlib.suppress(ValueError):  # or did ring since
                    self._idle.remove(bell)
                    continue
            bell.acquire()

    def _serve(self) -> None:
        bell = threading.Lock()
        bell.acquire()
        while work := self._get(bell):
            call, waiter, until = work
            if waiter.done():
                continue  # given up by whoever asked
            if time.monotonic() > until:
                self._arrive(waiter, None, _overloaded())
                continue
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it handles it
                self._arrive(waiter, None, error)
            else:
                self._arrive(waiter, result, None)

    def _arrive(
        self, waiter: asyncio.Future[Any], result: object, error: BaseException | None
    ) -> None:
        # First the arrival, then the question: `_deliver` does it the other way round, so either
        # it sees this arrival or this thread sees that nobody has rung.
        self._arrivals.append((waiter, result, error))
        if not self._is_ringing:
            self._is_ringing = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                return  # the loop is closed, and nobody waits any more

    def _deliver(self) -> None:
        self._is_ringing = False
        while self._arrivals:
            waiter, result, error = self._arrivals.popleft()
            if waiter.done():
                continue  # given up by whoever asked
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)


_Work = tuple["Callable[[], Any]", "asyncio.Future[Any]", float]
_Arrival = tuple["asyncio.Future[Any]", object, "BaseException | None"]


def _overloaded() -> Unavailable:
    return Unavailable("The server has more to do than it can at the moment; try again soon.")
