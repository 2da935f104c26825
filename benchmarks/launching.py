"""Starts a server for a measurement, and waits until it answers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.http1 import Address, Connection, Requests
from benchmarks.lanes import OK
from benchmarks.tracking import Refused

_READY_S = 120.0


@contextmanager
def launched(
    command: Sequence[str | Path],
    address: Address,
    *,
    ready: str,
    log: Path,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """The server that *command* starts (with *options* for `Popen`), once GET *ready* says OK.
    `Refused`: it ended, or took too long; *log* says why."""
    with log.open("ab") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, **options)
    try:
        deadline = time.monotonic() + _READY_S
        while not _is_ready(address, ready):
            if child.poll() is not None or time.monotonic() > deadline:
                raise Refused(f"{command[0]} does not start; see {log}")
            time.sleep(0.1)
        yield child
    finally:
        processes.stop(child)


def _is_ready(address: Address, path: str) -> bool:
    try:
        connection = Connection(address, timeout_s=1.0)
    except OSError:
        return False
    try:
        return connection.exchange(Requests(address).get(path)).status == OK
    except OSError:
        return False
    finally:
        connection.close()
