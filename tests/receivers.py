"""A webhook receiver on the loopback that behaves as a test wants it to."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Heard(NamedTuple):
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def delivery_id(self) -> str:
        return self.headers["x-mlflow-delivery-id"]


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with *code*."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


class Receiver:
    """Counts connections, keeps what it heard, answers what the test last told it to."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.heard: list[Heard] = []
        self.connections = 0
        self.most_at_once = 0
        self.released = threading.Event()
        self._now = 0
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver._changed:
                    receiver.heard.append(Heard(self.path, headers, body))
                    receiver._now += 1
                    receiver.most_at_once = max(receiver.most_at_once, receiver._now)
                    receiver._changed.notify_all()
                try:
                    with contextlib.suppress(OSError):
                        receiver.answer(self)
                finally:
                    with receiver._changed:
                        receiver._now -= 1

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, Any]:
                link, address = super().get_request()
                receiver.connections += 1
                if context is not None:
                    link = context.wrap_socket(
                        link, server_side=True, do_handshake_on_connect=False
                    )
                return link, address

            def handle_error(self, *_: object) -> None:
                """Peers may go away."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.scheme = "https" if context else "http"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def place(self) -> str:
        """`host:port`, as the allow-list has it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}/hook"

    def wait(self, count: int, timeout_s: float = 20.0) -> list[Heard]:
        """The first *count* requests, once they have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) >= count, timeout_s), (
                f"{len(self.heard)} of {count} requests came"
            )
            return self.heard[:count]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def receiving(
    answer: Answer | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver that answers 200 unless told otherwise."""
    receiver = Receiver(answer or status(200), tls)
    try:
        yield receiver
    finally:
        receiver.close()
