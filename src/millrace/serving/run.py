"""A model server from its configuration to its end."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

from millrace.asgi import listening
from millrace.core.errors import MillraceError
from millrace.serving.app import build_app

if TYPE_CHECKING:
    from millrace.serving.config import ServingConfig

logger = logging.getLogger(__name__)


class CannotServe(MillraceError):
    """The model cannot be loaded."""

    code, status = "INVALID_STATE", 500


def serve(config: ServingConfig) -> None:
    """Serve until SIGTERM or SIGINT; then finish requests in flight and return.

    `CannotServe` when the first model process fails to load the model, SystemExit(2) when the
    address cannot be listened on.
    """
    logging.basicConfig(
        level=config.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    failures: list[str] = []

    def failed(why: str) -> None:
        failures.append(why)
        os.kill(os.getpid(), signal.SIGTERM)

    with listening.listening(config.host, config.port) as link:
        address = listening.url_of(config.host, link)
        listening.serve(
            build_app(config, failed),
            link,
            grace_s=config.grace_s,
            is_ready=lambda: logger.info("listening on %s, workers: %s", address, config.workers),
        )
    if failures:
        raise CannotServe(failures[0])
    logger.info("stopped")
