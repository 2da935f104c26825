"""From a request to the route that answers it, by dictionary; errors are caught in one place.

`Dispatcher` is the outermost ASGI application. What it does to every request, in this order: give
it an id, check Host and Origin, find the route, let it answer, turn an exception into the wire's
error object, add the headers that every answer carries.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote

from millrace.asgi.errors import Disconnected, answer_to
from millrace.asgi.exchange import Answer, Incoming, Streamed, send_answer
from millrace.asgi.security import SINGLE
from millrace.core import ids
from millrace.core.errors import (
    InvalidArgument,
    MalformedRequest,
    MethodNotAllowed,
    NoSuchEndpoint,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from millrace.asgi.exchange import Receive, Scope, Send
    from millrace.asgi.security import Guard
    from millrace.core.errors import MillraceError

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")


class Route(Protocol):
    """One method on one path; `path` may hold `{name}` segments.

    A last segment `{name:rest}` takes all that is left of the path, slashes too, decoded once.
    """

    @property
    def method(self) -> str:
        """GET (which answers HEAD, too), POST, ..."""
        ...

    @property
    def path(self) -> str:
        """The full path, decoded."""
        ...

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer | Streamed:
        """Answer a request; whatever is raised becomes an error answer."""
        ...


Methods = dict[str, Route]
Segments = tuple[str, ...]
Named = tuple[tuple[int, str], ...]
"""Which segments of a path are named in its template, and how."""


class Router:
    """Finds routes: fixed paths in a dictionary, templated ones segment by segment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, Methods] = {}
        # By how many segments a path has and which of them are named, then by the others.
        self._templates: dict[int, dict[Named, dict[Segments, Methods]]] = {}
        # By how many segments come before the rest, then by them.
        self._prefixes: dict[int, dict[Segments, tuple[str, Methods]]] = {}
        for route in routes:
            methods = self._methods(route.path)
            if route.method in methods:
                raise ValueError(f"two routes for {route.method} {route.path}")
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route

    def find(self, incoming: Incoming) -> Methods | None:
        """The routes of the request's path by method; fills `incoming.values`."""
        found = self._fixed.get(incoming.path)
        return found if found is not None else self._by_template(incoming)

    def _methods(self, path: str) -> Methods:
        if "{" not in path:
            return self._fixed.setdefault(path, {})
        segments = path.split("/")
        if segments[-1].endswith(":rest}"):
            name = segments.pop()[1:].partition(":")[0]
            alike = self._prefixes.setdefault(len(segments), {})
            return alike.setdefault(tuple(segments), (name, {}))[1]
        named = tuple((at, part[1:-1]) for at, part in enumerate(segments) if part.startswith("{"))
        shapes = self._templates.setdefault(len(segments), {}).setdefault(named, {})
        return shapes.setdefault(_shape(segments, named), {})

    def _by_template(self, incoming: Incoming) -> Methods | None:
        # Split before decoding: an encoded slash belongs to its segment.
        raw = incoming.raw_path
        segments = raw.decode("latin-1").split("/")
        if b"%" in raw or not raw.isascii():
            segments = [_decoded(part) for part in segments]
        for named, shapes in self._templates.get(len(segments), {}).items():
            methods = shapes.get(_shape(segments, named))
            if methods is not None and all(segments[at] for at, _ in named):
                incoming.values = {name: segments[at] for at, name in named}
                if any("\0" in part for part in incoming.values.values()):
                    raise InvalidArgument("The path holds a NUL character.")
                return methods
        for count, prefixes in self._prefixes.items():
            found = prefixes.get(tuple(segments[:count])) if len(segments) > count else None
            if found is not None:
                incoming.values = {found[0]: "/".join(segments[count:])}
                return found[1]
        return None


def _shape(segments: list[str], named: Named) -> Segments:
    """The segments that are not named, in their places."""
    kept = segments.copy()
    for at, _ in named:
        kept[at] = ""
    return tuple(kept)


def _decoded(part: str) -> str:
    try:
        return unquote(part.encode("latin-1").decode("ascii"), errors="strict")
    except ValueError:
        raise InvalidArgument("The path is not percent-encoded UTF-8.") from None


class Dispatcher:
    """The outermost ASGI application.

    `pages(incoming)` is what a browser gets at a path without a route, None when it is no page
    either; then `elsewhere(path)` explains why. `lifespan` answers the server's start and stop
    events.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        guard: Guard,
        *,
        elsewhere: Callable[[str], MillraceError],
        pages: Callable[[Incoming], Answer | None] = lambda _: None,
        lifespan: Callable[[Receive, Send], Awaitable[None]],
    ) -> None:
        self._router = Router(routes)
        self._guard = guard
        self._elsewhere = elsewhere
        self._pages = pages
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's life-span events."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        pairs = scope["headers"]
        headers: dict[bytes, bytes] = dict(pairs)
        request_id = _request_id(headers.get(b"x-request-id"))
        incoming = Incoming(scope, headers, request_id)
        try:
            if len(headers) != len(pairs):
                _refuse_twice([name for name, _ in pairs])
            self._guard.admit(incoming.method, incoming.path, headers)
            answer: Answer | Streamed = await self._answer(incoming, receive)
        except Disconnected:
            return
        except asyncio.CancelledError:
            # Nobody else cancels a request than a server whose time to stop is over.
            stopping = "The server stopped before this was done; send it again in a moment."
            answer = answer_to(Unavailable(stopping), incoming)
        except Exception as error:  # noqa: BLE001 - the last resort of every request
            answer = answer_to(error, incoming)
        ours = self._guard.headers(headers)
        ours.append((b"x-request-id", request_id.encode()))
        if isinstance(answer, Streamed):
            refused = await answer.deliver(scope, send, ours)
            if refused is None:
                return
            answer = answer_to(refused, incoming)
        await send_answer(scope, send, answer, ours)

    async def _answer(self, incoming: Incoming, receive: Receive) -> Answer | Streamed:
        methods = self._router.find(incoming)
        if methods is not None:
            route = methods.get(incoming.method)
            if route is not None:
                return await route.answer(incoming, receive)
        if incoming.method == "OPTIONS":
            preflight = self._guard.preflight(incoming.headers)
            if preflight is not None:
                return preflight
        if methods is None:
            if (page := self._pages(incoming)) is not None:
                return page
            raise self._elsewhere(incoming.path)
        allowed = ((b"allow", ", ".join(sorted([*methods, "OPTIONS"])).encode()),)
        if incoming.method == "OPTIONS":
            return Answer(status=204, content_type=b"", headers=allowed)
        refusal = MethodNotAllowed(f"{incoming.path} has no method {incoming.method}.")
        return answer_to(refusal, incoming)._replace(headers=allowed)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise ValueError(f"no connections of type {scope['type']!r} here")


def no_such_path(path: str) -> NoSuchEndpoint:
    """The error for a path that nobody knows."""
    return NoSuchEndpoint(f"There is nothing at {path[:250]!r}.")


def _request_id(given: bytes | None) -> str:
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return ids.request_id()


def _refuse_twice(names: list[bytes]) -> None:
    for name in SINGLE:
        if names.count(name) > 1:
            raise MalformedRequest(f"The header {name.decode()!r} is given more than once.")
