"""Files that are there wholly or not at all, and locks between processes.

A new content is staged in a spare file and renamed over the old one; a reader, also one that knows
nothing of us, sees either. With `durable` everything is on the disk when a function returns: file,
then name, then the directories that were made.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from millrace.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.02
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_APPENDED: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def stage(spare: str, data: bytes, *, durable: bool) -> None:
    """Write *data* to the new file *spare*, which is gone again when that fails."""
    handle = os.open(spare, _NEW_FILE, 0o666)
    try:
        try:
            write_all(handle, data)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(spare)
        raise


def write_all(handle: int, data: bytes) -> None:
    """Write all of *data*; the system may take less of it with each call."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def append(path: str, data: bytes, *, durable: bool) -> int:
    """Append *data* with one write, after a line that was left unfinished; the size thereafter.

    What was written of it goes again when it cannot be written whole.
    """
    handle = os.open(path, _APPENDED, 0o666)
    try:
        before = os.fstat(handle).st_size
        done = os.write(handle, data)
        if done < len(data):
            _take_back(handle, before, done)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if durable:
            os.fdatasync(handle)
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


def _take_back(handle: int, before: int, done: int) -> None:
    """Cut a broken write off, unless somebody has written behind it."""
    if os.fstat(handle).st_size == before + done:
        os.ftruncate(handle, before)


def make_folders(path: str) -> list[str]:
    """Make the directory *path* and those above it; which directories got a new entry."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
    return [os.path.dirname(folder) for folder in missing]


def sync_folders(paths: Iterable[str]) -> None:
    """Put the entries of directories on the disk."""
    for path in dict.fromkeys(paths):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # it was moved away since
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def locked(path: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the advisory lock on the file *path*, alone among all processes.

    Raises `Unavailable` when somebody else holds it for *timeout_s*, `OSError` when the file can
    be neither opened nor made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        _wait_for(handle, path, timeout_s)
        yield
    finally:
        os.close(handle)  # which lets go of the lock


def _wait_for(handle: int, path: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"Another process has held {path} for {timeout_s:g} seconds; nothing was "
                    "written. Try again."
                ) from error
        else:
            return
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
