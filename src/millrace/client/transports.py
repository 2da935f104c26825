"""How a call reaches the platform: in this process, or over HTTP. Nothing else differs.

Both encode the request and decode the answer in the wire's JSON, so a script behaves the same on
a database URI and on a server.
"""

from __future__ import annotations

import functools
import hashlib
import threading
import time
import uuid
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast
from urllib.parse import quote, urlsplit

import msgspec

from millrace.api.endpoint import Nothing
from millrace.artifacts.location import absolute
from millrace.client.context import user
from millrace.client.inprocess import PlatformArtifacts
from millrace.core import clock, ids, settings, wire
from millrace.core.entities.access import Actor
from millrace.core.errors import InvalidArgument, MillraceError, NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.api.endpoint import Endpoint
    from millrace.artifacts.protocols import ArtifactStore
    from millrace.client.auth import Address
    from millrace.http.client import HttpClient
    from millrace.http.patience import Patience
    from millrace.services.context import Context
    from millrace.services.platform import Platform

Q = TypeVar("Q")
A = TypeVar("A")

# Calls that, repeated, would have a second effect or be refused because of their first one.
# Everything else is idempotent by contract.
KEYED: Final = frozenset(
    "createExperiment createRun createLoggedModel createDataset logModel "
    "deleteExperiment restoreExperiment deleteExperimentTag deleteTag deleteLoggedModelTag "
    "createRegisteredModel renameRegisteredModel deleteRegisteredModel createModelVersion "
    "deleteModelVersion createComment deleteComment".split()
)
_TENDED_BY: Final = frozenset({"getRun", "searchRuns"})
_TEND_S: Final = 1.0
_CLOSE_S: Final = 5.0


class Transport(Protocol):
    """Carries calls to one platform. Thread-safe."""

    def call(
        self,
        endpoint: Endpoint[Q, A],
        request: Q,
        *,
        key: str | None = None,
        patience: Patience | None = None,
    ) -> A:
        """Make one call; raise the `MillraceError` it is refused with, `Unavailable` if unheard.

        *key* makes a repeated create find what the first one made; each call of a create has one,
        drawn here when none is given.
        """
        ...

    def artifacts(self, host: str | None = None) -> ArtifactStore:
        """What the platform keeps of artifacts (`mlflow-artifacts:`), all of it as one store.

        *host* (`host:port`) names another server that is meant; `InvalidArgument` where none is.
        """
        ...

    def before_fork(self) -> None:
        """Be in a state that two processes may go on from. `after_fork` follows in both."""
        ...

    def after_fork(self, *, is_child: bool) -> None:
        """Go on; in the child without what belongs to the parent."""
        ...

    def close(self) -> None:
        """Release connections and files; a later call opens them again."""
        ...


class HttpTransport:
    """A server at the end of a wire: Millrace or anything that speaks MLflow's REST API."""

    def __init__(
        self,
        client: HttpClient,
        patience: Patience,
        other: Callable[[str], HttpClient] | None = None,
    ) -> None:
        self._client = client
        self._patience = patience
        self._other = other

    def call(
        self,
        endpoint: Endpoint[Q, A],
        request: Q,
        *,
        key: str | None = None,
        patience: Patience | None = None,
    ) -> A:
        """See `Transport`."""
        answer = self._client.request(_message(endpoint, request, key), patience or self._patience)
        try:
            reply: A = _read(endpoint, answer.body)
        except ValueError as error:
            raise MillraceError(
                f"The server answered {endpoint.name} with what no tracking server says: "
                f"{answer.excerpt()} ({error})"
            ) from error
        return reply

    def artifacts(self, host: str | None = None) -> ArtifactStore:
        """See `Transport`."""
        # They know the way over HTTP, which a local client does not need.
        from millrace.artifacts.proxied import ProxiedArtifacts  # noqa: PLC0415
        from millrace.client.served import ServedArtifacts  # noqa: PLC0415

        if host is not None and self._other is not None:
            return HttpTransport(self._other(host), self._patience).artifacts()
        silence_s = settings.ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT.get()
        patience = self._patience
        if silence_s is not None:
            patience = msgspec.structs.replace(patience, timeout_s=silence_s)
        through = ProxiedArtifacts(self._client, "", patience)
        return ServedArtifacts(self, through, patience)

    def before_fork(self) -> None:
        """Nothing to do: the child gets connections of its own."""

    def after_fork(self, *, is_child: bool) -> None:
        """Use new connections in the child."""
        if is_child:
            self._client.forget_connections()

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()


class LocalTransport:
    """The platform in this very process, opened when it is first needed.

    It is closed before the process forks, and both go on with one of their own: SQLite keeps what
    it knows of locks in memory, so a child that inherits an open database may find it locked for
    ever or, worse, not locked at all. With `is_kept` it stays open: its records are in memory.
    """

    def __init__(self, open_platform: Callable[[], Platform], *, is_kept: bool = False) -> None:
        self._open = open_platform
        self._is_kept = is_kept
        self._platform: Platform | None = None
        self._left_behind: list[Platform] = []
        self._tended = 0.0
        self._calls = 0
        self._idle = threading.Condition()

    def call(
        self,
        endpoint: Endpoint[Q, A],
        request: Q,
        *,
        key: str | None = None,
        patience: Patience | None = None,  # noqa: ARG002 - the store waits for its locks itself
    ) -> A:
        """See `Transport`. The actor is the local user, who owns the database anyway."""
        body = wire.encode(request)
        if key is None and endpoint.name in KEYED:
            key = _new_key()
        with self._in_use() as platform:
            handler = platform.handlers.get(endpoint.name)
            if handler is None:
                raise NotSupported(f"This platform does not offer {endpoint.name!r}.")
            if endpoint.name in _TENDED_BY and time.monotonic() - self._tended >= _TEND_S:
                # What a server does in the background: runs whose lease is over become lost.
                platform.housekeeping()
                self._tended = time.monotonic()
            typed = _request_reader(cast("Any", endpoint.request))(body)
            answer: Any = handler.call(local_context(key, body), typed)
            if isinstance(answer, Future):
                answer = answer.result()
        reply: A = _answer_reader(cast("Any", endpoint.response))(wire.encode(answer))
        return reply

    def artifacts(self, host: str | None = None) -> ArtifactStore:
        """See `Transport`."""
        if host is not None:
            raise InvalidArgument(
                f"These artifacts are kept by the server {host}: set the tracking URI to its "
                "address."
            )
        return PlatformArtifacts(self)

    @contextmanager
    def handling(self) -> Iterator[tuple[Platform, Context]]:
        """The platform, open as long as the block lasts, and the context of a call by the user."""
        with self._in_use() as platform:
            yield platform, local_context(None, b"")

    def before_fork(self) -> None:
        """Close the database, after the calls that are under way in other threads."""
        self._idle.acquire()  # until after_fork: no call begins
        if not self._is_kept:
            self._close()

    def after_fork(self, *, is_child: bool) -> None:
        """Open the database anew with the next call."""
        if not is_child:
            self._idle.release()
            return
        if self._platform is not None and not self._is_kept:
            # A call would not end. What the parent has open may not even be closed from here.
            self._left_behind.append(self._platform)
            self._platform = None
        self._calls = 0
        self._idle = threading.Condition()

    def close(self) -> None:
        """Close the database, after the calls that are under way in other threads."""
        with self._idle:
            self._close()

    def _close(self) -> None:
        deadline = time.monotonic() + _CLOSE_S
        while self._calls and (left_s := deadline - time.monotonic()) > 0:
            self._idle.wait(left_s)
        if self._platform is not None and not self._calls:
            self._platform.close()
            self._platform = None

    @contextmanager
    def _in_use(self) -> Iterator[Platform]:
        with self._idle:
            if self._platform is None:
                self._platform = self._open()
            platform = self._platform
            self._calls += 1
        try:
            yield platform
        finally:
            with self._idle:
                self._calls -= 1
                self._idle.notify_all()


def choose(uri: str) -> Transport:
    """The transport for a tracking URI: HTTP for servers, everything else in this process."""
    if is_server(uri):
        return _http(uri)
    is_kept = uri.startswith("memory:") or uri in {"sqlite://", "sqlite:///:memory:"}
    # From here on the folder is where it was when the process began to log, whatever chdir does.
    destination = absolute(settings.ARTIFACTS_DESTINATION.get())
    return LocalTransport(lambda: _open_platform(uri, destination), is_kept=is_kept)


def is_server(uri: str) -> bool:
    """Whether a tracking URI leads to a server, not to records that this process opens itself."""
    return urlsplit(uri).scheme in {"http", "https", "databricks"} or uri == "databricks"


@functools.cache
def _answer_reader(response: Any) -> Callable[[bytes], Any]:  # noqa: ANN401 - a type
    if response is not Nothing:
        return wire.answer_decoder(response)
    # Whatever a server tells beyond nothing, it must be one that talks to us.
    read = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

    def nothing(body: bytes) -> Nothing:
        read(body)
        return _NOTHING

    return nothing


@functools.cache
def _request_reader(request: Any) -> Callable[[bytes], Any]:  # noqa: ANN401 - a type
    return wire.decoder(request)


_NOTHING: Final = Nothing()


def _read(endpoint: Endpoint[Q, A], body: bytes) -> A:
    """The answer in *body*; servers that say less than ours are helped out."""
    try:
        reply: A = _answer_reader(cast("Any", endpoint.response))(body)
    except msgspec.ValidationError:
        whole = _whole(msgspec.json.decode(body))
        reply = msgspec.convert(whole, endpoint.response, strict=False)
    return reply


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON in, the same out
    """*value* with what hosted and older servers leave out of runs, experiments and
    versions."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if not isinstance(value, dict):
        return value
    whole = {key: _whole(item) for key, item in value.items()}
    run_id = whole.get("run_id") or whole.get("run_uuid")
    if run_id and "experiment_id" in whole and "status" in whole:
        return _RUN_INFO | {"run_id": run_id, "run_uuid": run_id} | whole
    if "experiment_id" in whole and "name" in whole:
        return _EXPERIMENT | whole
    if "version" in whole and "name" in whole and "alias" not in whole:
        return _VERSION | whole
    return whole


_RUN_INFO: Final = {
    "run_name": "",
    "user_id": "",
    "start_time": 0,
    "artifact_uri": "",
    "lifecycle_stage": "active",
}
_EXPERIMENT: Final = {"artifact_location": "", "lifecycle_stage": "active"}
_VERSION: Final = {
    "creation_timestamp": 0,
    "last_updated_timestamp": 0,
    "current_stage": "None",
    "source": "",
    "run_id": "",
    "status": "READY",
    "run_link": "",
}


def _http(uri: str) -> HttpTransport:
    # TLS and the connection pool are half of the import budget, and a database needs neither.
    from millrace.client import auth  # noqa: PLC0415
    from millrace.http.client import HttpClient  # noqa: PLC0415

    address: Address = auth.address(uri)
    client = HttpClient(address.base_url, address.headers, auth.options())
    tracking = urlsplit(address.base_url)

    def other(host: str) -> HttpClient:
        if host == tracking.netloc:
            return client
        # A location is data: whoever may write one must not get our credentials by it.
        is_known = urlsplit(f"//{host}").hostname == tracking.hostname
        headers = address.headers if is_known else address.anonymous
        return HttpClient(f"{tracking.scheme}://{host}", headers, auth.options())

    return HttpTransport(client, auth.patience(), other)


def _open_platform(uri: str, destination: str) -> Platform:
    # Services and stores are heavy, and a remote client needs neither.
    from millrace.services.places import Places  # noqa: PLC0415
    from millrace.services.platform import open_platform, open_store  # noqa: PLC0415

    # In the user's own process whatever the user may touch may be touched.
    places = Places(open_store, destination=destination, trusting=True)
    return open_platform(uri, places=places)


def _new_key() -> str:
    return uuid.uuid4().hex


def local_context(key: str | None = None, body: bytes = b"") -> Context:
    """The circumstances of a call that is made in this process."""
    from millrace.services.context import Context  # noqa: PLC0415 - as _open_platform

    return Context(
        actor=_local_user(),
        request_id=ids.request_id(),
        at_ms=clock.now_ms(),
        idempotency_key=key,
        request_digest=hashlib.sha256(body).hexdigest() if key else None,
    )


@functools.cache
def _local_user() -> Actor:
    """Whoever runs this process: named by the system, or by the environment, so not verified."""
    return Actor(name=user(), is_admin=True)


def _message(endpoint: Endpoint[Q, A], request: Q, key: str | None) -> Any:  # noqa: ANN401
    from millrace.http.client import Message  # noqa: PLC0415 - as _http

    path = endpoint.paths[0]
    fields: dict[str, object] = msgspec.to_builtins(request)
    if "{" in path:
        safe = "/" if endpoint.takes_rest else ""
        path = path.format_map(
            {name: quote(str(value), safe=safe) for name, value in fields.items()}
        )
    if endpoint.method == "GET":
        return Message(method="GET", path=path, query=_query(fields))
    headers = {}
    if endpoint.name in KEYED:
        headers["Idempotency-Key"] = key or _new_key()
    return Message(method=endpoint.method, path=path, body=wire.encode(request), headers=headers)


def _query(fields: dict[str, object]) -> tuple[tuple[str, str], ...]:
    """A query string's pairs: absent fields left out, lists repeated, booleans in lower case."""
    return tuple(
        (name, str(item).lower() if isinstance(item, bool) else str(item))
        for name, value in fields.items()
        if value is not None
        for item in (value if isinstance(value, (list, tuple)) else (value,))
    )
