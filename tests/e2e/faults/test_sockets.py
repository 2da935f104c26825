"""No small answer waits for the acknowledgement of the one before (Nagle's algorithm is off)."""

from __future__ import annotations

import socket
import statistics
import time
from pathlib import Path

import pytest

from tests.e2e.faults.link import Link
from tests.e2e.faults.peers import borrowed, holder, link_to_each
from tests.e2e.faults.servers import Mortal, Nursery

REQUESTS = 50
STALL_S = 0.02
"""Well below the 40 ms that Nagle's algorithm and delayed acknowledgements cost together."""


@pytest.fixture(params=[1, 2])
def server(request: pytest.FixtureRequest, nursery: Nursery, tmp_path: Path):
    server = Mortal(nursery, tmp_path, workers=request.param)
    server.start()
    yield server
    server.kill()


def test_every_worker_sends_at_once(server: Mortal) -> None:
    """Read from the very sockets that the workers have accepted."""
    serving = server.processes()[1:] or server.processes()
    with link_to_each(server.port, serving) as links:
        for pid, link in links.items():
            held = holder(link, [pid])
            assert held is not None
            with borrowed(*held) as theirs:
                assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_small_requests_in_a_row_do_not_stall(server: Mortal) -> None:
    """The quickest of several medians, since other work on the machine delays anything."""
    serving = server.processes()[1:] or server.processes()
    with link_to_each(server.port, serving) as links:
        for link in links.values():
            medians = [_median_s(link) for _ in range(3)]
            assert min(medians) < STALL_S


def _median_s(link: Link) -> float:
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        link.read("/version", parse=False)
        times.append(time.perf_counter() - began)
    return statistics.median(times)
