"""What the accepting process and a model process say to each other over a socket pair.

A frame is two lengths, a message in MessagePack, and bytes that belong to it. A model process first
says `Ready` or `Failed`; then each `Jobs` is answered by one `Replies`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

_HEAD: Final = struct.Struct("<IQ")
_AT_ONCE: Final = 64 * 1024

Task = Literal["invoke", "infer"]


class Order(msgspec.Struct, kw_only=True):
    """What a model process is to do; comes as JSON on its command line."""

    folder: str
    name: str
    version: str
    trusted: bool | None
    max_rows: int
    log_level: str


class Job(msgspec.Struct, array_like=True, kw_only=True):
    """One request. Its body is *size* of the bytes that come with it."""

    task: Task
    size: int
    request_id: str
    content_type: str | None = None
    header_length: str | None = None


class Jobs(msgspec.Struct, tag="jobs"):
    """Requests to score now, together where that is possible."""

    jobs: list[Job]


class Ready(msgspec.Struct, tag="ready", kw_only=True):
    """The model is loaded. `openapi` and `metadata` are JSON documents."""

    name: str
    version: str
    openapi: bytes
    metadata: bytes


class Failed(msgspec.Struct, tag="failed"):
    """The model cannot be loaded, and why."""

    message: str


class Reply(msgspec.Struct, array_like=True, kw_only=True):
    """The answer to one request. `json_size`: where raw bytes begin in its body."""

    status: int
    size: int
    rows: int = 0
    json_size: int | None = None


class Replies(msgspec.Struct, tag="replies", kw_only=True):
    """The answers, in the order of the requests. `predicting_s`: how long the model took."""

    replies: list[Reply]
    predicting_s: float = 0.0


Told = Ready | Failed | Replies

_encode: Final = msgspec.msgpack.Encoder().encode
_told: Final = msgspec.msgpack.Decoder(Told).decode
_jobs: Final = msgspec.msgpack.Decoder(Jobs).decode


def pack(message: Jobs | Told, bodies: Sequence[bytes] = ()) -> list[bytes]:
    """A frame, in pieces."""
    said = _encode(message)
    size = sum(map(len, bodies))
    head = _HEAD.pack(len(said), size) + said
    return [b"".join([head, *bodies])] if size <= _AT_ONCE else [head, *bodies]


class Frames:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = _HEAD.size

    def feed(self, data: bytes) -> Iterator[tuple[Told, bytes]]:
        """Frames that *data* completes."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= self._wanted:
            said, size = _HEAD.unpack_from(buffer)
            self._wanted = _HEAD.size + said + size
            if len(buffer) < self._wanted:
                return
            message = _told(memoryview(buffer)[_HEAD.size : _HEAD.size + said].tobytes())
            body = bytes(memoryview(buffer)[_HEAD.size + said : self._wanted])
            del buffer[: self._wanted]
            self._wanted = _HEAD.size
            yield message, body


class Channel:
    """A model process's end, which waits."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._file = link.makefile("rb", buffering=_AT_ONCE)

    def receive(self) -> tuple[list[Job], bytes] | None:
        """The next jobs and their bytes; None when the other end is gone."""
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        said, size = _HEAD.unpack(head)
        message, body = self._file.read(said), self._file.read(size)
        if len(message) + len(body) < said + size:
            return None
        return _jobs(message).jobs, body

    def send(self, message: Told, bodies: Sequence[bytes] = ()) -> None:
        """Say *message*."""
        for piece in pack(message, bodies):
            self._link.sendall(piece)


def parts(sizes: Sequence[int], body: Any) -> Iterator[Any]:  # noqa: ANN401 - bytes or a view of some
    """*body*, cut into pieces of *sizes*."""
    start = 0
    for size in sizes:
        yield body[start : start + size] if size != len(body) else body
        start += size
