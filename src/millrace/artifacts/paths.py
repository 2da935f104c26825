"""Paths inside a store, taken apart: the last check before a segment becomes a name.

What a client may ask for is decided above (`core.uris`). Here a path that could leave the root is
refused whoever asked, because a mistake above must not become an escape below.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator


def segments(path: str) -> list[str]:
    """The names on the way to *path*, at least one; the root of a store is no operand."""
    found = path.split("/")
    if not is_clean(found):
        what = f"{path!r} cannot be" if path else "The root of a store cannot be"
        raise InvalidArgument(f"{what} the path of an artifact: name a file or folder below it.")
    return found


def folder_segments(path: str) -> list[str]:
    """The names on the way to a folder; none for the root."""
    return segments(path) if path else []


def ancestors(path: str) -> Iterator[str]:
    """The folders above *path*, the nearest last: `a`, `a/b` for `a/b/c`."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def joined(folder: str, name: str) -> str:
    """*name* inside *folder*, which may be the root."""
    return f"{folder}/{name}" if folder else name


def is_clean(names: list[str]) -> bool:
    """Whether each name is one step down and nothing else, on any system."""
    return not any(name in _NO_STEP or _STEERS.search(name) for name in names)


_NO_STEP = frozenset({"", ".", ".."})
_STEERS = re.compile(r"[/\\\0]")
