"""Files that the kernel has in memory: read without waiting for a disk or a network, or not at all.

For an event loop, which must not wait. Needs Linux 5.12 (RESOLVE_CACHED of openat2, RWF_NOWAIT of
preadv2) and a file system that knows how; anywhere else nothing is at hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import sys
from typing import Final

_OPENAT2: Final = 437  # since 5.4 a new call has one number on all processors
_HERE: Final = -100  # AT_FDCWD
_IN_CACHE: Final = 0x20
_BENEATH: Final = 0x08 | 0x04 | 0x02  # and through no link, also none of /proc

# It keeps the interpreter: to give it away for two microseconds could cost milliseconds.
_libc = ctypes.PyDLL(None) if sys.platform == "linux" else None


class _How(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


if _libc is not None:
    _libc.syscall.argtypes = (
        ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_How), ctypes.c_size_t,
    )  # fmt: skip
    _libc.syscall.restype = ctypes.c_long
    # The operator named the root: a link on the way there is followed.
    _ROOT: Final = _How(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _IN_CACHE)
    _FILE: Final = _How(
        os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC,
        0,
        _IN_CACHE | _BENEATH,
    )
_HOW_BYTES: Final = ctypes.sizeof(_How)


def read(root: bytes, path: bytes, most: int) -> tuple[os.stat_result, bytes] | None:
    """State and bytes of the regular file at *path* below the folder *root*, reached without
    following a link there; None when it has more than *most* bytes, or could not be had at once.
    """
    folder = _opened(_HERE, root, _ROOT)
    if folder is None:
        return None
    try:
        file = _opened(folder, path, _FILE)
    finally:
        os.close(folder)
    if file is None:
        return None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            return None
        body = bytearray(found.st_size)
        with contextlib.suppress(OSError):  # not in memory, or not to be asked like this
            if not body or os.preadv(file, [body], 0, os.RWF_NOWAIT) == len(body):
                return found, bytes(body)
        return None
    finally:
        os.close(file)


def _opened(folder: int, path: bytes, how: _How) -> int | None:
    if _libc is None:
        return None
    file: int = _libc.syscall(_OPENAT2, folder, path, ctypes.byref(how), _HOW_BYTES)
    return None if file < 0 else file
