"""Answers lost on the way: a client that sends again has each of its effects once.

`MILLRACE_TEST_DROPS` says how many writes are sent through a proxy that fails one in five.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.faults.conftest import amount
from tests.e2e.faults.files import check_file
from tests.e2e.faults.link import Link
from tests.e2e.faults.proxy import FATES, lossy_proxy
from tests.e2e.faults.servers import Mortal, Nursery
from tests.e2e.faults.workload import Tally, Writer

WRITERS = 8
SHARE = 0.2
WRITES_A_ROUND = 5_000

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@pytest.fixture
def writes(full_size: bool) -> int:
    return amount("MILLRACE_TEST_DROPS", 1_600, 100_000, full_size=full_size)


@pytest.mark.timeout(3600)
def test_each_effect_once(nursery: Nursery, tmp_path: Path, writes: int) -> None:
    """Metrics, equal params and tags without a key, creates and deletes with one."""
    total, number = Tally(), 0
    while total.acknowledged < writes:
        count = min(WRITES_A_ROUND, writes - total.acknowledged)
        total.add(one_round(nursery, tmp_path / f"{number}", f"drop{number}", count))
        number += 1

    print(total)
    assert total.unanswered > total.acknowledged * SHARE / 2


def one_round(nursery: Nursery, folder: Path, name: str, count: int) -> Tally:
    """*count* writes to a server of two workers, and a look at all that they have left."""
    with ExitStack() as stack:
        server = Mortal(nursery, folder, workers=2)
        stack.callback(server.kill)
        server.start()
        direct = stack.enter_context(Link(server.port))
        home = direct.post("experiments/create", {"name": name}).json["experiment_id"]
        shared = direct.post("runs/create", {"experiment_id": home}).json
        port, lossy = stack.enter_context(lossy_proxy(server.port, share=SHARE))
        writers = [
            Writer(
                f"{name}-{number}",
                stack.enter_context(Link(port)),
                home=home,
                shared=shared["run"]["info"]["run_id"],
                may_lack_key=False,
                reads=stack.enter_context(Link(server.port)),
            )
            for number in range(WRITERS)
        ]

        def work(writer: Writer) -> Tally:
            for _ in range(count // WRITERS):
                writer.write_until_answered()
            writer.check_everything()
            return writer.tally

        tally = Tally()
        for one in stack.enter_context(ThreadPoolExecutor(WRITERS)).map(work, writers):
            tally.add(one)
        assert set(FATES) <= set(lossy.fates), "no answer was lost in one of the ways"
        server.end()
        check_file(server.database)
        return tally
