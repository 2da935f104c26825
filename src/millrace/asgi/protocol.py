"""HTTP/1.1 as we take it from a socket: strict framing, limits, and no patience with dawdlers.

llhttp (under httptools) refuses ambiguous framing itself. Added here: limits on the head (RFC 6585
section 5, RFC 9110 section 4.1), what llhttp lets pass and we do not (other transfer codings than
chunked, targets that name another server, upgrades with a body), time limits, and refusals that are
the wire's error object instead of plain text.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from millrace.asgi.exchange import AT_ONCE, LINK
from millrace.core.errors import MalformedRequest, MillraceError, NotSupported, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from millrace.asgi.exchange import Headers


MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_TARGET_BYTES: Final = 16 * 1024
MAX_FIRST_BYTES: Final = MAX_HEAD_BYTES + MAX_TARGET_BYTES
HEAD_S: Final = 10.0
"""How long the head of a request may take, and how long a new connection may stay silent."""
WINDOW_S: Final = 10.0
MIN_BYTES: Final = 10 * 1024
"""How much of a body must come in each window of time, unless we are the one who is slow."""
MAX_DISCARDED_BYTES: Final = 20 * 1024 * 1024
"""How much is still read of what was refused, so that a busy client gets to read the answer."""
LINGER_S: Final = 2.0
"""How long we wait for such a client to go on, or to end the connection."""

# What a client that is busy sending has ready at a time.
_BUSY_BYTES = 1024
# How long what is still to be written is left alone, where the loop cannot say when it is out.
_FLUSH_S = 0.001
_WATCHED = frozenset({b"transfer-encoding", b"expect"})
_REQUEST_LINE = re.compile(rb"(?:\r\n)*[A-Za-z-]{1,20} [/*]")


class HeadTooLarge(TooLarge):
    """The header block is beyond its limit."""

    status = 431


class TargetTooLong(TooLarge):
    """The request target is beyond its limit."""

    status = 414


class TooSlow(MillraceError):
    """The request did not come in time."""

    code, status = "BAD_REQUEST", 408


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Where the stream stands; with neither, between two messages.
        self._in_head = False
        self._in_body = False
        self._has_completed = False
        self._head_bytes = 0
        # What was fed of a head that is not complete: the parser says nothing of half a header.
        self._unread_bytes = 0
        # What came of the body, and what was fed for it: chunk sizes, extensions, trailers, too.
        self._body_bytes = 0
        self._fed_bytes = 0
        # When the head must be complete, or the connection gone; None: nothing is due.
        self._due: float | None = None
        self._is_lingering = False
        self._discarded_bytes = 0
        self._window_end = 0.0
        self._window_bytes = 0
        # That of the request whose body is read.
        self._link: Link | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        link = transport.get_extra_info("socket")
        if link is not None and link.family in {socket.AF_INET, socket.AF_INET6}:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._due = self.loop.time() + HEAD_S

    def data_received(self, data: bytes) -> None:
        """Feed the parser; answer and close when it, or one of our limits, refuses."""
        if self._is_lingering:
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        was_in_head, was_in_body = self._in_head, self._in_body
        self._has_completed = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # We speak HTTP/1.1 only; the request is answered as if it had not asked.
            self.cycle.keep_alive = False
        except httptools.HttpParserInvalidMethodError:
            if _REQUEST_LINE.match(data):
                self._refuse(NotSupported("This HTTP method is not known here."))
            else:
                self._refuse(MalformedRequest("This is not HTTP/1.1."))
        except httptools.HttpParserCallbackError as error:
            why = error.__context__
            unread = MalformedRequest("The target of the request is not understood.")
            self._refuse(why if isinstance(why, MillraceError) else unread)
        except httptools.HttpParserError as error:
            self._refuse(MalformedRequest(f"This is not HTTP/1.1: {error}."))
        else:
            if self._in_body:
                self._wait_for_body(len(data) if was_in_body else len(data) - MAX_FIRST_BYTES)
            elif self._in_head or not self._has_completed:
                is_head = was_in_head or not (was_in_body or self._has_completed)
                self._wait_for_head(len(data) if is_head else 0)

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._unread_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url
        if len(self.url) > MAX_TARGET_BYTES:
            raise TargetTooLong(f"The target is longer than {MAX_TARGET_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers are read and dropped."""
        if not self._in_head:
            return
        name = name.lower()
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADERS:
            raise _head_too_large()
        if name in _WATCHED:
            self._check_header(name, value.lower())
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is one we do not take."""
        if self.url[:1] != b"/" or b"#" in self.url or self.parser.get_http_version() != "1.1":
            self._check_target()
        if self.parser.should_upgrade() and _has_body(self.headers):
            # llhttp would take the body for the next request.
            raise MalformedRequest("A request that asks for an upgrade may not have a body.")
        self._in_head, self._in_body = False, True
        self._due = None
        self._window_end = 0.0
        self._body_bytes = self._fed_bytes = 0
        super().on_headers_complete()
        self.scope[AT_ONCE] = partial(_write_at_once, self.cycle)  # type: ignore[typeddict-unknown-key]  # ours
        self._link = Link(self, self.cycle)
        self.scope[LINK] = self._link  # type: ignore[typeddict-unknown-key]  # ours

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; it is dropped when the answer is out already."""
        self._window_bytes += len(body)
        self._body_bytes += len(body)
        sink = self._link.sink if self._link is not None else None
        if sink is None or self.cycle.response_complete:
            super().on_body(body)
        elif not sink(body):
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """End the message."""
        self._in_body = False
        self._has_completed = True
        super().on_message_complete()

    def lend_body(self, cycle: RequestResponseCycle, size: int) -> Loan | None:
        """See `Link.lend_body`."""
        left = size - self._body_bytes
        if cycle is not self.cycle or not self._in_body or left <= 0 or cycle.disconnected:
            return None
        self.flow.pause_reading()
        first, cycle.body = bytes(cycle.body), bytearray()
        descriptor = os.dup(self.transport.get_extra_info("socket").fileno())
        return Loan(descriptor, first, left)

    def end_body(self) -> None:
        """Somebody else has read the body to its end: what comes now is the next request."""
        if self.parser is not None:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, unless the body of this one was not wanted."""
        super().on_response_complete()
        # What is read may already be the body of the next one.
        is_unwanted = self._in_body and self.cycle.response_complete
        if is_unwanted and not self.pipeline and not self.transport.is_closing():
            self._linger()

    def check_pace(self, now: float) -> None:
        """Cut the connection when what is due has not come; called about once a second."""
        if self._due is not None and now > self._due:
            if self._in_head and not self._is_lingering:
                self._refuse(TooSlow(f"The head did not come within {HEAD_S:.0f} seconds."))
            else:
                self.transport.close()
        elif self._in_body and 0 < self._window_end < now:
            is_slow = self._window_bytes < MIN_BYTES and not self.flow.read_paused
            self._window_end, self._window_bytes = now + WINDOW_S, 0
            if is_slow:
                self._refuse(
                    TooSlow(f"Less than {MIN_BYTES} bytes came in {WINDOW_S:.0f} seconds.")
                )

    def _wait_for_head(self, size: int) -> None:
        self._unread_bytes += size
        if self._unread_bytes > MAX_FIRST_BYTES:
            self._refuse(_head_too_large())
        elif self._due is None:
            self._due = self.loop.time() + HEAD_S

    def _wait_for_body(self, size: int) -> None:
        if not self._window_end:
            self._window_end = self.loop.time() + WINDOW_S
            self._window_bytes = self._body_bytes
        self._fed_bytes += max(0, size)
        # A chunk of one byte takes five more; nobody needs endless extensions or trailers.
        if self._fed_bytes > MAX_HEAD_BYTES + 8 * self._body_bytes:
            self._refuse(MalformedRequest("The body is mostly not body."))

    def _check_header(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding" and value != b"chunked":
            raise MalformedRequest("No Transfer-Encoding but 'chunked' is understood.")
        if name == b"expect" and value == b"100-continue":
            self.expect_100_continue = True

    def _check_target(self) -> None:
        if self.parser.get_http_version() not in {"1.0", "1.1"}:
            raise MalformedRequest("Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise NotSupported("This is not a proxy.")
        if self.url[:1] != b"/" and not (method == b"OPTIONS" and self.url == b"*"):
            named = self.url.partition(b"://")[2].partition(b"/")[0]
            hosts = [value for name, value in self.headers if name == b"host"]
            if hosts != [named]:
                raise MalformedRequest("The target names another server than Host does.")
        if b"#" in self.url:
            raise MalformedRequest("The target holds a fragment.")

    def _refuse(self, refusal: MillraceError) -> None:
        """Answer with *refusal* if that is still possible, and let the connection end."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not self._in_body:
                # An earlier request is still being answered; its answer will be the last.
                cycle.keep_alive = False
                return
            # Nobody shall answer the request whose body is bad or does not come.
            cycle.disconnected = True
            cycle.message_event.set()
        answers_begun = self._in_body and (self.pipeline or self.cycle.response_started)
        if answers_begun or self.transport.is_closing():
            self.transport.close()
            return
        self.transport.write(_refusal_bytes(refusal, self.server_state.default_headers))
        self._linger()

    def _linger(self) -> None:
        """End our half of the connection, and read on for a while.

        To close at once would reset it under a client that is still sending and has yet to read
        the answer.
        """
        self._unset_keepalive_if_required()
        self._is_lingering = True
        self._in_head = self._in_body = False
        self._discarded_bytes = 0
        self.transport.write_eof()
        self._due = self.loop.time() + LINGER_S

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.close()
        elif len(data) > _BUSY_BYTES:
            self._due = self.loop.time() + LINGER_S


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"The head of the request has more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes."
    )


def _refusal_bytes(refusal: MillraceError, headers: list[tuple[bytes, bytes]]) -> bytes:
    body = msgspec.json.encode(refusal.body())
    lines = [
        *headers,
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    head = b"".join(b"%s: %s\r\n" % line for line in lines)
    return STATUS_LINE[refusal.status] + head + b"\r\n" + body


def _write_at_once(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """Write a whole answer in one piece; False when it has to go the ordinary way.

    Two messages to uvicorn are two system calls and a check of every header by regular expression,
    together a sixth of what logging a metric costs. Our headers are made here and need no check.
    """
    if cycle.flow.write_paused or cycle.response_started:
        return False
    if cycle.disconnected:
        return True
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    if cycle.scope["method"] != "HEAD":
        parts.append(body)
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join(parts))
    _complete(cycle)
    return True


class Loan(NamedTuple):
    """A body to be read elsewhere: a descriptor (the reader's to close), what is here already, and
    how much is still to come."""

    descriptor: int
    first: bytes
    left: int


class Link:
    """Lends the socket of one request, so that a thread reads the body or writes the answer past
    the loop.

    What goes through the loop costs it a copy and a turn for each piece, and everybody else waits.
    """

    def __init__(self, protocol: Protocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self.has_body = cycle.scope["method"] != "HEAD"
        self.takes_chunks = cycle.scope["http_version"] == "1.1"
        self.sink: Callable[[bytes], bool] | None = None

    def lend_body(self, size: int) -> Loan | None:
        """Let a thread read the body of *size* bytes from the socket itself; None where it must
        come through the loop: it is here already, or the client waits to be asked for it.

        Nothing else is read until `end_body`, or until the answer is out.
        """
        if self._cycle.waiting_for_100_continue:
            return None
        return self._protocol.lend_body(self._cycle, size)

    def end_body(self) -> None:
        """All of a lent body was read, and no more."""
        self._protocol.end_body()

    def pour_into(self, sink: Callable[[bytes], bool] | None) -> None:
        """Give the rest of the body to *sink*, as it is read. It says whether it has room; where
        not, nothing is read until `read_on`. None: messages again."""
        self.sink = sink

    def read_on(self) -> None:
        """The sink has room again."""
        if self.sink is not None and not self._cycle.response_complete:
            self._cycle.flow.resume_reading()

    async def take(self) -> int | None:
        """A descriptor to write the answer to, the caller's to close; None: nobody is there.

        All that was written before is out then, and until `give_back` or `finish` nobody else
        writes.
        """
        cycle = self._cycle
        transport = cycle.transport
        transport.set_write_buffer_limits(high=0)
        while transport.get_write_buffer_size() and not cycle.disconnected:
            await cycle.flow.drain()
            await asyncio.sleep(_FLUSH_S)
        transport.set_write_buffer_limits()
        if cycle.disconnected or transport.is_closing():
            return None
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        return os.dup(transport.get_extra_info("socket").fileno())

    def head(self, status: int, headers: Headers) -> bytes:
        """The bytes of the head of an answer."""
        lines = [*self._cycle.default_headers, *headers]
        if not self._cycle.keep_alive:
            lines.append((b"connection", b"close"))
        return STATUS_LINE[status] + b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n"

    def give_back(self) -> None:
        """Nothing was written: the answer goes another way."""
        self._cycle.response_started = False

    def finish(self, *, is_whole: bool) -> None:
        """The answer is out; if it is not whole, the connection is cut so that it shows."""
        if not is_whole:
            self._cycle.keep_alive = False
            self._cycle.transport.abort()
        if not self._cycle.disconnected:
            _complete(self._cycle)


def _complete(cycle: RequestResponseCycle) -> None:
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
