"""Which process of a server holds the other end of a connection, and how that end is set up.

Linux only: reads /proc, and borrows a descriptor of another process (pidfd_getfd).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.e2e.faults.link import Link

_PIDFD_GETFD = 438
_TRIES = 400


class ServerEnd(NamedTuple):
    """The other end of a connection, as the kernel has it."""

    inode: str
    unread_bytes: int


def server_end(ours: int, theirs: int) -> ServerEnd | None:
    """The server's end of the connection between those ports; None when it is gone."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[place].rpartition(":")[2], 16) for place in (1, 2))
        if (local, remote) == (theirs, ours):
            return ServerEnd(fields[9], int(fields[4].rpartition(":")[2], 16))
    return None


def holder(link: Link, processes: Iterable[int]) -> tuple[int, int] | None:
    """The process among *processes* that serves *link*, and its descriptor of the connection."""
    end = server_end(*link.ends())
    if end is None:
        return None
    inode = f"socket:[{end.inode}]"
    for pid in processes:
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(entry.readlink()) == inode:
                        return pid, int(entry.name)
    return None


@contextlib.contextmanager
def borrowed(pid: int, descriptor: int) -> Iterator[socket.socket]:
    """A socket of another process; OSError where the system does not lend it."""
    process = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        number = libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
        if number < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        with socket.socket(fileno=number) as link:
            yield link
    finally:
        os.close(process)


@contextlib.contextmanager
def link_to_each(port: int, workers: Iterable[int]) -> Iterator[dict[int, Link]]:
    """A connection to every one of *workers*, who settle among them which takes one."""
    wanted, found = set(workers), dict[int, Link]()
    spare: list[Link] = []
    try:
        for _ in range(_TRIES):
            link = Link(port)
            spare.append(link)
            link.read("/health", parse=False)
            held = holder(link, wanted)
            assert held is not None, "nobody holds the connection"
            found.setdefault(held[0], link)
            if set(found) == wanted:
                break
        assert set(found) == wanted, f"of {wanted} only {set(found)} took connections"
        yield found
    finally:
        for link in spare:
            link.close()
