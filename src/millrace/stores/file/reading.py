"""Reading files that others write: what has changed is read again, what has not is known.

A file is known by its time, size and inode. One that was written a moment ago may change once more
within the resolution of the clock, so it does not count as known yet.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from array import array
from stat import S_ISDIR
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
_WRITTEN_ONCE: Final = "params/"
_LINKS: Final = ("inputs", "outputs", "../")
_HERE: Final = "."
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


class Shape(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """What there is to look at in a record, by names relative to its folder. Records with the same
    keys have the same shape, which is one object."""

    folders: tuple[str, ...]
    files: tuple[str, ...]
    rare: tuple[str, ...]
    """Params are written once by every client that there is, so only their folder is looked at each
    time; somebody who changes one in place, by hand, is noticed within `_RARELY_NS`."""

    @property
    def count(self) -> int:
        """How many names it has."""
        return len(self.folders) + len(self.files) + len(self.rare)


@functools.lru_cache(maxsize=4096)
def shape(folders: tuple[str, ...], files: tuple[str, ...], rare: tuple[str, ...]) -> Shape:
    """The shape of these names."""
    return Shape(folders, files, rare)


class Wanted:
    """What of each record a question is about: nothing else of it need be looked at.

    *keys* are sections with keys in them. The file of a key is enough when there is one. Where
    there is none, folders tell whether there is one now.
    """

    def __init__(self, keys: Iterable[tuple[str, str]] = (), *, links: bool = False) -> None:
        self._keys = tuple(dict.fromkeys(keys))
        self.links = links
        self._places: dict[Shape, list[tuple[str, int]]] = {}

    def places(self, of: Shape) -> list[tuple[str, int]]:
        """Names that are to be looked at in a record, each with the place of its mark."""
        found = self._places.get(of)
        if found is None:
            found = self._places[of] = self._places_of(of)
        return found

    def _places_of(self, of: Shape) -> list[tuple[str, int]]:
        names = (*of.folders, *of.files, *of.rare)
        wanted = {layout.META}
        if self.links:
            wanted.add(_HERE)
        for section, key in self._keys:
            name = f"{section}/{key}"
            inside = f"{section}/"
            if layout.ODD in of.folders:  # a file may have any key
                wanted |= {_HERE, section, *(one for one in names if one.startswith(inside))}
                wanted |= {one for one in names if one.startswith(layout.ODD)}
            elif name in of.files or name in of.rare:
                wanted.add(name)
            else:
                wanted |= {_HERE, section, *(one for one in of.folders if one.startswith(inside))}
        return [(name, 2 * place) for place, name in enumerate(names) if name in wanted]


class Looked(msgspec.Struct):
    """Files and folders as they were: when nothing of it is different, nothing need be read."""

    shape: Shape
    marks: array[int]
    """Time and size of each, in the order of the shape."""
    others: tuple[str, ...]
    """Names that hardly any other record has: those of inputs and outputs."""
    other_marks: array[int]
    rare_ns: int

    def is_same(self, folder: str, now_ns: int, wanted: Wanted | None = None) -> bool:
        """Whether all of it, or all that is wanted, is as it was."""
        if wanted is not None:
            return _are_there(folder, wanted.places(self.shape), self.marks) and not (
                wanted.links and not _are_same(folder, self.others, self.other_marks)
            )
        of = self.shape
        often = len(of.folders) + len(of.files)
        if now_ns - self.rare_ns > _RARELY_NS:
            if not _are_same(folder, of.rare, self.marks, often):
                return False
            self.rare_ns = now_ns
        return (
            _are_same(folder, of.folders, self.marks)
            and _are_same(folder, of.files, self.marks, len(of.folders))
            and _are_same(folder, self.others, self.other_marks)
        )


def _are_same(folder: str, names: Sequence[str], marks: Sequence[int], start: int = 0) -> bool:
    return _are_there(folder, zip(names, range(2 * start, len(marks), 2), strict=False), marks)


def _are_there(folder: str, names: Iterable[tuple[str, int]], marks: Sequence[int]) -> bool:
    look = os.lstat
    try:
        for name, place in names:
            now = look(f"{folder}/{name}")
            if marks[place] != now.st_mtime_ns or marks[place + 1] != now.st_size:
                return False
    except OSError:
        return False
    return True


class Looks:
    """Gathers what is looked at while a record is read."""

    def __init__(self, folder: str, now_ns: int) -> None:
        self.now_ns = now_ns
        self._start = len(folder) + 1
        self._folders: dict[str, os.stat_result] = {}
        self._files: dict[str, os.stat_result] = {}
        self._rare: dict[str, os.stat_result] = {}
        self._others: dict[str, os.stat_result] = {}
        self._is_sure = True

    def at(self, path: str, seen: os.stat_result, *, name: str = "") -> None:
        """Note what the system says of *path*, before it is read; *name* if it is elsewhere."""
        name = name or path[self._start :] or _HERE
        if name.startswith(_LINKS):
            held = self._others
        elif S_ISDIR(seen.st_mode):
            held = self._folders
        else:
            held = self._rare if name.startswith(_WRITTEN_ONCE) else self._files
        held[sys.intern(name)] = seen
        self._is_sure &= signature(seen, self.now_ns) is not None

    def doubt(self) -> None:
        """Something could not be understood: look again next time."""
        self._is_sure = False

    def known(self) -> Looked | None:
        """What may be compared next time; None when some of it was written just now."""
        if not self._is_sure:
            return None
        groups = [sorted(one.items()) for one in (self._folders, self._files, self._rare)]
        folders, files, rare = (tuple(name for name, _ in group) for group in groups)
        return Looked(
            shape(folders, files, rare),
            _marks(seen for group in groups for _, seen in group),
            tuple(self._others),
            _marks(self._others.values()),
            self.now_ns,
        )


def _marks(seen: Iterable[os.stat_result]) -> array[int]:
    return array("q", [mark for one in seen for mark in (one.st_mtime_ns, one.st_size)])


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
                    self.looks.at(entry.path, stat)
                    yield key, entry.path, stat

    def _odd(self, folder: str) -> Iterator[Found]:
        above = os.path.dirname(folder)
        with contextlib.suppress(FileNotFoundError):
            self.looks.at(above, os.stat(above, follow_symlinks=False))
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
