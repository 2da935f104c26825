"""As little HTTP/1.1 as a benchmark needs: requests as bytes, replies with a length or in chunks.

A general client library would cost more per request than the servers measured. No redirects, no
compression, no trailers, one request in flight per connection.
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_RECEIVE_BYTES = 1 << 16


class ProtocolError(Exception):
    """The server sent something this client does not read, or hung up within a reply."""


class Reply(NamedTuple):
    """One answer. Status 0 means that none came; the body then says why."""

    status: int
    body: bytes
    closes: bool = False


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class Requests:
    """Request bytes for one server, under one path prefix."""

    def __init__(self, address: Address, prefix: str = "") -> None:
        host = f"Host: {address.host}:{address.port}\r\n"
        self._get = f"GET {prefix}%s HTTP/1.1\r\n{host}\r\n"
        self._post = (
            f"POST {prefix}%s HTTP/1.1\r\n{host}"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        )
        self._put = f"PUT {prefix}%s HTTP/1.1\r\n{host}Content-Length: %d\r\n\r\n"

    def get(self, target: str) -> bytes:
        """A GET of *target*, which carries its query string already encoded."""
        return (self._get % target).encode()

    def post(self, target: str, body: bytes) -> bytes:
        """A POST of a JSON *body*."""
        return (self._post % (target, len(body))).encode() + body

    def put(self, target: str, size: int) -> bytes:
        """The head of a PUT of *size* bytes, which come after it."""
        return (self._put % (target, size)).encode()


class _Head(NamedTuple):
    raw: bytes
    status: int
    length: int | None
    """None: the body comes in chunks."""
    closes: bool


class ReplyReader:
    """Puts replies together from what arrives on one connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: _Head | None = None
        self._known: _Head | None = None
        self._chunks: list[bytes] = []

    def feed(self, data: bytes) -> Reply | None:
        """Take what a socket received; return the reply once it is whole.

        Raise `ProtocolError` on anything odd, and on no data at all: the server hung up.
        """
        if not data:
            raise ProtocolError("the server hung up")
        if self._head is None and not self._buffer and (reply := self._whole(data)):
            return reply
        self._buffer += data
        head = self._head or self._open()
        if head is None:
            return None
        body = self._chunked() if head.length is None else self._sized(head.length)
        if body is None:
            return None
        if self._buffer:
            raise ProtocolError(f"{len(self._buffer)} bytes follow the reply")
        self._head = None
        return Reply(head.status, body, head.closes)

    def _whole(self, data: bytes) -> Reply | None:
        # Nearly every small reply arrives in one piece, under the same head as the one before:
        # not parsing it again keeps the client cheaper than the servers it measures.
        end, known = data.find(b"\r\n\r\n") + 4, self._known
        if known and len(data) - end == known.length and data[:end] == known.raw:
            return Reply(known.status, data[end:], known.closes)
        return None

    def _open(self) -> _Head | None:
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return None
        raw = bytes(self._buffer[:end])
        del self._buffer[:end]
        if not raw.startswith(b"HTTP/1."):
            raise ProtocolError(f"not a reply: {raw[:40]!r}")
        length = _LENGTH.search(raw)
        if not length and not _CHUNKED.search(raw):
            raise ProtocolError("a reply with neither length nor chunks")
        closes = bool(_CLOSE.search(raw))
        self._head = _Head(raw, int(raw[9:12]), int(length[1]) if length else None, closes)
        self._known, self._chunks = self._head, []
        return self._head

    def _sized(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _chunked(self) -> bytes | None:
        start = 0
        while True:
            line = self._buffer.find(b"\r\n", start)
            if line < 0:
                break
            size = int(bytes(self._buffer[start:line]).split(b";")[0], 16)
            end = line + 2 + size
            if len(self._buffer) < end + 2:
                break
            if size == 0:
                del self._buffer[: end + 2]
                return b"".join(self._chunks)
            self._chunks.append(bytes(self._buffer[line + 2 : end]))
            start = end + 2
        del self._buffer[:start]
        return None


def connect(address: Address, timeout_s: float) -> socket.socket:
    """Open a connection that sends small requests at once."""
    connection = socket.create_connection(address, timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def download(address: Address, target: str, size: int, timeout_s: float) -> None:
    """Read a file of *size* bytes to its end, and keep none of it."""
    buffer = bytearray(1 << 20)
    with connect(address, timeout_s) as link:
        link.sendall(Requests(address).get(target))
        head = b""
        while b"\r\n\r\n" not in head:
            head += link.recv(len(buffer))
        left = size - len(head.partition(b"\r\n\r\n")[2])
        while left > 0 and (count := link.recv_into(buffer)):
            left -= count
    if left or not head.startswith(b"HTTP/1.1 200"):
        raise ProtocolError(f"a download was answered {head[:100]!r}; {left} bytes are missing")


class Connection:
    """A kept-alive connection that waits for each reply."""

    def __init__(self, address: Address, *, timeout_s: float = 60.0) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._socket: socket.socket | None = None
        self._reader = ReplyReader()

    def exchange(self, request: bytes) -> Reply:
        """Send *request* and return its reply; status 0 when none comes in time."""
        try:
            if self._socket is None:
                self._socket = connect(self._address, self._timeout_s)
            self._socket.sendall(request)
            while True:
                if reply := self._reader.feed(self._socket.recv(_RECEIVE_BYTES)):
                    break
        except (OSError, ProtocolError) as error:
            self.close()
            return Reply(0, f"{type(error).__name__}: {error}".encode())
        if reply.closes:
            self.close()
        return reply

    def close(self) -> None:
        """Hang up; the next exchange connects again."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._reader = None, ReplyReader()
