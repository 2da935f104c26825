"""Paths and places: what a client may name, and how places are taken apart and put together.

`safe_path` is the one way from a client's artifact path to a store's key. Nothing here cleans up
and goes on: a path is taken as it is or refused. Whoever reads from a socket has undone percent
encoding once; here nothing is decoded, but what further decoding would make of a path is looked at,
because somebody behind us may do it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from millrace.core.errors import InvalidArgument

PATH_BYTES: Final = 4096
SEGMENT_BYTES: Final = 255

# Nobody encodes a name more often by accident, and each level costs a pass.
_DECODINGS = 16
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BEGINS_ELSEWHERE = re.compile(r"[/~]|\s*[A-Za-z][A-Za-z0-9+.\-]*:")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?", re.IGNORECASE
)
# What nearly all paths are: ASCII letters, digits, underscores and hyphens, single dots between
# them, and no name that a device has. All checks would find nothing, at four times the cost.
_NO_DEVICE = r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|\Z))"
_PLAIN = re.compile(rf"{_NO_DEVICE}[\w\-]+(?:\.[\w\-]+|/{_NO_DEVICE}[\w\-]+)*", re.ASCII)
# Characters that mean something in a path or an encoding.
_MEANINGFUL = re.compile(r"[/.\\%]")
# Two letters at least: C: is a drive.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")
_LOGIN = re.compile(r"//[^/?#]*@")


# --- paths -------------------------------------------------------------------------------------


def safe_path(path: str) -> str:
    """Return *path* if it may name a file or folder below a root; raise `InvalidArgument` if not.

    A relative POSIX path whose segments mean themselves on every platform, and that leads nowhere
    else after any number of further percent-decodings. The root itself is no such path.
    """
    if len(path) <= SEGMENT_BYTES and _PLAIN.fullmatch(path):
        return path
    why = _why_not(path)
    if why is not None:
        raise InvalidArgument(f"Invalid path {path[:250]!a}: {why}.")
    return path


def safe_folder(path: str) -> str:
    """As `safe_path`, for what is listed: empty for the root, one slash at the end is cut off."""
    return safe_path(path.removesuffix("/") or path) if path else ""


def _why_not(path: str) -> str | None:
    return _misleads(path) or _misleads_decoded(path) or _misfits(path)


def _misleads(path: str) -> str | None:
    """Why *path* may lead elsewhere for some reader of it."""
    if _SURROGATE.search(path):
        return "it is not valid Unicode"
    if _CONTROL.search(path):
        return "it holds a control character"
    if "\\" in path:
        return "it holds a backslash"
    if _BEGINS_ELSEWHERE.match(path):
        return "it begins like an absolute path, a home folder, a drive or a URI"
    if ".." in path and ".." in path.split("/"):
        return "it holds a '..' segment"
    if not path.strip("./"):
        return "it means the root, which is nothing to work on"
    if path.isascii():
        return None
    folded = unicodedata.normalize("NFKC", path)
    if len(_MEANINGFUL.findall(folded)) != len(_MEANINGFUL.findall(path)):
        return "it holds a character that others may read as one of / . \\ %"
    if _BEGINS_ELSEWHERE.match(folded):
        return "others may read its beginning as a home folder, a drive or a URI"
    return None


def _misleads_decoded(path: str) -> str | None:
    decoded = path
    for _ in range(_DECODINGS):
        if "%" not in decoded:
            return None
        before = decoded
        try:
            decoded = unquote(before, errors="strict")
        except UnicodeDecodeError:
            return "decoded once more, it is not UTF-8"
        if decoded == before:
            return None
        why = _misleads(decoded)
        if why is not None:
            return f"decoded once more, {why}"
    return "it is percent-encoded too often"


def _misfits(path: str) -> str | None:
    """Why *path* cannot be kept as it is on every platform."""
    if len(path.encode()) > PATH_BYTES:
        return f"it is longer than {PATH_BYTES} bytes"
    for segment in path.split("/"):
        if segment in {"", "."}:
            return "it holds an empty or '.' segment"
        if segment[-1] in " .":
            return "a segment ends in a space or dot"
        if len(segment.encode()) > SEGMENT_BYTES:
            return f"a segment is longer than {SEGMENT_BYTES} bytes"
        if _DEVICE.fullmatch(segment):
            return f"{segment[:20]!a} is a device on Windows"
    return None


# --- places ------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A place taken apart. A plain path has the scheme `file`.

    `path` keeps its percent-encoding, but for local files, where there is only one meaning.
    """

    scheme: str
    authority: str
    path: str
    query: str


def place(uri: str, label: str = "artifact_location") -> Place:
    """Take a place apart; raise `InvalidArgument`, which calls it *label*, for what none may have.

    That is a fragment, `;parameters`, a user with a password, control characters, a backslash, or a
    `..` segment in any encoding.
    """
    if not uri:
        raise InvalidArgument("A place for artifacts must not be empty.")
    found = _known_place(uri) if len(uri) <= _KEPT_LENGTH else _apart(uri)
    if isinstance(found, str):
        raise _no_place(uri, label, found)
    return found


def _apart(uri: str) -> Place | str:
    """The place, or why it is none."""
    if _CONTROL.search(uri) or _SURROGATE.search(uri):
        return "it must not hold control characters"
    if "#" in uri:
        return "it must not hold a fragment (#...)"
    if _leads_up(uri):
        return "it must not hold '..' segments"
    if not _SCHEME.match(uri):
        return Place("file", "", uri, "")
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        return str(error)
    wrong = _misplaced(parts)
    if wrong:
        return wrong
    scheme = parts.scheme.lower()
    if scheme == "file":
        host = "" if parts.netloc.lower() == "localhost" else parts.netloc
        return Place("file", host, unquote(parts.path), parts.query)
    return Place(scheme, parts.netloc, parts.path, parts.query)


# The same few are taken apart again and again: roots at each call, a source by each check of it.
_KEPT_LENGTH: Final = 2_048
_known_place = lru_cache(maxsize=1_024)(_apart)


def _misplaced(parts: SplitResult) -> str | None:
    if _leads_up(parts.path):
        return "it must not hold '..' segments"
    # wasbs://container@account and abfss:// name their container where others have a user.
    names_container = parts.scheme.startswith(("wasb", "abfs")) and ":" not in parts.netloc
    if "@" in parts.netloc and not names_container:
        return "it must not hold user name or password"
    if ";" in parts.path or ";" in parts.netloc:
        return "it must not hold parameters (;...)"
    return None


def path_below(root: str, uri: str) -> str | None:
    """The path of *uri* relative to *root*: empty for the root itself, None when it lies elsewhere.

    Compared by segments, so `/a/b` holds `/a/b/c` and not `/a/bc`. What is no place lies nowhere.
    """
    try:
        outer, inner = place(root), place(uri)
    except InvalidArgument:
        return None
    if (outer.scheme, outer.authority, outer.query) != (inner.scheme, inner.authority, inner.query):
        return None
    above = outer.path.rstrip("/") + "/"
    path = inner.path.rstrip("/") + "/"
    if not path.startswith(above):
        return None
    return path[len(above) : -1]


def join(root: str, path: str) -> str:
    """The place at *path* below *root*; a query stays at the end."""
    if not path:
        return root
    base, mark, query = root.partition("?")
    return f"{base.rstrip('/')}/{path}{mark}{query}"


def redacted(uri: str) -> str:
    """*uri* fit to be shown: without user name and password, and without its query."""
    return _LOGIN.sub("//", uri).partition("?")[0]


def _leads_up(text: str) -> bool:
    for _ in range(_DECODINGS):
        if ".." in text.replace("\\", "/").split("/"):
            return True
        before, text = text, unquote(text)
        if text == before:
            return False
    return True


def _no_place(uri: str, label: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid {label} {redacted(uri)[:250]!r}: {why}.")
