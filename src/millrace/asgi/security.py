"""What a browser could be tricked into, refused on every route before anything else is looked at.

- Host: names that requests may be addressed to, compared whole after strict parsing, so that a
  foreign name that resolves to us (DNS rebinding) gets nothing.
- Origin and Sec-Fetch-Site: no page of another site may change anything.
- CORS: reads and preflights are open to allowed origins only.

Source: Fetch standard (CORS protocol, Origin header), Fetch Metadata Request Headers, RFC 3986 3.2.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from millrace.asgi.exchange import Answer
from millrace.core.errors import InvalidArgument, MalformedRequest, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.asgi.exchange import Headers

FrameOptions = Literal["SAMEORIGIN", "DENY", "NONE"]

STATE_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Headers whose second value could be read by somebody else than the first.
SINGLE: Final = (
    b"host", b"origin", b"sec-fetch-site", b"content-type", b"content-length", b"content-encoding",
    b"transfer-encoding", b"idempotency-key", b"x-request-id", b"authorization",
)  # fmt: skip

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_AUTHORITY = re.compile(rf"({_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(?::([0-9]{{1,5}}))?")
_ENTRY = re.compile(
    rf"(\*\.)?({_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(?::([0-9]{{1,5}}|\*))?"
)
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(.+)")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# Verdicts kept: no honest crowd has more names than this for one server, or longer ones.
_REMEMBERED = 1000
_LONG = 256


class Authority(NamedTuple):
    """A host, lower case, IPv6 in brackets; and the port as it was given."""

    host: str
    port: str | None


def authority(text: str) -> Authority | None:
    """Parse `host` or `host:port`; None for anything else, user info included."""
    matched = _AUTHORITY.fullmatch(text.lower())
    if matched is None or (matched[2] is not None and int(matched[2]) > 65535):  # noqa: PLR2004
        return None
    return Authority(matched[1], matched[2])


class Entry(NamedTuple):
    """One entry of an allow-list; port None: any."""

    host: str
    port: str | None = None
    below: bool = False

    def covers(self, asked: Authority, default_port: str | None = None) -> bool:
        """Whether *asked* is this host (or, for `*.host`, a name below it) on this port."""
        if self.port is not None and self.port != (asked.port or default_port):
            return False
        return asked.host.endswith(f".{self.host}") if self.below else asked.host == self.host


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed.

    `hosts` and `origins`: see `host_entries` and `origin_entries`; None allows any. `private_hosts`
    adds the loopback and addresses of private networks. `checks` off lets every request through.
    `open_paths` answer to any Host.
    """

    hosts: tuple[Entry, ...] | None = ()
    origins: tuple[tuple[str, Entry], ...] | None = ()
    private_hosts: bool = True
    frame_options: FrameOptions = "SAMEORIGIN"
    checks: bool = True
    open_paths: frozenset[str] = frozenset()


def host_entries(names: Iterable[str]) -> tuple[Entry, ...] | None:
    """Entries from `name`, `name:port`, `name:*`, `*.name`; `*` alone allows any host (None)."""
    texts = [name.strip().lower() for name in names if name.strip()]
    return None if "*" in texts else tuple(_entry(text, text) for text in texts)


def origin_entries(origins: Iterable[str]) -> tuple[tuple[str, Entry], ...] | None:
    """Entries from `scheme://name[:port]`, the name perhaps `*.name`; `*` allows any (None)."""
    texts = [origin.strip().lower().rstrip("/") for origin in origins if origin.strip()]
    if "*" in texts:
        return None
    entries = []
    for text in texts:
        matched = _ORIGIN.fullmatch(text)
        if matched is None:
            raise InvalidArgument(
                f"Allowed origin {text!r} is not of the form https://name[:port]."
            )
        entry = _entry(matched[2], text)
        port = entry.port or _DEFAULT_PORTS.get(matched[1])
        entries.append((matched[1], entry._replace(port=port)))
    return tuple(entries)


def _entry(text: str, given: str) -> Entry:
    matched = _ENTRY.fullmatch(text)
    if matched is None:
        raise InvalidArgument(
            f"Allowed name {given!r} is not understood: give whole names or addresses, perhaps "
            "with a port; '*' may stand alone or as the first label ('*.example.com')."
        )
    below, host, port = matched.groups()
    return Entry(host, None if port == "*" else port, below=below is not None)


class Guard:
    """Decides for each request whether it may go on, and which headers its answer carries."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._hosts: dict[bytes, bool] = {}
        self._origins: dict[tuple[bytes, bytes], bool] = {}
        self._always: Headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"vary", b"origin"),
        ]
        if policy.frame_options != "NONE":
            self._always.append((b"x-frame-options", policy.frame_options.encode()))

    def admit(self, method: str, path: str, headers: dict[bytes, bytes]) -> None:
        """Refuse with 400 or 403 what may not go on."""
        if not self._policy.checks:
            return
        host = headers.get(b"host", b"")
        if not self._is_host_allowed(host) and path not in self._policy.open_paths:
            raise PermissionDenied(
                f"Invalid Host header {_text(host)!r}: this server does not answer to that name. "
                "If it should, start it with --allowed-hosts."
            )
        if method in STATE_CHANGING:
            origin = headers.get(b"origin")
            if origin is not None:
                if not self._is_origin_allowed(origin, host):
                    raise _cross_origin(origin)
            elif headers.get(b"sec-fetch-site") in {b"cross-site", b"same-site"}:
                raise _cross_origin(headers[b"sec-fetch-site"])

    def headers(self, headers: dict[bytes, bytes]) -> Headers:
        """A new list of the headers that the answer to a request with *headers* gets."""
        origin = headers.get(b"origin")
        if origin is None:
            return self._always.copy()
        return self._always + self._cors(origin, headers.get(b"host", b""))

    def preflight(self, headers: dict[bytes, bytes]) -> Answer | None:
        """The answer to a CORS preflight; None when the request is none."""
        origin = headers.get(b"origin")
        if origin is None or b"access-control-request-method" not in headers:
            return None
        if not self._cors(origin, headers.get(b"host", b"")):
            raise MalformedRequest(f"Disallowed CORS origin {_text(origin)!r}.")
        asked = headers.get(b"access-control-request-headers", b"content-type")
        return Answer(
            content_type=b"",
            headers=(
                (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS, PATCH"),
                (b"access-control-allow-headers", asked),
                (b"access-control-max-age", b"600"),
            ),
        )

    def _cors(self, origin: bytes, host: bytes) -> Headers:
        if self._policy.origins is None:
            return [(b"access-control-allow-origin", b"*")]
        if not self._is_origin_allowed(origin, host):
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
        ]

    def _is_host_allowed(self, host: bytes) -> bool:
        verdict = self._hosts.get(host)
        if verdict is None:
            asked = authority(host.decode("latin-1"))
            verdict = asked is not None and self._covers_host(asked)
            if len(self._hosts) < _REMEMBERED and len(host) < _LONG:
                self._hosts[host] = verdict
        return verdict

    def _covers_host(self, asked: Authority) -> bool:
        entries = self._policy.hosts
        if entries is None or any(entry.covers(asked) for entry in entries):
            return True
        return self._policy.private_hosts and _is_private(asked.host)

    def _is_origin_allowed(self, origin: bytes, host: bytes) -> bool:
        key = origin, host
        verdict = self._origins.get(key)
        if verdict is None:
            verdict = self._covers_origin(origin.decode("latin-1"), host.decode("latin-1"))
            if len(self._origins) < _REMEMBERED and len(origin) < _LONG:
                self._origins[key] = verdict
        return verdict

    def _covers_origin(self, origin: str, host: str) -> bool:
        if self._policy.origins is None:
            return True
        matched = _ORIGIN.fullmatch(origin.lower())
        asked = authority(matched[2]) if matched else None
        if matched is None or asked is None:
            return False
        # Our own pages: the browser says what it asked and from where, and both are this server.
        if asked == authority(host) or asked.host in _LOOPBACK:
            return True
        scheme = matched[1]
        return any(
            scheme == allowed and entry.covers(asked, _DEFAULT_PORTS.get(scheme))
            for allowed, entry in self._policy.origins
        )


def _is_private(host: str) -> bool:
    """Whether *host* is the loopback, or an IP literal of a private network; no look-alike."""
    if host in _LOOPBACK or host == "0.0.0.0":  # noqa: S104 - a name that clients use for us
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE if network.version == address.version)


def _cross_origin(seen: bytes) -> PermissionDenied:
    return PermissionDenied(
        f"Cross-origin request blocked ({_text(seen)}). To let pages of that origin write here, "
        "start the server with --cors-allowed-origins."
    )


def _text(value: bytes) -> str:
    return value[:250].decode("latin-1")
