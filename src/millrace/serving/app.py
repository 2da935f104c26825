"""The application of a model server: routes, and the pool of model processes behind them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from millrace import __version__
from millrace.asgi.bodies import read_body
from millrace.asgi.dispatch import Dispatcher, no_such_path
from millrace.asgi.errors import answer_to
from millrace.asgi.exchange import TEXT, Answer, Incoming
from millrace.asgi.security import Guard, Policy, host_entries, origin_entries
from millrace.core.errors import MillraceError, NotFound, Unavailable
from millrace.serving.frames import Job
from millrace.serving.metrics import CONTENT_TYPE, Metrics
from millrace.serving.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from millrace.asgi.dispatch import Route
    from millrace.asgi.exchange import Receive, Send
    from millrace.serving.config import ServingConfig
    from millrace.serving.frames import Ready, Task

HEADER_LENGTH: Final = "inference-header-content-length"
EXTENSIONS: Final = ("binary_tensor_data",)
OPEN_PATHS: Final = frozenset(
    {"/ping", "/health", "/version", "/metrics", "/v2/health/live", "/v2/health/ready"}
)
"""They answer to any Host: probes often ask by an address that nobody has listed."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def build_app(
    config: ServingConfig, when_failed: Callable[[str], None], when_ready: Callable[[], None]
) -> Dispatcher:
    """The application that serves the model of *config*; see `Pool` for the other two."""
    return _App(config, when_failed, when_ready).dispatcher()


class _Route:
    """One path, answered by a function of the loop's."""

    def __init__(
        self, method: str, path: str, make: Callable[[Incoming, Receive], Awaitable[Answer]]
    ) -> None:
        self.method = method
        self.path = path
        self._make = make

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        return await self._make(incoming, receive)


class _App:
    def __init__(
        self,
        config: ServingConfig,
        when_failed: Callable[[str], None],
        when_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._when_failed = when_failed
        self._when_ready = when_ready
        self._metrics = Metrics()
        self._started: Pool | None = None

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self._routes(),
            Guard(_policy(self._config)),
            elsewhere=no_such_path,
            lifespan=self._lifespan,
        )

    @property
    def _pool(self) -> Pool:
        assert self._started is not None  # noqa: S101 - requests come after the start
        return self._started

    def _routes(self) -> Iterator[Route]:
        version = Answer(__version__.encode(), content_type=TEXT)
        server = {"name": "millrace", "version": __version__, "extensions": EXTENSIONS}
        for path, make in {
            "/ping": self._ping,
            "/health": self._ping,
            "/version": lambda: version,
            "/metrics": lambda: Answer(self._metrics.text(self._pool), content_type=CONTENT_TYPE),
            "/openapi.json": lambda: Answer(self._ready().openapi),
            "/v2": lambda: Answer(msgspec.json.encode(server)),
            "/v2/health/live": lambda: Answer(b'{"live":true}'),
            "/v2/health/ready": self._readiness,
        }.items():
            yield _Route("GET", path, _plain(make))
        yield _Route("POST", "/invocations", self._invoke)
        for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            yield _Route("GET", path, self._of_model(lambda: Answer(self._ready().metadata)))
            yield _Route("GET", f"{path}/ready", self._of_model(self._model_readiness))
            yield _Route("POST", f"{path}/infer", self._infer)

    async def _invoke(self, incoming: Incoming, receive: Receive) -> Answer:
        return await self._measured("invocations", "invoke", incoming, receive)

    async def _infer(self, incoming: Incoming, receive: Receive) -> Answer:
        self._check_model(incoming)
        return await self._measured("infer", "infer", incoming, receive)

    async def _measured(
        self, route: str, task: Task, incoming: Incoming, receive: Receive
    ) -> Answer:
        """An answer to a request for predictions, counted."""
        began = time.perf_counter()
        try:
            answer = await self._scored(task, incoming, receive)
        except MillraceError as error:
            answer = answer_to(error, incoming)
        self._metrics.note(route, answer.status, time.perf_counter() - began)
        return answer

    async def _scored(self, task: Task, incoming: Incoming, receive: Receive) -> Answer:
        headers = incoming.headers
        body = await read_body(receive, headers, self._config.max_body)
        job = Job(
            task=task,
            size=len(body),
            request_id=incoming.request_id,
            content_type=_text(headers.get(b"content-type")),
            header_length=_text(headers.get(HEADER_LENGTH.encode())),
        )
        reply, said = await self._pool.ask(job, body)
        if reply.json_size is None:
            return Answer(said, reply.status)
        where = ((HEADER_LENGTH.encode(), b"%d" % reply.json_size),)
        return Answer(said, reply.status, b"application/octet-stream", where)

    def _ready(self) -> Ready:
        if self._pool.ready is None:
            raise Unavailable("The model is being loaded; try again in a moment.")
        return self._pool.ready

    def _ping(self) -> Answer:
        if not self._pool.is_ready:
            raise Unavailable("No model process is ready.")
        return Answer(b"\n")

    def _readiness(self) -> Answer:
        is_ready = self._pool.is_ready
        return Answer(
            b'{"ready":true}' if is_ready else b'{"ready":false}', 200 if is_ready else 503
        )

    def _model_readiness(self) -> Answer:
        ready, is_ready = self._ready(), self._pool.is_ready
        body = msgspec.json.encode({"name": ready.name, "ready": is_ready})
        return Answer(body, 200 if is_ready else 503)

    def _of_model(
        self, make: Callable[[], Answer]
    ) -> Callable[[Incoming, Receive], Awaitable[Answer]]:
        async def answer(incoming: Incoming, receive: Receive) -> Answer:
            del receive
            self._check_model(incoming)
            return make()

        return answer

    def _check_model(self, incoming: Incoming) -> None:
        config, asked = self._config, incoming.values
        if asked["name"] != config.name or asked.get("version", config.version) != config.version:
            raise NotFound(
                f"There is no model {asked['name']!r} of version "
                f"{asked.get('version', config.version)!r}; this server has {config.name!r}, "
                f"version {config.version!r}."
            )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._started = Pool(self._config, self._when_failed, self._when_ready)
        await self._started.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._started.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _plain(make: Callable[[], Answer]) -> Callable[[Incoming, Receive], Awaitable[Answer]]:
    async def answer(incoming: Incoming, receive: Receive) -> Answer:
        del incoming, receive
        return make()

    return answer


def _policy(config: ServingConfig) -> Policy:
    """Who may ask: on the loopback names of this machine, so that no page of a foreign name gets
    through by DNS; elsewhere whoever can, unless names are listed."""
    listed = config.allowed_hosts
    hosts = host_entries(listed.split(",")) if listed else None
    if hosts is None and not listed and config.host in _LOOPBACK:
        hosts = ()
    return Policy(
        hosts=hosts,
        origins=origin_entries((config.cors_allowed_origins or "").split(",")),
        private_hosts=not listed,
        open_paths=OPEN_PATHS,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
