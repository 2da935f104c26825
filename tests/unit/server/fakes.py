"""A platform that records what it is asked and answers as told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from millrace.api.endpoint import Nothing
from millrace.api.table import ENDPOINTS
from millrace.core.errors import NotFound
from millrace.server.config import ServerConfig
from millrace.services.context import Context
from millrace.services.platform import Handler
from millrace.stores.protocols import StoreHealth

Call = Callable[[Context, Any], Any]


def config(**options: Any) -> ServerConfig:
    """A configuration that no environment variable has a say in."""
    base: dict[str, Any] = {
        "backend_store_uri": "memory:",
        "default_artifact_root": None,
        "host": "127.0.0.1",
        "port": 0,
        "workers": 1,
        "static_prefix": "",
        "allowed_hosts": None,
        "cors_allowed_origins": None,
        "x_frame_options": "SAMEORIGIN",
        "disable_security_middleware": False,
        "grace_s": 5.0,
        "app_log_level": "INFO",
    }
    return ServerConfig(**base | options)


def settled(result: Any) -> Future[Any]:
    """A future that has its result, or its exception, already."""
    future: Future[Any] = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


class FakePlatform:
    """Answers each endpoint with `Nothing()` unless *calls* has something else for its name.

    Endpoints named in *inline* run on the loop, all others in threads. `calls` lists what was
    asked: name, context, request.
    """

    def __init__(self, inline: tuple[str, ...] = (), **calls: Call) -> None:
        self.calls: list[tuple[str, Context, Any]] = []
        self.health_now = StoreHealth(kind="fake", ready=True, revision="7", queue=0)
        self.chores = 0
        self.signatures: list[bool] = []
        self.is_closed = False
        self.uploads = {row.name: self._no_bytes for row in ENDPOINTS if row.streams == "up"}
        self.admissions = self.uploads
        self.bundles: dict[str, Any] = {}
        self.groups = None
        self.marks: dict[str, Any] = {}
        self.events: Any = None
        self.downloads = {row.name: self._no_bytes for row in ENDPOINTS if row.streams == "down"}
        self.glances: dict[str, Any] = {}
        self.handlers = {
            endpoint.name: Handler(
                self._recording(endpoint.name, calls.get(endpoint.name)), endpoint.name in inline
            )
            for endpoint in ENDPOINTS
        }

    @property
    def stores(self) -> FakePlatform:
        return self

    @property
    def webhooks(self) -> FakePlatform:
        return self

    def claim(self, *, limit: int, without: Iterable[str] = ()) -> list[Any]:
        return []

    def health(self) -> StoreHealth:
        return self.health_now

    def housekeeping(self) -> None:
        self.chores += 1

    def _no_bytes(self, *_: Any) -> Any:
        raise NotFound("No bytes here.")

    def serve(self, *, at_end: bool = False) -> None:
        self.signatures.append(at_end)

    def close(self) -> None:
        self.is_closed = True

    def _recording(self, name: str, call: Call | None) -> Call:
        def recorded(context: Context, request: Any) -> Any:
            self.calls.append((name, context, request))
            return call(context, request) if call else Nothing()

        return recorded
