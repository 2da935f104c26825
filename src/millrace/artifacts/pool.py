"""Connections that one thread uses at a time: lent, given back, dropped when something broke."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_IDLE: Final = 4


class Pool(Generic[T]):
    """Opens a connection when none is idle; keeps a few. After a fork, the parent's are forgotten.

    `is_alive` is asked of an idle connection before it is lent again.
    """

    def __init__(
        self,
        connect: Callable[[], T],
        close: Callable[[T], object],
        is_alive: Callable[[T], bool],
    ) -> None:
        self._connect = connect
        self._close = close
        self._is_alive = is_alive
        self._idle: list[T] = []
        self._retired: list[T] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @contextlib.contextmanager
    def lent(self) -> Iterator[T]:
        """A connection; whoever leaves with an exception leaves it in an unknown state."""
        connection = self._taken()
        try:
            yield connection
        except BaseException:
            self._drop(connection)
            raise
        with self._lock:
            is_kept = connection not in self._retired and len(self._idle) < _IDLE
            if is_kept:
                self._idle.append(connection)
            elif connection in self._retired:
                self._retired.remove(connection)
        if not is_kept:
            self._drop(connection)

    def retire(self, connection: T) -> None:
        """Let a lent connection go when it is given back."""
        with self._lock:
            self._retired.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            closing, self._idle = self._idle, []
        for connection in closing:
            self._drop(connection)

    def _taken(self) -> T:
        if self._pid != os.getpid():
            self._pid, self._idle = os.getpid(), []
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect()
            if self._is_alive(connection):
                return connection
            self._drop(connection)

    def _drop(self, connection: T) -> None:
        with contextlib.suppress(Exception):  # it is broken, and nobody needs it any more
            self._close(connection)
