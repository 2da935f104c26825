"""A model server from its configuration to its end."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

from millrace.asgi import listening
from millrace.core.errors import MillraceError
from millrace.serving.announcing import Announcer, address
from millrace.serving.app import build_app
from millrace.serving.memory import keep_freed

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
    keep_freed()
    failures: list[str] = []

    def failed(why: str) -> None:
        failures.append(why)
        os.kill(os.getpid(), signal.SIGTERM)

    with listening.listening(config.host, config.port) as link:
        where = listening.url_of(config.host, link)
        announcer = _announcer(config, where)
        listening.serve(
            build_app(config, failed, announcer.begin if announcer else _nobody),
            link,
            grace_s=config.grace_s,
            is_ready=lambda: logger.info("listening on %s, workers: %s", where, config.workers),
            when_stopping=(announcer.end,) if announcer else (),
        )
    if announcer is not None:
        announcer.wait()
    if failures:
        raise CannotServe(failures[0])
    logger.info("stopped")


def _announcer(config: ServingConfig, listening_at: str) -> Announcer | None:
    """What tells the registry, where there is one to be told."""
    if config.registered is None or not config.lease_s:
        return None
    return Announcer(
        config.registered,
        endpoint=config.name,
        url=config.public_url or address(listening_at),
        lease_s=config.lease_s,
    )


def _nobody() -> None:
    """Nobody is told."""
