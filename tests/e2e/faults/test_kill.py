"""SIGKILL at any moment of any write: what was acknowledged is there, the rest wholly or not.

`MILLRACE_TEST_KILLS` says how often the server is killed while it is written to.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import databases
from tests.e2e.faults.files import check_file, check_store
from tests.e2e.faults.link import Link
from tests.e2e.faults.servers import Mortal, Nursery, amount, until
from tests.e2e.faults.workload import Tally, Writer

WRITERS = 6
KILLS_A_ROUND = 25
"""A round has a database of its own, so that looking at all of it stays cheap."""

pytestmark = [pytest.mark.crash, pytest.mark.slow]


class Round:
    """Writers on servers, all on one store, that are killed again and again.

    Where there are several servers, what was written through one is read through the next.
    """

    def __init__(self, servers: Sequence[Mortal], name: str, stack: ExitStack) -> None:
        self.servers = servers
        self.dice = random.Random(name)
        self._moved = threading.Condition()
        self._acknowledged = 0
        for server in servers:
            server.start()
        with Link(servers[0].port) as link:
            made = link.post("experiments/create", {"name": name}).json
            home = made["experiment_id"]
            run = link.post("runs/create", {"experiment_id": home, "run_name": "shared"}).json
        self.writers = [
            Writer(
                f"{name}-{number}",
                stack.enter_context(Link(servers[number % len(servers)].port)),
                home=home,
                shared=run["run"]["info"]["run_id"],
                reads=stack.enter_context(Link(servers[(number + 1) % len(servers)].port)),
            )
            for number in range(WRITERS)
        ]
        self._pool = stack.enter_context(ThreadPoolExecutor(WRITERS))

    def kill_once(self) -> None:
        """Write, kill at a moment of chance, start again, and look at what is there."""
        halt = threading.Event()
        at = self._acknowledged + self.dice.randrange(100)
        writing = [self._pool.submit(self._write, writer, halt) for writer in self.writers]
        with self._moved:
            self._moved.wait_for(lambda: self._acknowledged >= at or halt.is_set(), timeout=20)
        # Any moment of a write shall be met, not only the one after an answer.
        time.sleep(self.dice.uniform(0, 0.004))
        server = self.dice.choice(self.servers)
        victim = server.victim(self.dice)
        server.kill(victim)
        halt.set()
        for one in writing:
            one.result()
        if victim in {None, server.processes()[0]}:
            server.wait_gone()
            server.start()
        for done in [self._pool.submit(writer.settle) for writer in self.writers]:
            done.result()
        if server.database.exists():
            check_file(server.database)

    def finish(self) -> Tally:
        """Look at everything that was ever written, and stop."""
        for done in [self._pool.submit(writer.check_everything) for writer in self.writers]:
            done.result()
        for server in self.servers:
            server.end()
        check_store(self.servers[0].store)
        tally = Tally()
        for writer in self.writers:
            tally.add(writer.tally)
        return tally

    def _write(self, writer: Writer, halt: threading.Event) -> None:
        try:
            while not halt.is_set() and writer.write():
                with self._moved:
                    self._acknowledged += 1
                    self._moved.notify_all()
        except BaseException:
            halt.set()
            with self._moved:
                self._moved.notify_all()
            raise


@pytest.fixture
def kills(full_size: bool) -> int:
    return amount("MILLRACE_TEST_KILLS", 50, 1_000, full_size=full_size) // 2


def rounds(kills: int) -> Iterator[int]:
    """How many kills each round has."""
    whole, rest = divmod(kills, KILLS_A_ROUND)
    yield from [KILLS_A_ROUND] * whole
    if rest:
        yield rest


def kill_again_and_again(kills: int, name: str, make: Callable[[int], list[Mortal]]) -> None:
    """Rounds of *kills* in all, each on a store and servers of its own."""
    total = Tally()
    for number, count in enumerate(rounds(kills)):
        with ExitStack() as stack:
            servers = make(number)
            for server in servers:
                stack.callback(server.kill)
            one = Round(servers, f"{name}{number}", stack)
            for _ in range(count):
                one.kill_once()
            total.add(one.finish())

    print(f"{kills} kills of {name}: {total}")
    assert total.acknowledged > kills
    assert total.unanswered > 0


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_acknowledged_is_lost(
    nursery: Nursery, tmp_path: Path, kills: int, workers: int
) -> None:
    def make(number: int) -> list[Mortal]:
        return [Mortal(nursery, tmp_path / f"r{number}", workers=workers)]

    kill_again_and_again(kills, f"w{workers}r", make)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("kind", "count"), [("file", 2), ("postgresql", 3), ("mysql", 2)])
def test_one_of_several_servers_on_one_store_is_killed(
    nursery: Nursery, tmp_path: Path, kills: int, kind: str, count: int
) -> None:
    """The others go on, and know at once what each of them has written."""
    made: list[str] = []

    def make(number: int) -> list[Mortal]:
        store = str(tmp_path / f"r{number}")
        if kind != "file":
            made.append(databases.server(kind).create())
            store = databases.server(kind).uri(made[-1])
        return [Mortal(nursery, tmp_path / f"s{one}", store=store) for one in range(count)]

    try:
        kill_again_and_again(max(1, kills // 3), f"{kind}r", make)
    finally:
        for name in made:
            databases.server(kind).drop(name)


def test_killed_while_it_sets_up_its_database(nursery: Nursery, tmp_path: Path) -> None:
    """Whatever it had made by then, the next start needs no repair and finds what it needs."""
    dice = random.Random(0)
    for number in range(8):
        server = Mortal(nursery, tmp_path / str(number))
        server.spawn()
        until(server.database.exists, "a database file")
        # Any moment of it: the whole takes about that long.
        time.sleep(dice.uniform(0, 0.06))
        server.kill()
        server.wait_gone()

        server.start()

        with Link(server.port) as link:
            found = link.read("experiments/get", {"experiment_id": "0"})
            assert found["experiment"]["name"] == "Default"
            made = link.post("experiments/create", {"name": "first"})
            assert made.json == {"experiment_id": "1"}
        server.end()
        check_file(server.database)
