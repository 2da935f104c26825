"""A request's body on its way from the loop into a thread, with a bound on what waits between."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from millrace.asgi.errors import Disconnected
from millrace.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.asgi.exchange import Receive
    from millrace.asgi.protocol import Link

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
