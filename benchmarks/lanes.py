"""Drives conversations with a server and times every request.

A lane is a generator that yields request bytes and is sent the reply: it decides what comes next,
the driver only carries and times. One lane runs on a blocking socket, for undisturbed latency;
many share one epoll loop, so that 32 clients cost one process.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from benchmarks.http1 import Address, Connection, ProtocolError, Reply, ReplyReader, connect

Lane: TypeAlias = Generator[bytes, Reply, None]
"""Yields requests, receives replies, returns when it has done its share."""

OK = 200
_RECEIVE_BYTES = 1 << 16


@dataclass
class Tally:
    """What the driver saw: seconds per request, and the requests that did not answer 200."""

    latencies_s: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0

    def note(self, reply: Reply, latency_s: float) -> None:
        """Count one reply."""
        self.latencies_s.append(latency_s)
        if reply.status != OK:
            self.failures[f"{reply.status} {reply.body[:120].decode(errors='replace')}"] += 1


def drive(
    address: Address,
    lanes: Sequence[Callable[[float], Lane]],
    *,
    seconds: float,
    timeout_s: float = 60.0,
) -> Tally:
    """Run every lane to its end; each is made with the `perf_counter` time at which it should stop.

    A request without a reply after `timeout_s` counts as failed with status 0, and its lane goes
    on over a new connection.
    """
    if len(lanes) == 1:
        return _drive_one(address, lanes[0], seconds, timeout_s)
    return _Loop(address, timeout_s).run(lanes, seconds)


def _drive_one(
    address: Address, make: Callable[[float], Lane], seconds: float, timeout_s: float
) -> Tally:
    tally, clock = Tally(), time.perf_counter
    connection = Connection(address, timeout_s=timeout_s)
    started = clock()
    lane = make(started + seconds)
    request = next(lane, None)
    while request is not None:
        sent = clock()
        reply = connection.exchange(request)
        tally.note(reply, clock() - sent)
        try:
            request = lane.send(reply)
        except StopIteration:
            request = None
    tally.wall_s = clock() - started
    connection.close()
    return tally


class _Slot:
    """One lane, its connection, and the request under way."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self.open()
        self.lane: Lane
        self.sent_s = 0.0
        self.unsent = b""

    def open(self) -> None:
        self.socket = connect(self._address, self._timeout_s)
        self.socket.setblocking(False)
        self.reader = ReplyReader()


class _Loop:
    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._poll = select.epoll()
        self._slots: dict[int, _Slot] = {}
        self._tally = Tally()

    def run(self, lanes: Sequence[Callable[[float], Lane]], seconds: float) -> Tally:
        slots = [_Slot(self._address, self._timeout_s) for _ in lanes]
        started = time.perf_counter()
        for slot, make in zip(slots, lanes, strict=True):
            slot.lane = make(started + seconds)
            self._watch(slot)
            self._next(slot, next(slot.lane, None))
        overdue_at = started + 1.0
        while self._slots:
            for number, event in self._poll.poll(1.0):
                self._serve(self._slots[number], event)
            if time.perf_counter() > overdue_at:
                overdue_at = time.perf_counter() + 1.0
                self._drop_overdue()
        self._tally.wall_s = time.perf_counter() - started
        self._poll.close()
        return self._tally

    def _watch(self, slot: _Slot) -> None:
        self._slots[slot.socket.fileno()] = slot
        self._poll.register(slot.socket, select.EPOLLIN)

    def _forget(self, slot: _Slot) -> None:
        del self._slots[slot.socket.fileno()]
        self._poll.unregister(slot.socket)
        slot.socket.close()

    def _next(self, slot: _Slot, request: bytes | None) -> None:
        if request is None:
            self._forget(slot)
            return
        slot.sent_s = time.perf_counter()
        try:
            sent = slot.socket.send(request)
        except OSError as error:
            self._give_up(slot, f"{type(error).__name__}: {error}")
            return
        if sent < len(request):
            slot.unsent = request[sent:]
            self._poll.modify(slot.socket, select.EPOLLIN | select.EPOLLOUT)

    def _serve(self, slot: _Slot, event: int) -> None:
        try:
            if event & select.EPOLLOUT and slot.unsent:
                slot.unsent = slot.unsent[slot.socket.send(slot.unsent) :]
                if not slot.unsent:
                    self._poll.modify(slot.socket, select.EPOLLIN)
            if not event & ~select.EPOLLOUT:
                return
            reply = slot.reader.feed(slot.socket.recv(_RECEIVE_BYTES))
        except BlockingIOError:
            return
        except (OSError, ProtocolError) as error:
            self._give_up(slot, f"{type(error).__name__}: {error}")
            return
        if reply is not None:
            self._answer(slot, reply)

    def _answer(self, slot: _Slot, reply: Reply) -> None:
        self._tally.note(reply, time.perf_counter() - slot.sent_s)
        if reply.closes:
            self._reopen(slot)
        try:
            request = slot.lane.send(reply)
        except StopIteration:
            request = None
        self._next(slot, request)

    def _give_up(self, slot: _Slot, why: str) -> None:
        self._reopen(slot)
        self._answer(slot, Reply(0, why.encode()))

    def _reopen(self, slot: _Slot) -> None:
        self._forget(slot)
        slot.unsent = b""
        slot.open()
        self._watch(slot)

    def _drop_overdue(self) -> None:
        limit = time.perf_counter() - self._timeout_s
        for slot in [slot for slot in self._slots.values() if slot.sent_s < limit]:
            self._give_up(slot, f"no reply in {self._timeout_s:.0f} s")
