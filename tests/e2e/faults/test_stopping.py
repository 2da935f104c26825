"""Stopping on a signal: what is in flight is answered, nothing is lost, the exit code is 0."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from millrace.asgi.protocol import MIN_BYTES
from tests.e2e.faults.files import check_file
from tests.e2e.faults.link import Link
from tests.e2e.faults.peers import server_end
from tests.e2e.faults.servers import (
    Mortal,
    Nursery,
    Started,
    children,
    command,
    is_running,
    started,
    threads,
    until,
)
from tests.e2e.faults.workload import Writer
from tests.services import LOOPBACK, clean_environment
from tests.wire.build import unique
from tests.wire.client import RawReply

WRITERS = 8
PROMPT_S = 25.0
"""How soon a stop that has nothing to wait for is over, on a machine with other work."""
GRACE = "MILLRACE_GRACE_SECONDS"
"""How long a stop waits for what goes on: here far longer than a prompt one takes."""

both_signals = pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
one_or_two = pytest.mark.parametrize("workers", [1, 2])


@contextlib.contextmanager
def server_of(folder: Path, workers: int, **settings: str) -> Iterator[Started]:
    patient = {GRACE: "90"} | settings
    with started(folder, "--workers", str(workers), settings=patient) as server:
        if workers > 1:
            until(
                lambda: (
                    len(children(server.pid)) == workers
                    and all(threads(one) > 1 for one in children(server.pid))
                ),
                "all workers",
            )
        yield server


def stopped(server: Started, with_signal: signal.Signals, within_s: float) -> int:
    """Send the signal, and wait; the exit code. Nothing of the server is left."""
    workers = children(server.pid)
    server.process.child.send_signal(with_signal)
    code = server.process.child.wait(within_s)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    said = server.log.read_text()
    assert "Traceback" not in said
    assert said.rstrip().endswith("stopped")
    return code


@one_or_two
@both_signals
def test_a_signal_amid_writes_loses_nothing(
    nursery: Nursery, tmp_path: Path, with_signal: signal.Signals, workers: int
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(server_of(tmp_path, workers))
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
        again = Mortal(nursery, tmp_path)
        again.port = server.port
        stack.callback(again.kill)
        home, run = _home(server)
        writers = [
            Writer(f"w{n}", stack.enter_context(Link(server.port)), home=home, shared=run)
            for n in range(WRITERS)
        ]
        writing = [pool.submit(_write_on, writer) for writer in writers]
        until(lambda: sum(w.tally.acknowledged for w in writers) >= 100, "a hundred writes")

        assert stopped(server, with_signal, within_s=PROMPT_S) == 0

        for one in writing:
            one.result()
        again.start()
        for writer in writers:
            writer.settle()
            writer.check_everything()
        again.end()
        check_file(server.database)


def _home(server: Started) -> tuple[str, str]:
    with Link(server.port) as link:
        home = link.post("experiments/create", {"name": unique()}).json["experiment_id"]
        made = link.post("runs/create", {"experiment_id": home}).json
    return home, made["run"]["info"]["run_id"]


def _write_on(writer: Writer) -> None:
    """Until the server is gone; then the last write is the one whose answer never came."""
    while writer.write():
        pass


@one_or_two
def test_writes_in_flight_are_answered(tmp_path: Path, workers: int) -> None:
    """They wait for the database when the signal comes; new connections are not taken any more."""
    with server_of(tmp_path, workers) as server, ThreadPoolExecutor(WRITERS) as pool:
        _, run = _home(server)
        lock = sqlite3.connect(server.database, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
        links = [Link(server.port) for _ in range(WRITERS)]
        for link in links:
            link.read("/health", parse=False)
        writing = [
            pool.submit(link.post, "runs/log-metric", _point(run, step))
            for step, link in enumerate(links)
        ]
        until(lambda: all(_is_read(link) for link in links), "requests that were taken")
        server.process.child.send_signal(signal.SIGTERM)
        until(lambda: not _takes_connections(server.port), "a closed door")
        assert not any(one.done() for one in writing)

        lock.close()

        assert [one.result().status for one in writing] == [200] * WRITERS
        assert server.process.child.wait(PROMPT_S) == 0
        check_file(server.database)


def _point(run: str, step: int) -> dict[str, object]:
    return {"run_id": run, "key": "m", "value": step, "timestamp": step, "step": step}


def _is_read(link: Link) -> bool:
    """Whether the server has read all that was sent on *link*."""
    end = server_end(*link.ends())
    return end is not None and end.unread_bytes == 0


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    except TimeoutError:
        pass  # nobody has refused
    return True


@one_or_two
def test_idle_connections_hold_nobody_up(tmp_path: Path, workers: int) -> None:
    with server_of(tmp_path, workers) as server, contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Link(server.port)).read("/health", parse=False)
        stack.enter_context(socket.create_connection((LOOPBACK, server.port)))

        assert stopped(server, signal.SIGTERM, within_s=PROMPT_S) == 0


@one_or_two
def test_a_request_that_does_not_end_is_cut_after_the_grace_time(
    tmp_path: Path, workers: int
) -> None:
    with server_of(tmp_path, workers, **{GRACE: "1"}) as server, _half_a_request(server) as link:
        began = time.monotonic()

        assert stopped(server, signal.SIGTERM, within_s=1 + PROMPT_S) == 0

        assert time.monotonic() - began > 0.9
        reply = RawReply.read(link)
        assert reply.status == 503
        assert b"TEMPORARILY_UNAVAILABLE" in reply.data


@one_or_two
@both_signals
def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, with_signal: signal.Signals, workers: int
) -> None:
    """Sent to the parent only, as by a supervisor, whatever a request in flight still waits for."""
    with server_of(tmp_path, workers, **{GRACE: "60"}) as server, _half_a_request(server, fed=True):
        server.process.child.send_signal(with_signal)
        until(lambda: not _takes_connections(server.port), "a closed door")
        began = time.monotonic()

        # One that follows at once may be the same as the first, told by two.
        until(lambda: time.monotonic() - began > 1.2, "a moment")
        assert server.process.child.poll() is None
        assert stopped(server, with_signal, within_s=PROMPT_S) == 0


@contextlib.contextmanager
def _half_a_request(server: Started, *, fed: bool = False) -> Iterator[socket.socket]:
    """A request whose body does not end, taken by a worker. *fed*: it goes on fast enough not to be
    refused for its slowness, however long a busy machine takes for what the test waits for."""
    head = (
        f"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: {LOOPBACK}:{server.port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((LOOPBACK, server.port), 10) as link:
        link.sendall(head.encode())
        assert link.recv(100).startswith(b"HTTP/1.1 100")
        is_over = threading.Event()

        def feed() -> None:
            with contextlib.suppress(OSError):
                while not is_over.wait(1):
                    link.sendall(b" " * MIN_BYTES)

        feeder = threading.Thread(target=feed)
        if fed:
            feeder.start()
        try:
            yield link
        finally:
            is_over.set()
            if fed:
                feeder.join()


def test_workers_without_their_parent_end(tmp_path: Path) -> None:
    with server_of(tmp_path, 2) as server:
        workers = children(server.pid)

        os.kill(server.pid, signal.SIGKILL)

        server.process.child.wait(PROMPT_S)
        until(lambda: not _takes_connections(server.port), "the end of the workers")
        until(lambda: not any(is_running(pid) for pid in workers), "the end of the workers")


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_is_replaced(
    nursery: Nursery, tmp_path: Path, with_signal: signal.Signals
) -> None:
    server = Mortal(nursery, tmp_path, workers=2)
    server.start()
    parent, first, second = server.processes()

    os.kill(first, with_signal)

    until(lambda: not Path(f"/proc/{first}").exists(), "the end of a worker")
    with Link(server.port) as link:
        assert link.post("experiments/create", {"name": "meanwhile"}).status == 200
    until(lambda: len(children(parent)) == 2, "another worker")
    assert second in children(parent)
    server.end()


def test_a_worker_that_is_killed_while_it_starts_is_replaced(
    nursery: Nursery, tmp_path: Path
) -> None:
    """It says nothing of whether the next one would start."""
    server = Mortal(nursery, tmp_path, workers=2)
    server.start()
    parent, first, second = server.processes()
    server.kill(first)
    until(lambda: set(children(parent)) - {first, second}, "another worker")
    (new,) = set(children(parent)) - {first, second}

    server.kill(new)

    with Link(server.port) as link:
        until(lambda: set(children(parent)) - {first, second, new}, "yet another worker")
        assert link.post("experiments/create", {"name": "meanwhile"}).status == 200
    server.end()


@one_or_two
def test_a_port_that_is_taken(tmp_path: Path, workers: int) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = subprocess.run(
            command(port, tmp_path / "millrace.db", "--workers", str(workers)),
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 2
    assert done.stderr == (f"Error: cannot listen on {LOOPBACK}:{port}: Address already in use.\n")
    assert not (tmp_path / "millrace.db").exists()
