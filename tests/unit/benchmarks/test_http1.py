"""The benchmarks' own HTTP client reads replies in whatever pieces they arrive."""

from __future__ import annotations

import pytest

from benchmarks.http1 import Address, ProtocolError, Reply, ReplyReader, Requests

SIZED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
LOWER = b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngone"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n7;name=value\r\n, \r\nyou\r\n0\r\n\r\n"
)

REPLIES = [
    pytest.param(SIZED, Reply(200, b"hello"), id="sized"),
    pytest.param(LOWER, Reply(404, b"gone", closes=True), id="lower-case, closing"),
    pytest.param(EMPTY, Reply(200, b""), id="empty"),
    pytest.param(CHUNKED, Reply(200, b"hello, \r\nyou"), id="chunked"),
]


def read(reader: ReplyReader, data: bytes, piece: int) -> list[Reply]:
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return [reply for reply in map(reader.feed, pieces) if reply]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("data", "expected"), REPLIES)
def test_a_reply_is_read_in_pieces_of_any_size(data: bytes, expected: Reply, piece: int) -> None:
    assert read(ReplyReader(), data, piece) == [expected]


@pytest.mark.parametrize("piece", [5, 1000])
def test_one_connection_carries_many_replies(piece: int) -> None:
    """The head seen before is a short cut for an equal one only."""
    reader = ReplyReader()
    other = SIZED.replace(b"200", b"500")

    found = [
        reply
        for data in (SIZED, SIZED, other, CHUNKED, SIZED)
        for reply in read(reader, data, piece)
    ]

    assert [reply.status for reply in found] == [200, 200, 500, 200, 200]
    assert [reply.body for reply in found][2:] == [b"hello", b"hello, \r\nyou", b"hello"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "hung up"),
        (b"SSH-2.0-server\r\n\r\n", "not a reply"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", "neither length nor chunks"),
        (SIZED + b"HTTP/1.1", "8 bytes follow"),
    ],
)
def test_what_is_no_reply_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        ReplyReader().feed(data)


def test_requests_carry_host_prefix_and_length() -> None:
    requests = Requests(Address("127.0.0.1", 5000), "/api")

    assert requests.get("/x?a=1") == b"GET /api/x?a=1 HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n\r\n"
    head, _, body = requests.post("/y", b'{"a":1}').partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/y HTTP/1.1\r\n")
    assert head.endswith(b"Content-Length: 7")
    assert body == b'{"a":1}'
