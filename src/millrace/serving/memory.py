"""Memory of freed bodies, kept for the next ones."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

# Parameters of glibc's allocator, from malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGEST_KEPT: Final = 32 * 1024 * 1024
"""The most that glibc takes for a block that is not mapped on its own."""


def keep_freed() -> None:
    """Have the allocator keep what is freed, up to twice 32 MiB, instead of giving it back.

    Otherwise a body of 2 MB is given memory that the kernel has just taken away, a thousand page
    faults each time: on a virtual machine that takes longer than reading the body.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_KEPT)
