"""Reading files that others write: what has changed is read again, what has not is known.

A file is known by its time, size and inode. One that was written a moment ago may change once more
within the resolution of the clock, so it does not count as known yet.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from millrace.core.errors import InvalidArgument
from millrace.files.documents import read_yaml
from millrace.stores.file import layout
from millrace.stores.file.layout import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millrace.stores.file.damage import Damages

Signature: TypeAlias = tuple[int, int, int] | None
"""Time, size and inode of a file that may count as known."""
Found: TypeAlias = tuple[str, str, os.stat_result]
"""A key, the path of its file, and what the system says of it."""

# Clocks of file systems tick every few milliseconds.
_TICK_NS: Final = 100_000_000


def signature(stat: os.stat_result, now_ns: int) -> Signature:
    """What a file is known by, when it is read at *now_ns*."""
    changed_ns = stat.st_mtime_ns
    return None if changed_ns > now_ns - _TICK_NS else (changed_ns, stat.st_size, stat.st_ino)


def read_bytes(path: str) -> bytes:
    """The bytes of a file that is no link; raises `Damaged`, `FileNotFoundError`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(handle, "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from error


def read_text(path: str) -> str:
    """The text of a file; raises `Damaged`, `FileNotFoundError`."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"it is not UTF-8: {error}") from error


class Document:
    """A `meta.yaml` as it was when it was last looked at."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._signature: Signature = None

    def refresh(self, folder: str, now_ns: int) -> bool:
        """Read it unless it is known; whether it was read. Raises `Damaged`."""
        path = f"{folder}/{layout.META}"
        try:
            seen = signature(os.stat(path, follow_symlinks=False), now_ns)
            if seen is not None and seen == self._signature:
                return False
            found = read_yaml(read_bytes(path))
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(f"it has no {layout.META}") from None
        except InvalidArgument as error:
            raise Damaged(f"{layout.META}: {error.message}") from error
        layout.Fields(found)
        self.fields, self._signature = found, seen
        return True


class Texts:
    """The values of one section of a record, by key, each in a file of its own."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.paths: dict[str, str] = {}
        self._signatures: dict[str, Signature] = {}

    def refresh(self, found: Iterable[Found], now_ns: int, damages: Damages) -> bool:
        """Take in the files that are there; whether anything is different."""
        values: dict[str, str] = {}
        paths: dict[str, str] = {}
        signatures: dict[str, Signature] = {}
        for key, path, stat in found:
            seen = signature(stat, now_ns)
            if seen is not None and self._signatures.get(path) == seen and key in self.values:
                values[key] = self.values[key]
            else:
                try:
                    values[key] = read_text(path)
                except FileNotFoundError:
                    continue
                except Damaged as error:
                    damages.report(path, error)
                    continue
                damages.mended(path)
            paths[key], signatures[path] = path, seen
        is_different = values != self.values
        self.values, self.paths, self._signatures = values, paths, signatures
        return is_different


def now_ns() -> int:
    """The clock that file times are compared with."""
    return time.time_ns()


def files_of(record: str, section: str, damages: Damages, *, has_odd: bool) -> Iterator[Found]:
    """The files of one section of a record, by key; those with odd keys last."""
    yield from _walk(f"{record}/{section}", damages)
    if has_odd:
        yield from _odd(f"{record}/{layout.ODD}/{section}", damages)


def _walk(folder: str, damages: Damages) -> Iterator[Found]:
    waiting = [("", folder)]
    while waiting:
        prefix, path = waiting.pop()
        for entry in entries_of(path):
            key = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{key}/", entry.path))
            elif not entry.is_file(follow_symlinks=False):
                damages.report(entry.path, "it is a link or something else that is no file")
            elif not key.isascii() and not _is_text(key):
                damages.report(entry.path, "its name is not UTF-8")
            else:
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield key, entry.path, stat


def _odd(folder: str, damages: Damages) -> Iterator[Found]:
    for entry in entries_of(folder):
        if not entry.name.endswith(".key"):
            continue
        path = entry.path.removesuffix(".key")
        try:
            key = read_text(entry.path)
            yield key, path, os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            continue
        except Damaged as error:
            damages.report(entry.path, error)


def entries_of(folder: str) -> list[os.DirEntry[str]]:
    """What is in a directory; nothing when it is not there."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
