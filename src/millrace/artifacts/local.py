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
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias, TypeVar

import msgspec

from millrace.artifacts import at_hand, staging, writeback
from millrace.artifacts.location import local_path
from millrace.artifacts.paths import folder_segments, joined, segments
from millrace.artifacts.streams import CHUNK, Checked, span, started
from millrace.core.entities.artifact import ArtifactStat, FileInfo, identity
from millrace.core.errors import (
    AlreadyExists,
    DiskFull,
    InvalidArgument,
    MillraceError,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from millrace.core.settings import ARTIFACT_SYNCHRONOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType
    from typing import Self

    from millrace.artifacts.open import Reach
    from millrace.artifacts.protocols import SmallFile

T = TypeVar("T")

# O_NONBLOCK: opening a FIFO must not wait for its other end.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The operator named the root: a link there is followed.
_ROOT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_THERE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG}
)
_TRIES: Final = 20
_WAITERS: Final = 16
# Of a body that is still coming, so much is given to the disk at a time.
_BEGUN_AT_ONCE: Final = 8 * CHUNK

# `list` is a method below.
Names: TypeAlias = list[str]


class LocalArtifacts:
    """The tree below *root*. *durable*: an upload is on the disk, not only in its cache, when `put`
    returns. *system* stands for `os`, so that tests can let any call fail. Thread-safe.
    """

    def __init__(self, root: Path, *, durable: bool = True, system: ModuleType = os) -> None:
        self._path = root
        self._root_bytes = os.fsencode(root)
        self._durable = durable
        self._os = system
        self._staging = staging.Staging(self._made_root, system)
        # Threads that wait for the disk; they are made when first needed.
        self._waiters = ThreadPoolExecutor(_WAITERS, thread_name_prefix="millrace-sync")

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
        unseen = self._staged(path, names, checked)
        try:
            with _Folders(self._made_folder) as folders:
                found = self._placed(self._written(unseen), folders, replace=replace)
                with _explained(path):
                    self._sync(folders.at(names[:-1]))
        finally:
            os.close(unseen.file)
        return found

    def put_together(self, files: Sequence[SmallFile]) -> list[ArtifactStat | MillraceError]:
        """See `Together`."""
        found: list[ArtifactStat | MillraceError] = []
        with contextlib.ExitStack() as held, _Folders(self._made_folder) as folders:
            staged = [_tried(partial(self._staged_whole, file, held)) for file in files]
            # All of them before the first gets its name: each rename between would give the
            # journal something new that the next had to wait for.
            written = self._written_together(staged)
            for file, one in zip(files, written, strict=True):
                if isinstance(one, MillraceError):
                    found.append(one)
                else:
                    place = partial(self._placed, one, folders, replace=file.replace)
                    found.append(_tried(place))
            synced = {at: _tried(partial(self._sync_folder, at, folders)) for at in folders.paths()}
        # Where a folder could not be synced, nobody knows what is in it after a power cut.
        return [
            each
            if isinstance(each, MillraceError)
            else synced[file.path.rpartition("/")[0]] or each
            for file, each in zip(files, found, strict=True)
        ]

    def _written_together(
        self, staged: Sequence[_Unseen | MillraceError]
    ) -> list[_Unseen | MillraceError]:
        """The kernel merges what waits at the same time, so they wait side by side."""

        def wait(one: _Unseen | MillraceError) -> _Unseen | MillraceError:
            return one if isinstance(one, MillraceError) else _tried(partial(self._written, one))

        if not self._durable or len(staged) == 1:
            return [wait(one) for one in staged]
        return list(self._waiters.map(wait, staged))

    def _staged_whole(self, file: SmallFile, held: contextlib.ExitStack) -> _Unseen:
        checked = Checked([file.body], size=file.size, sha256=file.sha256)
        unseen = self._staged(file.path, _names(file.path), checked)
        held.callback(os.close, unseen.file)
        return unseen

    def _staged(self, path: str, names: Names, body: Checked) -> _Unseen:
        """Write *body* where nobody sees it; the descriptor is the caller's to close."""
        with _explained(path):
            file, name, aside = self._staging.create()
        unseen = _Unseen(path, names, file, name, aside, body)
        written = begun = 0
        try:
            for chunk in body:  # what goes wrong in there is not ours to explain
                with _explained(path):
                    self._write(file, chunk)
                written += len(chunk)
                if self._durable and written - begun >= _BEGUN_AT_ONCE:
                    writeback.begin(file, begun, written - begun)
                    begun = written
        except BaseException:
            self._drop(unseen)
            os.close(file)
            raise
        return unseen

    def _written(self, unseen: _Unseen) -> _Unseen:
        """Wait until a file that is all here is on the disk."""
        try:
            with _explained(unseen.path):
                # A file whose fsync failed is thrown away: the kernel has forgotten what it could
                # not write, and a second fsync would succeed without having written it.
                self._sync(unseen.file)
        except BaseException:
            self._drop(unseen)
            raise
        return unseen

    def _placed(self, unseen: _Unseen, folders: _Folders, *, replace: bool) -> ArtifactStat:
        """Give a file that is on the disk its name; the folder is yet to be synced."""
        try:
            with _explained(unseen.path):
                known = os.fstat(unseen.file)
                self._place(unseen, folders, replace=replace)
                now = os.fstat(unseen.file)
        except BaseException:
            self._drop(unseen)
            raise
        is_untouched = _tag(known) == _tag(now)
        found = _stat(known, unseen.body.sha256)
        return msgspec.structs.replace(found, identity=identity(now)) if is_untouched else found

    def _drop(self, unseen: _Unseen) -> None:
        with contextlib.suppress(OSError):
            self._os.unlink(unseen.name, dir_fd=unseen.aside)

    def _sync(self, descriptor: int) -> None:
        if self._durable:
            self._os.fsync(descriptor)

    def _sync_folder(self, path: str, folders: _Folders) -> None:
        with _explained(path):
            self._sync(folders.at(folder_segments(path)))

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

    def read_at_hand(self, path: str, most: int) -> tuple[os.stat_result, bytes] | None:
        """See `AtHand`."""
        _names(path)
        return at_hand.read(self._root_bytes, os.fsencode(path), most)

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
                found = list(_infos(path, entries))
        except _NotThere:
            return iter(())
        return iter(sorted(found, key=attrgetter("path")))

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
        self._waiters.shutdown()
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

    def _made_folder(self, names: Names) -> int:
        """The same, with what is missing made; the caller's to close."""
        folder = self._made_root()
        try:
            for name in names:
                try:
                    below: int = self._os.open(name, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    below = self._made(name, folder)
                os.close(folder)
                folder = below
        except BaseException:
            os.close(folder)
            raise
        return folder

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

    def _place(self, unseen: _Unseen, folders: _Folders, *, replace: bool) -> None:
        """Give the finished file its name, whole and at once."""
        *above, name = unseen.names
        aside = unseen.aside
        for _ in range(_TRIES):
            folder = folders.at(above)
            try:
                if replace:
                    self._os.replace(unseen.name, name, src_dir_fd=aside, dst_dir_fd=folder)
                else:
                    self._os.link(unseen.name, name, src_dir_fd=aside, dst_dir_fd=folder)
                    self._os.unlink(unseen.name, dir_fd=aside)
            except FileNotFoundError:
                folders.forget(above)  # deleted since we opened it: make it again
            except FileExistsError as error:
                raise AlreadyExists(f"There is an artifact {unseen.path!r} already.") from error
            else:
                return
        raise Unavailable(f"The folder of {unseen.path!r} is deleted again and again.")


class _Unseen(NamedTuple):
    """A file without a place yet: open, as *name* in the staging folder *aside*."""

    path: str
    names: Names
    file: int
    name: str
    aside: int
    body: Checked


class _Folders:
    """The folders that one operation has opened, each once."""

    def __init__(self, opened: Callable[[Names], int]) -> None:
        self._opened = opened
        self._open: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def at(self, names: Names) -> int:
        """The descriptor of a folder; it stays ours."""
        key = "/".join(names)
        folder = self._open.get(key)
        if folder is None:
            folder = self._open[key] = self._opened(names)
        return folder

    def forget(self, names: Names) -> None:
        """Open it anew when it is wanted again."""
        os.close(self._open.pop("/".join(names)))

    def paths(self) -> list[str]:
        """Of those that are open."""
        return list(self._open)


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
        etag=_tag(known),
        sha256=sha256,
    )


def _tag(known: os.stat_result) -> str:
    return f"{known.st_ino:x}-{known.st_mtime_ns:x}-{known.st_size:x}"


def _tried(call: Callable[[], T]) -> T | MillraceError:
    try:
        return call()
    except MillraceError as error:
        return error


def _infos(folder: str, entries: Iterable[os.DirEntry[str]]) -> Iterator[FileInfo]:
    """What is listed of entries: nothing of links, devices, staging, or names not in UTF-8.

    Folders of thousands of files are listed: what can be done once is done outside of the loop.
    """
    above = joined(folder, "")
    for entry in entries:
        name = entry.name
        if name == staging.NAME and not folder:
            continue
        try:
            if not name.isascii():
                name.encode()
            if entry.is_file(follow_symlinks=False):
                size = entry.stat(follow_symlinks=False).st_size
                yield FileInfo(path=above + name, is_dir=False, file_size=size)
            elif entry.is_dir(follow_symlinks=False):
                yield FileInfo(path=above + name, is_dir=True)
        except (UnicodeEncodeError, FileNotFoundError):
            pass  # not addressable; deleted since


def open_local(uri: str, reach: Reach) -> LocalArtifacts:  # noqa: ARG001 - an opener
    """The store at a path or `file:` URI, after what dead uploads left there is removed."""
    store = LocalArtifacts(local_path(uri), durable=ARTIFACT_SYNCHRONOUS.get() == "FULL")
    store.sweep()
    return store
