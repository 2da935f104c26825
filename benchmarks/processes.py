"""Other processes, seen through /proc: CPU, memory, and when they have come to rest."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    # The name in parentheses may hold blanks; what follows it starts with field 3, the state.
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """Return *pid* and all its descendants that are alive."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def cpu_s(pid: int) -> float:
    """User and system seconds of the whole tree under *pid*, children that have ended included."""
    ticks = 0
    for member in tree(pid):
        with suppress(OSError):
            # Fields 14 to 17 of proc(5): utime, stime, cutime, cstime.
            ticks += sum(int(field) for field in _stat(member)[11:15])
    return ticks / _TICKS_PER_S


def running_ns(pid: int) -> int:
    """Nanoseconds that the threads of the tree have run; those that have ended are not counted.

    For short spans: `cpu_s` counts in ticks of 10 ms.
    """
    spent = 0
    for member in tree(pid):
        with suppress(OSError):
            for thread in (_PROC / str(member) / "task").iterdir():
                spent += int((thread / "schedstat").read_text().split()[0])
    return spent


def pss_mb(pid: int) -> float:
    """Proportional set size of the whole tree under *pid*, in MB (10^6 bytes)."""
    kib = 0
    for member in tree(pid):
        with suppress(OSError):
            for line in (_PROC / str(member) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return kib * 1024 / 1e6


def wait_until_idle(pid: int, *, timeout_s: float, quiet_s: float = 1.5) -> float:
    """Wait until the tree has used less than 2 % of a core for *quiet_s*; return the seconds spent.

    Servers go on working after they first answer. Returns at *timeout_s* at the latest.
    """
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < timeout_s:
        before = cpu_s(pid)
        time.sleep(quiet_s)
        if cpu_s(pid) - before <= max(0.02 * quiet_s, 1 / _TICKS_PER_S):
            break
    return round(spent, 3)


def stop(child: subprocess.Popen[bytes], *, patience_s: float = 20.0) -> None:
    """End *child* and its descendants: SIGTERM, then SIGKILL for what is left."""
    members = tree(child.pid)
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(patience_s)
    for member in members:
        with suppress(ProcessLookupError):
            if member != child.pid or child.poll() is None:
                os.kill(member, signal.SIGKILL)
    child.wait(patience_s)
