"""The servers compared, their environments, and how each is started and stopped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks import postgres, processes
from benchmarks.http1 import Address, Connection, Requests
from benchmarks.lanes import OK

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".bench"

Stage = Literal["launch", "rounds", "reads", "large"]
Database = Literal["sqlite", "postgresql"]

LAUNCH_LIMIT_S = 120.0
IDLE_LIMIT_S = 60.0


class Target(NamedTuple):
    """A running server, as far as a measuring process needs to know it."""

    contender: str
    address: Address
    pid: int
    database: str
    """The file of SQLite, or a URI."""
    database_pid: int | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The server and, where it is one, its database server."""
        return (self.pid,) if self.database_pid is None else (self.pid, self.database_pid)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One server in one setting."""

    name: str
    title: str
    package: str
    """Distribution whose version is reported, and module its client is imported from."""
    environment: str
    """Folder of its virtual environment below `.bench`; empty for the repository's own."""
    requirements: tuple[str, ...] = ()
    with_dependencies: bool = True
    command: tuple[str, ...]
    """A program of the environment and its words, with `{port}`, `{address}` and `{folder}`."""
    storage: Mapping[Database, tuple[str, ...]]
    """More words for each database it is measured on, with `{folder}` or `{server}`, a URI."""
    variables: dict[str, str] = field(default_factory=dict)
    database: str
    setting: str
    stages: frozenset[Stage]
    has_client: bool = False
    queued_calls: int = 0
    """Metrics the client's queue is given to make durable; sized so that it takes seconds."""
    samples_history: bool = True
    seeded_by_sql: bool = False

    @property
    def programs(self) -> Path:
        """Folder of the environment's programs."""
        return BENCH / self.environment / "bin" if self.environment else Path(sys.executable).parent

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.programs / "python"

    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        program = self.programs / self.command[0]
        if not program.exists():
            return "not installed; run: python -m benchmarks setup"
        if not self.environment and not self._imports():
            return f"{self.package} is not importable in this environment"
        return ""

    def _imports(self) -> bool:
        check = f"import importlib.util as u; assert u.find_spec('{self.package}.__main__')"
        found = subprocess.run(
            [self.python, "-c", check], capture_output=True, check=False, cwd=BENCH
        )
        return found.returncode == 0

    def version(self) -> str:
        """The installed version, as its metadata has it."""
        ask = f"import importlib.metadata as m; print(m.version('{self.package}'))"
        answer = subprocess.run(
            [self.python, "-c", ask], capture_output=True, check=False, text=True, cwd=BENCH
        )
        return answer.stdout.strip() or "unknown"


_MILLRACE = (*("python", "-m", "millrace", "server", "--host", "127.0.0.1", "--port", "{port}"),)
_ON_POSTGRES = ("--backend-store-uri", "postgresql://{server}")
_MILLRACE_ON_SQLITE = ("--backend-store-uri", "sqlite:///{folder}/millrace.db")
_MLFLOW_RELEASE = ("mlflow==3.17.2", "psycopg2-binary")
_MLFLOW = (
    *("mlflow", "server", "--host", "127.0.0.1", "--port", "{port}"),
    *("--artifacts-destination", "{folder}/artifacts"),
)
# Which driver stands for "postgresql" depends on the release of SQLAlchemy.
_MLFLOW_ON_POSTGRES = ("--backend-store-uri", "postgresql+psycopg2://{server}")
_MLFLOW_ON_SQLITE = ("--workers", "1", "--backend-store-uri", "sqlite:///{folder}/mlflow.db")

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            name="millrace",
            title="Millrace",
            package="millrace",
            environment="",
            command=_MILLRACE,
            storage={"sqlite": _MILLRACE_ON_SQLITE, "postgresql": _ON_POSTGRES},
            variables={
                "MILLRACE_SQLITE_SYNCHRONOUS": "FULL",
                "MILLRACE_ARTIFACT_SYNCHRONOUS": "FULL",
            },
            database="millrace.db",
            setting="SQLite WAL, synchronous=FULL; artifacts, too",
            stages=frozenset({"rounds", "reads", "large"}),
            has_client=True,
            queued_calls=50_000,
        ),
        Contender(
            name="fasttrackml",
            title="FastTrackML",
            package="fasttrackml",
            environment="fasttrackml",
            # The server is one compiled program; what the package depends on serves its client.
            requirements=("fasttrackml==0.6.0",),
            with_dependencies=False,
            command=(
                *("fml", "server", "--listen-address", "{address}", "--log-level", "error"),
                *("--default-artifact-root", "{folder}/artifacts"),
            ),
            storage={
                "sqlite": ("--database-uri", "sqlite://{folder}/fasttrackml.db"),
                "postgresql": ("--database-uri", "postgres://{server}?sslmode=disable"),
            },
            database="fasttrackml.db",
            setting="SQLite WAL, synchronous=FULL",
            stages=frozenset({"rounds", "reads"}),
            samples_history=False,
        ),
        Contender(
            name="mlflow",
            title="MLflow",
            package="mlflow",
            environment="mlflow",
            requirements=_MLFLOW_RELEASE,
            command=_MLFLOW,
            storage={"sqlite": _MLFLOW_ON_SQLITE, "postgresql": _MLFLOW_ON_POSTGRES},
            variables={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            database="mlflow.db",
            setting="one worker, job execution off, SQLite rollback journal, synchronous=FULL",
            stages=frozenset({"rounds", "reads"}),
            has_client=True,
            queued_calls=200,
            seeded_by_sql=True,
        ),
        Contender(
            name="mlflow-jobs",
            title="MLflow, job helpers on",
            package="mlflow",
            environment="mlflow",
            requirements=_MLFLOW_RELEASE,
            command=_MLFLOW,
            storage={"sqlite": _MLFLOW_ON_SQLITE},
            database="mlflow.db",
            setting="one worker, otherwise as it comes",
            stages=frozenset({"launch"}),
        ),
        Contender(
            name="millrace-normal",
            title="Millrace, NORMAL",
            package="millrace",
            environment="",
            command=_MILLRACE,
            storage={"sqlite": _MILLRACE_ON_SQLITE},
            variables={
                "MILLRACE_SQLITE_SYNCHRONOUS": "NORMAL",
                "MILLRACE_ARTIFACT_SYNCHRONOUS": "NORMAL",
            },
            database="millrace.db",
            setting="SQLite WAL, synchronous=NORMAL; artifacts, too",
            stages=frozenset({"rounds"}),
        ),
    )
}


def surroundings(variables: dict[str, str]) -> dict[str, str]:
    """Return this process's environment without settings that would favour or hinder a contender.

    PYTHONDONTWRITEBYTECODE alone would triple the time to import or to launch.
    """
    foreign = ("PYTHON", "MLFLOW_", "MILLRACE_", "FML_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | variables


def set_up(names: list[str], *, renew: bool) -> None:
    """Make the virtual environments of the named contenders, with uv where it is installed.

    Those that are there already are made anew only on *renew*.
    """
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    BENCH.mkdir(exist_ok=True)
    (BENCH / ".gitignore").write_text("*\n")
    made: set[str] = set()
    for contender in (CONTENDERS[name] for name in names):
        if contender.environment in made:
            continue
        made.add(contender.environment)
        if not contender.requirements or not (renew or contender.missing()):
            continue
        home = BENCH / contender.environment
        extra = [] if contender.with_dependencies else ["--no-deps"]
        shutil.rmtree(home, ignore_errors=True)
        if uv:
            _run([uv, "venv", "--quiet", "--python", sys.executable, home])
            install: list[str | Path] = [uv, "pip", "install", "--quiet", "--compile-bytecode"]
            install += ["--python", contender.python]
        else:
            _run([sys.executable, "-m", "venv", home])
            install = [contender.python, "-m", "pip", "install", "--quiet"]
        _run([*install, *extra, *contender.requirements])
        print(f"{contender.name}: {' '.join(contender.requirements)} installed")


def _run(command: list[str | Path]) -> None:
    # uv reads none of pip's configuration; a machine that serves pip from a folder serves uv too.
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS", "")
    environment = os.environ | ({"UV_FIND_LINKS": links} if links else {})
    subprocess.run(command, check=True, env=environment)


@dataclass(frozen=True)
class Launch:
    """What starting a server took."""

    health_s: float
    """From starting the process to the first 200 of /health."""
    settled_s: float
    """From then on until it was idle."""
    pss_mb: float
    processes: int
    cpu_s: float


@dataclass
class Server:
    """A contender that is up."""

    contender: Contender
    target: Target
    folder: Path
    child: subprocess.Popen[bytes]
    launch: Launch
    database: postgres.Server | None

    def stop(self) -> None:
        """Stop it and remove what it stored."""
        processes.stop(self.child)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.database is not None:
            self.database.stop()


def data_folder(name: str) -> Path:
    """A new, empty folder on the disk of the repository."""
    folder = BENCH / "data" / f"{name}-{time.time_ns()}"
    folder.mkdir(parents=True)
    return folder


def launch(contender: Contender, database: Database = "sqlite", *, settle: bool = True) -> Server:
    """Start *contender* on an empty database and wait until it answers, then until it is idle.

    On PostgreSQL each has a server of its own, so that nobody pays for another one's autovacuum.
    """
    held = postgres.start() if database == "postgresql" else None
    try:
        return _launch(contender, database, held, settle=settle)
    except BaseException:
        if held is not None:
            held.stop()
        raise


def _launch(
    contender: Contender, database: Database, held: postgres.Server | None, *, settle: bool
) -> Server:
    folder, address = data_folder(contender.name), Address("127.0.0.1", _free_port())
    words = [
        word.format(
            port=address.port,
            address=f"{address.host}:{address.port}",
            folder=folder,
            server=held.place if held else "",
        )
        for word in (*contender.command, *contender.storage[database])
    ]
    command = [str(contender.programs / words[0]), *words[1:]]
    child, health_s = start(command, address, folder, contender.variables)
    try:
        settled_s = processes.wait_until_idle(child.pid, timeout_s=IDLE_LIMIT_S if settle else 0.0)
        state = Launch(
            health_s=health_s,
            settled_s=settled_s,
            pss_mb=processes.pss_mb(child.pid),
            processes=len(processes.tree(child.pid)),
            cpu_s=processes.cpu_s(child.pid),
        )
    except BaseException:
        processes.stop(child)
        raise
    if held is None:
        target = Target(contender.name, address, child.pid, str(folder / contender.database))
    else:
        target = Target(contender.name, address, child.pid, held.uri, held.pid)
    return Server(contender, target, folder, child, state, held)


def start(
    command: list[str], address: Address, folder: Path, variables: dict[str, str]
) -> tuple[subprocess.Popen[bytes], float]:
    """Start *command* in *folder*; return it and the seconds until /health answered 200."""
    log = folder / "log"
    began = time.perf_counter()
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=surroundings(variables),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    connection = Connection(address, timeout_s=5.0)
    request = Requests(address).get("/health")
    while connection.exchange(request).status != OK:
        if child.poll() is not None or time.perf_counter() - began > LAUNCH_LIMIT_S:
            processes.stop(child)
            last = log.read_text().strip().rpartition("\n")[2]
            raise RuntimeError(f"{Path(command[0]).name} did not start: {last[-300:]}")
        time.sleep(0.005)
    health_s = time.perf_counter() - began
    connection.close()
    return child, health_s


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def hello() -> AbstractContextManager[Target]:
    """A bare uvicorn application on uvloop and httptools, in this interpreter's environment."""
    return _bare("hello")


def one_row() -> AbstractContextManager[Target]:
    """The same, and each body that it is sent is a row of SQLite when it answers."""
    return _bare("one_row")


@contextmanager
def _bare(name: str) -> Iterator[Target]:
    folder, address = data_folder(name), Address("127.0.0.1", _free_port())
    command = [
        *(
            sys.executable,
            "-m",
            "uvicorn",
            f"{name}:app",
            "--app-dir",
            str(ROOT / "benchmarks/foreign"),
        ),
        *("--host", address.host, "--port", str(address.port), "--loop", "uvloop"),
        *("--http", "httptools", "--no-access-log", "--log-level", "error"),
    ]
    child, _ = start(command, address, folder, {"ONE_ROW_FILE": str(folder / "rows.db")})
    try:
        processes.wait_until_idle(child.pid, timeout_s=10.0, quiet_s=0.5)
        yield Target(name, address, child.pid, "")
    finally:
        processes.stop(child)
        shutil.rmtree(folder, ignore_errors=True)
