"""Servers that tests kill, stop and start again on the same database and port."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.services import LOOPBACK, Process, answers, clean_environment, free_port

_NURSERY = Path(__file__).with_name("nursery.py")


def until(condition: Callable[[], object], what: str, *, within_s: float = 30.0) -> None:
    """Wait for *condition*; AssertionError naming *what* when it does not hold in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.002)


def amount(name: str, usual: int, full: int, *, full_size: bool) -> int:
    """How many: what the variable *name* says, or the full amount, or the usual one."""
    return int(os.environ.get(name) or (full if full_size else usual))


class Nursery:
    """Starts servers quickly; see `nursery.py`."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, _NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),
            text=True,
            start_new_session=True,
        )

    def start(self, options: dict[str, object], log: Path) -> int:
        """Start a server; its process id, which is that of its group, too."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps({"options": options, "log": str(log)}) + "\n")
        self._child.stdin.flush()
        return int(self._child.stdout.readline())

    def close(self) -> None:
        """Kill what is left."""
        self._child.communicate()


class Mortal:
    """A server of a nursery; one address through all its lives.

    Its records are in *store*; by default in a database in *folder*, where its log is, too.
    """

    def __init__(
        self, nursery: Nursery, folder: Path, *, workers: int = 1, store: str | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database = folder / "millrace.db"
        self.store = store or f"sqlite:///{self.database}"
        self.log = folder / "log"
        self.workers = workers
        self.port = free_port()
        self._nursery = nursery
        self._group = 0

    def spawn(self) -> None:
        """Start a life, and do not wait for it."""
        options = {
            "backend_store_uri": self.store,
            "host": LOOPBACK,
            "port": self.port,
            "workers": self.workers,
        }
        self._group = self._nursery.start(options, self.log)

    def start(self) -> None:
        """Start a life, and wait until each of its workers serves."""
        self.spawn()
        until(self._is_up, f"a server at {self.port}; its log: {self.said()}")

    def said(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def kill(self, pid: int | None = None) -> None:
        """SIGKILL to all its processes, or to one of them; returns when it has worked."""
        with contextlib.suppress(ProcessLookupError):
            if pid is None:
                os.killpg(self._group, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
                # Until then it may go on to take connections that it will never answer.
                until(lambda: not Path(f"/proc/{pid}").exists(), f"the end of {pid}")

    def end(self) -> None:
        """SIGTERM, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._group, signal.SIGTERM)
        self.wait_gone()

    def wait_gone(self) -> None:
        """Wait until no process of it is left."""
        until(lambda: not self.is_there(), f"the end of group {self._group}: {self.said()}")

    def is_there(self) -> bool:
        """Whether any process of it is left."""
        try:
            os.killpg(self._group, 0)
        except ProcessLookupError:
            return False
        return True

    def processes(self) -> list[int]:
        """The parent, then the workers, where there are several."""
        return [self._group, *(children(self._group) if self.workers > 1 else ())]

    def victim(self, dice: random.Random) -> int | None:
        """Whom to kill: all (None), or with several workers perhaps the parent or one of them."""
        if self.workers == 1:
            return None
        return dice.choice([None, None, None, None, *self.processes()])

    def _is_up(self) -> bool:
        assert self.is_there(), f"the server ended: {self.said()}"
        if not answers(f"http://{LOOPBACK}:{self.port}/health"):
            return False
        if self.workers == 1:
            return True
        # A worker that serves has a thread that writes beside its own.
        workers = children(self._group)
        return len(workers) == self.workers and all(threads(one) > 1 for one in workers)


def children(pid: int) -> list[int]:
    """Processes that *pid* has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in text.split()]


def threads(pid: int) -> int:
    """How many threads a process has; 0 when it is gone."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0


def is_running(pid: int) -> bool:
    """Whether the process has not ended; one that nobody has asked for yet has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Started:
    """A server started as its users do, by the command line."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        database: Path | None = None,
        launcher: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.database = database or folder / "millrace.db"
        self.log = folder / "log"
        self.port = free_port()
        self.process = Process(
            [
                *([sys.executable, "-c", launcher] if launcher else []),
                *command(self.port, self.database, *options),
            ],
            self.log,
            lambda: answers(f"http://{LOOPBACK}:{self.port}/health"),
            cwd=folder,
            env=clean_environment(**(settings or {})),
        )

    @property
    def pid(self) -> int:
        return self.process.child.pid


def command(port: int, database: Path, *options: str) -> list[str]:
    """The command line of a server on a SQLite file."""
    address = ["--host", LOOPBACK, "--port", str(port)]
    store = ["--backend-store-uri", f"sqlite:///{database}"]
    return [sys.executable, "-m", "millrace", "server", *address, *store, *options]


@contextlib.contextmanager
def started(folder: Path, *options: str, **more: object) -> Iterator[Started]:
    """A server until the block ends, however it does."""
    server = Started(folder, *options, **more)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.process.stop()
