"""Files far larger than memory, several at once, up and down through the artifact proxy.

    python -m benchmarks.huge [--files 8] [--gib 5] [--folder FOLDER]

What it looks for is the server's memory: the most that its processes ever held, and how much more
that was than before the first file. The files that are sent are sparse and take no room; what the
server keeps of them does, in FOLDER (by default a new one, removed in the end). It stops when
less than 6 GiB are left there, and when the server holds more on the disk than it was sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks import processes
from benchmarks.http1 import Address, Requests, connect, download
from benchmarks.launching import launched
from benchmarks.tracking import Untrue

_PROXY = "/api/2.0/mlflow-artifacts/artifacts/0/huge"
_MIB, _GIB = 1 << 20, 1 << 30
_LEFT = 6 * _GIB
_LOOK_S = 0.2
_MORE = 1.1
_PATIENCE_S = 900.0
# Each download is compared with what was recorded, which is what takes memory.
_ENVIRONMENT = {"MILLRACE_ARTIFACT_RECHECK_SECONDS": "0"}


class Watch:
    """Looks at a server's memory and at its disk while it works."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid, self._folder = pid, folder
        self._is_over = threading.Event()
        self.peak_mib = 0.0
        """The most that all processes held at one moment, shared pages counted each time."""
        self.most_held = 0
        """Bytes of all files that it keeps, and of those that it has open without a name."""
        self.too_full = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look until the block is left."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(_LOOK_S):
            self.peak_mib = max(self.peak_mib, memory_mib(self._pid, "VmRSS"))
            self.most_held = max(self.most_held, _held(self._folder) + _nameless(self._pid))
            if shutil.disk_usage(self._folder).free < _LEFT:
                self.too_full.set()


def memory_mib(pid: int, field: str) -> float:
    """A field of /proc/PID/status, of all processes of the tree together."""
    kib = 0
    for member in processes.tree(pid):
        lines = Path(f"/proc/{member}/status").read_text().splitlines()
        kib += sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return kib / 1024


def _held(folder: Path) -> int:
    return sum(status.st_size for status in _statuses(folder.rglob("*")))


def _nameless(pid: int) -> int:
    links = (link for one in processes.tree(pid) for link in Path(f"/proc/{one}/fd").iterdir())
    return sum(status.st_size for status in _statuses(links) if not status.st_nlink)


def _statuses(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in paths:
        with suppress(OSError):  # gone, or no file
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                yield status


def upload(address: Address, path: str, file: Path, watch: Watch) -> None:
    """Send a file, by the kernel."""
    size = file.stat().st_size
    with connect(address, _PATIENCE_S) as link, file.open("rb") as source:
        link.sendall(Requests(address).put(path, size))
        for start in range(0, size, 64 * _MIB):
            if watch.too_full.is_set():
                raise Untrue("the disk is nearly full")
            link.sendfile(source, start, min(64 * _MIB, size - start))
        answer = link.recv(_MIB)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Untrue(f"an upload was answered {answer[:200]!r}")


def measure(folder: Path, files: int, size: int) -> None:
    """All files up at once, then all of them down."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = Address(*found.getsockname())
    kept = folder / "artifacts"
    kept.mkdir()
    sparse = folder / "sparse"
    with sparse.open("wb") as file:
        file.truncate(size)
    command = [
        *(sys.executable, "-m", "millrace", "server", "--host", address.host),
        *("--port", str(address.port), "--backend-store-uri", f"sqlite:///{folder / 'records.db'}"),
        *("--artifacts-destination", str(kept)),
    ]
    log, environment = folder / "server.log", os.environ | _ENVIRONMENT
    with launched(command, address, ready="/health", log=log, env=environment) as server:
        watch = Watch(server.pid, kept)
        small = folder / "small"
        small.write_bytes(os.urandom(_MIB))
        upload(address, f"{_PROXY}/small", small, watch)
        before = memory_mib(server.pid, "VmHWM")
        print(f"before: {before:.0f} MiB", flush=True)
        paths = [f"{_PROXY}/{number}" for number in range(files)]
        with watch.looking(), ThreadPoolExecutor(files) as pool:
            ways: dict[str, Callable[[str], None]] = {
                "up": lambda path: upload(address, path, sparse, watch),
                "down": lambda path: download(address, path, size, _PATIENCE_S),
            }
            for way, work in ways.items():
                began = time.perf_counter()
                list(pool.map(work, paths))
                spent_s = time.perf_counter() - began
                most = memory_mib(server.pid, "VmHWM")
                print(
                    f"{files} x {size / _GIB:g} GiB {way}: {spent_s:.0f} s, "
                    f"{files * size / spent_s / 1e6:,.0f} MB/s, at most {most:.0f} MiB of memory, "
                    f"{(most - before) / files:.1f} MiB more for each",
                    flush=True,
                )
        held = watch.most_held / (files * size)
        print(f"all in all at most {watch.peak_mib:.0f} MiB; files: {held:.2f} times what was sent")
        if held > _MORE:
            raise Untrue("the server held more on the disk than it was sent")


def main() -> None:
    """Say what it takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.huge", description=__doc__)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--gib", type=float, default=5.0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    size = int(options.gib * _GIB)
    with tempfile.TemporaryDirectory(prefix="huge-", dir=options.folder) as name:
        measure(Path(name), options.files, size)


if __name__ == "__main__":
    main()
