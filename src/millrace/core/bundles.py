"""Several small files in one body: a line of JSON tells of each, and its bytes follow.

The last line tells of no file, so that a body that was cut is no bundle. `ValueError` for what is
none: who reads it knows whose mistake it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MEDIA_TYPE: Final = "application/vnd.millrace.bundle"
FILE_BYTES: Final = 256 * 1024
"""A larger file gains nothing by company."""
LINE_BYTES: Final = 16 * 1024
"""More than the longest path takes where every character of it is escaped."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a bundle: its path below the folder that the bundle is of.

    *apart*: its bytes are not in the bundle; it has to be had by itself. *end*: no file, the end.
    """

    path: str = ""
    size: int = 0
    sha256: str | None = None
    apart: bool = False
    end: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode
END: Final = _encode(Entry(end=True)) + b"\n"


def told(entry: Entry) -> bytes:
    """The line that goes before the bytes of a file."""
    return _encode(entry) + b"\n"


def unpacked(body: bytes) -> Iterator[tuple[Entry, bytes]]:
    """The files of a bundle that is all here."""
    return arriving([body])


def arriving(chunks: Iterable[bytes]) -> Iterator[tuple[Entry, bytes]]:
    """The files of a bundle on its way, each as soon as all of it is here."""
    source = iter(chunks)
    held, at = b"", 0
    while True:
        while (stop := held.find(b"\n", at, at + LINE_BYTES)) < 0:
            if len(held) - at >= LINE_BYTES:
                raise ValueError("a line of the bundle is too long")
            held, at = held[at:] + _next(source), 0
        entry = _entry(held[at:stop])
        at = stop + 1
        if entry.end:
            break
        size = 0 if entry.apart else entry.size
        while len(held) - at < size:
            held, at = held[at:] + _next(source), 0
        yield entry, held[at : at + size]
        at += size
    if at < len(held) or any(source):
        raise ValueError("the bundle goes on after its end")


def _next(source: Iterator[bytes]) -> bytes:
    chunk = next(source, None)
    if chunk is None:
        raise ValueError("the bundle breaks off before its end")
    return chunk


def _entry(line: bytes) -> Entry:
    try:
        entry = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"a line of the bundle tells of no file: {error}") from None
    if not entry.end and not (entry.size >= 0 and (entry.apart or entry.size <= FILE_BYTES)):
        raise ValueError(f"{entry.path[:100]!a} has {entry.size} bytes; at most {FILE_BYTES} fit")
    return entry
