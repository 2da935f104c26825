"""What an experiment may be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.core import uris
from millrace.core.entities.entity import KeyValue
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits, names

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

KNOWN: Final = frozenset(
    {"s3", "gs", "wasb", "wasbs", "az", "abfs", "dbfs", "file", "mlflow-artifacts"}
)
"""Schemes of places that anybody may name."""
HOST_ADDRESSED: Final = frozenset(
    {"http", "https", "ftp", "ftps", "sftp", "hdfs", "viewfs", "r2", "b2", "abfss"}
)
"""The server would have to call the host that a client names."""


class Locations(NamedTuple):
    """Which places an experiment may be given.

    `schemes`: what the operator allows beyond `KNOWN`, in lower case. `local`: whether files of a
    machine, which only clients write to, may be named. Relative ones are below `folder`.
    """

    max_length: int
    schemes: Collection[str]
    local: bool
    folder: Path


def tag(key: str, value: str | None) -> KeyValue:
    """An experiment tag; an absent value is empty."""
    text = value or ""
    if len(text) > limits.EXPERIMENT_TAG_VALUE_LENGTH:
        raise InvalidArgument(
            f"Value of tag {key!r} exceeds the maximum length of "
            f"{limits.EXPERIMENT_TAG_VALUE_LENGTH} characters: it has {len(text)}."
        )
    return KeyValue(key=names.key(key, "Tag key"), value=text)


def artifact_location(value: str, allowed: Locations) -> str:
    """A place that an experiment may keep its artifacts at; relative local paths become absolute.

    The same for everybody who asks: whether the server itself touches the place is decided when it
    is to be touched.
    """
    names.plain_text(value, "artifact_location")
    if len(value) > allowed.max_length:
        raise InvalidArgument(
            f"'artifact_location' exceeds the maximum length of {allowed.max_length} characters: "
            f"it has {len(value)}."
        )
    parts = uris.place(value)
    shown = repr(uris.redacted(value))
    if "?" in value or ";" in value:
        # In a path, too: others take it for a URI.
        raise InvalidArgument(
            f"Invalid artifact_location {shown}: it must not hold a query (?...) or parameters "
            "(;...)."
        )
    if parts.scheme == "file":
        if not allowed.local:
            raise InvalidArgument(
                f"Invalid artifact_location {shown}: a place on the client's or the server's disk. "
                "Leave it out and the server keeps the artifacts; the operator may allow such "
                "places with --allow-local-artifact-locations."
            )
        is_path = value[:5].lower() != "file:"
        is_relative = is_path and not value.startswith("/")
        return (allowed.folder / value).as_posix() if is_relative else value
    if parts.scheme == "runs":
        raise InvalidArgument("Invalid artifact_location: a runs: URI names a run, not a place.")
    is_foreign = parts.scheme == "mlflow-artifacts" and parts.authority
    if (parts.scheme not in KNOWN or is_foreign) and parts.scheme not in allowed.schemes:
        why = (
            "names a host to call"
            if is_foreign or parts.scheme in HOST_ADDRESSED
            else "is not known"
        )
        raise InvalidArgument(
            f"Invalid artifact_location {shown}: the scheme {parts.scheme!r} {why}. The operator "
            "may allow it with MILLRACE_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES."
        )
    return value
