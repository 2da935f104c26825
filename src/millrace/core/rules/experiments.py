"""What an experiment may be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from millrace.core.entities.entity import KeyValue
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits, names

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")
# The server would have to call the host that a client names.
HOST_ADDRESSED: Final = frozenset(
    {"http", "https", "ftp", "ftps", "sftp", "hdfs", "viewfs", "r2", "b2", "abfss"}
)


# Schemes of code, text and databases.
_NO_PLACES: Final = frozenset(
    {"javascript", "vbscript", "data", "blob", "about", "gopher", "ldap", "jar", "mailto", "sqlite"}
    | {"postgresql", "mysql", "mssql", "oracle", "memory", "models", "prompts"}
)
# Nobody encodes a path more often by accident.
_DECODINGS: Final = 5


def tag(key: str, value: str | None) -> KeyValue:
    """An experiment tag; an absent value is empty."""
    text = value or ""
    if len(text) > limits.EXPERIMENT_TAG_VALUE_LENGTH:
        raise InvalidArgument(
            f"Value of tag {key!r} exceeds the maximum length of "
            f"{limits.EXPERIMENT_TAG_VALUE_LENGTH} characters: it has {len(text)}."
        )
    return KeyValue(key=names.key(key, "Tag key"), value=text)


def artifact_location(
    value: str, *, max_length: int, allowed_hosts: Collection[str], folder: Path
) -> str:
    """A place that an experiment may keep its artifacts at.

    Relative local paths become absolute below *folder*. *allowed_hosts*: schemes of
    `HOST_ADDRESSED` that the operator allows.
    """
    names.plain_text(value, "artifact_location")
    if len(value) > max_length:
        raise InvalidArgument(
            f"'artifact_location' exceeds the maximum length of {max_length} characters: "
            f"it has {len(value)}."
        )
    if "#" in value:
        raise InvalidArgument(
            f"Invalid artifact_location {value!r}: it must not hold a fragment (#...)."
        )
    if not _SCHEME.match(value):
        _check_way(value, value)
        return value if value.startswith("/") else (folder / value).as_posix()
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise InvalidArgument(f"Invalid artifact_location {value!r}: {error}.") from error
    scheme = parts.scheme.lower()
    _check_way(parts.path, value)
    # wasbs://container@account and abfss:// name their container where others have a user.
    if "@" in parts.netloc and not scheme.startswith(("wasb", "abfs")):
        raise InvalidArgument("Invalid artifact_location: it must not hold user name or password.")
    if scheme in _NO_PLACES:
        raise InvalidArgument(f"Invalid artifact_location: {scheme}: names no place for files.")
    if scheme == "runs":
        raise InvalidArgument("Invalid artifact_location: a runs: URI names a run, not a place.")
    is_foreign = scheme in HOST_ADDRESSED or (scheme == "mlflow-artifacts" and parts.netloc)
    if is_foreign and scheme not in allowed_hosts:
        raise InvalidArgument(
            f"Invalid artifact_location {value!r}: the scheme {scheme!r} names a host for the "
            "server to call. The operator may allow it with "
            "MILLRACE_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES."
        )
    return value


def _check_way(path: str, value: str) -> None:
    """No segment of the path leads up, however often it is percent-encoded."""
    for _ in range(_DECODINGS):
        if ".." in path.replace("\\", "/").split("/"):
            raise InvalidArgument(
                f"Invalid artifact_location {value!r}: it must not hold '..' segments."
            )
        path = unquote(path)
