"""How processes end, in processes that really do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient
from millrace.core import tags
from tests.services import clean_environment

PREAMBLE = """
import os, signal, sys, threading, time
import millrace
millrace.set_experiment("endings")
"""


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


def start(script: str, uri: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *options, "-c", PREAMBLE + script],
        env=clean_environment(MILLRACE_TRACKING_URI=uri, MILLRACE_LEASE_SECONDS="3"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(uri.removeprefix("sqlite:///")).parent,
    )


def finish(child: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = child.communicate(timeout=60)
    return child.returncode, errors


def endings(uri: str) -> list[tuple[str, str | None]]:
    """Status and cause of all runs, the first started first."""
    client = MillraceClient(uri)
    experiment = client.get_experiment_by_name("endings").experiment_id
    runs = client.search_runs([experiment], order_by=["start_time ASC"])
    client.channel.close(5.0)
    return [(run.info.status, run.data.tags.get(tags.END_CAUSE)) for run in runs]


@pytest.mark.parametrize(
    ("script", "code", "ending"),
    [
        ("millrace.start_run()", 0, ("FINISHED", "returned")),
        (
            "millrace.start_run(); 1 / 0",
            1,
            ("FAILED", "exception: ZeroDivisionError: division by zero"),
        ),
        ("millrace.start_run(); sys.exit()", 0, ("FINISHED", "exit: 0")),
        ("millrace.start_run(); sys.exit(3)", 3, ("KILLED", "exit: 3")),
        ("millrace.start_run(); exit('no')", 1, ("KILLED", "exit: no")),
        ("millrace.start_run(); raise KeyboardInterrupt", None, ("KILLED", "signal: SIGINT")),
        ("with millrace.start_run(): sys.exit(4)", 4, ("KILLED", "exit: 4")),
        (
            """
with millrace.start_run(): pass
try: sys.exit(5)
except SystemExit: pass
millrace.start_run()""",
            0,
            ("FINISHED", "returned"),
        ),
        (
            "millrace.start_run(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)",
            -signal.SIGTERM,
            ("KILLED", "signal: SIGTERM"),
        ),
        (
            "with millrace.start_run(): os.kill(os.getpid(), signal.SIGHUP); time.sleep(30)",
            -signal.SIGHUP,
            ("KILLED", "signal: SIGHUP"),
        ),
        (
            "with millrace.start_run(): os.kill(os.getpid(), signal.SIGINT); time.sleep(30)",
            None,
            ("KILLED", "signal: SIGINT"),
        ),
    ],
)
def test_a_run_ends_as_its_process_did(
    uri: str, script: str, code: int | None, ending: tuple[str, str]
):
    returned, errors = finish(start(script, uri))

    assert endings(uri)[-1:] == [ending], errors
    assert returned == code or (code is None and returned != 0)


TRAINING = """
with millrace.start_run() as run:
    print(run.info.run_id, flush=True)
    for step in range(100_000):
        millrace.log_metric("loss", 1 / (step + 1), step=step)
        time.sleep(0.01)
"""


def test_a_run_that_is_asked_to_stop_ends_where_it_runs(uri: str):
    child = start(TRAINING, uri)
    assert child.stdout is not None
    run_id = child.stdout.readline().strip()

    stop = [sys.executable, "-m", "millrace", "runs", "stop", run_id, "--tracking-uri", uri]
    subprocess.run(stop, check=True, timeout=60, env=clean_environment())
    returned, errors = finish(child)

    [(status, cause)] = endings(uri)
    assert (status, cause.partition(":")[0]) == ("KILLED", "stopped by"), errors
    assert returned != 0
    assert "RunStopped" in errors


def test_a_handler_of_the_script_stays_in_charge(uri: str):
    """It is called, the process goes on, and a clean end is a clean end."""
    script = """
seen = []
signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
with millrace.start_run():
    os.kill(os.getpid(), signal.SIGTERM)
    assert seen == [signal.SIGTERM]
    millrace.log_param("after", 1)
"""
    returned, errors = finish(start(script, uri))

    assert (returned, endings(uri)) == (0, [("FINISHED", "returned")]), errors


def test_a_handler_that_exits_leaves_its_signal_behind(uri: str):
    script = """
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
millrace.start_run()
os.kill(os.getpid(), signal.SIGTERM)
"""
    finish(start(script, uri))

    assert endings(uri) == [("KILLED", "signal: SIGTERM")]


def test_an_ignored_signal_stays_ignored(uri: str):
    script = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with millrace.start_run():
    os.kill(os.getpid(), signal.SIGHUP)
"""
    returned, _ = finish(start(script, uri))

    assert (returned, endings(uri)) == (0, [("FINISHED", "returned")])


def test_a_signal_ends_every_run_and_loses_nothing(uri: str):
    script = """
millrace.start_run()
run = millrace.start_run(nested=True)
for step in range(5000):
    millrace.log_metric("m", step, step=step, synchronous=False)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(30)
"""
    _, errors = finish(start(script, uri))

    assert endings(uri) == [("KILLED", "signal: SIGTERM")] * 2, errors
    client = MillraceClient(uri)
    experiment = client.get_experiment_by_name("endings").experiment_id
    child = client.search_runs([experiment], "metrics.m = 4999")[0]
    assert len(client.get_metric_history(child.info.run_id, "m")) == 5000
    client.channel.close(5.0)


def test_a_session_that_is_closed_kills_its_run(uri: str):
    child = start("", uri, "-i")
    child.stdin.write("millrace.start_run()\n1 / 0\n")
    finish(child)

    assert endings(uri) == [("KILLED", "session closed")]


def test_a_silent_death_is_lost_after_the_lease(uri: str):
    """SIGKILL leaves no time for words; whoever looks sees that the run is lost."""
    child = start("millrace.start_run(); print('on', flush=True); time.sleep(60)", uri)
    assert child.stdout.readline() == "on\n"
    client = MillraceClient(uri)
    experiment = client.get_experiment_by_name("endings").experiment_id

    def liveness() -> str | None:
        return client.search_runs([experiment])[0].info.liveness

    assert liveness() is None
    child.kill()
    finish(child)
    deadline = time.monotonic() + 60
    while liveness() != "lost":
        assert time.monotonic() < deadline
        time.sleep(0.1)

    run = client.search_runs([experiment])[0]
    assert run.info.status == "RUNNING"
    client.log_metric(run.info.run_id, "speaks again", 1)
    assert liveness() is None
    client.channel.close(5.0)


def test_a_forked_child_leaves_the_run_to_its_parent(uri: str):
    script = """
with millrace.start_run() as run:
    child = os.fork()
    if child == 0:
        millrace.log_metric("m", 1, step=1, synchronous=False)
        sys.exit(0)
    os.waitpid(child, 0)
    assert millrace.get_run(run.info.run_id).info.status == "RUNNING"
    millrace.log_metric("m", 2, step=2)
"""
    returned, errors = finish(start(script, uri))

    assert returned == 0, errors
    assert endings(uri) == [("FINISHED", "returned")]
    client = MillraceClient(uri)
    experiment = client.get_experiment_by_name("endings").experiment_id
    [run] = client.search_runs([experiment])
    assert len(client.get_metric_history(run.info.run_id, "m")) == 2
    client.channel.close(5.0)


def test_children_of_multiprocessing_flush_before_they_end(uri: str):
    script = """
import multiprocessing
def train(run_id, first):
    for step in range(first, first + 1000):
        millrace.log_metric("m", step, step=step, run_id=run_id, synchronous=False)
with millrace.start_run() as run:
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=train, args=(run.info.run_id, n * 1000)) for n in range(3)]
    for child in children: child.start()
    for child in children: child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    history = millrace.get_metric_history(run.info.run_id, "m")
    assert sorted(m.step for m in history) == list(range(3000)), len(history)
"""
    returned, errors = finish(start(script, uri))

    assert returned == 0, errors
