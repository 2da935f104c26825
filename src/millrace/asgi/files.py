"""Files over HTTP: conditions, ranges and digests of requests, and the head that a file goes with.

RFC 9110 sections 13 and 14 (conditional requests, ranges), RFC 9530 (digests), RFC 6266 and 8187
(file names). Whatever a file is, a browser must not run it in our name: all are sent as attachments
in a sandbox, and nothing may be sniffed.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from millrace.core.errors import InvalidArgument, PreconditionFailed, RangeNotSatisfiable

if TYPE_CHECKING:
    from millrace.asgi.exchange import Headers

_TAG = re.compile(rb'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_RANGE = re.compile(rb"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_DIGEST = re.compile(rb"\s*([a-z0-9*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*(?:,|$)")
_PLAIN_NAME = re.compile(r'[^\x20-\x7e]|["\\%]')
_TYPES: Final = mimetypes.MimeTypes(filenames=())
_TYPES.add_type("application/vnd.apache.parquet", ".parquet")
_TEXT: Final = frozenset(
    ".txt .log .err .out .cfg .conf .ini .properties .toml .yaml .yml .json .jsonl .ndjson .js .mjs"
    " .ts .py .r .jl .scala .java .c .h .cpp .sh .sql .csv .tsv .md .rst .xml .patch .diff".split()
)
_TEXT_NAMES: Final = frozenset({"MLmodel", "MLproject", "Dockerfile", "Makefile"})

Range = tuple[int, int]
"""From a byte up to but without another one."""


# --- requests ----------------------------------------------------------------------------------


def check_match(headers: dict[bytes, bytes], etag: str | None) -> None:
    """Raise `PreconditionFailed` unless what is there (*etag*; None: nothing) is as expected."""
    expected = headers.get(b"if-match")
    if expected is not None and not _matches(expected, etag, weak=False):
        raise PreconditionFailed("The file is not the one that If-Match names.")
    refused = headers.get(b"if-none-match")
    if refused is not None and _matches(refused, etag, weak=True):
        raise PreconditionFailed("There is a file already that If-None-Match names.")


def is_known(headers: dict[bytes, bytes], etag: str) -> bool:
    """Whether the client says that it has the state *etag* already."""
    known = headers.get(b"if-none-match")
    return known is not None and _matches(known, etag, weak=True)


def is_unchanged(headers: dict[bytes, bytes], etag: str | None, modified_ms: int | None) -> bool:
    """Whether the client has the file already (304); `PreconditionFailed` where it insists."""
    expected = headers.get(b"if-match")
    since = _time(headers.get(b"if-unmodified-since"))
    if expected is not None:
        if not _matches(expected, etag, weak=False):
            raise PreconditionFailed("The file is not the one that If-Match names.")
    elif since is not None and modified_ms is not None and modified_ms // 1000 > since:
        raise PreconditionFailed("The file was changed after If-Unmodified-Since.")
    known = headers.get(b"if-none-match")
    if known is not None:
        return _matches(known, etag, weak=True)
    since = _time(headers.get(b"if-modified-since"))
    return since is not None and modified_ms is not None and modified_ms // 1000 <= since


def asked_range(headers: dict[bytes, bytes], size: int, etag: str | None) -> Range | None:
    """The one range that is asked for; None: send all of it.

    Several ranges at a time are not sent, and If-Range only counts by entity tag. Raises
    `RangeNotSatisfiable`.
    """
    found = _RANGE.fullmatch(headers.get(b"range", b"").strip())
    if found is None or found.groups() == (b"", b""):
        return None
    condition = headers.get(b"if-range")
    if condition is not None and not _matches(condition, etag, weak=False):
        return None
    first, last = found.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    else:
        start, end = max(0, size - int(last)), size
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes; the range begins beyond its end.")
    return start, end


def sent_digests(headers: dict[bytes, bytes]) -> dict[str, bytes]:
    """The digests that a client announces of its body, by the names of RFC 9530, and `md5`."""
    found: dict[str, bytes] = {}
    for name in (b"content-digest", b"repr-digest"):
        given = headers.get(name)
        if given is None:
            continue
        position = 0
        while position < len(given):
            entry = _DIGEST.match(given, position)
            if entry is None:
                raise InvalidArgument(
                    f"{name.decode()} is not understood; send it as sha-256=:<base64>:."
                )
            found[entry[1].decode()] = _bytes(entry[2], name)
            position = entry.end()
    md5 = headers.get(b"content-md5")
    if md5 is not None:
        found["md5"] = _bytes(md5.strip(), b"content-md5")
    return found


# --- answers -----------------------------------------------------------------------------------


def file_headers(
    path: str, *, etag: str | None, sha256: str | None, modified_ms: int | None
) -> Headers:
    """The head of a file, but for its length."""
    name = path.rpartition("/")[2]
    headers = [
        (b"content-type", content_type(name)),
        (b"content-disposition", disposition(name)),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"cache-control", b"no-cache"),
        (b"accept-ranges", b"bytes"),
    ]
    if modified_ms is not None:
        headers.append((b"last-modified", _date(modified_ms // 1000)))
    return headers + tag_headers(etag, sha256)


def tag_headers(etag: str | None, sha256: str | None) -> Headers:
    """What tells one state of a file from another."""
    headers = []
    if etag is not None:
        headers.append((b"etag", b'"%s"' % etag.encode()))
    if sha256 is not None:
        digest = base64.b64encode(bytes.fromhex(sha256))
        headers.append((b"repr-digest", b"sha-256=:" + digest + b":"))
    return headers


def content_type(name: str) -> bytes:
    """The media type of a file by its name; text of any kind is plain text."""
    stem, dot, last = name.rpartition(".")
    if name in _TEXT_NAMES or (dot and f".{last.lower()}" in _TEXT):
        return b"text/plain; charset=utf-8"
    if not stem.strip("."):  # such a dot hides a name, and begins no suffix
        return b"application/octet-stream"
    _, dot, before = stem.rpartition(".")
    return _type_by(f"{dot}{before}.{last}" if dot else f".{last}")


@lru_cache(1000)
def _type_by(suffixes: str) -> bytes:
    kind, coding = _TYPES.guess_type(f"_{suffixes}")
    return (kind if kind and not coding else "application/octet-stream").encode()


def disposition(name: str) -> bytes:
    """Save as *name*, and nothing else."""
    plain = _PLAIN_NAME.sub("_", name)
    if plain == name:
        return f'attachment; filename="{name}"'.encode()
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()


def _matches(given: bytes, etag: str | None, *, weak: bool) -> bool:
    """Whether a list of entity tags names *etag*; a weak tag only counts where *weak*."""
    if given.strip() == b"*":
        return etag is not None
    position = 0
    while etag is not None and (found := _TAG.match(given, position)):
        if found[2] == etag.encode() and (weak or not found[1]):
            return True
        position = found.end()
        if position >= len(given):
            break
    return False


@lru_cache(1000)  # files of one upload came within seconds
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def _time(given: bytes | None) -> int | None:
    """Seconds since the epoch; what cannot be read does not count."""
    if given is None:
        return None
    try:
        return int(parsedate_to_datetime(given.decode("latin-1")).timestamp())
    except (ValueError, OverflowError):
        return None


def _bytes(text: bytes, name: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidArgument(f"{name.decode()} holds what is not base64.") from None
