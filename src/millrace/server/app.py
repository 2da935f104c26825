"""The ASGI application: the platform's endpoints, the routes around them, and what runs beside."""

from __future__ import annotations

import asyncio
import logging
import re
from functools import cache, partial
from typing import TYPE_CHECKING, Final, cast

from millrace.api.openapi import document
from millrace.api.table import ENDPOINTS, area_not_offered
from millrace.asgi.dispatch import Dispatcher, no_such_path
from millrace.asgi.exchange import Answer
from millrace.asgi.security import Guard, Policy, host_entries, origin_entries
from millrace.core import settings, wire
from millrace.core.errors import MillraceError, NotSupported, Unavailable
from millrace.server.bridge import Bridge
from millrace.server.delivery import Courier
from millrace.server.events import Hub
from millrace.server.health import health_routes, open_paths
from millrace.server.page import Pages
from millrace.server.routes import PlainRoute, endpoint_routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.asgi.dispatch import Route
    from millrace.asgi.exchange import Incoming, Receive, Send
    from millrace.asgi.security import FrameOptions
    from millrace.server.config import ServerConfig
    from millrace.services.platform import Platform

HOUSEKEEPING_S: Final = 5.0
LAST_CHORE_S: Final = 2.0
_API = re.compile(r"/(?:ajax-)?api/[0-9]+\.[0-9]+(/.*)")

logger = logging.getLogger(__name__)


def build_app(
    platform: Platform, config: ServerConfig, when_stopping: list[Callable[[], None]] | None = None
) -> Dispatcher:
    """The application that serves *platform*, which stays the caller's to close.

    To *when_stopping* is added what has to be called on the loop when the server is to stop: it
    ends what would go on for ever.
    """
    app = _App(platform, config)
    if when_stopping is not None:
        when_stopping.append(app.hub.close)
    return app.dispatcher()


class _App:
    def __init__(self, platform: Platform, config: ServerConfig) -> None:
        self._platform = platform
        self._config = config
        self._pages = Pages(config.static_prefix, config.x_frame_options)
        self._bridge: Bridge | None = None
        self._transfers: Bridge | None = None
        self.hub = Hub(platform.events, self.bridge, most=settings.EVENT_STREAMS.get())

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self._routes(),
            Guard(_policy(self._config)),
            elsewhere=self._elsewhere,
            pages=self._pages.at,
            lifespan=self._lifespan,
        )

    def bridge(self) -> Bridge:
        if self._bridge is None:
            self._bridge = Bridge(asyncio.get_running_loop())
        return self._bridge

    def transfers(self) -> Bridge:
        """The threads for what streams, which never keep a record waiting."""
        if self._transfers is None:
            count = self._config.transfers
            self._transfers = Bridge(asyncio.get_running_loop(), threads=count, waiting=4 * count)
        return self._transfers

    def _routes(self) -> Iterator[Route]:
        prefix, platform = self._config.static_prefix, self._platform
        yield from endpoint_routes(platform, self._config, self.bridge, self.transfers, self.hub)
        yield from health_routes(platform.stores, self.bridge, prefix)
        yield from self._pages.routes(self.bridge)

        @cache
        def description() -> bytes:
            return wire.encode(document(ENDPOINTS, prefix))

        def openapi(_: Incoming) -> Answer:
            return Answer(description())

        yield PlainRoute(f"{prefix}/openapi.json", openapi, self.bridge)

    def _elsewhere(self, path: str) -> MillraceError:
        within = _API.fullmatch(path.removeprefix(self._config.static_prefix))
        area = area_not_offered(within[1]) if within else None
        return NotSupported(f"This server does not offer {area}.") if area else no_such_path(path)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        chores = asyncio.create_task(self._chores())
        courier = Courier(self._platform.webhooks)
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        except asyncio.CancelledError:
            return  # told to stop at once, and the loop ends now
        chores.cancel()
        courier.stop()
        await self._last_chore()
        await self.bridge().run(courier.close)
        for bridge in (self._bridge, self._transfers):
            if bridge is not None:
                bridge.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _last_chore(self) -> None:
        """Sign what was audited since the last time; a stop does not wait long for it."""
        sign = partial(self._platform.serve, at_end=True)
        try:
            await asyncio.wait_for(self.bridge().run(sign), LAST_CHORE_S)
        except (MillraceError, TimeoutError) as error:
            logger.warning("the end of the audit trail is not signed: %s", error)

    async def _chores(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self.bridge().run(self._platform.housekeeping)
                await self.bridge().run(self._platform.serve)
            except Unavailable as error:
                logger.warning("housekeeping is put off by %s s: %s", HOUSEKEEPING_S, error.message)
            except Exception:
                logger.exception("housekeeping failed; it is tried again in %s s", HOUSEKEEPING_S)


def _policy(config: ServerConfig) -> Policy:
    prefix = config.static_prefix
    # The address that the operator chose to listen on is a name of ours, unless it means "all".
    own = () if config.host in {"0.0.0.0", "::", ""} else (_own_name(config.host),)  # noqa: S104
    listed = config.allowed_hosts
    hosts = host_entries(listed.split(",")) if listed else host_entries(own)
    return Policy(
        hosts=hosts,
        origins=origin_entries((config.cors_allowed_origins or "").split(",")),
        private_hosts=not listed,
        frame_options=cast("FrameOptions", config.x_frame_options),
        checks=not config.disable_security_middleware,
        open_paths=open_paths(prefix),
    )


def _own_name(host: str) -> str:
    return f"[{host}]" if ":" in host else host
