"""What a model server may say of itself, and for how long that counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from millrace.core.entities.access import SYSTEM
from millrace.core.entities.audit import Act, Trail
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.rules import limits, names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.core.entities.model_server import ModelServer, ServersAsked

_ID: Final = re.compile(r"s-[0-9a-f]{32}")


def server_id(value: str) -> str:
    """An id as model servers give themselves one: `s-` and 32 lower-case hexadecimal digits."""
    if not _ID.fullmatch(value):
        raise InvalidArgument(
            f"Invalid model server id {value[:40]!r}: it must be 's-' and 32 hexadecimal digits."
        )
    return value


def text(value: str, label: str) -> str:
    """What a host or an endpoint is called."""
    if len(value) > limits.SERVER_TEXT_LENGTH:
        raise InvalidArgument(
            f"'{label}' exceeds the maximum length of {limits.SERVER_TEXT_LENGTH} characters: it "
            f"has {len(value)}."
        )
    return names.plain_text(value, label)


def model_uri(value: str) -> str:
    """What a model server was told to serve."""
    if len(value) > limits.SOURCE_LENGTH:
        raise InvalidArgument(
            f"'model_uri' exceeds the maximum length of {limits.SOURCE_LENGTH} characters: it has "
            f"{len(value)}."
        )
    return names.plain_text(value, "model_uri")


def url(value: str) -> str:
    """The address that a model server says it has: http or https, and no password in it."""
    try:
        parts = urlsplit(text(value, "url"))
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidArgument(f"Invalid url of a model server: {error}.") from None
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise InvalidArgument(
            "The url of a model server begins with http:// or https:// and holds no user."
        )
    return value


def lease_ms(value: int) -> int:
    """For how long an announcement counts without being renewed."""
    if not limits.SERVER_LEASE_LEAST_MS <= value <= limits.SERVER_LEASE_MOST_MS:
        raise InvalidArgument(
            f"'ttl_ms' must be {limits.SERVER_LEASE_LEAST_MS} to {limits.SERVER_LEASE_MOST_MS}, "
            f"not {value}."
        )
    return value


def expiry(now_ms: int) -> Trail:
    """What the audit trail says of leases that end: nobody did it."""
    return Trail(
        act=Act(
            action="model_server.expire",
            actor=SYSTEM.name,
            verified=SYSTEM.verified,
            at_ms=now_ms,
            reason="lease expired",
        )
    )


def there(server: str, found: ModelServer | None) -> ModelServer:
    """What was *found*; `NotFound` when it is nothing."""
    if found is None:
        raise NotFound(f"There is no model server {server!r}; its lease may have ended.")
    return found


def chosen(servers: Iterable[ModelServer], asked: ServersAsked) -> list[ModelServer]:
    """Those of *servers* that are meant, the one that began first at the front."""
    version = None if asked.version is None else str(asked.version)
    found = [
        one
        for one in servers
        if one.lease_until_timestamp > asked.at_ms
        and (asked.name is None or one.name == asked.name)
        and (version is None or one.version == version)
        and (asked.endpoint is None or one.endpoint == asked.endpoint)
        and (asked.host is None or one.host == asked.host)
    ]
    return sorted(found, key=lambda one: (one.started_timestamp, one.server_id))
