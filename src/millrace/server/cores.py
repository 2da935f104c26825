"""Leaves a core to records: while several transfers run, they share all cores but one, in turns.

On a machine of two cores eight uploads would otherwise keep both busy, and whoever asks for a
record would wait behind them at each step of its way. A lower priority does not help with that: the
kernel lets a thread that runs go on for a millisecond or more, whoever wakes up meanwhile. One
transfer alone has all cores.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


PATIENCE_S: Final = 0.02
"""Who has a turn may be waiting for a slow store: so long is waited for it, and no longer."""


class Cores:
    """The cores of this process, and which of them the threads that transfer may use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all = _usable()
        # The same one in each process of a server.
        self._rest = self._all - {min(self._all)} if len(self._all) > 1 else self._all
        self._threads: set[int] = set()
        self._turns: SimpleQueue[None] = SimpleQueue()
        for _ in self._rest:
            self._turns.put(None)

    @contextlib.contextmanager
    def transfer(self) -> Iterator[None]:
        """What the calling thread does in the block is a transfer. Threads that it starts there
        begin where it is."""
        me = threading.get_native_id()
        with self._lock:
            self._threads.add(me)
            match len(self._threads):
                case 1:
                    pass
                case 2:
                    self._let(self._threads, self._rest)
                case _:
                    self._let({me}, self._rest)
        try:
            yield
        finally:
            with self._lock:
                self._threads.remove(me)
                self._let({me}, self._all)
                if len(self._threads) == 1:
                    self._let(self._threads, self._all)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """One after the other: no more threads work in such blocks than there are cores for them.

        Side by side they would take the core from each other at any moment, also from one that has
        the interpreter, and everybody else would wait until it is its turn again.
        """
        try:
            self._turns.get(timeout=PATIENCE_S)
        except Empty:
            yield
            return
        try:
            yield
        finally:
            self._turns.put(None)

    def _let(self, threads: set[int], cores: set[int]) -> None:
        for thread in threads if len(self._all) > 1 else ():
            with contextlib.suppress(OSError):  # the cores of the process were changed since
                os.sched_setaffinity(thread, cores)


def _usable() -> set[int]:
    return os.sched_getaffinity(0) if sys.platform == "linux" else {0}


CORES: Final = Cores()
"""Those of this process."""
