"""A kept-alive connection that tells exactly what became of a request: answered, or unknown."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, Self

from tests.services import LOOPBACK
from tests.wire.client import Query, Reply, urlencode

TIMEOUT_S = 30.0


class Unknown(Exception):
    """No whole answer came: the request may have had its effect, or not."""


class Away(Unknown):
    """The server says that it cannot read now."""


class Link:
    """One connection to the server at a port, opened when it is needed."""

    def __init__(self, port: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)

    def send(
        self,
        method: str,
        path: str,
        message: object = None,
        *,
        query: Query | None = None,
        key: str | None = None,
    ) -> Reply:
        """One request, one answer; raises `Unknown`. *key* becomes the Idempotency-Key."""
        full = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        target = f"{full}?{urlencode(query, doseq=True)}" if query else full
        body = None if method == "GET" else json.dumps(message or {}).encode()
        headers: dict[str, str] = {} if body is None else {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            self._connection.request(method, target, body, headers)
            answer = self._connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            # `http.client` takes a head that was cut short for a whole one.
            if not names.get("content-length", "").isdigit():
                raise http.client.IncompleteRead(b"")
            return Reply(answer.status, names, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unknown(repr(error)) from error

    def leave(self, path: str, message: object, *, key: str) -> tuple[int, int]:
        """Send a POST and hang up without waiting for the answer; the ends of the connection."""
        body = json.dumps(message).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        self._connection.request("POST", f"/api/2.0/mlflow/{path}", body, headers)
        ends = self.ends()
        self.close()
        return ends

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Reply:
        return self.send("GET", path, query=query)

    def post(self, path: str, message: object, *, key: str | None = None) -> Reply:
        return self.send("POST", path, message, key=key)

    def read(
        self, path: str, query: Mapping[str, object] | None = None, *, parse: bool = True
    ) -> Any:
        """The message of a GET that must succeed; None for 404, `Away` for 503."""
        reply = self.get(path, query)
        if reply.status == 404:
            return None
        if reply.status == 503:
            raise Away(reply.text)
        assert reply.status == 200, reply
        return reply.json if parse else reply.text

    def ends(self) -> tuple[int, int]:
        """Our port and the server's; the connection must be open."""
        link = self._connection.sock
        return int(link.getsockname()[1]), int(link.getpeername()[1])

    def find(self, path: str, message: object) -> Any:
        """The message of a POST that asks and must succeed."""
        reply = self.post(path, message)
        assert reply.status == 200, reply
        return reply.json

    def close(self) -> None:
        """Hang up; the next request opens a new connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
