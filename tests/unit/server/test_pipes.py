"""Bodies that a thread reads from the socket itself."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from millrace.asgi.errors import Disconnected
from millrace.asgi.protocol import Loan
from millrace.core.errors import Unavailable
from millrace.server.cores import CORES, PATIENCE_S
from millrace.server.pipes import Tap

BODY = os.urandom(700_000)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's end of a connection, and the server's as its loop has it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.setblocking(False)
    yield theirs, ours
    theirs.close()
    ours.close()


def lent(ours: socket.socket, *, first: bytes = b"", left: int = len(BODY)) -> Tap:
    return Tap(Loan(os.dup(ours.fileno()), first, left))


def low_water(link: socket.socket) -> int:
    return link.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


def test_all_of_the_body_and_no_more(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    tap = lent(ours, first=b"first")
    sender = threading.Thread(target=theirs.sendall, args=(BODY + b"the next request",))
    sender.start()

    assert b"".join(tap) == b"first" + BODY
    assert tap.is_read
    tap.close()
    sender.join()

    assert low_water(ours) == 1
    ours.setblocking(True)
    assert ours.recv(100) == b"the next request"


def test_a_few_bytes_are_not_waited_for_to_become_many(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    theirs, ours = ends
    tap = lent(ours)
    theirs.sendall(b"x")

    assert next(iter(tap)) == b"x"
    tap.close()


def test_a_client_that_hangs_up(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    tap = lent(ours)
    theirs.sendall(BODY[:1000])
    theirs.shutdown(socket.SHUT_WR)

    with pytest.raises(Disconnected):
        list(tap)

    assert not tap.is_read
    tap.close()


def test_a_server_that_stops(ends: tuple[socket.socket, socket.socket]) -> None:
    _, ours = ends
    tap = lent(ours)
    assert tap.claim()
    tap.stop()

    with pytest.raises(Unavailable):
        list(tap)

    tap.close()
    assert low_water(ours) == 1


def test_a_body_that_nobody_began_to_read_is_given_back(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    _, ours = ends
    descriptor = os.dup(ours.fileno())
    tap = Tap(Loan(descriptor, b"", 1))

    tap.stop()

    assert not tap.claim()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_who_breaks_off_holds_nobody_up(ends: tuple[socket.socket, socket.socket]) -> None:
    """Its turn is given back with the descriptor, whoever may still have what it was reading."""
    theirs, ours = ends
    theirs.sendall(BODY[:1000])
    tap = lent(ours)
    with contextlib.ExitStack() as others:
        for _ in range(len(os.sched_getaffinity(0)) - 2):
            others.enter_context(CORES.turn())
        reading = iter(tap)
        assert next(reading) == BODY[:1000]
        tap.close()
        began = time.monotonic()
        with CORES.turn():
            waited_s = time.monotonic() - began

    assert waited_s < PATIENCE_S
    assert list(reading) == []
