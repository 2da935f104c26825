"""A small real HTTP server on the loopback: answers as it is told, keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    port: int
    """Of the client: equal ports are one connection."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """What to answer; *drop* closes the connection instead, after the bytes of *cut*."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bytes = b""

    @staticmethod
    def json(value: object, status: int = 200) -> Told:
        return Told(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    @staticmethod
    def error(status: int, code: str, message: str = "no") -> Told:
        return Told.json({"error_code": code, "message": message}, status)


DROP = Told(drop=True)


class Standin:
    """Answers with the told ones in turn, then with the last of them for ever."""

    def __init__(self, url: str, answer: Callable[[Asked], Told]) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._answer = answer

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        return self._answer(asked)


def in_turn(*told: Told) -> Callable[[Asked], Told]:
    left = list(told)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@contextlib.contextmanager
def standin(
    *told: Told, answer: Callable[[Asked], Told] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Standin]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body, self.client_address[1])
            reply = server.answer(asked)
            if reply.drop:
                self.close_connection = True
                self.wfile.write(reply.cut)
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    for verb in ("GET", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._handle)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass  # clients that break off are what some tests are about

    http = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    server = Standin(f"{scheme}://127.0.0.1:{http.server_port}", answer or in_turn(*told))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
