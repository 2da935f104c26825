"""A proxy that loses answers: the request may have had its effect, and the client cannot know."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Iterator

from tests.services import LOOPBACK

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
FATES = ("request lost", "half a request", "not waited for", "answer lost", "half an answer")


class Lossy:
    """How often the proxy fails, and how often it has; *share* of all requests."""

    def __init__(self, port: int, share: float, seed: int) -> None:
        self.upstream = port
        self.share = share
        self.fates: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def fate(self) -> tuple[str, float]:
        """What becomes of the next request, and where in the bytes it is cut."""
        with self._lock:
            fate = "passed on"
            if self._dice.random() < self.share:
                fate = self._dice.choice(FATES)
            self.fates[fate] += 1
            return fate, self._dice.random()


class _Handler(socketserver.BaseRequestHandler):
    """One connection of a client; it has one to the server of its own."""

    server: _Server

    def handle(self) -> None:
        lossy = self.server.lossy
        with socket.create_connection((LOOPBACK, lossy.upstream)) as upstream:
            client: socket.socket = self.request
            for link in (client, upstream):
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                while request := _message(client):
                    fate, place = lossy.fate()
                    if not _pass_on(client, upstream, request, fate, place):
                        # To both at once, without a farewell.
                        linger = struct.pack("ii", 1, 0)
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        return


def _pass_on(
    client: socket.socket, upstream: socket.socket, request: bytes, fate: str, place: float
) -> bool:
    """Whether the client got its answer."""
    if fate == "request lost":
        return False
    if fate == "half a request":
        upstream.sendall(request[: int(place * len(request))])
        return False
    upstream.sendall(request)
    # A write without a key that is still under way when it is sent again may come after the next
    # one, and then it is a new write: no server can tell. With a key it is known.
    if fate == "not waited for" and b"\r\nidempotency-key: " in request.lower():
        return False
    answer = _message(upstream, has_body=not request.startswith(b"HEAD "))
    if fate == "half an answer":
        client.sendall(answer[: int(place * len(answer))])
    if fate != "passed on":
        return False
    client.sendall(answer)
    return bool(answer)


def _message(link: socket.socket, *, has_body: bool = True) -> bytes:
    """A request or an answer whole; nothing when the other side has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = link.recv(65536)
        if not part:
            return b""
        data += part
    head = data.partition(b"\r\n\r\n")[0]
    if has_body and _CHUNKED.search(head):
        return _in_chunks(link, data, len(head) + 4)
    length = _LENGTH.search(head) if has_body else None
    missing = len(head) + 4 + (int(length[1]) if length else 0) - len(data)
    while missing > 0:
        part = link.recv(min(missing, 1 << 20))
        if not part:
            return b""
        data += part
        missing -= len(part)
    return data


def _in_chunks(link: socket.socket, data: bytes, at: int) -> bytes:
    """A message whole whose chunks begin *at* a place in *data*; see RFC 9112, 7.1."""
    while True:
        stop = data.find(b"\r\n", at)
        size = int(data[at:stop], 16) if stop >= 0 else -1
        end = stop + 4 + size
        if size >= 0 and len(data) >= end:
            if size == 0:
                return data
            at = end
            continue
        part = link.recv(1 << 20)
        if not part:
            return b""
        data += part


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, lossy: Lossy) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.lossy = lossy


@contextlib.contextmanager
def lossy_proxy(port: int, *, share: float, seed: int = 0) -> Iterator[tuple[int, Lossy]]:
    """A proxy before the server at *port* until the block ends: its own port, and its record."""
    lossy = Lossy(port, share, seed)
    with _Server(lossy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1], lossy
        finally:
            server.shutdown()
            thread.join()
