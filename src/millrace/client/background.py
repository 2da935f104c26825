"""Uploads that go on while the caller does: a few threads, and what has not arrived yet."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 4
_WAITING: Final = 64
"""Beyond it the caller waits: what is not sent yet is in memory."""


class Upload:
    """Something logged that is on its way."""

    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def wait(self) -> None:
        """Return when it has arrived; raise what it failed with."""
        self._future.result()


class Background:
    """Runs uploads in threads, which the end of the process waits for. Thread-safe.

    One that fails says so in the log, at once, and raises when it is waited for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_WAITING)
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: set[Future[None]] = set()

    def submit(self, what: str, upload: Callable[[], None]) -> Upload:
        """Begin *upload*, called *what* in messages; wait first when too many are under way."""
        self._room.acquire()

        def run() -> None:
            try:
                upload()
            except Exception as error:
                logger.warning("%s was not uploaded: %s", what, error)
                raise
            finally:
                self._room.release()

        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_AT_ONCE, "millrace-upload")
            future = self._pool.submit(run)
            self._under_way = {each for each in self._under_way if not each.done()} | {future}
        return Upload(future)

    def flush(self) -> None:
        """Return when everything that was begun has arrived or failed."""
        wait(self._under_way)
