"""Work goes to threads and comes back; many outcomes cost one wake-up."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from millrace.core.errors import NotFound, Unavailable
from millrace.server import bridge as bridge_module
from millrace.server.bridge import Bridge


def test_work_is_done_beside_the_loop() -> None:
    async def main() -> tuple[int, int]:
        bridge = Bridge(asyncio.get_running_loop())
        try:
            return await bridge.run(threading.get_ident), threading.get_ident()
        finally:
            bridge.close()

    worker, loop = asyncio.run(main())

    assert worker != loop


def test_errors_come_back() -> None:
    def fail() -> None:
        raise NotFound("no such thing")

    async def main() -> None:
        bridge = Bridge(asyncio.get_running_loop())
        failed: Future[None] = Future()
        failed.set_exception(NotFound("not here either"))
        cancelled: Future[None] = Future()
        cancelled.cancel()
        try:
            with pytest.raises(NotFound, match="no such thing"):
                await bridge.run(fail)
            with pytest.raises(NotFound, match="not here either"):
                await bridge.outcome(failed)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.ensure_future(_outcome(bridge, cancelled))
        finally:
            bridge.close()

    asyncio.run(main())


async def _outcome(bridge: Bridge, future: Future[Any]) -> Any:
    try:
        return await bridge.outcome(future)
    except BaseException as error:
        # concurrent.futures has a CancelledError of its own
        raise asyncio.CancelledError from error


def test_outcomes_of_a_group_ring_once() -> None:
    """A writer that resolves a hundred futures after one commit wakes the loop once."""
    rings = 0

    class CountingLoop(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *args: Any, **options: Any) -> asyncio.Handle:
            nonlocal rings
            rings += 1
            return super().call_soon_threadsafe(*args, **options)

    async def main() -> list[int]:
        bridge = Bridge(asyncio.get_running_loop(), threads=1)
        futures = [Future[int]() for _ in range(100)]
        waiting = [bridge.outcome(future) for future in futures]
        # Resolved while the loop cannot run, as if by a thread that holds the interpreter.
        for number, future in enumerate(futures):
            future.set_result(number)
        results = [await waiter for waiter in waiting]
        bridge.close()
        return results

    loop = CountingLoop()
    try:
        results = loop.run_until_complete(main())
    finally:
        loop.close()

    assert results == list(range(100))
    assert rings == 1


def test_arrivals_from_many_threads_all_arrive() -> None:
    async def main() -> int:
        bridge = Bridge(asyncio.get_running_loop())
        futures = [Future[int]() for _ in range(2000)]
        waiting = [bridge.outcome(future) for future in futures]
        threads = [
            threading.Thread(target=lambda part: [f.set_result(1) for f in part], args=(part,))
            for part in (futures[::2], futures[1::2])
        ]
        for thread in threads:
            thread.start()
        total = sum(await asyncio.wait_for(asyncio.gather(*waiting), 30))
        for thread in threads:
            thread.join()
        bridge.close()
        return total

    assert asyncio.run(main()) == 2000


def test_a_full_queue_refuses() -> None:
    async def main() -> None:
        bridge = Bridge(asyncio.get_running_loop(), threads=1, waiting=2)
        busy, free = threading.Event(), threading.Event()

        def occupy() -> None:
            busy.set()
            free.wait(30)

        first = bridge.run(occupy)
        await asyncio.to_thread(busy.wait, 30)
        queued = [bridge.run(lambda: "done") for _ in range(2)]
        try:
            with pytest.raises(Unavailable):
                bridge.run(lambda: "too much")
        finally:
            free.set()
        await first
        assert [await waiter for waiter in queued] == ["done", "done"]
        bridge.close()

    asyncio.run(main())


def test_who_waited_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "PATIENCE_S", -1.0)
    done = []

    async def main() -> None:
        bridge = Bridge(asyncio.get_running_loop(), threads=1)
        waiter = bridge.run(lambda: done.append(1))
        with pytest.raises(Unavailable):
            await waiter
        monkeypatch.setattr(bridge_module, "PATIENCE_S", 5.0)
        bridge.close()

    asyncio.run(main())

    assert done == []


def test_who_gave_up_is_not_worked_for() -> None:
    done = []

    async def main() -> None:
        bridge = Bridge(asyncio.get_running_loop(), threads=1)
        busy, free = threading.Event(), threading.Event()

        def occupy() -> None:
            busy.set()
            free.wait(30)

        first = bridge.run(occupy)
        await asyncio.to_thread(busy.wait, 30)
        given_up = bridge.run(lambda: done.append("given up"))
        wanted = bridge.run(lambda: done.append("wanted"))
        given_up.cancel()
        free.set()
        await first
        await wanted
        bridge.close()

    asyncio.run(main())

    assert done == ["wanted"]


def test_outcomes_after_the_end_of_the_loop_are_dropped() -> None:
    late: Future[int] = Future()

    async def main() -> None:
        bridge = Bridge(asyncio.get_running_loop())
        bridge.outcome(late)
        bridge.close()

    asyncio.run(main())
    late.set_result(1)
