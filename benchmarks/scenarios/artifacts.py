"""Files through the artifact proxy: one large, many small, and what everybody else feels of it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing import get_context

from benchmarks import machine, processes
from benchmarks.contenders import BENCH, Target
from benchmarks.http1 import Address, Connection, Requests, connect, download
from benchmarks.lanes import OK, Lane, drive
from benchmarks.scenarios.outcome import Effort, Outcome, percentile
from benchmarks.tracking import Untrue

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_MIB = 1 << 20
_LARGE = 256 * _MIB
_SMALL, _FILES = 4096, 1_000
_LANES = 16
_UPLOADS, _PART = 8, 64 * _MIB
_BLOCK = os.urandom(_MIB)
# MLflow's server writes an upload twice.
_TOUCHED = 6
_PACE_S = 0.2
_TIMEOUT_S = 60.0
# So long, too, that a rare hitch is seen alone as it is beside uploads.
_ALONE_S = 5.0
_LOWEST = 19


def large(target: Target, effort: Effort) -> Outcome:
    """A file of 256 MiB (64 in a quick run), up and down, three times; the best of each.

    Memory is touched before: on a virtual machine the first use of it can cost more than all else,
    and who pays would be chance.
    """
    size = _LARGE if effort.name == "full" else _LARGE // 4
    paths = [f"{_PROXY}/0/bench/large{number}" for number in range(3)]
    machine.touch_memory(BENCH, _TOUCHED * size)
    with machine.window(*target.pids) as spent:
        up = min(_seconds(partial(_upload, target.address, path, size)) for path in paths)
        down = min(
            _seconds(partial(download, target.address, path, size, _TIMEOUT_S)) for path in paths
        )
    figures = {
        "up_mb_per_s": size / up / 1e6,
        "down_mb_per_s": size / down / 1e6,
        "pss_mb": processes.pss_mb(target.pid),
    }
    return Outcome(figures, window=spent)


def small(target: Target, effort: Effort) -> Outcome:
    """1,000 files of 4 KB (250 in a quick run): up over 16 connections as clients do, down over
    one, and listed."""
    count = _FILES if effort.name == "full" else _FILES // 4
    requests, body = Requests(target.address), _BLOCK[:_SMALL]
    paths = [f"{_PROXY}/0/bench/small/{number}" for number in range(count)]
    puts = [requests.put(path, len(body)) + body for path in paths]
    listing = requests.get(f"{_PROXY}?path=0/bench/small")
    with closing(Connection(target.address)) as connection, machine.window(*target.pids) as spent:
        lanes = [iter(puts[number::_LANES]) for number in range(_LANES)]
        tally = drive(target.address, [partial(_sent, lane) for lane in lanes], seconds=_TIMEOUT_S)
        if tally.failures.total() or len(tally.latencies_s) != count:
            raise Untrue(f"{len(tally.latencies_s)} of {count} uploads, {tally.failures}")
        down = _seconds(lambda: _exchange(connection, [requests.get(path) for path in paths]))
        listed = min(_seconds(lambda: _exchange(connection, [listing])) for _ in range(5))
    figures = {
        "up_per_s": count / tally.wall_s,
        "down_per_s": count / down,
        "list_ms": listed * 1e3,
    }
    return Outcome(figures, window=spent)


def beside(target: Target, effort: Effort) -> Outcome:
    """How long a look at a record takes, alone and while eight files come in, each at the pace of
    a network: at full speed the machine would be measured, not the server.

    On a network who uploads is another machine. Here it has the lowest priority, so that server and
    looker get a core when they want one. What is left of it is told by the same uploads to a sink,
    a process that throws them away: no server on this machine could do better.
    """
    size = _PART if effort.name == "full" else _PART // 4
    request = Requests(target.address).get("/api/2.0/mlflow/experiments/get?experiment_id=0")
    until = time.perf_counter() + (_ALONE_S if effort.name == "full" else _ALONE_S / 4)
    alone = _latencies(target.address, request, lambda: time.perf_counter() > until)
    # Processes of their own: they must not keep the one that looks at the clock waiting.
    with (
        _sink() as sink,
        ProcessPoolExecutor(
            _UPLOADS, get_context("spawn"), initializer=os.nice, initargs=(_LOWEST,)
        ) as pool,
    ):
        list(pool.map(abs, range(_UPLOADS)))

        def during(to: Address) -> tuple[list[float], float]:
            began = time.perf_counter()
            uploads = [
                pool.submit(_upload, to, f"{_PROXY}/0/bench/beside{number}", size, _PACE_S)
                for number in range(_UPLOADS)
            ]
            found = _latencies(target.address, request, lambda: all(one.done() for one in uploads))
            spent_s = time.perf_counter() - began
            for one in uploads:
                one.result()
            return found, spent_s

        (into_server, spent_s), (into_sink, _) = during(target.address), during(sink)
    before_s, during_s = percentile(alone, 0.99), percentile(into_server, 0.99)
    figures = {
        "alone_p99_ms": before_s * 1e3,
        "during_p99_ms": during_s * 1e3,
        "sink_p99_ms": percentile(into_sink, 0.99) * 1e3,
        "ratio": during_s / before_s,
        "up_mb_per_s": _UPLOADS * size / spent_s / 1e6,
        "pss_mb": processes.pss_mb(target.pid),
    }
    return Outcome(figures)


@contextmanager
def _sink() -> Iterator[Address]:
    """Where something takes uploads that nobody keeps."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=_UPLOADS)
    process = get_context("spawn").Process(target=_throw_away, args=(listener,), daemon=True)
    process.start()
    try:
        yield Address(*listener.getsockname())
    finally:
        process.terminate()
        process.join()
        listener.close()


def _throw_away(listener: socket.socket) -> None:
    while True:
        link, _ = listener.accept()
        threading.Thread(target=_drain, args=(link,), daemon=True).start()


def _drain(link: socket.socket) -> None:
    """Read one request with a body, and say that all is well."""
    with link, link.makefile("rb") as request:
        size, buffer = 0, bytearray(_MIB)
        for line in iter(request.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        while size and (count := request.readinto1(memoryview(buffer)[:size])):
            size -= count
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _sent(lane: Iterator[bytes], _until: float) -> Lane:
    for request in lane:  # noqa: UP028 - a lane is sent its replies, which iterators do not take
        yield request


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _upload(address: Address, path: str, size: int, pace_s: float = 0.0) -> None:
    with connect(address, _TIMEOUT_S) as link:
        link.sendall(Requests(address).put(path, size))
        for _ in range(size // _MIB):
            link.sendall(_BLOCK)
            time.sleep(pace_s)
        answer = link.recv(_MIB)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Untrue(f"an upload was answered {answer[:100]!r}")


def _exchange(connection: Connection, requests: list[bytes]) -> None:
    for request in requests:
        reply = connection.exchange(request)
        if reply.status != OK:
            raise Untrue(f"answered {reply.status}: {reply.body[:100]!r}")


def _latencies(address: Address, request: bytes, is_over: Callable[[], bool]) -> list[float]:
    found: list[float] = []
    with closing(Connection(address)) as connection:
        while not is_over():
            found.append(_seconds(lambda: _exchange(connection, [request])))
    return found
