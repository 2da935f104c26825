"""Telling the registry which version is served here, for as long as it is.

A thread of its own does it: whether the registry answers is nothing to those who want scores.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from millrace.api.model_servers import AnnounceModelServer
from millrace.client.client import MillraceClient
from millrace.client.delivery import is_away
from millrace.core import ids
from millrace.core.errors import MillraceError, NoSuchEndpoint, NotFound, NotSupported
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from millrace.serving.config import Registered

RENEWALS: Final = 3
"""How often a lease is renewed before it ends."""
FIRST_PAUSE_S: Final = 1.0
ATTEMPT_S: Final = 5.0
END_S: Final = 5.0
"""How long the end of the server waits for the registry to hear of it."""
_ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - told apart, not listened on

logger = logging.getLogger(__name__)


class Announcer:
    """Announces one model server, renews that, and withdraws it in the end."""

    def __init__(self, served: Registered, *, endpoint: str, url: str, lease_s: float) -> None:
        self._said = AnnounceModelServer(
            server_id=ids.model_server_id(),
            name=served.name,
            version=served.version,
            endpoint=endpoint,
            url=url,
            host=socket.gethostname(),
            model_uri=served.uri,
            ttl_ms=int(lease_s * 1000),
        )
        self._lease_s = lease_s
        self._interval_s = lease_s / RENEWALS
        self._patience = Patience(retries=0, timeout_s=ATTEMPT_S)
        self._since = 0.0
        self._is_known = False
        self._is_away = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="millrace-announcer", daemon=True)

    def begin(self) -> None:
        """The model is ready: say so, and go on saying so."""
        if not self._ended.is_set():
            self._since = time.monotonic()
            self._thread.start()

    def end(self) -> None:
        """Say that nothing is served here any more, as soon as may be; returns at once."""
        self._ended.set()

    def wait(self) -> None:
        """Wait until it is said, for a moment at most."""
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _run(self) -> None:
        client = MillraceClient()
        if client.channel.is_offline:
            return
        pause_s = FIRST_PAUSE_S
        while not self._ended.is_set():
            try:
                self._say(client)
            except MillraceError as error:
                if not is_away(error):
                    logger.warning("the registry is not told what is served here: %s", error)
                    return
                if not self._is_away:
                    self._is_away = True
                    logger.warning("the registry is told later what is served here: %s", error)
                self._ended.wait(pause_s)
                pause_s = min(pause_s * 2, self._interval_s)
            else:
                self._is_away, pause_s = False, min(FIRST_PAUSE_S, self._interval_s)
                self._ended.wait(self._interval_s)
        if self._is_known:
            self._withdraw(client)

    def _say(self, client: MillraceClient) -> None:
        server_id = self._said.server_id
        if self._is_known:
            try:
                client.renew_model_server(server_id, self._lease_s, patience=self._patience)
            except (NoSuchEndpoint, NotSupported):
                raise
            except NotFound:
                self._is_known = False  # the lease has ended while nobody answered
            else:
                return
        up_ms = int((time.monotonic() - self._since) * 1000)
        said = replace(self._said, up_ms=up_ms)
        client.announce_model_server(said, patience=self._patience)
        self._is_known = True
        logger.info(
            "the registry knows that version %s of %r is served here", said.version, said.name
        )

    def _withdraw(self, client: MillraceClient) -> None:
        patience = Patience(retries=0, timeout_s=END_S)
        try:
            client.withdraw_model_server(self._said.server_id, patience=patience)
        except MillraceError as error:
            logger.info("the registry will notice by itself that nothing is served: %s", error)


def address(listening: str) -> str:
    """Where others find a server that listens at that URL: everywhere is here, by its name."""
    parts = urlsplit(listening)
    if parts.hostname not in _ANYWHERE:
        return listening
    return f"{parts.scheme}://{socket.gethostname()}:{parts.port}"
