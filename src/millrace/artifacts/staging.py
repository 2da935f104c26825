"""Where unfinished uploads wait: a hidden folder below a store's root, on the same file system.

Each process has a folder of its own in there and holds a lock on a file in it for as long as it
lives. A folder whose lock is free belongs to nobody any more, and `sweep` removes it. Where the
file system has no locks, nothing is removed. An empty staging area is taken away with the store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import secrets
import stat
import threading
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

NAME: Final = ".millrace-staging"
_LOCK: Final = "lock"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_TRIES: Final = 20


class Staging:
    """This process's folder for files that are not to be seen yet; made when first needed.

    `root()` opens the store's root, making it if need be; the descriptor is closed here. `system`
    stands for `os`, so that tests can let any call fail.
    """

    def __init__(self, root: Callable[[], int], system: ModuleType = os) -> None:
        self._root = root
        self._os = system
        self._lock = threading.Lock()
        self._mine: _Mine | None = None
        self._numbers = itertools.count()

    def create(self) -> tuple[int, str, int]:
        """A new empty file: its descriptor, its name, and the folder that it is in.

        The folder's descriptor stays ours; the file's is the caller's to close.
        """
        for _ in range(_TRIES):
            folder, name = self.folder(), self.name()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            try:
                return self._os.open(name, flags, 0o666, dir_fd=folder), name, folder
            except FileNotFoundError:
                # Somebody removed the folder by hand, or another process tidied up.
                self.close()
        raise FileNotFoundError(errno.ENOENT, "The staging folder is removed again and again")

    def name(self) -> str:
        """A name that no other file of this process has."""
        return f"{next(self._numbers):x}"

    def folder(self) -> int:
        """The descriptor of this process's folder."""
        mine = self._mine
        if mine is not None and mine.pid == os.getpid():
            return mine.folder
        with self._lock:
            if self._mine is None or self._mine.pid != os.getpid():
                # After a fork the parent's folder is the parent's.
                self._mine = self._made()
                self._mine.on_exit = weakref.finalize(self, _let_go, self._mine)
            return self._mine.folder

    def close(self) -> None:
        """Give the folder back; a later use makes another."""
        with self._lock:
            mine, self._mine = self._mine, None
        if mine is not None and mine.on_exit is not None:
            mine.on_exit()

    def _made(self) -> _Mine:
        root = self._root()
        try:
            for _ in range(_TRIES):
                with contextlib.suppress(FileExistsError):
                    self._os.mkdir(NAME, 0o777, dir_fd=root)
                with contextlib.suppress(FileNotFoundError):
                    return self._claimed(root)
        finally:
            os.close(root)
        raise FileNotFoundError(errno.ENOENT, "The staging folder is removed again and again")

    def _claimed(self, root: int) -> _Mine:
        """A folder with its lock held; `FileNotFoundError` when a sweep was faster."""
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        with contextlib.ExitStack() as undo:
            staging = self._os.open(NAME, _FOLDER, dir_fd=root)
            undo.callback(os.close, staging)
            self._os.mkdir(name, 0o777, dir_fd=staging)
            folder = self._os.open(name, _FOLDER, dir_fd=staging)
            undo.callback(os.close, folder)
            lock = self._os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)
            undo.callback(os.close, lock)
            with contextlib.suppress(OSError):  # no locks here: nothing will be swept here either
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "swept")
            undo.pop_all()
        return _Mine(os.getpid(), name, staging, folder, lock)


class _Mine:
    def __init__(self, pid: int, name: str, staging: int, folder: int, lock: int) -> None:
        self.pid = pid
        self.name = name
        self.staging = staging
        self.folder = folder
        self.lock = lock
        self.on_exit: Callable[[], object] | None = None


def _let_go(mine: _Mine) -> None:
    """Remove the folder unless it is the parent's, close its descriptors, leave no empty area."""
    if mine.pid == os.getpid():
        with contextlib.suppress(OSError):
            _empty(mine.folder)  # what a failed clean-up left
            os.rmdir(mine.name, dir_fd=mine.staging)
            os.rmdir(f"../{NAME}", dir_fd=mine.staging)
    for descriptor in (mine.folder, mine.lock, mine.staging):
        os.close(descriptor)


def sweep(root: int) -> int:
    """Remove what dead processes left below the open folder *root*; how many files."""
    try:
        staging = os.open(NAME, _FOLDER, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        return sum(_swept(staging, name) for name in os.listdir(staging))  # noqa: PTH208 - a descriptor
    finally:
        os.close(staging)


def _swept(staging: int, name: str) -> int:
    count = 0
    with contextlib.suppress(OSError), _locked(staging, name):
        folder = os.open(name, _FOLDER, dir_fd=staging)
        try:
            count = _empty(folder)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=staging)
    return count


def _empty(folder: int) -> int:
    """Remove all files in there, the lock last: until then nobody else sweeps here."""
    names = [name for name in os.listdir(folder) if name != _LOCK]
    count = sum(remove(folder, name, folder) for name in names)
    os.unlink(_LOCK, dir_fd=folder)
    return count


@contextlib.contextmanager
def _locked(staging: int, name: str) -> Iterator[None]:
    """Hold the lock of a folder; `OSError` when its owner lives."""
    try:
        lock = os.open(f"{name}/{_LOCK}", os.O_RDWR | os.O_NOFOLLOW, dir_fd=staging)
    except FileNotFoundError:
        os.rmdir(name, dir_fd=staging)  # its owner died before the lock was made, or is making it
        raise
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def remove(parent: int, name: str, aside: int, system: ModuleType = os) -> int:
    """Remove the file or folder *name* of *parent*; how many regular files that were.

    Folders inside are first moved to *aside* under new names, so depth costs neither descriptors
    nor recursion. Links are removed, never followed.
    """
    mode = system.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if not stat.S_ISDIR(mode):
        system.unlink(name, dir_fd=parent)
        return int(stat.S_ISREG(mode))
    count = 0
    pending = [(parent, name)]
    while pending:
        above, here = pending.pop()
        folder = system.open(here, _FOLDER, dir_fd=above)
        try:
            with system.scandir(folder) as entries:
                found = list(entries)
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    moved = f"d{secrets.token_hex(8)}"
                    system.rename(entry.name, moved, src_dir_fd=folder, dst_dir_fd=aside)
                    pending.append((aside, moved))
                else:
                    count += entry.is_file(follow_symlinks=False)
                    system.unlink(entry.name, dir_fd=folder)
        finally:
            os.close(folder)
        system.rmdir(here, dir_fd=above)
    return count
