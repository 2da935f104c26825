"""A request's body on its way into a thread: from the loop, with a bound on what waits between, or
straight from the socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from millrace.asgi.errors import Disconnected
from millrace.asgi.protocol import MIN_BYTES, WINDOW_S, TooSlow
from millrace.core.errors import Unavailable
from millrace.server.cores import CORES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from millrace.asgi.exchange import Receive
    from millrace.asgi.protocol import Link, Loan

_PIECE: Final = 1024 * 1024
# A thread is woken for no less, unless there is no more, or nothing comes for a moment.
_WOKEN_FOR: Final = 1024 * 1024
_LOOK_S: Final = 0.5
HELD_BYTES: Final = 4 * 1024 * 1024
"""How much of a body may wait for its thread; then the client is made to wait."""


class Pipe:
    """One body. The loop runs `fill`, a thread iterates.

    *link*: hands over what it reads, without the copies and turns that messages cost. *waits*:
    nothing is received until the thread asks for it; for a client that does not want to
    send its body in vain (`Expect: 100-continue`).
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, waits: bool = False, link: Link | None = None
    ) -> None:
        self._loop = loop
        self._link = link
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._has_ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._may_go_on = asyncio.Event()
        if not waits:
            self._may_go_on.set()

    async def fill(self, receive: Receive) -> None:
        """Receive the body, no faster than it is taken out."""
        try:
            while True:
                await self._may_go_on.wait()
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.end(Disconnected())
                    return
                is_last = not message.get("more_body", False)
                self._put(message.get("body", b""), is_last=is_last)
                if is_last:
                    return
                if self._link is not None:
                    # What comes from now on is poured; one more message tells that it was all.
                    self._link.pour_into(self._pour)
        except asyncio.CancelledError:
            self.end(Unavailable("The server stopped before all of the body was here."))
            raise
        finally:
            if self._link is not None:
                self._link.pour_into(None)

    def end(self, error: BaseException) -> None:
        """Let the thread fail with *error* where the body broke off."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify()

    def __iter__(self) -> Iterator[bytes]:
        self._go_on()
        while True:
            with self._changed:
                while not (self._chunks or self._has_ended or self._error):
                    self._changed.wait()
                if self._error is not None:
                    raise self._error
                if not self._chunks:
                    return
                chunk = self._chunks.popleft()
                was_full = self._held >= HELD_BYTES
                self._held -= len(chunk)
                has_room = self._held < HELD_BYTES
            if was_full and has_room:
                self._go_on()
            yield chunk

    def _pour(self, chunk: bytes) -> bool:
        """Take a chunk from the loop; whether there is room for more."""
        self._put(chunk, is_last=False)
        return self._held < HELD_BYTES

    def _put(self, chunk: bytes, *, is_last: bool) -> None:
        with self._changed:
            if chunk:
                self._chunks.append(chunk)
                self._held += len(chunk)
            self._has_ended = is_last
            if self._held >= HELD_BYTES:
                self._may_go_on.clear()
            self._changed.notify()

    def _go_on(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._room_made)
        except RuntimeError:
            self.end(Unavailable("The server has stopped."))

    def _room_made(self) -> None:
        with self._changed:
            if self._held >= HELD_BYTES:
                return
            self._may_go_on.set()
        if self._link is not None:
            self._link.read_on()


class Tap:
    """A lent body, read by the thread that iterates: no copies, no turns of the loop."""

    def __init__(self, loan: Loan) -> None:
        self._loan = loan
        self._socket = socket.socket(fileno=loan.descriptor)
        self._lock = threading.Lock()
        self._is_claimed = False
        self._must_stop = False
        self._window_end = 0.0
        self._window_bytes = 0
        self._woken_for = 1
        self._chunks = self._read_on()
        self.is_read = False

    def claim(self) -> bool:
        """Whether the caller is the first who asks: it reads, and closes."""
        with self._lock:
            was_claimed, self._is_claimed = self._is_claimed, True
        return not was_claimed

    def stop(self) -> None:
        """Let the thread fail soon; one that has not begun does not begin."""
        self._must_stop = True
        if self.claim():
            self.close()

    def close(self) -> None:
        """Give the descriptor back, and the turn of whoever broke off."""
        self._chunks.close()
        with contextlib.suppress(OSError):  # it is gone
            self._wake_for(1)
        self._socket.close()

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def _read_on(self) -> Generator[bytes]:
        left = self._loan.left
        if self._loan.first:
            yield self._loan.first
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while left:
            with CORES.turn():
                chunk = self._read(min(left, _PIECE))
                if chunk is not None:
                    left -= len(chunk)
                    self._window_bytes += len(chunk)
                    self.is_read = not left
                    yield chunk
                    continue
            self._wake_for(min(left, _WOKEN_FOR))
            self._wait(poll)

    def _read(self, count: int) -> bytes | None:
        """What is here already; None: nothing."""
        try:
            chunk = os.read(self._loan.descriptor, count)
        except BlockingIOError:
            return None
        except OSError:
            raise Disconnected from None
        if not chunk:
            raise Disconnected
        return chunk

    def _wake_for(self, count: int) -> None:
        if count != self._woken_for:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
            self._woken_for = count

    def _wait(self, poll: select.poll) -> None:
        """Until more comes, or for a moment; a client that sends next to nothing is cut."""
        now = time.monotonic()
        if now > self._window_end:  # it is we who took so long
            self._window_end, self._window_bytes = now + WINDOW_S, 0
        if poll.poll(_LOOK_S * 1000):
            return
        if self._must_stop:
            raise Unavailable("The server stopped before all of the body was here.")
        if time.monotonic() > self._window_end and self._window_bytes < MIN_BYTES:
            raise TooSlow(f"Less than {MIN_BYTES} bytes came in {WINDOW_S:.0f} seconds.")
