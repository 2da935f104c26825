"""Artifacts as files below a folder of this machine, also one that is mounted from elsewhere.

Each operation walks from the root one segment at a time by descriptor and never follows a link, so
nothing in the tree can lead out of it. An upload is written beside the tree (`staging`) and appears
by one rename; a delete disappears by one rename. Messages name the artifact, never the root.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from millrace.artifacts import staging
from millrace.artifacts.location import local_path
from millrace.artifacts.paths import folder_segments, joined, segments
from millrace.artifacts.streams import CHUNK, Checked, span, started
from millrace.core.entities.artifact import ArtifactStat, FileInfo
from millrace.core.errors import (
    AlreadyExists,
    DiskFull,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from millrace.core.settings import ARTIFACT_SYNCHRONOUS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path
    from types import ModuleType

    from millrace.artifacts.open import Reach

# O_NONBLOCK: opening a FIFO must not wait for its other end.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The operator named the root: a link there is followed.
_ROOT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_THERE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG}
)
_TRIES: Final = 20

# `list` is a method below.
Names: TypeAlias = list[str]


class LocalArtifacts:
    """The tree below *root*. *durable*: an upload is on the disk, not only in its cache, when `put`
    returns. *system* stands for `os`, so that tests can let any call fail. Thread-safe.
    """

    def __init__(self, root: Path, *, durable: bool = True, system: ModuleType = os) -> None:
        self._path = root
        self._durable = durable
        self._os = system
        self._staging = staging.Staging(self._made_root, system)

    def put(
        self,
        path: str,
        body: Path | Iterable[bytes],
        *,
        size: int | None = None,
        sha256: str | None = None,
        replace: bool = True,
    ) -> ArtifactStat:
        """See `ArtifactStore`."""
        names = _names(path)
        checked = Checked(body, size=size, sha256=sha256)
        with _explained(path):
            if size is None or size > CHUNK:  # a small body is sooner written than looked for
                self._refuse_what_is_there(names, replace=replace)
            file, unseen, aside = self._staging.create()
        try:
            for chunk in checked:  # what goes wrong in there is not ours to explain
                with _explained(path):
                    self._write(file, chunk)
            with _explained(path):
                if self._durable:
                    # A file whose fsync failed is thrown away: the kernel has forgotten what it
                    # could not write, and a second fsync would succeed without having written it.
                    self._os.fsync(file)
                known = os.fstat(file)
                self._place(aside, unseen, names, replace=replace)
        except BaseException:
            with contextlib.suppress(OSError):
                self._os.unlink(unseen, dir_fd=aside)
            raise
        finally:
            os.close(file)
        return _stat(known, checked.sha256)

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        return started(self._read(path, start, end))

    def _read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        file = self.open(path)
        try:
            wanted = span(os.fstat(file).st_size, start, end)
            yield b""
            at = wanted.start
            while at < wanted.stop:
                with _explained(path):
                    chunk = self._os.pread(file, min(CHUNK, wanted.stop - at), at)
                if not chunk:
                    raise Unavailable(f"{path!r} became shorter while it was read.")
                at += len(chunk)
                yield chunk
        finally:
            os.close(file)

    def open(self, path: str) -> int:
        """See `OnDisk`."""
        *folders, name = _names(path)
        try:
            with _seeking(path), self._folder(folders) as folder:
                # Looking first: merely opening a device can do something.
                if stat.S_ISREG(self._os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    file: int = self._os.open(name, _FILE, dir_fd=folder)
                    if stat.S_ISREG(os.fstat(file).st_mode):
                        return file
                    os.close(file)
        except _NotThere:
            pass
        raise NotFound(f"No artifact {path!r}.")

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        *folders, name = _names(path)
        try:
            with _seeking(path), self._folder(folders) as folder:
                known = self._os.stat(name, dir_fd=folder, follow_symlinks=False)
        except _NotThere:
            return None
        return _stat(known) if stat.S_ISREG(known.st_mode) else None

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        names = folder_segments(path)
        if names[:1] == [staging.NAME]:
            return iter(())
        try:
            with (
                _seeking(path),
                self._folder(names) as folder,
                self._os.scandir(folder) as entries,
            ):
                found = [info for entry in entries if (info := _info(path, entry))]
        except _NotThere:
            return iter(())
        return iter(sorted(found, key=lambda info: info.path))

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        *folders, name = _names(path)
        try:
            with _seeking(path), self._folder(folders) as folder:
                mode = self._os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    return 0
                aside, gone = self._staging.folder(), self._staging.name()
                self._os.rename(name, gone, src_dir_fd=folder, dst_dir_fd=aside)
                if self._durable:
                    self._os.fsync(folder)
                return staging.remove(aside, gone, aside, self._os)
        except _NotThere:
            return 0

    def close(self) -> None:
        """See `ArtifactStore`."""
        self._staging.close()

    def sweep(self) -> int:
        """Remove what uploads of dead processes left; how many files."""
        try:
            root = os.open(self._path, _ROOT)
        except OSError:
            return 0
        try:
            return staging.sweep(root)
        finally:
            os.close(root)

    @contextlib.contextmanager
    def _folder(self, names: Names) -> Iterator[int]:
        """The open folder at *names*."""
        folder: int = self._os.open(self._path, _ROOT)
        try:
            for name in names:
                below: int = self._os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _made_folder(self, names: Names) -> Iterator[int]:
        """The same, with what is missing made."""
        folder = self._made_root()
        try:
            for name in names:
                try:
                    below: int = self._os.open(name, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    below = self._made(name, folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    def _made(self, name: str, folder: int) -> int:
        with contextlib.suppress(FileExistsError):  # somebody else was faster
            self._os.mkdir(name, 0o777, dir_fd=folder)
        if self._durable:
            self._os.fsync(folder)
        below: int = self._os.open(name, _FOLDER, dir_fd=folder)
        return below

    def _made_root(self) -> int:
        root: int
        try:
            root = self._os.open(self._path, _ROOT)
        except FileNotFoundError:
            self._os.makedirs(self._path, exist_ok=True)
            root = self._os.open(self._path, _ROOT)
        return root

    def _refuse_what_is_there(self, names: Names, *, replace: bool) -> None:
        """Raise what can be known before the first byte of the body is taken in."""
        *folders, name = names
        with contextlib.suppress(FileNotFoundError), self._folder(folders) as folder:
            there = self._os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(there.st_mode):
                raise InvalidArgument(
                    f"{'/'.join(names)!r} is a folder; a file needs another name."
                )
            if not replace:
                raise AlreadyExists(f"There is an artifact {'/'.join(names)!r} already.")

    def _write(self, file: int, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._os.write(file, rest) :]

    def _place(self, aside: int, unseen: str, names: Names, *, replace: bool) -> None:
        """Give the finished file its name, whole and at once."""
        *folders, name = names
        for _ in range(_TRIES):
            with self._made_folder(folders) as folder:
                try:
                    if replace:
                        self._os.replace(unseen, name, src_dir_fd=aside, dst_dir_fd=folder)
                    else:
                        self._os.link(unseen, name, src_dir_fd=aside, dst_dir_fd=folder)
                        self._os.unlink(unseen, dir_fd=aside)
                except FileNotFoundError:
                    continue  # the folder was deleted since we opened it: make it again
                except FileExistsError as error:
                    raise AlreadyExists(f"There is an artifact {'/'.join(names)!r} already.") from (
                        error
                    )
                if self._durable:
                    self._os.fsync(folder)
                return
        raise Unavailable(f"The folder of {'/'.join(names)!r} is deleted again and again.")


class _NotThere(Exception):
    """What was looked for does not exist, or could only be reached through a link."""


@contextlib.contextmanager
def _seeking(path: str) -> Iterator[None]:
    """Tell what the system's error means for who looks for *path*."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise _NotThere from error
        _explain(error, path)


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """Tell what the system's error means for who writes to *path*."""
    try:
        yield
    except OSError as error:
        _explain(error, path)


def _explain(error: OSError, path: str) -> NoReturn:
    reason = os.strerror(error.errno) if error.errno else "an error without a number"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            raise DiskFull(f"{path!r} was not stored: the artifact store is full.") from error
        case errno.EISDIR:
            raise InvalidArgument(f"{path!r} is a folder; a file needs another name.") from error
        case errno.ENOTDIR | errno.ELOOP:
            raise InvalidArgument(
                f"A part of {path!r} is a file or a link, so nothing can be below it."
            ) from error
        case errno.ENAMETOOLONG:
            raise InvalidArgument(f"{path!r} is longer than the file system allows.") from error
        case errno.EACCES | errno.EPERM | errno.EROFS:
            raise PermissionDenied(
                f"The artifact store does not let this process at {path!r}: {reason}."
            ) from error
        case _:
            raise Unavailable(f"The artifact store failed at {path!r}: {reason}.") from error


def _names(path: str) -> Names:
    names = segments(path)
    if names[0] == staging.NAME:
        raise InvalidArgument(f"{staging.NAME!r} is taken by uploads under way.")
    return names


def _stat(known: os.stat_result, sha256: str | None = None) -> ArtifactStat:
    return ArtifactStat(
        size=known.st_size,
        modified_ms=known.st_mtime_ns // 1_000_000,
        etag=f"{known.st_ino:x}-{known.st_mtime_ns:x}-{known.st_size:x}",
        sha256=sha256,
    )


def _info(folder: str, entry: os.DirEntry[str]) -> FileInfo | None:
    """What is listed of an entry: nothing of links, devices, staging, or names not in UTF-8."""
    if entry.name == staging.NAME and not folder:
        return None
    try:
        entry.name.encode()
        if entry.is_dir(follow_symlinks=False):
            return FileInfo(path=joined(folder, entry.name), is_dir=True)
        if entry.is_file(follow_symlinks=False):
            size = entry.stat(follow_symlinks=False).st_size
            return FileInfo(path=joined(folder, entry.name), is_dir=False, file_size=size)
    except (UnicodeEncodeError, FileNotFoundError):
        pass  # not addressable; deleted since
    return None


def open_local(uri: str, reach: Reach) -> LocalArtifacts:  # noqa: ARG001 - an opener
    """The store at a path or `file:` URI, after what dead uploads left there is removed."""
    store = LocalArtifacts(local_path(uri), durable=ARTIFACT_SYNCHRONOUS.get() == "FULL")
    store.sweep()
    return store
