"""Drive an ASGI application in this process, one request at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Headers = Sequence[tuple[str, str]]
App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """What was sent; `headers` in order, `status` 0 when nothing was."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, self.headers
        return values[0] if values else None


async def ask(
    app: App,
    method: str,
    target: str,
    *,
    headers: Headers = (),
    body: bytes | Sequence[bytes] | None = None,
    host: str | None = "localhost",
) -> Reply:
    """Send one request; *body* in pieces has no announced length, and a None ends it early."""
    path, _, query = target.partition("?")
    pairs = [("host", host)] if host is not None else []
    pieces: list[Any] = [body if isinstance(body, bytes) else b""]
    if isinstance(body, bytes):
        pairs.append(("content-length", str(len(body))))
    elif body is not None:
        pieces = list(body)
        pairs.append(("transfer-encoding", "chunked"))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0) if pieces else None
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "scheme": "http",
        "client": ("127.0.0.1", 1234),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in [*pairs, *headers]],
    }
    await app(scope, receive, send)
    if not sent:
        return Reply(0, [], b"")
    start, *rest = sent
    given = [(k.decode(), v.decode("latin-1")) for k, v in start["headers"]]
    return Reply(start["status"], given, b"".join(message["body"] for message in rest))


def statuses(app: App, *asked: tuple[str, str]) -> list[int]:
    """Status of the answers to (target, host), one after the other in one loop."""

    async def main() -> list[int]:
        return [(await ask(app, "GET", target, host=host)).status for target, host in asked]

    return asyncio.run(main())


def call(app: App, method: str, target: str, **options: Any) -> Reply:
    """`ask` from code without a loop."""
    return asyncio.run(ask(app, method, target, **options))
