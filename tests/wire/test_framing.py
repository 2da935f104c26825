"""HTTP below the API: ambiguous framing, huge heads, endless bodies, slow clients."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.wire import build
from tests.wire.client import Api, RawReply
from tests.wire.expect import done, ok
from tests.wire.marks import differs

KIB, MIB = 1024, 1024 * 1024
REFUSED = {400, 403, 405, 408, 411, 413, 414, 415, 431, 501}


def tag_body(run: str) -> bytes:
    return json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()


def head(api: Api, *lines: str, path: str = "runs/set-tag", verb: str = "POST") -> bytes:
    """A request head with *lines* after the usual ones, and the empty line that ends it."""
    usual = [
        f"{verb} {api.target(path)} HTTP/1.1",
        f"Host: {api.authority}",
        "Content-Type: application/json",
    ]
    return "\r\n".join([*usual, *lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


# Framing that two parsers could read in two ways


def ambiguous(api: Api, body: bytes) -> dict[str, bytes]:
    """Requests whose end is open to doubt, by what is wrong with them."""
    size = f"Content-Length: {len(body)}"
    chunks = chunk(body) + b"0\r\n\r\n"
    usual = head(api, size)
    chunked = head(api, "Transfer-Encoding: chunked")
    return {
        "both framings": head(api, size, "Transfer-Encoding: chunked") + chunks,
        "both framings, other order": head(api, "Transfer-Encoding: chunked", size) + chunks,
        "two lengths": head(api, size, f"Content-Length: {len(body) - 1}") + body,
        "two lengths in one": head(api, f"{size}, {len(body) + 1}") + body,
        "signed length": head(api, f"Content-Length: +{len(body)}") + body,
        "negative length": head(api, "Content-Length: -1") + body,
        "hexadecimal length": head(api, f"Content-Length: 0x{len(body):x}") + body,
        "length with blanks": head(api, "Content-Length: 1 0") + body,
        "empty length": head(api, "Content-Length: ") + body,
        "length of words": head(api, "Content-Length: many") + body,
        "length with underscore": head(api, "Content-Length: 1_0") + body,
        "overflowing length": head(api, f"Content-Length: {2**64 + len(body)}") + body,
        "unknown coding": head(api, "Transfer-Encoding: x-unknown") + body,
        "chunked not last": head(api, "Transfer-Encoding: chunked, identity") + chunks,
        "chunked twice": head(api, "Transfer-Encoding: chunked, chunked") + chunks,
        "two codings": head(api, "Transfer-Encoding: gzip, chunked") + chunks,
        "odd chunked": head(api, "Transfer-Encoding: xchunked") + chunks,
        "quoted chunked": head(api, 'Transfer-Encoding: "chunked"') + chunks,
        "vertical tab": head(api, "Transfer-Encoding: \x0bchunked") + chunks,
        "blank before colon": head(api, f"Content-Length : {len(body)}") + body,
        "blank before coding's colon": head(api, "Transfer-Encoding : chunked") + chunks,
        "folded header": head(api, size, "X-Long: a\r\n b") + body,
        "folded coding": head(api, "Transfer-Encoding:\r\n chunked") + chunks,
        "first header folded": head(api, size).replace(b"Host:", b" Host:") + body,
        "NUL in a header": head(api, size, "X-Nul: a\x00b") + body,
        "NUL in a name": head(api, size, "X-N\x00ul: ab") + body,
        "bare CR in a header": head(api, size, "X-Cr: a\rb") + body,
        "control in a header": head(api, size, "X-Ctl: a\x01b") + body,
        "bare LFs": usual.replace(b"\r\n", b"\n") + body,
        "one bare LF": usual.replace(b"json\r\n", b"json\n") + body,
        "no colon": head(api, size, "X-Nothing") + body,
        "empty name": head(api, size, ": nothing") + body,
        "bracket in a name": head(api, size, "X[y]: 1") + body,
        "bad chunk size": chunked + b"zz\r\n" + body + b"\r\n0\r\n\r\n",
        "signed chunk size": chunked + b"+" + chunks,
        "prefixed chunk size": chunked + b"0x" + chunks,
        "overflowing chunk size": chunked + b"1" * 20 + b"\r\n" + body,
        "chunk without its end": chunked + chunks.replace(body + b"\r\n", body),
        "bare LF in chunks": chunked + chunks.replace(b"\r\n", b"\n"),
        "no version": usual.replace(b" HTTP/1.1", b"") + body,
        "version 1.9": usual.replace(b"HTTP/1.1", b"HTTP/1.9") + body,
        "version 2": usual.replace(b"HTTP/1.1", b"HTTP/2.0") + body,
        "version 9": usual.replace(b"HTTP/1.1", b"HTTP/9.9") + body,
        "odd protocol": usual.replace(b"HTTP/1.1", b"ICE/1.1") + body,
        "blanks in the target": usual.replace(b"set-tag", b"set tag") + body,
        "NUL in the target": usual.replace(b"set-tag", b"set-tag\x00") + body,
        "CR in the target": usual.replace(b"set-tag", b"set-tag\r") + body,
    }  # fmt: skip


CASES = list(ambiguous(Api("http://127.0.0.1:1"), b"{}"))


@differs("a request whose end is open to doubt is refused, and the connection closed")
@pytest.mark.parametrize("case", CASES)
def test_ambiguous_framing(api: Api, run: str, case: str) -> None:
    data = ambiguous(api, tag_body(run))[case]
    smuggled = head(api, "Content-Length: 0", path="/health", verb="GET")

    reply = api.raw(data + smuggled, timeout_s=8)

    assert reply.closed, "the connection was kept open"
    assert len(reply.statuses) <= 1, "what followed was answered as a request of its own"
    assert reply.status is None or reply.status in REFUSED, reply
    assert build.tags(api, run) == {}


@differs("MLflow does not read them")
def test_chunked_bodies_are_read(api: Api, run: str) -> None:
    body = tag_body(run)
    chunks = b"".join(chunk(body[at : at + 7]) for at in range(0, len(body), 7)) + b"0\r\n\r\n"

    reply = api.raw(head(api, "Transfer-Encoding: chunked", "Connection: close") + chunks)

    assert reply.statuses == [200]
    assert build.tags(api, run) == {"k": "v"}


def test_connections_are_kept(api: Api, run: str) -> None:
    one = head(api, f"Content-Length: {len(tag_body(run))}") + tag_body(run)
    last = head(api, "Connection: close", path="/health", verb="GET")

    reply = api.raw(one + one + last)

    assert reply.statuses == [200, 200, 200]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_old_and_new_http(api: Api, version: str) -> None:
    request = head(api, "Connection: close", path="/health", verb="GET")

    reply = api.raw(request.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))

    assert reply.status == 200
    assert reply.data.endswith(b"OK")


NOISE = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 400,
    "zeros": b"\x00" * 100,
    "ones": b"\xff" * 1000,
    "half a line": b"GET\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "letters": b"A" * 100 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", NOISE.values(), ids=NOISE.keys())
def test_noise_does_no_harm(api: Api, data: bytes) -> None:
    with api.socket(5) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        reply = RawReply.read(link)

    assert reply.status is None or reply.status in REFUSED
    assert api.get("/health").status == 200


# Sizes


@differs("heads have a limit")
@pytest.mark.parametrize(
    ("case", "statuses"),
    [
        ("one header of 70 KiB", {431}),
        ("many headers of 70 KiB", {431}),
        ("101 headers", {431}),
        ("a target of 17 KiB", {414, 431}),
        ("a query of 17 KiB", {414, 431}),
        ("an endless header", {431}),
        ("an endless target", {414, 431, 400}),
    ],
)
def test_large_heads(api: Api, case: str, statuses: set[int]) -> None:
    path = "/health"
    lines: list[str] = []
    match case:
        case "one header of 70 KiB":
            lines = ["X-Long: " + "x" * 70 * KIB]
        case "many headers of 70 KiB":
            lines = [f"X-{number}: " + "x" * 1800 for number in range(40)]
        case "101 headers":
            lines = [f"X-{number}: x" for number in range(101)]
        case "a target of 17 KiB":
            path = "/health/" + "x" * 17 * KIB
        case "a query of 17 KiB":
            path = "/health?x=" + "x" * 17 * KIB
        case "an endless header":
            lines = ["X-Long: " + "x" * 20 * MIB]
        case "an endless target":
            path = "/" + "x" * 20 * MIB

    reply = api.raw(head(api, *lines, path=path, verb="GET"), timeout_s=15)

    assert reply.closed
    # A server that closes while we still write may reset the connection, its answer with it.
    assert reply.status in statuses or (reply.status is None and "endless" in case)


def test_heads_within_the_limits(api: Api) -> None:
    lines = [f"X-{number}: " + "x" * 400 for number in range(90)]
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0&later=" + "x" * 12 * KIB

    reply = api.raw(head(api, *lines, "Connection: close", path=path, verb="GET"))

    assert reply.status == 200


@differs("a body that is said to be too large is refused before it is sent")
@pytest.mark.parametrize("size", [MIB + 1, 100 * 1024**3, 2**63 - 1])
def test_a_length_beyond_the_limit(api: Api, run: str, size: int) -> None:
    began = time.monotonic()

    reply = api.raw(head(api, f"Content-Length: {size}") + tag_body(run), timeout_s=8)

    assert reply.status == 413
    assert reply.closed
    assert time.monotonic() - began < 5
    assert build.tags(api, run) == {}


@differs("no leave is given to send what will be refused")
def test_expect_continue_of_too_large_a_body(api: Api) -> None:
    lines = [f"Content-Length: {10 * MIB}", "Expect: 100-continue"]

    reply = api.raw(head(api, *lines), timeout_s=8)

    assert reply.statuses == [413]


def test_expect_continue(api: Api, run: str) -> None:
    body = tag_body(run)
    lines = [f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close"]
    with api.socket() as link:
        link.sendall(head(api, *lines))
        assert b" 100 " in link.recv(1000)
        link.sendall(body)
        reply = RawReply.read(link)

    assert reply.status == 200


@differs("an endless body is cut at the limit")
@pytest.mark.parametrize(("path", "limit"), [("runs/set-tag", MIB), ("runs/log-batch", 16 * MIB)])
def test_endless_chunks(api: Api, path: str, limit: int) -> None:
    part = chunk(b" " * 64 * KIB)
    sent = 0
    with api.socket(10) as link:
        link.sendall(head(api, "Transfer-Encoding: chunked", path=path))
        with contextlib.suppress(ConnectionError):
            while sent < limit + 40 * MIB:
                link.sendall(part)
                sent += 64 * KIB
        reply = RawReply.read(link)

    assert sent < limit + 40 * MIB, "the server took it all"
    assert reply.status in {413, None}
    assert reply.closed


@differs("an endless line of chunk extensions is cut")
def test_endless_chunk_extensions(api: Api) -> None:
    sent = 0
    with api.socket(10) as link:
        link.sendall(head(api, "Transfer-Encoding: chunked") + b"5;x=")
        with contextlib.suppress(ConnectionError):
            while sent < 40 * MIB:
                link.sendall(b"x" * 64 * KIB)
                sent += 64 * KIB

    assert sent < 40 * MIB, "the server took it all"


# Slow clients


@contextlib.contextmanager
def links(api: Api, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(api.socket(1)) for _ in range(count)]


def drip(link: socket.socket, data: bytes) -> bool:
    """Send one more byte, then listen for a second; False when the server has closed."""
    try:
        link.sendall(data)
        return link.recv(65536) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(180)
@differs("who takes too long to ask is cut off, and disturbs nobody")
@pytest.mark.parametrize("stage", ["nothing", "half a head", "a dripping head", "a dripping body"])
def test_slow_clients_are_cut(api: Api, run: str, stage: str) -> None:
    opening, drop, limit_s = {
        "nothing": (b"", b"", 75),
        "half a head": (head(api)[:-10], b"", 20),
        "a dripping head": (head(api)[:-4] + b"\r\nX-Drip: ", b"x", 20),
        "a dripping body": (head(api, "Content-Length: 100000"), b" ", 60),
    }[stage]
    began = time.monotonic()
    with links(api, 5) as slow:
        for link in slow:
            link.sendall(opening)
        while drip(slow[0], drop):
            asked = time.monotonic()
            assert asked - began < limit_s, "the slow client is still connected"
            done(api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v"}))
            assert time.monotonic() - asked < 2, "others had to wait"

    assert time.monotonic() - began < limit_s


def test_a_client_that_leaves_does_no_harm(api: Api, run: str) -> None:
    for part in (
        head(api)[:50],
        head(api, "Content-Length: 500"),
        head(api, "Content-Length: 500") + b"{",
    ):
        with api.socket() as link:
            link.sendall(part)

    assert ok(api.get("runs/get", {"run_id": run}))
    assert build.tags(api, run) == {}
