"""A primary that dies, and a standby that takes over: the server goes on by itself (R7, R8)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import databases
from tests.databases import Server
from tests.e2e.faults.files import check_store
from tests.e2e.faults.link import Link
from tests.e2e.faults.servers import Mortal, Nursery, until
from tests.e2e.faults.workload import Tally, Writer
from tests.services import LOOPBACK, unavailable

WRITERS = 4
_EACH = 12
"""How much each writer is to have written before the primary dies, and after."""


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary, and a standby that has what the primary acknowledges."""
    with ExitStack() as stack:
        try:
            primary = databases.private_postgres()
        except LookupError as error:
            unavailable("postgres", str(error))
        stack.callback(primary.stop)
        standby = databases.standby_of(primary)
        stack.callback(standby.stop)
        yield primary, standby


def uri_of(database: str, *servers: Server) -> str:
    """The URI of whichever of the servers takes writes."""
    hosts = "&".join(f"host={LOOPBACK}:{server.url.port}" for server in servers)
    return f"postgresql://postgres@/{database}?{hosts}&target_session_attrs=read-write"


@pytest.mark.timeout(300)
def test_a_standby_takes_over(
    pair: tuple[Server, Server], nursery: Nursery, tmp_path: Path
) -> None:
    """All that was acknowledged is there, nothing is there by half, and nobody starts anything."""
    primary, standby = pair
    server = Mortal(nursery, tmp_path, store=uri_of(primary.create(), primary, standby))
    server.start()
    with ExitStack() as stack:
        stack.callback(server.kill)
        link = stack.enter_context(Link(server.port))
        home = link.post("experiments/create", {"name": "failover"}).json["experiment_id"]
        shared = link.post("runs/create", {"experiment_id": home}).json["run"]["info"]["run_id"]
        writers = [
            Writer(
                f"f{number}",
                stack.enter_context(Link(server.port)),
                home=home,
                shared=shared,
                reads=stack.enter_context(Link(server.port)),
            )
            for number in range(WRITERS)
        ]
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
        halt = threading.Event()
        stack.callback(halt.set)

        def write(writer: Writer) -> None:
            while not halt.is_set():
                if not writer.write():
                    return  # it is looked at afterwards what became of the last one

        writing = [pool.submit(write, writer) for writer in writers]
        moved(writers, writing)
        primary.halt(signal.SIGKILL)
        until(lambda: "takes writes" in link.get("/ready").text, "a server that says what it lacks")
        databases.promote(standby)
        until(lambda: link.get("/ready").status == 200, "a server that is ready again")
        for place, one in enumerate(writing):
            if one.done():
                one.result()
                writers[place].settle()
                writing[place] = pool.submit(write, writers[place])
        moved(writers, writing)
        halt.set()
        for one in writing:
            one.result()

        tally = Tally()
        for writer in writers:
            writer.settle()
            writer.check_everything()
            tally.add(writer.tally)
        print(f"failover: {tally}")
    server.wait_gone()
    assert "Traceback" not in server.log.read_text()
    check_store(server.store)


def moved(writers: list[Writer], writing: list[Future[None]]) -> None:
    """Wait until each writer has written some more."""
    wanted = {writer: writer.tally.acknowledged + _EACH for writer in writers}

    def has_moved() -> bool:
        for one in writing:
            if one.done():
                one.result()
        return all(
            one.done() or writer.tally.acknowledged >= wanted[writer]
            for writer, one in zip(writers, writing, strict=True)
        )

    until(has_moved, "writes that are acknowledged", within_s=60)
