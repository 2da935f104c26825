"""Asks the kernel to begin writing to the disk, so that a later fsync has less to wait for."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_BEGIN: Final = 2  # SYNC_FILE_RANGE_WRITE
_call = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
if _call is not None:
    _call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def begin(file: int, start: int = 0, length: int = 0) -> None:
    """Begin with *length* bytes from *start* on (0: all); nothing is promised, nothing can fail."""
    if _call is not None:
        _call(file, start, length, _BEGIN)
