"""Is it alive, is it ready, which one is it: routes for probes, balancers and clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace import __version__
from millrace.api.system import Readiness
from millrace.asgi.exchange import TEXT, Answer
from millrace.core import wire
from millrace.server.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.server.bridge import Bridge
    from millrace.stores.protocols import Stores


def health_routes(
    stores: Stores, bridge: Callable[[], Bridge], prefix: str
) -> Iterator[PlainRoute]:
    """`/health`: the process answers. `/version`: the number, no more. `/ready`: the store, too."""
    alive, version = Answer(b"OK", content_type=TEXT), __version__.encode()
    yield PlainRoute(f"{prefix}/health", lambda _: alive)
    yield PlainRoute(f"{prefix}/version", lambda _: Answer(version, content_type=TEXT))
    yield PlainRoute(f"{prefix}/ready", lambda _: _readiness(stores), bridge)


def open_paths(prefix: str) -> frozenset[str]:
    """The routes that answer to any Host: probes often ask by an address nobody has listed."""
    return frozenset({f"{prefix}/health", f"{prefix}/version"})


def _readiness(stores: Stores) -> Answer:
    health = stores.health()
    readiness = Readiness(
        status="ready" if health.ready else "unavailable",
        version=__version__,
        store=health.kind,
        revision=health.revision,
        queue=health.queue,
        message=health.message,
    )
    return Answer(wire.encode(readiness), 200 if health.ready else 503)
