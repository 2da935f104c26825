"""Artifact URIs taken apart, and shown without their secrets.

Nothing in a URI is expanded: no variables, no home folders. It may come from a client.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from millrace.core.errors import InvalidArgument

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):")  # two letters: C: is a drive
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")
_PORTS: Final = range(1, 65536)


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an artifact URI; `str()` of it leaves password and query out.

    `authority` is host and port as written; `path` keeps its percent-encoding and begins with a
    slash, or is empty.
    """

    scheme: str
    authority: str = ""
    user: str | None = None
    password: str | None = None
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        slashes = "//" if self.authority else ""
        return f"{self.scheme}:{slashes}{user}{self.authority}{self.path}"

    @property
    def host(self) -> str:
        """The host without its port; IPv6 addresses without brackets."""
        return self._address()[0]

    @property
    def port(self) -> int | None:
        """The port, if there is one."""
        return self._address()[1]

    @property
    def key(self) -> str:
        """The path without slashes at its ends: a prefix of keys."""
        return self.path.strip("/")

    def _address(self) -> tuple[str, int | None]:
        try:
            parts = urlsplit(f"//{self.authority}")
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidArgument(f"{self}: {self.authority!r} is no host and port.") from None
        if port is not None and port not in _PORTS:
            raise InvalidArgument(f"{self}: a port is a number from 1 to 65535.")
        return host, port


def scheme_of(uri: str) -> str:
    """The scheme in lower case; `file` for a path."""
    found = _SCHEME.match(uri)
    return found[1].lower() if found else "file"


def parse(uri: str) -> Location:
    """Take *uri* apart; `InvalidArgument` for what no artifact URI may have."""
    scheme = scheme_of(uri)
    if _CONTROL.search(uri) or "\\" in uri or "#" in uri:
        # Without the URI: what cannot be taken apart cannot be shown without its secrets.
        raise InvalidArgument(
            f"The {scheme} URI holds blanks, control characters, a backslash or '#'. "
            "Write them percent-encoded."
        )
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise InvalidArgument(f"The {scheme} URI cannot be read.") from None
    login, at, authority = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    return Location(
        scheme=scheme,
        authority=authority,
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
    )


def shown(uri: str) -> str:
    """*uri* for a message or a log: without password, query and fragment."""
    try:
        return str(parse(uri))
    except InvalidArgument:
        return f"{scheme_of(uri)}:(unreadable)"


def absolute(uri: str) -> str:
    """*uri*; a path made absolute, so that it means the same wherever the process goes."""
    return str(local_path(uri).absolute()) if scheme_of(uri) == "file" else uri


def local_path(uri: str) -> Path:
    """The folder that a path or a `file:` URI names; relative to the working directory."""
    if scheme_of(uri) != "file" or uri[:5].lower() != "file:":
        if "\0" in uri or not uri:
            raise InvalidArgument("A folder's path is not empty and holds no NUL.")
        return Path(uri)
    where = parse(uri)
    if where.authority not in {"", "localhost"} or where.user is not None:
        raise InvalidArgument(
            f"{where} names the host {where.authority!r}; a file URI is file:///path, on this one."
        )
    if where.query:
        raise InvalidArgument(f"{where}: a file URI has no query.")
    path = unquote(where.path)
    if not path or "\0" in path:
        raise InvalidArgument(f"{where} names no folder.")
    return Path(path)


def bucket_in(uri: str) -> Location:
    """A URI `scheme://bucket/path`, with nothing beside."""
    where = parse(uri)
    if not where.authority or where.user is not None or where.query:
        raise InvalidArgument(
            f"{where}: expected {where.scheme}://bucket/path, without user or query."
        )
    if ":" in where.authority:
        raise InvalidArgument(
            f"{where} names a port; the address of the server is a setting, not part of the URI."
        )
    return where
