"""Several transfers leave a core to whoever asks for records; one alone has them all."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from millrace.server.cores import Cores

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
