"""Training goes on whatever happens to the server, and what was logged arrives once, in order."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient
from millrace.core import tags
from tests.e2e.client.servers import Server, command, finish, line, say, train


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[MillraceClient]:
    """A client of the server, made when the server runs."""
    made = MillraceClient(server.url)
    yield made
    made.channel.close(5.0)


# Logs 2,000 points while the server is up, 2,000 while it is down, and 2,000 after it came back.
THROUGH_AN_OUTAGE = """
import math
slow = []
def log(first, synchronous):
    for step in range(first, first + 2000):
        began = time.perf_counter()
        millrace.log_metric("m", step, step=step, synchronous=synchronous)
        millrace.log_metric("odd", [math.nan, math.inf, -0.0, 5e-324][step % 4], step=step,
                            synchronous=False)
        slow.append(time.perf_counter() - began)
    millrace.set_tag("last", first)
with millrace.start_run() as run:
    print(run.info.run_id, flush=True)
    log(0, False)
    millrace.log_param("before", 1)
    print("up", flush=True); sys.stdin.readline()
    log(2000, SYNCHRONOUS)
    millrace.log_param("during", 1)
    print("down", flush=True); sys.stdin.readline()
    log(4000, False)
down = sorted(slow[2000:4000])
print(json.dumps({"p50": down[1000], "p99": down[1980]}))
"""


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_server_killed_in_the_middle_costs_nothing(
    server: Server, client: MillraceClient, tmp_path: Path, synchronous: bool
):
    server.start()
    script = THROUGH_AN_OUTAGE.replace("SYNCHRONOUS", str(synchronous))
    child = train(script, tmp_path, server.url)
    run_id = line(child)
    assert line(child) == "up"
    server.stop(signal.SIGKILL)
    say(child, "killed")
    assert line(child) == "down"
    server.start()
    say(child, "started")
    times, errors = finish(child)

    assert times["p99"] < 0.05, times  # far less on a quiet machine: docs/howto/offline.md
    assert errors.count("cannot be reached") == 1
    run = client.get_run(run_id)
    history = client.get_metric_history(run_id, "m")
    assert [(m.step, m.value) for m in history] == [(n, float(n)) for n in range(6000)]
    assert len(client.get_metric_history(run_id, "odd")) == 6000
    assert run.data.params == {"before": "1", "during": "1"}
    assert (run.info.status, run.data.tags["last"]) == ("FINISHED", "4000")
    assert not list((tmp_path / "spool").glob("*.journal"))


def test_a_process_that_ends_during_an_outage_leaves_its_spool(
    server: Server, client: MillraceClient, tmp_path: Path
):
    script = """
millrace.set_experiment("away")
began = time.perf_counter()
with millrace.start_run(run_name="alone") as run:
    for step in range(100):
        millrace.log_metric("m", step, step=step, synchronous=False)
print(json.dumps({"id": run.info.run_id, "seconds": time.perf_counter() - began}))
"""
    _, errors = finish(train(script, tmp_path, server.url))
    assert "millrace sync" in errors
    assert "not sent yet" in errors

    server.start()
    for _ in range(2):
        done = command("sync", str(tmp_path / "spool"), folder=tmp_path)
        assert done.returncode == 0, done.stderr

    experiment = client.get_experiment_by_name("away")
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("alone", "FINISHED")
    assert run.data.tags[tags.END_CAUSE] == "returned"
    assert len(client.get_metric_history(run.info.run_id, "m")) == 100


OFFLINE = """
sockets = []
sys.addaudithook(lambda event, args: sockets.append(event) if event.startswith("socket.") else None)
millrace.set_experiment("offline")
with millrace.start_run(run_name="parent", log_system_metrics=False) as parent:
    millrace.log_params({"a": 1})
    with millrace.start_run(run_name="child", nested=True):
        for step in range(1000):
            millrace.log_metric("m", step, step=step)
    print("half", flush=True); sys.stdin.readline()
    millrace.log_metric("late", 1.0)
    print("done", flush=True); sys.stdin.readline()
connected = [event for event in sockets if event in ("socket.connect", "socket.getaddrinfo")]
print(json.dumps(connected))
"""


def test_offline_opens_no_socket_and_can_be_sent_while_it_writes(
    server: Server, client: MillraceClient, tmp_path: Path
):
    server.start()
    child = train(OFFLINE, tmp_path, server.url, MILLRACE_OFFLINE="1")
    assert line(child) == "half"
    first = command("sync", str(tmp_path / "spool"), folder=tmp_path)
    experiment = client.get_experiment_by_name("offline").experiment_id

    def states() -> dict[str, str]:
        return {r.info.run_name: r.info.status for r in client.search_runs([experiment])}

    assert "still writing" in first.stdout, first.stdout + first.stderr
    assert states() == {"parent": "RUNNING", "child": "FINISHED"}
    say(child, "go on")
    assert line(child) == "done"
    say(child, "end")
    connected, _ = finish(child)
    assert connected == []
    last = command("sync", str(tmp_path / "spool"), "--output", "json", folder=tmp_path)

    assert [each["waits_for"] for each in json.loads(last.stdout)] == [None]
    assert states() == {"parent": "FINISHED", "child": "FINISHED"}
    runs = {r.info.run_name: r for r in client.search_runs([experiment])}
    assert runs["parent"].data.metrics == {"late": 1.0}
    assert runs["child"].data.tags[tags.PARENT_RUN_ID] == runs["parent"].info.run_id
    assert len(client.get_metric_history(runs["child"].info.run_id, "m")) == 1000


def test_a_process_killed_offline_leaves_what_it_logged(
    server: Server, client: MillraceClient, tmp_path: Path
):
    script = """
millrace.start_run(run_name="killed")
for step in range(500):
    millrace.log_metric("m", step, step=step)
print("on", flush=True)
time.sleep(60)
"""
    child = train(script, tmp_path, server.url, MILLRACE_OFFLINE="1")
    assert line(child) == "on"
    child.kill()
    child.communicate()
    server.start()

    done = command("sync", str(tmp_path / "spool"), folder=tmp_path)

    assert done.returncode == 0, done.stderr
    [run] = client.search_runs(["0"])
    assert len(client.get_metric_history(run.info.run_id, "m")) == 500
    assert run.info.status == "RUNNING"  # nobody knows; its lease runs out in a second


def test_many_processes_and_threads_log_into_one_run(
    server: Server, client: MillraceClient, tmp_path: Path
):
    server.start()
    script = """
import multiprocessing, threading
def part(run_id, first):
    for step in range(first, first + 500):
        millrace.log_metric("m", step, step=step, run_id=run_id, synchronous=step % 50 == 0)
def process(run_id, first):
    threads = [threading.Thread(target=part, args=(run_id, first + n * 500)) for n in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
with millrace.start_run() as run:
    millrace.log_metric("warm", 1, synchronous=False)
    context = multiprocessing.get_context("fork")
    firsts = (0, 1000, 2000)
    children = [context.Process(target=process, args=(run.info.run_id, n)) for n in firsts]
    for child in children: child.start()
    for child in children: child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
print(json.dumps(run.info.run_id))
"""
    run_id, _ = finish(train(script, tmp_path, server.url))

    history = client.get_metric_history(run_id, "m")
    assert sorted(m.step for m in history) == list(range(3000))
    assert client.get_run(run_id).info.status == "FINISHED"
