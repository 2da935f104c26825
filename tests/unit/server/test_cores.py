"""Several transfers leave a core to whoever asks for records, and take turns on the others; one
alone has them all."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from millrace.server.cores import PATIENCE_S, Cores

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="threads are not bound to cores here"
)


class _Transfer:
    """One that goes on until it is told to end, in a thread of its own."""

    def __init__(self, cores: Cores, pool: ThreadPoolExecutor) -> None:
        self._has_begun, self._may_end = threading.Event(), threading.Event()
        self._cores = cores
        self._outcome = pool.submit(self._work)
        assert self._has_begun.wait(10)

    def _work(self) -> set[int]:
        with self._cores.transfer():
            self.thread = threading.get_native_id()
            self._has_begun.set()
            assert self._may_end.wait(10)
        return os.sched_getaffinity(self.thread)

    @property
    def cores(self) -> set[int]:
        """Where it may run now."""
        return os.sched_getaffinity(self.thread)

    def end(self) -> set[int]:
        """Let it end; where its thread may run then."""
        self._may_end.set()
        return self._outcome.result(10)


def test_several_transfers_share_all_cores_but_one() -> None:
    """The first alone has all, and the last that is left has them again."""
    cores, everywhere = Cores(), os.sched_getaffinity(0)
    rest = everywhere - {min(everywhere)} or everywhere

    with ThreadPoolExecutor(3) as pool:
        first = _Transfer(cores, pool)
        assert first.cores == everywhere
        second = _Transfer(cores, pool)
        third = _Transfer(cores, pool)
        assert [one.cores for one in (first, second, third)] == [rest] * 3
        assert first.end() == everywhere
        assert second.cores == third.cores == rest
        assert third.end() == everywhere
        assert second.cores == everywhere
        assert second.end() == everywhere


def test_what_fails_gives_its_cores_back() -> None:
    cores, everywhere = Cores(), os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as pool:
        other = _Transfer(cores, pool)
        with pytest.raises(OSError, match="cut"), cores.transfer():
            raise OSError("cut")
        found = other.cores
        other.end()

    assert found == everywhere
    assert os.sched_getaffinity(threading.get_native_id()) == everywhere


def test_no_more_work_than_there_are_cores_for() -> None:
    """Threads whose blocks are shorter than anybody's patience are never side by side on a core."""
    cores, rest = Cores(), max(1, len(os.sched_getaffinity(0)) - 1)
    at_work: list[None] = []
    most = 0

    def work() -> None:
        nonlocal most
        for _ in range(20):
            with cores.turn():
                at_work.append(None)
                most = max(most, len(at_work))
                time.sleep(PATIENCE_S / 200)
                at_work.pop()

    with ThreadPoolExecutor(rest + 3) as pool:
        for each in [pool.submit(work) for _ in range(rest + 3)]:
            each.result(30)

    assert most == rest


def test_nobody_waits_long_for_a_slow_one() -> None:
    """Who keeps its turn, for a store that is slow, holds nobody up; nor does who has failed."""
    cores, rest = Cores(), max(1, len(os.sched_getaffinity(0)) - 1)
    with contextlib.ExitStack() as kept:
        for _ in range(rest):
            kept.enter_context(cores.turn())
        began = time.monotonic()
        with cores.turn():
            waited_s = time.monotonic() - began
        with pytest.raises(OSError, match="cut"), cores.turn():
            raise OSError("cut")

    assert waited_s >= PATIENCE_S
    for _ in range(3 * rest):
        began = time.monotonic()
        with contextlib.suppress(OSError), cores.turn():
            free_s = time.monotonic() - began
            raise OSError("cut")
        assert free_s < PATIENCE_S
