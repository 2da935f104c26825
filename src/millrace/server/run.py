"""The tracking server from its configuration to its end: socket, processes, platform.

With several workers, a parent binds the socket, forks the workers that share it, and replaces those
that die; see `server.workers`.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from millrace.asgi import listening
from millrace.server import modes, workers
from millrace.server.app import build_app
from millrace.server.config import stated
from millrace.services.platform import open_guarded_store, open_platform

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from millrace.server.config import ServerConfig

logger = logging.getLogger(__name__)


def serve(config: ServerConfig) -> None:
    """Serve until SIGTERM or SIGINT; then finish requests in flight and return.

    SystemExit(2) when the address cannot be listened on. `MillraceError` when the configuration or
    the database will not do.
    """
    logging.basicConfig(
        level=config.app_log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    with listening.listening(config.host, config.port) as link:
        address = listening.url_of(config.host, link) + config.static_prefix

        def ready() -> None:
            logger.info("listening on %s, workers: %s", address, config.workers)

        if config.workers == 1:
            _serve_here(config, link, ready)
        else:
            workers.run(
                lambda is_ready, lifeline: _serve_here(config, link, is_ready, lifeline),
                config.workers,
                grace_s=config.grace_s,
                when_ready=ready,
                # As long as we hold it, too, connections are taken that nobody will serve.
                when_stopping=link.close,
            )
    logger.info("stopped")


def _serve_here(
    config: ServerConfig,
    link: socket.socket,
    is_ready: Callable[[], object],
    lifeline: int | None = None,
) -> None:
    """Serve in this process; also stops when the other end of *lifeline* is closed."""
    with contextlib.closing(
        open_platform(
            config.backend_store_uri,
            artifact_root=modes.default_root(config),
            local_locations=config.allow_local_artifact_locations,
            places=modes.places(config, open_guarded_store),
            presigned_only=config.artifacts_presigned_only,
            registry_uri=config.registry_store_uri,
            unserved=modes.refusals(config),
            stated=stated(config),
        )
    ) as platform:
        when_stopping: list[Callable[[], None]] = []
        listening.serve(
            build_app(platform, config, when_stopping),
            link,
            grace_s=config.grace_s,
            is_ready=is_ready,
            lifeline=lifeline,
            when_stopping=when_stopping,
        )
