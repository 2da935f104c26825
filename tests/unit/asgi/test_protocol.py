"""HTTP/1.1 on a real socket: what is refused, how, and what becomes of the connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from millrace.asgi import protocol as limits
from millrace.asgi.protocol import Protocol
from millrace.server.app import build_app
from tests.unit.server.fakes import FakePlatform, config

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
DEADLINE_S = 10.0


class Link:
    """The client's end of a connection, and the protocol at the server's."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: ServerState
    ) -> None:
        self._reader, self._writer, self._state = reader, writer, state

    @property
    def server(self) -> Protocol:
        [connection] = self._state.connections
        assert isinstance(connection, Protocol)
        return connection

    async def send(self, data: bytes) -> None:
        """Send, and return when the server has taken it in."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the loop run until *holds()*."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():  # noqa: ASYNC110 - what holds is no event
                await asyncio.sleep(0)

    async def rest(self) -> bytes:
        """All that comes until the server ends its half."""
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionError):
                return await self._reader.read()
        return b""

    async def head(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.readexactly(size)

    async def answer(self) -> tuple[int, bytes]:
        """The next answer on a connection that is kept."""
        head = await self.head()
        found = re.search(rb"content-length: (\d+)", head)
        assert found
        return int(head.split()[1]), await self.exactly(int(found[1]))


class App:
    """Reads the body (unless told not to) and answers with it; notes what it saw."""

    def __init__(self, *, reads: bool = True) -> None:
        self.reads = reads
        self.scopes: list[dict[str, Any]] = []
        self.ended: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body, more = b"", self.reads
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.ended.append("disconnected")
                return
            body, more = body + message["body"], message["more_body"]
        await self.may_answer.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.ended.append("answered")


@contextlib.asynccontextmanager
async def linked(app: App) -> AsyncIterator[Link]:
    config = uvicorn.Config(
        app, http=Protocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    link = Link(reader, writer, state)
    try:
        await link.until(lambda: state.connections)
        yield link
    finally:
        writer.close()
        server.close()
        for connection in list(state.connections):
            connection.transport.close()
        await link.until(lambda: not state.connections)


def run(scenario: Callable[[Link, App], Awaitable[None]], **options: Any) -> App:
    async def main() -> App:
        app = App(**options)
        async with linked(app) as link:
            await scenario(link, app)
        return app

    return asyncio.run(main())


def refusal_of(data: bytes) -> dict[str, Any]:
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head
    found = json.loads(body)
    assert found["message"]
    assert found["error_code"]
    return dict(found)


def chunked(*lines: str) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + "\r\n".join(lines).encode()


REFUSED = {
    "two framings": (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "another coding": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "folding": (HEAD + b"X: a\r\n b\r\n\r\n", 400),
    "bad chunk": (chunked("x"), 400),
    "bad chunk later": (chunked("1", "x", "x"), 400),
    "HTTP/2": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
    "fragment": (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no target": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "foreign target": (b"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "port in target": (b"GET http://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two hosts": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "tunnel": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    "unknown method": (b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "method in lower case": (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "no HTTP": (b"\x16\x03\x01\x02\x00", 400),
    "upgrade with a body": (
        HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx",
        400,
    ),
    "101 headers": (HEAD + b"X: y\r\n" * 100 + b"\r\n", 431),
    "large header": (HEAD + b"X: " + b"x" * 65_536 + b"\r\n\r\n", 431),
    "large headers": (HEAD + (b"X: " + b"x" * 1_000 + b"\r\n") * 66 + b"\r\n", 431),
    "endless header": (HEAD + b"X: " + b"x" * 200_000, 431),
    "long target": (b"GET /" + b"x" * 16_384 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "endless target": (b"GET /" + b"x" * 200_000, 414),
    "endless chunk extension": (chunked("1;") + b"x" * 200_000, 400),
    "endless trailers": (chunked("0", "") + b"X: y\r\n" * 30_000, 400),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_are_error_objects_that_end_the_connection(data: bytes, status: int) -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(data)
        answer = await link.rest()

        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        refusal_of(answer)

    app = run(scenario)

    assert "answered" not in app.ended


def test_what_is_within_the_limits_is_served() -> None:
    async def scenario(link: Link, app: App) -> None:
        headers = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 600) for n in range(98))
        target = b"/" + b"x" * 16_383
        await link.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n")

        assert await link.answer() == (200, b"")
        assert len(app.scopes[0]["headers"]) == 99

    run(scenario)


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_pieces_of_any_size_make_one_request(size: int) -> None:
    data = chunked("5;ext=1", "hello", "6", " world", "0", "Origin: evil", "", "")

    async def scenario(link: Link, app: App) -> None:
        for at in range(0, len(data), size):
            await link.send(data[at : at + size])

        assert await link.answer() == (200, b"hello world")
        assert b"origin" not in dict(app.scopes[0]["headers"]), "a trailer became a header"

    run(scenario)


def test_connections_are_kept_and_pipelines_answered_in_order() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(b"".join(HEAD + b"Content-Length: 1\r\n\r\n%d" % n for n in range(5)))

        assert [await link.answer() for _ in range(5)] == [(200, b"%d" % n) for n in range(5)]

    run(scenario)


def test_a_good_request_is_answered_before_a_bad_one_ends_the_connection() -> None:
    async def scenario(link: Link, app: App) -> None:
        app.may_answer.clear()
        await link.send(HEAD + b"Content-Length: 1\r\n\r\n1")
        await link.until(lambda: app.scopes)
        await link.send(b"nonsense\r\n\r\n")
        await link.until(lambda: not link.server.cycle.keep_alive)
        app.may_answer.set()
        answer = await link.rest()

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n1")

    run(scenario)


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_upgrades_are_not_taken_up(protocol: bytes) -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n" % protocol
        )

        assert (await link.rest()).startswith(b"HTTP/1.1 200 ")

    run(scenario)


@pytest.mark.parametrize("target", [b"http://localhost/a?b", b"/a?b"])
def test_targets_may_name_the_host(target: bytes) -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await link.answer()

        assert (app.scopes[0]["path"], app.scopes[0]["query_string"]) == ("/a", b"b")

    run(scenario)


def test_answers_leave_at_once() -> None:
    async def scenario(link: Link, app: App) -> None:
        end = link.server.transport.get_extra_info("socket")

        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario)


# --- pace --------------------------------------------------------------------------------------


def later(link: Link, seconds: float) -> float:
    return link.server.loop.time() + seconds


def test_a_head_that_does_not_come_is_cut() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(HEAD)
        await link.until(lambda: link.server._in_head)
        link.server.check_pace(later(link, limits.HEAD_S - 1))
        link.server.check_pace(later(link, limits.HEAD_S + 1))
        answer = await link.rest()

        assert answer.startswith(b"HTTP/1.1 408 ")
        refusal_of(answer)

    run(scenario)


@pytest.mark.parametrize("noise", [b"", b"\r\n\r\n"])
def test_silence_is_cut_without_a_word(noise: bytes) -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(noise)
        link.server.check_pace(later(link, limits.HEAD_S + 1))

        assert await link.rest() == b""

    run(scenario)


def test_noise_between_requests_is_cut() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(HEAD + b"Content-Length: 0\r\n\r\n")
        await link.answer()
        link.server.check_pace(later(link, limits.HEAD_S + 1))
        await link.send(b"\r\n")
        await link.until(lambda: link.server._due)
        link.server.check_pace(later(link, limits.HEAD_S + 1))

        assert await link.rest() == b""

    run(scenario)


def test_a_request_that_is_being_answered_is_not_cut() -> None:
    async def scenario(link: Link, app: App) -> None:
        app.may_answer.clear()
        await link.send(HEAD + b"Content-Length: 1\r\n\r\n1")
        await link.until(lambda: app.scopes)
        link.server.check_pace(later(link, 1_000))
        app.may_answer.set()

        assert await link.answer() == (200, b"1")

    run(scenario)


def test_a_body_that_does_not_come_is_cut() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100)
        await link.until(lambda: app.scopes and link.server._window_end)
        link.server.check_pace(later(link, limits.WINDOW_S - 1))
        link.server.check_pace(later(link, limits.WINDOW_S + 1))

        assert (await link.rest()).startswith(b"HTTP/1.1 408 ")
        await link.until(lambda: app.ended)

    app = run(scenario)

    assert app.ended == ["disconnected"]


def test_a_body_that_comes_slowly_enough_is_waited_for() -> None:
    async def scenario(link: Link, app: App) -> None:
        size = limits.MIN_BYTES
        await link.send(HEAD + b"Content-Length: %d\r\n\r\n" % (3 * size) + b"x" * size)
        await link.until(lambda: link.server._body_bytes == size)
        link.server.check_pace(later(link, limits.WINDOW_S + 1))
        await link.send(b"x" * size)
        await link.until(lambda: link.server._body_bytes == 2 * size)
        link.server.check_pace(later(link, 2 * limits.WINDOW_S + 2))
        await link.send(b"x" * size)

        assert await link.answer() == (200, b"x" * 3 * size)

    run(scenario)


def test_a_body_is_not_cut_while_we_are_the_slow_one() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100)
        await link.until(lambda: app.scopes and link.server._window_end)
        link.server.flow.pause_reading()
        link.server.check_pace(later(link, limits.WINDOW_S + 1))
        link.server.flow.resume_reading()
        await link.send(b"x" * 99_900)

        assert await link.answer() == (200, b"x" * 100_000)

    run(scenario)


# --- bodies that nobody wants ------------------------------------------------------------------


def test_an_unwanted_body_gets_its_answer_and_a_gentle_end() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000)
        answer = await link.rest()
        server = link.server
        await link.send(b"x" * 100_000)
        await link.until(lambda: server._discarded_bytes >= 100_000)
        assert not server.transport.is_closing(), "a reset could cost the client its answer"
        server.check_pace(later(link, limits.LINGER_S + 1))

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert server.transport.is_closing()

    run(scenario, reads=False)


def test_an_unwanted_body_has_an_end() -> None:
    async def scenario(link: Link, app: App) -> None:
        await link.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await link.rest()
        server = link.server
        part = b"x" * 1024 * 1024
        for _ in range(limits.MAX_DISCARDED_BYTES // len(part) + 1):
            await link.send(part)
        await link.until(server.transport.is_closing)

    run(scenario, reads=False)


def test_a_body_that_came_whole_keeps_the_connection() -> None:
    async def scenario(link: Link, app: App) -> None:
        for _ in range(2):
            await link.send(HEAD + b"Content-Length: 3\r\n\r\nxyz")
            assert (await link.answer())[0] == 200

    run(scenario, reads=False)


# --- answers in one piece ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "body", "stays"),
    [
        (b"GET /health HTTP/1.1", b"OK", True),
        (b"HEAD /health HTTP/1.1", b"", True),
        (b"GET /health HTTP/1.0", b"OK", False),
        (b"OPTIONS /health HTTP/1.1", b"", True),
    ],
)
def test_answers_of_the_application(request_line: bytes, body: bytes, stays: bool) -> None:
    """The dispatcher's short way past uvicorn keeps HTTP's rules."""
    app: Any = build_app(FakePlatform(), config())  # type: ignore[arg-type]

    async def scenario() -> None:
        async with linked(app) as link:
            for _ in range(2 if stays else 1):
                await link.send(request_line + b"\r\nHost: localhost\r\n\r\n")
                head = await link.head()
                said = await link.exactly(len(body))

                assert said == body
                assert (b"content-length: 2" in head) is not request_line.startswith(b"OPTIONS")
                assert (b"connection: close" in head) is not stays
            if not stays:
                assert await link.rest() == b""

    asyncio.run(scenario())
