"""The machine under the measurement: what it is, how busy others keep it, how fast it is now."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import processes

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Facts:
    """What a reader needs to place the figures. No names, no paths."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    sqlite: str
    filesystem: str


def facts(folder: Path) -> Facts:
    """Describe this machine; `filesystem` is the type of the one that holds *folder*."""
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return Facts(
        cpu=cpu,
        cores=os.cpu_count() or 1,
        memory_gb=round(memory_kib * 1024 / 1e9, 1),
        kernel=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        filesystem=_filesystem(folder),
    )


def _filesystem(folder: Path) -> str:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(at), kind) for at, kind in mounts if folder.resolve().is_relative_to(at)]
    return max(holding)[1]


def touch_memory(folder: Path, size: int) -> None:
    """Let the system use *size* bytes for a file in *folder*, and give them back."""
    block = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(size >> 20):
            file.write(block)


def calibrate() -> float:
    """CPU milliseconds of a fixed loop: the speed of one core just now. Best of three."""
    best = float("inf")
    for _ in range(3):
        before, total = time.process_time(), 0
        for i in range(1_000_000):
            total ^= i * 7
        best = min(best, (time.process_time() - before) * 1e3)
    return round(best, 2)


@dataclass
class Window:
    """What was spent during a measurement."""

    wall_s: float = 0.0
    server_cpu_s: float = 0.0
    """The database's with it."""
    database_cpu_s: float = 0.0
    client_cpu_s: float = 0.0
    others_share: float = 0.0
    """Part of all cores used by neither server nor client, 0 to 1."""
    steal_share: float = 0.0
    """Part of all cores that the hypervisor gave to somebody else, 0 to 1."""

    def as_dict(self) -> dict[str, float]:
        """The same as plain numbers, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def _ticks() -> tuple[int, int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, steal = fields[3] + fields[4], fields[7]
    return sum(fields), sum(fields) - idle - steal, steal


@contextmanager
def window(*server_pids: int) -> Iterator[Window]:
    """Measure the block: the trees under *server_pids*, this process, and everybody else.

    The first is the server itself, a second one its database.
    """
    result = Window()
    total, busy, steal = _ticks()
    servers = [processes.cpu_s(pid) for pid in server_pids]
    client, started = time.process_time(), time.perf_counter()
    yield result
    result.wall_s = time.perf_counter() - started
    result.client_cpu_s = time.process_time() - client
    spent = [processes.cpu_s(pid) - s for pid, s in zip(server_pids, servers, strict=True)]
    result.server_cpu_s, result.database_cpu_s = sum(spent), sum(spent[1:])
    total, busy, steal = (
        after - before for after, before in zip(_ticks(), (total, busy, steal), strict=True)
    )
    if total:
        ours = (result.server_cpu_s + result.client_cpu_s) * _TICKS_PER_S
        result.others_share = max(0.0, (busy - ours) / total)
        result.steal_share = steal / total
