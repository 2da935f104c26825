"""From an ASGI application to a listening server, and to a clean end: socket, loop, signals.

The only file that knows uvicorn's server.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Final

import uvicorn

from millrace.asgi.protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from types import FrameType

    from millrace.asgi.exchange import Receive, Scope, Send

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
KEEP_ALIVE_S: Final = 75
"""Longer than clients and proxies usually keep an idle connection: they close first, so that no
request meets a connection that we are just closing."""
BACKLOG: Final = 2048
GARBAGE_ALLOCATIONS: Final = 10_000
"""How many more objects there must be before the collector looks for rings among them. Requests
leave hardly any, so looking seldom costs little memory and saves one twentieth of the CPU."""
INSIST_S: Final = 1.0
"""A second signal this long after the first cuts requests in flight short. One that comes sooner
is the first, told by two: a terminal, or a supervisor, tells our parent and us, and so does our
parent."""


def serve(  # noqa: PLR0913 - what a server is begun and ended with
    app: Callable[[Scope, Receive, Send], Awaitable[None]],
    link: socket.socket,
    *,
    grace_s: float,
    is_ready: Callable[[], object],
    lifeline: int | None = None,
    when_stopping: Sequence[Callable[[], None]] = (),
) -> None:
    """Answer what comes over *link* with *app* until SIGTERM or SIGINT; then finish what is in
    flight, for *grace_s* at most, and return. Stops also when the other end of *lifeline* closes.

    *when_stopping* are called on the loop before that: they end answers that would go on for ever.
    """
    options = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        workers=1,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(grace_s),
    )
    _Server(options, is_ready, lifeline, when_stopping).run(sockets=[link])


class _Server(uvicorn.Server):
    """uvicorn's server, minding the pace of connections, and quitting with 0 on a signal."""

    def __init__(
        self,
        options: uvicorn.Config,
        is_ready: Callable[[], object],
        lifeline: int | None,
        when_stopping: Sequence[Callable[[], None]],
    ) -> None:
        super().__init__(options)
        self._when_stopping = when_stopping
        self._is_ready = is_ready
        self._lifeline = lifeline
        self._asked_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self._orphaned)
        # All that is there now stays until the end: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_ALLOCATIONS, 20, 20)
        self._is_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for end in self._when_stopping:
            end()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.check_pace(now)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal once more in the end, and we would not exit with 0.
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > INSIST_S:
            self.force_exit = True
        self.should_exit = True

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline or 0)
        self.should_exit = True


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket; SystemExit(2) after one sentence when there can be none."""
    where = f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name with both kinds of address: clients on this machine try either.
        family, kind, number, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
        link = socket.socket(family, kind, number)
    except OSError as error:
        raise _cannot_listen(where, error) from error
    with link:
        try:
            if sys.platform != "win32":
                link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            link.bind(address)
            link.listen(BACKLOG)
        except OSError as error:
            raise _cannot_listen(where, error) from error
        yield link


def url_of(host: str, link: socket.socket) -> str:
    """Where clients find what listens on *link*."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{link.getsockname()[1]}"


def _cannot_listen(where: str, error: OSError) -> SystemExit:
    sys.stderr.write(f"Error: cannot listen on {where}: {error.strerror}.\n")
    return SystemExit(2)
