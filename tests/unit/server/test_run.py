"""Real server processes: start, signals, workers, and what a stop keeps."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.services import LOOPBACK, Process, answers, clean_environment, free_port

DEADLINE_S = 30.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def command(port: int, folder: Path, *options: str) -> list[str]:
    where = ["--host", LOOPBACK, "--port", str(port)]
    store = ["--backend-store-uri", f"sqlite:///{folder / 'm.db'}"]
    return [sys.executable, "-m", "millrace", "server", *where, *store, *options]


class Server:
    """A server process of its own, with what it said."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.log = folder / "server.log"
        self.process = Process(
            command(self.port, folder, *options),
            self.log,
            lambda: answers(f"{self.url}/health"),
            timeout_s=60,
            cwd=folder,
            env=clean_environment(**environment),
        )
        self.child = self.process.child

    @property
    def said(self) -> str:
        return self.log.read_text()

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit code; None of it is forced."""
        self.child.send_signal(with_signal)
        return self.child.wait(DEADLINE_S)

    def workers(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.child.pid).children()]

    def post(self, path: str, message: object) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}",
            json.dumps(message).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
            return json.load(reply)


@contextlib.contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    server = Server(folder, *options, **environment)
    try:
        yield server
    finally:
        server.process.stop()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def half_sent(server: Server, path: str = "experiments/create") -> tuple[socket.socket, bytes]:
    """A connection on which a request is half sent, and the other half."""
    body = b'{"name": "in flight"}'
    head = (
        f"POST /api/2.0/mlflow/{path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    link = socket.create_connection((LOOPBACK, server.port), DEADLINE_S)
    link.sendall(head.encode() + body[:5])
    # Asked on another connection and answered later, so the head has been read.
    assert answers(f"{server.url}/health")
    return link, body[5:]


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_0(tmp_path: Path, with_signal: signal.Signals) -> None:
    with serving(tmp_path) as server:
        assert server.end(with_signal) == 0
        assert "listening on" in server.said
        assert "stopped" in server.said
        assert "Traceback" not in server.said


def test_requests_in_flight_are_answered_and_nobody_new_is(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        link, rest = half_sent(server)
        server.child.send_signal(signal.SIGTERM)
        until(lambda: not answers(f"{server.url}/health"))
        link.sendall(rest)
        with link, link.makefile("rb") as stream:
            answer = stream.read()

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
        assert server.child.wait(DEADLINE_S) == 0


def test_a_stop_does_not_wait_beyond_its_grace(tmp_path: Path) -> None:
    with serving(tmp_path, MILLRACE_GRACE_SECONDS="1") as server:
        link, _ = half_sent(server)
        began = time.monotonic()

        assert server.end() == 0
        assert time.monotonic() - began < 8
        link.close()


def test_a_stop_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        made = server.post("experiments/create", {"name": "kept"})["experiment_id"]
        run = server.post("runs/create", {"experiment_id": made})["run"]["info"]["run_id"]
        for step in range(50):
            server.post(
                "runs/log-metric",
                {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step},
            )
        assert server.end() == 0
    with serving(tmp_path) as server:
        url = f"{server.url}/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m"
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as reply:
            assert len(json.load(reply)["metrics"]) == 50


def test_a_busy_port_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind((LOOPBACK, 0))
        busy.listen()
        done = _run_to_end(command(busy.getsockname()[1], tmp_path), tmp_path)

    assert done.returncode == 2
    assert "in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_name_nobody_knows_is_exit_code_2(tmp_path: Path) -> None:
    asked = [*command(0, tmp_path), "--host", "no-such-host.invalid"]

    done = _run_to_end(asked, tmp_path)

    assert done.returncode == 2
    assert "no-such-host.invalid" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_store_that_cannot_be_opened_is_one_sentence(tmp_path: Path, workers: str) -> None:
    asked = [*command(free_port(), tmp_path), "--workers", workers, "--backend-store-uri", "no:x"]

    done = _run_to_end(asked, tmp_path)

    assert done.returncode == 2
    assert "No store" in done.stderr
    assert "Traceback" not in done.stderr


def _run_to_end(args: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        args, capture_output=True, text=True, cwd=folder, env=clean_environment(),
        timeout=DEADLINE_S, check=False,
    )  # fmt: skip


# --- several workers ---------------------------------------------------------------------------


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_workers_share_the_port_and_stop_together(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: len(server.workers()) == 2)
        workers = server.workers()
        names = {f"e{number}" for number in range(20)}
        for name in names:
            server.post("experiments/create", {"name": name})
        found = server.post("experiments/search", {"max_results": 100})["experiments"]

        assert names <= {experiment["name"] for experiment in found}
        assert server.end() == 0
        assert not any(map(is_alive, workers))


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: len(server.workers()) == 2)
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: set(server.workers()) - set(before))
        os.kill(before[1], signal.SIGSTOP)  # so that the new one has to answer
        try:
            until(lambda: answers(f"{server.url}/health", timeout_s=0.5))
        finally:
            os.kill(before[1], signal.SIGCONT)

        assert server.end() == 0


def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: len(server.workers()) == 2)
        workers = server.workers()
        server.child.kill()
        server.child.wait(DEADLINE_S)

        until(lambda: not any(map(is_alive, workers)))


def test_a_worker_that_hangs_does_not_keep_the_server_up(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", MILLRACE_GRACE_SECONDS="0") as server:
        until(lambda: len(server.workers()) == 2)
        workers = server.workers()
        os.kill(workers[0], signal.SIGSTOP)

        assert server.end() == 0
        assert not any(map(is_alive, workers))


# --- lightness ---------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="proportional set size is Linux's")
def test_an_idle_server_is_small(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert psutil.Process(server.child.pid).memory_full_info().pss < 60e6
