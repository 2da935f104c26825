"""A transport that answers from a real platform in memory, keeps what it is asked, and can fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from millrace.artifacts.protocols import ArtifactStore
from millrace.client.transports import choose
from millrace.core.errors import Unavailable


class Asked(NamedTuple):
    """One call as it came."""

    endpoint: str
    request: Any
    key: str | None


def away(_: Asked) -> None:
    """Nobody answers."""
    raise Unavailable("nobody there")


class RecordingTransport:
    """`before` and `after` run around each call and may raise: before or after its effect."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], None] | None = None
        self.after: Callable[[Asked], None] | None = None
        self.is_closed = False
        self.forks = 0
        self._platform = choose("memory://")
        self._lock = threading.Lock()

    def call(self, endpoint: Any, request: Any, *, key: Any = None, patience: Any = None) -> Any:
        asked = Asked(endpoint.name, request, key)
        with self._lock:
            self.asked.append(asked)
        if self.before is not None:
            self.before(asked)
        answer = self._platform.call(endpoint, request, key=key)
        if self.after is not None:
            self.after(asked)
        return answer

    def artifacts(self, host: str | None = None) -> ArtifactStore:
        return self._platform.artifacts(host)

    def before_fork(self) -> None:
        self._platform.before_fork()

    def after_fork(self, *, is_child: bool) -> None:
        self._platform.after_fork(is_child=is_child)
        self.forks += is_child

    def close(self) -> None:
        self.is_closed = True

    def names(self) -> list[str]:
        """The endpoints that were asked, in order."""
        return [asked.endpoint for asked in self.asked]

    def requests(self, endpoint: str) -> list[Any]:
        """What one endpoint was asked."""
        return [asked.request for asked in self.asked if asked.endpoint == endpoint]
