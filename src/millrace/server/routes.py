"""The endpoint table as routes: read the request, call the handler, write its answer."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from millrace.api.endpoint import Bytes, Nothing
from millrace.api.table import ENDPOINTS
from millrace.asgi.bodies import has_body, read_body, require_json
from millrace.asgi.exchange import Answer
from millrace.asgi.files import is_known
from millrace.core import clock, wire
from millrace.core.errors import InvalidArgument
from millrace.server import modes
from millrace.server.actors import stated
from millrace.server.events import EventsRoute
from millrace.server.transfers import BundleRoute, DownloadRoute, Intake, UploadRoute
from millrace.services.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.api.endpoint import Endpoint
    from millrace.asgi.dispatch import Route
    from millrace.asgi.exchange import Incoming, Receive
    from millrace.server.bridge import Bridge
    from millrace.server.config import ServerConfig
    from millrace.server.events import Hub
    from millrace.services.platform import Handler, Mark, Platform

LARGE_BYTES: Final = 256 * 1024
"""A body beyond this is decoded in a thread: on the loop it would hold up everybody else."""
DONE: Final = Answer(b"{}")

_KEY = re.compile(rb"[!-~]{1,255}")


class EndpointRoute:
    """One endpoint under one of its paths."""

    def __init__(
        self,
        endpoint: Endpoint[Any, Any],
        path: str,
        handler: Handler,
        bridge: Callable[[], Bridge],
        mark: Mark | None = None,
    ) -> None:
        self.method: str = endpoint.method
        self.path = path
        self._name = endpoint.name
        self._type = endpoint.request
        self._limit = endpoint.body_limit
        self._reads_query = endpoint.method == "GET"
        # Unlike DELETE, these are never without a body: an absent media type is a mistake.
        self._must_say_json = endpoint.method in {"POST", "PUT", "PATCH"}
        self._says_nothing = endpoint.response is Nothing
        self._decode = wire.decoder(endpoint.request)
        self._call = handler.call
        self._is_inline = handler.inline
        self._bridge = bridge
        self._mark = mark

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        """Answer one request; see `asgi.dispatch.Route`."""
        headers = incoming.headers
        body = incoming.query
        reads_body = not (self._reads_query and body) and has_body(headers)
        if reads_body or self._must_say_json:
            require_json(headers)
            body = await read_body(receive, headers, self._limit)
        context = self._context(incoming, body)

        def work() -> Answer | Future[Any]:
            if self._reads_query and not reads_body:
                request = wire.from_query(self._type, wire.query_pairs(body), incoming.values)
            elif incoming.values:
                request = wire.from_body(self._type, body, incoming.values)
            else:
                request = self._decode(body)
            if self._mark is not None:
                return self._marked(self._mark(context, request), incoming, context, request)
            result = self._call(context, request)
            return result if isinstance(result, Future) else self._written(result)

        is_quick = self._is_inline and len(body) <= LARGE_BYTES
        outcome = work() if is_quick else await self._bridge().run(work)
        while isinstance(outcome, Future):
            done = outcome.result() if outcome.done() else await self._bridge().outcome(outcome)
            outcome = done if isinstance(done, Future) else self._written(done)
        return outcome

    def _context(self, incoming: Incoming, body: bytes) -> Context:
        key = incoming.headers.get(b"idempotency-key")
        if key is None:
            return Context(
                actor=stated(incoming.headers),
                request_id=incoming.request_id,
                at_ms=clock.now_ms(),
                address=incoming.address,
            )
        if not _KEY.fullmatch(key):
            raise InvalidArgument("Idempotency-Key must be 1 to 255 visible ASCII characters.")
        asked = f"{self._name}\0{sorted(incoming.values.items())}\0".encode()
        return Context(
            actor=stated(incoming.headers),
            request_id=incoming.request_id,
            at_ms=clock.now_ms(),
            address=incoming.address,
            idempotency_key=key.decode(),
            request_digest=hashlib.sha256(asked + body).hexdigest(),
        )

    def _marked(self, etag: str, incoming: Incoming, context: Context, request: object) -> Answer:
        """The answer with the mark of its state, or that the caller has it already."""
        headers = ((b"etag", b'"%s"' % etag.encode()), (b"cache-control", b"private, no-cache"))
        if is_known(incoming.headers, etag):
            return Answer(status=304, content_type=b"", headers=headers)
        return self._written(self._call(context, request))._replace(headers=headers)

    def _written(self, result: object) -> Answer:
        if self._says_nothing:
            return DONE
        if isinstance(result, Bytes):
            return Answer(result.body, content_type=result.content_type.encode())
        return Answer(wire.encode(result))


class PlainRoute:
    """A GET that is no endpoint of the table; *make* runs in a thread when it may wait."""

    method = "GET"

    def __init__(
        self,
        path: str,
        make: Callable[[Incoming], Answer],
        bridge: Callable[[], Bridge] | None = None,
    ) -> None:
        self.path = path
        self._make = make
        self._bridge = bridge

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        """Answer one request; a body is not read."""
        del receive
        if self._bridge is None:
            return self._make(incoming)
        return await self._bridge().run(lambda: self._make(incoming))


def endpoint_routes(
    platform: Platform,
    config: ServerConfig,
    bridge: Callable[[], Bridge],
    transfers: Callable[[], Bridge],
    hub: Hub,
) -> Iterator[Route]:
    """A route for every path of every endpoint; ValueError when one has no handler.

    *transfers*: the threads for what streams, or reads files.
    """
    for endpoint in ENDPOINTS:
        paths = [config.static_prefix + path for path in endpoint.paths]
        if endpoint.streams and endpoint.group == "Artifact proxy" and config.static_prefix:
            # By the wire contract files answer at their bare paths, too.
            paths += endpoint.paths
        for path in paths:
            where = _template(endpoint, path)
            refused = modes.refusal(endpoint, path, config)
            if refused is not None:
                yield modes.RefusedRoute(endpoint.method, where, refused)
            elif endpoint.name in platform.bundles:
                yield BundleRoute(endpoint, where, platform.bundles[endpoint.name], transfers)
            elif endpoint.streams == "up":
                limit = endpoint.body_limit if endpoint.method == "POST" else None
                intake = Intake(
                    upload=platform.uploads[endpoint.name],
                    admit=platform.admissions[endpoint.name],
                    groups=platform.groups,
                )
                yield UploadRoute(endpoint, where, intake, transfers, limit=limit)
            elif endpoint.streams == "down":
                download = platform.downloads[endpoint.name]
                glance = platform.glances.get(endpoint.name)
                yield DownloadRoute(endpoint, where, download, transfers, glance)
            elif endpoint.streams == "events":
                yield EventsRoute(endpoint, where, hub)
            else:
                handler = platform.handlers.get(endpoint.name)
                if handler is None:
                    raise ValueError(f"endpoint {endpoint.name} has no handler")
                mark = platform.marks.get(endpoint.name)
                threads = transfers if handler.is_long else bridge
                yield EndpointRoute(endpoint, where, handler, threads, mark)


def _template(endpoint: Endpoint[Any, Any], path: str) -> str:
    return path[:-1] + ":rest}" if endpoint.takes_rest else path
