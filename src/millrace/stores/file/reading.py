"""Reading files that others write: what has changed is read again, what has not is known.

A file is known by its time, size and inode. One that was written a moment ago may change once more
within the resolution of the clock, so it does not count as known yet.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from millrace.core.errors import InvalidArgument
from millrace.files.documents import read_yaml
from millrace.stores.file import layout
from millrace.stores.file.layout import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from millrace.stores.file.damage import Damages

Signature: TypeAlias = tuple[int, int, int] | None
"""Time, size and inode of a file that may count as known."""
Found: TypeAlias = tuple[str, str, os.stat_result]
"""A key, the path of its file, and what the system says of it."""

# Clocks of file systems tick every few milliseconds.
_TICK_NS: Final = 100_000_000
_WRITTEN_ONCE: Final = "params"
_RARELY_NS: Final = 5_000_000_000


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


class Looked(msgspec.Struct, array_like=True):
    """Files and folders as they were: when nothing of it is different, nothing need be read.

    Params are written once by every client that there is, so only their folder is looked at each
    time; somebody who changes one in place, by hand, is noticed within `_RARELY_NS`.
    """

    names: tuple[str, ...]
    """Relative to the record's folder."""
    marks: list[int]
    """Time and size of each."""
    rare_names: tuple[str, ...]
    rare_marks: list[int]
    rare_ns: int

    def is_same(self, folder: str, now_ns: int) -> bool:
        """Whether all of it is as it was."""
        if now_ns - self.rare_ns > _RARELY_NS:
            if not _are_same(folder, self.rare_names, self.rare_marks):
                return False
            self.rare_ns = now_ns
        return _are_same(folder, self.names, self.marks)


def _are_same(folder: str, names: Sequence[str], marks: Sequence[int]) -> bool:
    look, place = os.lstat, 0
    try:
        for name in names:
            now = look(f"{folder}/{name}")
            if marks[place] != now.st_mtime_ns or marks[place + 1] != now.st_size:
                return False
            place += 2
    except OSError:
        return False
    return True


class Looks:
    """Gathers what is looked at while a record is read."""

    def __init__(self, folder: str, now_ns: int) -> None:
        self.now_ns = now_ns
        self._start = len(folder) + 1
        self._often: tuple[list[str], list[int]] = ([], [])
        self._rarely: tuple[list[str], list[int]] = ([], [])
        self._is_sure = True

    def at(self, path: str, stat: os.stat_result, *, name: str = "", rarely: bool = False) -> None:
        """Note what the system says of *path*, before it is read; *name* if it is elsewhere."""
        names, marks = self._rarely if rarely else self._often
        names.append(sys.intern(name or path[self._start :] or "."))
        marks += (stat.st_mtime_ns, stat.st_size)
        self._is_sure &= signature(stat, self.now_ns) is not None

    def doubt(self) -> None:
        """Something could not be understood: look again next time."""
        self._is_sure = False

    def known(self) -> Looked | None:
        """What may be compared next time; None when some of it was written just now."""
        if not self._is_sure:
            return None
        (names, marks), (rare_names, rare_marks) = self._often, self._rarely
        return Looked(tuple(names), marks, tuple(rare_names), rare_marks, self.now_ns)


class Document:
    """A `meta.yaml` as it was when it was last looked at."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._signature: Signature = None

    def refresh(self, folder: str, looks: Looks) -> bool:
        """Read it unless it is known; whether it was read. Raises `Damaged`."""
        path = f"{folder}/{layout.META}"
        try:
            stat = os.stat(path, follow_symlinks=False)
            looks.at(path, stat)
            seen = signature(stat, looks.now_ns)
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

    def refresh(self, found: Iterable[Found], looks: Looks, damages: Damages) -> bool:
        """Take in the files that are there; whether anything is different."""
        values: dict[str, str] = {}
        paths: dict[str, str] = {}
        signatures: dict[str, Signature] = {}
        for key, path, stat in found:
            seen = signature(stat, looks.now_ns)
            if seen is not None and self._signatures.get(path) == seen and key in self.values:
                values[key] = self.values[key]
            else:
                try:
                    values[key] = read_text(path)
                except FileNotFoundError:
                    continue
                except Damaged as error:
                    damages.report(path, error)
                    looks.doubt()
                    continue
                damages.mended(path)
            paths[key], signatures[path] = path, seen
        is_different = values != self.values
        self.values, self.paths, self._signatures = values, paths, signatures
        return is_different


def now_ns() -> int:
    """The clock that file times are compared with."""
    return time.time_ns()


class Section(NamedTuple):
    """One section of a record, to be looked through."""

    record: str
    name: str
    looks: Looks
    damages: Damages

    def files(self, *, has_odd: bool) -> Iterator[Found]:
        """Its files by key; those with odd keys last."""
        yield from self._walk(f"{self.record}/{self.name}")
        if has_odd:
            yield from self._odd(f"{self.record}/{layout.ODD}/{self.name}")

    def _left_out(self, path: str, reason: object) -> None:
        self.damages.report(path, reason)
        self.looks.doubt()

    def _walk(self, folder: str) -> Iterator[Found]:
        if os.path.islink(folder):
            self._left_out(folder, "it is a link")
            return
        waiting = [("", folder)]
        while waiting:
            prefix, path = waiting.pop()
            for entry in entries_of(path, self.looks):
                key = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{key}/", entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    self._left_out(entry.path, "it is a link or something else that is no file")
                elif not key.isascii() and not _is_text(key):
                    self._left_out(entry.path, "its name is not UTF-8")
                else:
                    try:
                        stat = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    self.looks.at(entry.path, stat, rarely=self.name == _WRITTEN_ONCE)
                    yield key, entry.path, stat

    def _odd(self, folder: str) -> Iterator[Found]:
        for entry in entries_of(folder, self.looks):
            if not entry.name.endswith(".key"):
                continue
            path = entry.path.removesuffix(".key")
            try:
                key = read_text(entry.path)
                stat = os.stat(path, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except Damaged as error:
                self._left_out(entry.path, error)
                continue
            self.looks.at(path, stat)
            yield key, path, stat


def entries_of(folder: str, looks: Looks | None = None) -> list[os.DirEntry[str]]:
    """What is in a directory; nothing when it is not there."""
    try:
        if looks is not None:
            looks.at(folder, os.stat(folder, follow_symlinks=False))
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
