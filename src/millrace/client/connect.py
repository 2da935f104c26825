"""The open channels of this process: one for each tracking URI, as the settings have it."""

from __future__ import annotations

import atexit
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from millrace.client.batching import Channel, Settings
from millrace.client.spool import Spool
from millrace.client.transports import choose
from millrace.core import settings
from millrace.core.errors import Unavailable
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from millrace.api.endpoint import Endpoint
    from millrace.artifacts.protocols import ArtifactStore
    from millrace.client.batching import Remaining

Q = TypeVar("Q")
A = TypeVar("A")

logger = logging.getLogger(__name__)

DEFAULT_URI: Final = "sqlite:///millrace.db"

_PATIENCE: Final = Patience(retries=5, backoff_s=0.25, jitter_s=0.25, timeout_s=30.0, total_s=3.0)
"""Logging calls ride out a short restart of the server; after that the spool takes over."""

_channels: dict[tuple[str, bool], Channel] = {}


class Offline:
    """The transport of `MILLRACE_OFFLINE`: opens no socket and no database."""

    def call(
        self,
        endpoint: Endpoint[Q, A],
        request: Q,  # noqa: ARG002 - the protocol's
        *,
        key: str | None = None,  # noqa: ARG002 - the protocol's
        patience: Patience | None = None,  # noqa: ARG002 - the protocol's
    ) -> A:
        """Raise `Unavailable`."""
        raise Unavailable(f"MILLRACE_OFFLINE is set: nobody is asked to {endpoint.name}.")

    def artifacts(self, host: str | None = None) -> ArtifactStore:  # noqa: ARG002 - the protocol's
        """Raise `Unavailable`."""
        raise Unavailable("MILLRACE_OFFLINE is set: nobody is asked for artifacts.")

    def before_fork(self) -> None:
        """Nothing is open."""

    def after_fork(self, *, is_child: bool) -> None:
        """Nothing was open."""

    def close(self) -> None:
        """Nothing to close."""


def tracking_uri() -> str:
    """The tracking URI of the settings, else a SQLite file in the working directory."""
    return settings.TRACKING_URI.get() or DEFAULT_URI


def registry_uri() -> str | None:
    """The registry URI of the settings, if there is one."""
    return settings.REGISTRY_URI.get()


def channel(uri: str) -> Channel:
    """The channel to *uri*, opened when it is first asked for."""
    is_offline = settings.OFFLINE.get()
    found = _channels.get((uri, is_offline))
    if not _channels:
        atexit.register(_at_exit)
    # No lock, which a fork could leave held for ever: of two that were opened at once, one stays.
    return found or _channels.setdefault((uri, is_offline), _open(uri, is_offline=is_offline))


def flush_all() -> None:
    """Wait until everything queued has arrived or is in a spool; log what has not arrived."""
    for each in list(_channels.values()):
        _tell(each, each.flush())


def close_all(timeout_s: float) -> list[Remaining]:
    """Flush and close every channel within *timeout_s*; log what could not be sent."""
    deadline = time.monotonic() + timeout_s
    left = []
    for each in list(_channels.values()):
        left.append(each.close(max(deadline - time.monotonic(), 0.0)))
        _tell(each, left[-1])
    return left


def _tell(channel: Channel, remaining: Remaining) -> None:
    if remaining.spooled_bytes:
        logger.warning(
            "%s bytes of logged records for %s are not sent yet. They are safe in %s; "
            "`millrace sync` sends them.",
            remaining.spooled_bytes,
            channel.uri,
            remaining.journal,
        )
    if remaining.queued:
        logger.warning(
            "%s logged records for %s could be neither sent nor kept on disk.",
            remaining.queued,
            channel.uri,
        )


def without_credentials(uri: str) -> str:
    """*uri* without user name and password, to be shown and kept."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _at_exit() -> None:
    close_all(settings.EXIT_FLUSH_SECONDS.get())


def _open(uri: str, *, is_offline: bool) -> Channel:
    transport = Offline() if is_offline else choose(uri)
    # From here on the folder is where it was when the process began to log, whatever chdir does.
    spool = Spool(Path(settings.SPOOL_DIR.get()).absolute())
    return Channel(without_credentials(uri), transport, spool, _settings(is_offline=is_offline))


def _settings(*, is_offline: bool) -> Settings:
    return Settings(
        buffering_s=settings.ASYNC_LOGGING_BUFFERING_SECONDS.get(),
        queue_limit=settings.ASYNC_LOGGING_QUEUE_LIMIT.get(),
        spool_limit_bytes=settings.SPOOL_LIMIT_BYTES.get(),
        exit_s=settings.EXIT_FLUSH_SECONDS.get(),
        is_offline=is_offline,
        patience=_PATIENCE,
    )
