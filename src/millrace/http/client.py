"""One HTTP server, called over kept-alive connections, with retries inside a budget.

Used by the Python client for every remote server. It refuses to follow a redirect to another
origin, to read more than a limit, and to trust a certificate that cannot be verified.
Retries repeat every verb, so callers give creates an `Idempotency-Key`. Thread-safe.
"""

from __future__ import annotations

import email.utils
import logging
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.connection import create_connection

from millrace.core.errors import InvalidArgument, MillraceError, Unavailable, from_answer
from millrace.http.faults import Untrusted
from millrace.http.patience import LONGEST_WAIT_S, Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import BaseHTTPResponse

R = TypeVar("R")

logger = logging.getLogger(__name__)

RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS: Final = 3
_EMPTY: Final = frozenset({204, 304})
_EXCERPT: Final = 300


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked of the server's certificate, and what we show of ours: paths of PEM files."""

    verify: bool = True
    ca_file: str | None = None
    client_certificate: str | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect: TLS, connections kept open, whether redirects are followed.

    No answer longer than `limit_bytes` is read: a hostile server cannot fill the memory.
    `addresses()` is asked for each new connection, which goes to the first that takes it; the name
    is then looked up by nobody else, and no proxy is used.
    """

    tls: Tls = Tls()
    connections: int = 10
    redirects: bool = True
    limit_bytes: int = 512 * 1024 * 1024
    addresses: Callable[[], Iterable[str]] | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. `path` is below the base URL and percent-encoded.

    `body` is JSON unless a header says otherwise. `stream` is asked for the chunks of a longer one
    before each attempt; it is sent in chunks, too, unless a header tells its length.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    stream: Callable[[], Iterable[bytes]] | None = None


class Answer(msgspec.Struct, frozen=True):
    """Status, headers and whole body of an answer of 2xx."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def excerpt(self) -> str:
        """What it said, for an error message: status, type and the start of the text."""
        return _excerpt(self.status, self.headers.get("content-type"), self.body)


class Arriving:
    """An answer of 2xx whose body is still on its way; close it when not read to the end."""

    def __init__(self, base: str, response: BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._base = base
        self._response = response

    def chunks(self, size: int) -> Iterator[bytes]:
        """The body as it comes, at most *size* bytes at a time; `Unavailable` when it breaks off,
        after all that came before."""
        try:
            while chunk := self._response.read1(size, decode_content=True):
                yield chunk
        except (HTTPError, OSError) as fault:
            raise _fault(self._base, fault) from fault
        self._response.release_conn()

    def close(self) -> None:
        """Let the connection go, with what was not read."""
        self._response.close()


class _ErrorBody(msgspec.Struct):
    error_code: str | None = None
    message: str | None = None
    detail: str | None = None


class _Refused(Answer, frozen=True):
    """An answer that is no success."""


class HttpClient:
    """Calls below *base_url*. `headers()` is asked before each attempt: tokens may change.

    `pause` waits that many seconds; tests give their own.
    """

    def __init__(
        self,
        base_url: str,
        headers: Callable[[], Mapping[str, str]],
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._origin = _origin(self._base)
        self._root = self._base[: len(self._base) - len(urlsplit(self._base).path)]
        self._headers = headers
        self._redirects = options.redirects
        self._limit = options.limit_bytes
        self._pause = pause
        self._open = _opener(self._base, options)
        self._connections = self._open()

    def request(
        self,
        message: Message,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> Answer:
        """Send and return the answer of 2xx; raise the `MillraceError` that any other stands for.

        `Unavailable`: nobody answered, or a proxy said so; `Untrusted`: TLS failed.
        """
        return self._patiently(message, patience, self._whole)

    def open(
        self,
        message: Message,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> Arriving:
        """The same, for an answer that is too long to be held; there is no limit on its length."""
        return self._patiently(message, patience, self._arriving)

    def _patiently(
        self,
        message: Message,
        patience: Patience,
        take: Callable[[BaseHTTPResponse], R],
    ) -> R:
        deadline = None if patience.total_s is None else time.monotonic() + patience.total_s
        attempt = 0
        while True:
            wait_s = patience.pause_s(attempt)
            try:
                answer = self._once(message, patience.timeout_s, take)
            except Untrusted:
                raise
            except Unavailable as fault:
                error: MillraceError = fault
                if attempt == 0:
                    wait_s = 0.0  # often just an idle connection that the server has closed
            else:
                if not isinstance(answer, _Refused):
                    return answer
                error = _error(answer)
                if answer.status not in RETRIED:
                    raise error
                if patience.respect_retry_after:
                    wait_s = _retry_after_s(answer.headers) or wait_s
            attempt += 1
            late = deadline is not None and time.monotonic() + wait_s >= deadline
            if attempt > patience.retries or late:
                error.add_note(f"{message.method} {message.path}: {attempt} attempts.")
                raise error
            logger.debug("%s %s, attempt %s: %s", message.method, message.path, attempt, error)
            self._pause(wait_s)

    def close(self) -> None:
        """Close idle connections; the next request opens new ones."""
        closing, self._connections = self._connections, self._open()
        closing.close()

    def forget_connections(self) -> None:
        """Start afresh without touching the old sockets: after a fork they are the parent's."""
        self._connections = self._open()

    def _once(
        self, message: Message, timeout_s: float, take: Callable[[BaseHTTPResponse], R]
    ) -> R | _Refused:
        url = f"{self._base}{message.path}"
        if message.query:
            url = f"{url}?{urlencode(message.query)}"
        headers = {**self._headers(), **message.headers}
        if message.body is not None:
            headers.setdefault("Content-Type", "application/json")
        for _ in range(_REDIRECTS + 1):
            body = message.stream() if message.stream else message.body
            response = self._send(message.method, url, body, headers, timeout_s)
            if 200 <= response.status < 300:  # noqa: PLR2004 - success, RFC 9110 section 15.3
                return take(response)
            answer = self._whole(response)
            if answer.status not in {301, 302, 303, 307, 308}:
                return _Refused(answer.status, answer.headers, answer.body)
            url = self._redirected(message.method, url, answer)
        raise InvalidArgument(f"{self._base} redirects in a circle, last to {url}.")

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> BaseHTTPResponse:
        try:
            return self._connections.urlopen(
                method,
                # A proxy wants the whole address, a server what is behind its name.
                url if isinstance(self._connections, _Proxied) else url[len(self._root) :],
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(timeout_s or None),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as fault:
            raise _fault(self._base, fault) from fault

    def _arriving(self, response: BaseHTTPResponse) -> Arriving:
        if _may_be_cut(response):
            # What follows half a head would be taken for the whole body.
            response.close()
            raise Unavailable(f"{self._base} broke off in the head of its answer.")
        return Arriving(self._base, response)

    def _whole(self, response: BaseHTTPResponse) -> Answer:
        try:
            try:
                content = response.read(self._limit + 1, decode_content=True)
            except BaseException:
                response.close()
                raise
            if len(content) > self._limit:
                response.close()
                raise InvalidArgument(
                    f"{self._base} sent more than {self._limit} bytes; ask for smaller pages."
                )
            if not content and _may_be_cut(response):
                response.close()
                raise ProtocolError("The answer broke off in its head.")
            response.release_conn()
        except (HTTPError, OSError) as fault:
            raise _fault(self._base, fault) from fault
        return Answer(response.status, response.headers, content)

    def _redirected(self, method: str, url: str, answer: Answer) -> str:
        target = urljoin(url, answer.headers.get("location", ""))
        where = f"{self._base} redirects to {_origin(target)}"
        if not self._redirects:
            raise InvalidArgument(f"{where}, and MILLRACE_ALLOW_HTTP_REDIRECTS is off.")
        if _origin(target) != self._origin:
            # Credentials stay with the origin that they were given for.
            raise InvalidArgument(f"{where}, another origin. Use that address as the tracking URI.")
        if method != "GET" and answer.status not in {307, 308}:
            raise InvalidArgument(
                f"{where} with status {answer.status}, which would turn a {method} into a GET. "
                "Use the final address as the tracking URI."
            )
        return self._root + urlsplit(target)._replace(scheme="", netloc="", fragment="").geturl()


def _may_be_cut(response: BaseHTTPResponse) -> bool:
    """Whether an answer may have lost its end: `http.client` takes half a head for whole."""
    headers = response.headers
    is_framed = (
        headers.get("content-length", "").isdigit()
        or headers.get("transfer-encoding", "").lower() == "chunked"
    )
    return not is_framed and response.status not in _EMPTY


class _Connections(Protocol):
    """What both a pool and a proxy's manager can do."""

    def urlopen(self, method: str, url: str, **options: Any) -> BaseHTTPResponse: ...
    def close(self) -> None: ...


class _OneWrite:
    """Head and body of a request in one write: the server wakes up once for both."""

    _holds = False
    _head = b""

    def request(self, method: str, url: str, body: object = None, **options: Any) -> None:
        self._holds = isinstance(body, bytes) and len(body) > 0
        self._head = b""
        super().request(method, url, body=body, **options)  # type: ignore[misc]  # a mixin

    def send(self, data: bytes) -> None:
        if self._holds:
            self._head, self._holds = data, False
            return
        if self._head:
            data, self._head = self._head + data, b""
        super().send(data)  # type: ignore[misc]  # a mixin


class _Connection(_OneWrite, HTTPConnection):  # type: ignore[misc]  # looser signatures
    pass


class _SecureConnection(_OneWrite, HTTPSConnection):  # type: ignore[misc]  # the same
    pass


def _pinned(connection: type[HTTPConnection], addresses: Callable[[], Iterable[str]]) -> Any:  # noqa: ANN401 - a class
    class Pinned(connection):  # type: ignore[valid-type, misc]  # made for these addresses
        def _new_conn(self) -> socket.socket:
            problem: OSError | None = None
            for address in addresses():
                try:
                    return create_connection(
                        (address, self.port or self.default_port),
                        self.timeout,
                        source_address=self.source_address,
                        socket_options=self.socket_options,
                    )
                except OSError as error:
                    problem = error
            if isinstance(problem, TimeoutError):
                raise ConnectTimeoutError(self, "timed out") from problem
            raise NewConnectionError(self, str(problem or "no address")) from problem

    return Pinned


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection  # type: ignore[assignment]  # a protocol there


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection  # type: ignore[assignment]  # a protocol there


class _Proxied(urllib3.ProxyManager):
    close = urllib3.ProxyManager.clear


def _opener(base: str, options: Options) -> Callable[[], _Connections]:
    tls = options.tls
    parts = urlsplit(base)
    alive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    keywords: dict[str, Any] = {
        "maxsize": options.connections,
        # Idle connections outlive the patience of routers, and dead ones are noticed.
        "socket_options": [*HTTPConnection.default_socket_options, alive],
    }
    if parts.scheme == "https":
        if not tls.verify:
            # The user asked for it; a warning with each request would tell nothing new.
            urllib3.disable_warnings(InsecureRequestWarning)
            keywords |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        if tls.ca_file:
            keywords["ca_certs"] = tls.ca_file
        if tls.client_certificate:
            keywords["cert_file"] = tls.client_certificate
    host = parts.hostname or ""
    pool = _SecurePool if parts.scheme == "https" else _Pool
    if options.addresses is not None:
        connection = _SecureConnection if parts.scheme == "https" else _Connection
        name, members = "_PinnedPool", {"ConnectionCls": _pinned(connection, options.addresses)}
        pinned: type[_Pool | _SecurePool] = type(name, (pool,), members)
        return lambda: pinned(host, parts.port, **keywords)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        address = proxy if "://" in proxy else f"http://{proxy}"
        return lambda: _Proxied(address, **keywords)
    return lambda: pool(host, parts.port, **keywords)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def _fault(base: str, fault: Exception) -> MillraceError:
    match fault:
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(fault) or "hostname" in str(fault):
            return Untrusted(
                f"The certificate of {base} cannot be verified ({fault}). Name the authority that "
                "signed it in MILLRACE_TRACKING_SERVER_CERT_PATH."
            )
        case SSLError():
            return Untrusted(f"No TLS connection to {base}: {fault}.")
        case LocationParseError():
            return InvalidArgument(f"{base} is no address: {fault}.")
        case ReadTimeoutError():
            return Unavailable(f"{base} did not answer in time.")
        case ConnectTimeoutError() if not isinstance(fault, NewConnectionError):
            return Unavailable(f"{base} cannot be reached: the connection timed out.")
        case ProxyError():
            return Unavailable(f"{base} cannot be reached through the proxy: {fault}.")
        case _:
            reason = str(fault.__cause__ or fault)
            return Unavailable(f"{base} cannot be reached: {reason}.")


def _error(answer: Answer) -> MillraceError:
    try:
        told = msgspec.json.decode(answer.body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = _ErrorBody()
    message = told.message or told.detail
    if told.error_code is None and message is None:
        # Not our wire: a proxy, a login page, another server. Say what was seen.
        message = f"The server answered {answer.excerpt()}"
    if told.error_code is None and answer.status in {408, 502, 504}:
        return Unavailable(message or "")
    return from_answer(answer.status, told.error_code, message or told.error_code or "")


def _excerpt(status: int, media_type: str | None, body: bytes) -> str:
    text = " ".join(body[: 4 * _EXCERPT].decode(errors="replace").split())[:_EXCERPT]
    return f"{status} with {media_type or 'no content type'}: {text!r}"


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 section 10.2.3), at most two minutes."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_WAIT_S)
    try:
        at_s = email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return min(max(at_s - time.time(), 0.0), LONGEST_WAIT_S)
