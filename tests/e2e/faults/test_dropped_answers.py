"""Answers lost on the way: a client that sends again has each of its effects once.

`MILLRACE_TEST_DROPS` says how many writes are sent through a proxy that fails one in five.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from millrace import MillraceClient
from millrace.client.batching import Remaining
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.metric import Metric
from tests.e2e.faults.files import check_file
from tests.e2e.faults.link import Link
from tests.e2e.faults.proxy import FATES, lossy_proxy
from tests.e2e.faults.records import Reader
from tests.e2e.faults.servers import Mortal, Nursery, amount, until
from tests.e2e.faults.workload import Tally, Writer
from tests.services import LOOPBACK

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


def test_our_client_sends_again_by_itself(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who logs from Python has to know of keys."""
    for name, value in {
        "HTTP_REQUEST_MAX_RETRIES": "30",
        "HTTP_REQUEST_BACKOFF_FACTOR": "0",
        "HTTP_REQUEST_BACKOFF_JITTER": "0",
        "SPOOL_DIR": str(tmp_path / "spool"),
    }.items():
        monkeypatch.setenv(f"MILLRACE_{name}", value)
    with ExitStack() as stack:
        server = Mortal(nursery, tmp_path, workers=2)
        stack.callback(server.kill)
        server.start()
        port, lossy = stack.enter_context(lossy_proxy(server.port, share=0.25))
        client = MillraceClient(f"http://{LOOPBACK}:{port}")
        home = client.create_experiment("lossy")
        names = [f"run {number}" for number in range(8)]
        for name in names:
            run = client.create_run(home, run_name=name).info.run_id
            client.log_batch(
                run,
                metrics=[Metric(key="m", value=n, timestamp=n, step=n) for n in range(50)],
                params=[KeyValue(key="p", value="1")],
            )
            client.log_metric(run, "m", 50, timestamp=50, step=50)
            client.set_tag(run, "t", "1")
            client.delete_tag(run, "t")
            client.set_terminated(run)
        # What met a bad patch at its start waits in the spool.
        until(lambda: client.flush(5) == Remaining(), "everything to be sent")

        link = stack.enter_context(Link(server.port))
        found = link.find("runs/search", {"experiment_ids": [home]})["runs"]
        assert sorted(run["info"]["run_name"] for run in found) == sorted(names)
        for run in found:
            view = Reader(link, {("run", ""): run["info"]["run_id"]}).view(("run", "")) or {}
            assert [step for _, step, _ in view["points"]["m"]] == list(range(51))
            assert (view["status"], view["params"]) == ("FINISHED", {"p": "1"})
            assert "t" not in view["tags"]
        assert lossy.fates.total() - lossy.fates["passed on"] > 5
