"""A tiny HTTP client for wire tests: sends just what the test wrote, shows the whole answer.

One connection a request, no redirects, no retries, no cookies. `Api.raw` speaks bytes to the socket
for requests that no honest client would send.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

Query = Mapping[str, object] | Sequence[tuple[str, object]]

JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Reply:
    """One answer: `status`, `headers` (names in lower case, the last of equals wins), `body`.

    `by_mlflow`: MLflow answered, so that the SQL it shows in some messages is not held against us.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    by_mlflow: bool = False

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body read as strict JSON: bare `NaN` and `Infinity` fail, as in browsers."""
        return json.loads(self.body, parse_constant=_no_constant)

    @property
    def error_code(self) -> str:
        return str(self.json["error_code"])


def _no_constant(token: str) -> float:
    raise AssertionError(f"the answer holds the bare token {token}, which is not JSON")


@dataclass(frozen=True)
class Api:
    """The server under test at `url` (scheme, host, port and perhaps a path prefix).

    Paths that start with `/` are sent as they are behind the prefix; others are names below
    `/api/2.0/mlflow/`.
    """

    url: str
    timeout_s: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict)
    is_mlflow: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    def target(self, path: str, query: Query | None = None) -> str:
        """The request target of *path*: prefix, path, and *query* with list values repeated."""
        full = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        text = urlencode(query, doseq=True) if query else ""
        return urlsplit(self.url).path.rstrip("/") + full + (f"?{text}" if text else "")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send *body* as it is; only Host and the framing headers are added."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            connection.request(
                method, self.target(path, query), body, {**self.headers, **(headers or {})}
            )
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read(), self.is_mlflow)
        finally:
            connection.close()

    def get(self, path: str, query: Query | None = None, **headers: str) -> Reply:
        return self.request("GET", path, query=query, headers=headers)

    def post(self, path: str, message: object, **headers: str) -> Reply:
        return self.send("POST", path, message, **headers)

    def patch(self, path: str, message: object, **headers: str) -> Reply:
        return self.send("PATCH", path, message, **headers)

    def delete(self, path: str, message: object = None, **headers: str) -> Reply:
        return self.send("DELETE", path, {} if message is None else message, **headers)

    def send(self, method: str, path: str, message: object, **headers: str) -> Reply:
        """Send *message* as JSON; non-finite floats in it become the bare tokens Python writes."""
        body = json.dumps(message).encode()
        return self.request(method, path, body=body, headers={"Content-Type": JSON_TYPE, **headers})

    def text(self, path: str, body: str | bytes, *, method: str = "POST") -> Reply:
        """Send *body*, which claims to be JSON, byte for byte."""
        data = body.encode() if isinstance(body, str) else body
        return self.request(method, path, body=data, headers={"Content-Type": JSON_TYPE})

    def raw(self, data: bytes, *, timeout_s: float | None = None) -> RawReply:
        """Write *data* to a fresh socket and read until the server closes or falls silent."""
        with self.socket(timeout_s) as link:
            with contextlib.suppress(ConnectionError):
                link.sendall(data)
            return RawReply.read(link)

    def socket(self, timeout_s: float | None = None) -> socket.socket:
        """A connected socket; its reads and writes fail after *timeout_s* (ours by default)."""
        return socket.create_connection((self.host, self.port), timeout_s or self.timeout_s)


@dataclass(frozen=True)
class RawReply:
    """All bytes a socket gave, and whether the server closed it in the end."""

    data: bytes
    closed: bool

    @classmethod
    def read(cls, link: socket.socket) -> RawReply:
        """Read *link* to its end; a time-out or reset ends the reading too."""
        parts: list[bytes] = []
        try:
            while part := link.recv(65536):
                parts.append(part)
        except TimeoutError:
            return cls(b"".join(parts), closed=False)
        except ConnectionError:
            pass
        return cls(b"".join(parts), closed=True)

    @property
    def statuses(self) -> list[int]:
        """Status codes of all answers in the stream, in order."""
        return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.data)]

    @property
    def status(self) -> int | None:
        """The first status, or None when the server closed without a word."""
        return self.statuses[0] if self.statuses else None


def number(value: object) -> float:
    """A double as the wire writes it: a JSON number, or one of three strings."""
    if isinstance(value, str):
        return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[value]
    assert isinstance(value, int | float), value
    assert not isinstance(value, bool), value
    return float(value)
