"""Streams of events: one look at the records for all who listen, and one connection for each.

The records are looked at twice a second while anybody listens, and not at all otherwise. Who does
not take what is sent loses the stream, and takes it up where it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from millrace.asgi.exchange import AT_ONCE, LINK, Streamed
from millrace.core import clock, wire
from millrace.core.errors import MillraceError, Unavailable
from millrace.services.events import Told, Wanted, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from millrace.api.endpoint import Endpoint
    from millrace.asgi.exchange import Headers, Incoming, Receive, Scope, Send
    from millrace.server.bridge import Bridge
    from millrace.services.events import Events, Place

LOOK_S: Final = 0.5
BEAT_S: Final = 15.0
"""How often an idle stream shows that it lives."""
TAKE_S: Final = 10.0
"""How long a listener may leave what it is sent."""
WAITING: Final = 2_000
"""So many events wait for a listener; one that is further behind is dropped."""
_HEAD: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)

logger = logging.getLogger(__name__)


class Listener:
    """One who listens: what waits to be sent, and whether it has to end."""

    def __init__(self, wants: Wanted) -> None:
        self.wants = wants
        self.after: Place | None = None
        self.has_ended = False
        self._waiting: list[Told] = []
        self._is_there = asyncio.Event()

    def tell(self, told: Iterable[Told]) -> None:
        """Have what it wants of *told* wait for it."""
        fitting = [one for one in told if self.wants(one.event)]
        if fitting:
            self._waiting += fitting
            self._is_there.set()
        if len(self._waiting) > WAITING:
            logger.warning("a listener to events is %s behind and dropped", len(self._waiting))
            self.end()

    def end(self) -> None:
        """Let the stream end."""
        self.has_ended = True
        self._is_there.set()

    async def taken(self) -> list[Told]:
        """What waits, as soon as something does."""
        await self._is_there.wait()
        self._is_there.clear()
        found, self._waiting = self._waiting, []
        return found


class Hub:
    """All who listen at one process."""

    def __init__(self, events: Events, bridge: Callable[[], Bridge], *, most: int) -> None:
        self._events = events
        self._bridge = bridge
        self._most = most
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._has_looked = asyncio.Event()
        self._is_closed = False

    async def join(self, wants: Wanted, last: str | None) -> Listener:
        """Begin to listen, after the event *last*; `Unavailable` when too many do."""
        if self._is_closed or len(self._listeners) >= self._most:
            raise Unavailable(
                f"{len(self._listeners)} streams of events are open here, and "
                "MILLRACE_EVENT_STREAMS lets no more be; try again, or ask from time to time."
            )
        listener = Listener(wants)
        self._listeners.add(listener)
        if self._looking is None or self._looking.done():
            self._has_looked.clear()
            self._looking = asyncio.create_task(self._look())
        try:
            # What is logged from here on differs from what the first look has seen.
            await self._has_looked.wait()
            if last:
                place = self._events.place(last)
                told, listener.after = await self._bridge().run(lambda: self._events.since(place))
                listener.tell(told)
            else:
                listener.after = await self._bridge().run(self._events.end)
        except BaseException:
            self.leave(listener)
            raise
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End all streams; no more begin."""
        self._is_closed = True
        for listener in self._listeners:
            listener.end()

    async def _look(self) -> None:
        """Look what is new, as long as anybody listens."""
        place: Place | None = None
        seen: dict[str, int] = {}
        is_first = True
        while self._listeners:
            try:
                place = place or await self._bridge().run(self._events.end)
                watched = {one for each in self._listeners for one in each.wants.run_ids}
                told, place, logged = await self._bridge().run(
                    lambda place=place, watched=watched, is_first=is_first: self._news(  # type: ignore[misc]  # bound now
                        place, seen, watched, is_first=is_first
                    )
                )
                is_first = False
            except MillraceError as error:
                logger.warning("events are put off: %s", error.message)
            except Exception:
                logger.exception("events cannot be read; it is tried again")
            else:
                for listener in self._listeners:
                    listener.tell(_later(told, listener.after))
                    listener.tell(logged)
            self._has_looked.set()
            await asyncio.sleep(LOOK_S)

    def _news(
        self, place: Place, seen: dict[str, int], watched: set[str], *, is_first: bool
    ) -> tuple[list[Told], Place, list[Told]]:
        told, place = self._events.since(place)
        logged = self._events.logged(seen, watched, clock.now_ms(), is_first=is_first)
        return told, place, logged


def _later(told: Iterable[Told], after: Place | None) -> list[Told]:
    """Those beyond the place where a listener began."""
    return [
        one
        for one in told
        if one.place is None
        or after is None
        or any(new > old for new, old in zip(one.place, after, strict=True))
    ]


class EventsRoute:
    """The stream of events, under one of its paths."""

    def __init__(self, endpoint: Endpoint[Any, Any], path: str, hub: Hub) -> None:
        self.method: str = endpoint.method
        self.path = path
        self._type = endpoint.request
        self._hub = hub

    async def answer(self, incoming: Incoming, receive: Receive) -> Streamed:
        """Answer one request; see `asgi.dispatch.Route`."""
        pairs = wire.query_pairs(incoming.query)
        request = wire.from_query(self._type, pairs, incoming.values)
        last = incoming.headers.get(b"last-event-id", b"").decode("latin-1")
        listener = await self._hub.join(Wanted(request), last or request.last_event_id)

        async def deliver(scope: Scope, send: Send, headers: Headers) -> None:
            for name in (LINK, AT_ONCE):
                scope.pop(name, None)
            try:
                await self._send_all(listener, receive, send, headers)
            finally:
                self._hub.leave(listener)

        return Streamed(deliver)

    async def _send_all(
        self, listener: Listener, receive: Receive, send: Send, headers: Headers
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, *_HEAD]})
        head = b"retry: 2000\n"
        if listener.after is not None:
            head += b"id: %s\n" % written(listener.after).encode()
        gone = asyncio.ensure_future(_has_left(receive))
        try:
            await _send(send, head + b"event: open\ndata: {}\n\n")
            while not listener.has_ended and not gone.done():
                taken = asyncio.ensure_future(listener.taken())
                await asyncio.wait({taken, gone}, timeout=BEAT_S, return_when="FIRST_COMPLETED")
                if not taken.done():
                    taken.cancel()
                told = taken.result() if taken.done() and not taken.cancelled() else []
                if not gone.done() and (told or not listener.has_ended):
                    await _send(send, b"".join(map(_text, told)) or b": alive\n\n")
            if not gone.done():
                await _send(send, b"", more_body=False)
        except TimeoutError:
            logger.warning("a listener to events took nothing for %s s and is dropped", TAKE_S)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


async def _has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _text(told: Told) -> bytes:
    head = b"" if told.place is None else b"id: %s\n" % written(told.place).encode()
    return b"%sevent: %s\ndata: %s\n\n" % (
        head,
        told.event.type.encode(),
        wire.encode(told.event),
    )


async def _send(send: Send, body: bytes, *, more_body: bool = True) -> None:
    message = {"type": "http.response.body", "body": body, "more_body": more_body}
    await asyncio.wait_for(send(message), TAKE_S)
