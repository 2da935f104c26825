"""What waits to be written: anybody puts it in, one thread takes it out."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

from millrace.core.errors import Unavailable

T = TypeVar("T")

QUEUE_LIMIT: Final = 20_000


class WriteQueue(Generic[T]):
    """A queue that can be ended: what is in it by then is still taken, and nothing comes after."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[T | None] = SimpleQueue()
        # Held while something is put, so that nothing can come after the None that is the end.
        self._door = threading.Lock()
        self._is_ended = False

    def __len__(self) -> int:
        return self._waiting.qsize()

    def put(self, one: T) -> None:
        """Let *one* wait. Raises `Unavailable` when too many do, or after the end."""
        with self._door:
            if self._is_ended:
                raise Unavailable("The store is closed; nothing was written.")
            if self._waiting.qsize() >= QUEUE_LIMIT:
                raise Unavailable(
                    f"{QUEUE_LIMIT} writes are waiting for the disk; try again in a moment."
                )
            self._waiting.put(one)

    def end(self) -> None:
        """Take in nothing more."""
        with self._door:
            if not self._is_ended:
                self._is_ended = True
                self._waiting.put(None)

    def take(self) -> T | None:
        """The next, once there is one; None at the end."""
        return self._waiting.get()

    def arrived(self, limit: int) -> list[T]:
        """What waits now, *limit* at most. Only the thread that takes may ask."""
        found: list[T] = []
        while len(found) < limit and not self._waiting.empty():
            one = self._waiting.get_nowait()
            if one is None:
                self._waiting.put(None)  # the end, after these
                break
            found.append(one)
        return found
