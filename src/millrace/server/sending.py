"""Sending a file from a thread: past the loop, by the kernel where it can, never faster than taken.

A receiver that takes next to nothing for a while is cut, however much is left; how long all of it
takes does not matter.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from millrace.asgi.exchange import LINK
from millrace.asgi.protocol import MIN_BYTES, WINDOW_S
from millrace.core.errors import MillraceError, Unavailable
from millrace.server.cores import CORES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.asgi.exchange import Headers, Scope, Send
    from millrace.asgi.protocol import Link
    from millrace.server.bridge import Bridge

SENT_AT_ONCE: Final = 8 * 1024 * 1024
"""How much the kernel is asked to send in one call: between calls a stop is heard."""
_LOOK_S = 0.5

logger = logging.getLogger(__name__)

Outcome = MillraceError | Literal["whole", "cut"]


class Parcel(NamedTuple):
    """An answer. `file`: a descriptor with first and last-but-one byte, to be sent as
    it is; otherwise `chunks()`. `length` is None when it is not known before."""

    status: int
    headers: Headers
    chunks: Callable[[], Iterator[bytes]]
    close: Callable[[], None]
    length: int | None
    file: tuple[int, int, int] | None = None


async def deliver(scope: Scope, send: Send, bridge: Bridge, parcel: Parcel) -> MillraceError | None:
    """Send all of it; an error that is returned came before anything was sent."""
    headers, status = parcel.headers, parcel.status
    link: Link | None = scope.pop(LINK, None)
    if parcel.length is not None:
        headers.append((b"content-length", b"%d" % parcel.length))
    if scope["method"] == "HEAD":
        parcel.close()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return None
    if link is None:
        return await _deliver_in_messages(send, bridge, parcel)
    socket = await link.take()
    if socket is None:
        parcel.close()
        return None
    chunked = parcel.length is None and link.takes_chunks
    if chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    courier = _Courier(socket, parcel, link.head(status, headers), chunked=chunked)
    try:
        outcome: Outcome = await bridge.run(courier.run)
    except Unavailable as busy:
        outcome = busy
        courier.drop()
    except asyncio.CancelledError:
        courier.drop()
        link.finish(is_whole=False)
        raise
    if isinstance(outcome, MillraceError):
        link.give_back()
        return outcome
    link.finish(is_whole=outcome == "whole" and (chunked or parcel.length is not None))
    return None


async def _deliver_in_messages(send: Send, bridge: Bridge, parcel: Parcel) -> MillraceError | None:
    """The same over a server that lends no socket."""
    try:
        chunks = parcel.chunks()
        chunk = await bridge.run(lambda: next(chunks, b""))
    except MillraceError as error:
        parcel.close()
        return error
    try:
        await send(
            {
                "type": "http.response.start",
                "status": parcel.status,
                "headers": parcel.headers,
            }
        )
        while chunk:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            chunk = await bridge.run(lambda: next(chunks, b""))
        await send({"type": "http.response.body", "body": b""})
    finally:
        parcel.close()
    return None


class _Courier:
    """Writes one answer to a socket of the loop's, from a thread."""

    def __init__(self, socket: int, parcel: Parcel, head: bytes, *, chunked: bool) -> None:
        self._socket = socket
        self._parcel = parcel
        self._head = head
        self._chunked = chunked
        self._lock = threading.Lock()
        self._is_claimed = False
        self._must_stop = False
        self._poll = select.poll()
        self._poll.register(socket, select.POLLOUT)
        self._window_end = time.monotonic() + WINDOW_S
        self._window_bytes = 0

    def run(self) -> Outcome:
        """Send everything."""
        if not self._claim():
            return "cut"
        try:
            with CORES.transfer():
                if self._parcel.file is None:
                    return self._send_chunks()
                self._write(self._head)
                self._send_file(*self._parcel.file)
                return "whole"
        except (OSError, _Cut):
            return "cut"
        except MillraceError as error:
            logger.warning("an answer was cut short: %s", error.message)
            return "cut"
        finally:
            self._close()

    def drop(self) -> None:
        """Stop soon; what has not begun does not begin."""
        self._must_stop = True
        if self._claim():
            self._close()

    def _claim(self) -> bool:
        with self._lock:
            was_claimed, self._is_claimed = self._is_claimed, True
        return not was_claimed

    def _close(self) -> None:
        self._parcel.close()
        os.close(self._socket)

    def _send_chunks(self) -> Outcome:
        chunks = self._parcel.chunks()
        try:
            first = next(chunks, b"")
        except MillraceError as error:
            return error
        self._write(self._head)
        self._send_chunk(first)
        for chunk in chunks:
            self._send_chunk(chunk)
        if self._chunked:
            self._write(b"0\r\n\r\n")
        return "whole"

    def _send_chunk(self, chunk: bytes) -> None:
        if not self._chunked:
            self._write(chunk)
        elif chunk:
            self._write(b"%x\r\n" % len(chunk))
            self._write(chunk)
            self._write(b"\r\n")

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                count = os.write(self._socket, rest)
            except BlockingIOError:
                self._wait()
            else:
                rest = rest[count:]
                self._window_bytes += count
        if self._must_stop:
            raise _Cut

    def _send_file(self, file: int, start: int, end: int) -> None:
        while start < end:
            if self._must_stop:
                raise _Cut
            try:
                count = os.sendfile(self._socket, file, start, min(end - start, SENT_AT_ONCE))
            except BlockingIOError:
                self._wait()
                continue
            if not count:
                raise _Cut
            start += count
            self._window_bytes += count

    def _wait(self) -> None:
        """Until the receiver takes more, as long as it takes something."""
        while not self._poll.poll(_LOOK_S * 1000):
            if self._must_stop:
                raise _Cut
            now = time.monotonic()
            if now > self._window_end:
                if self._window_bytes < MIN_BYTES:
                    raise _Cut
                self._window_end, self._window_bytes = now + WINDOW_S, 0


class _Cut(Exception):
    """The answer ends here, incomplete."""
