"""Real processes for tests: children that are ready when they answer, servers, environments.

Servers come by the same four steps everywhere: *told* by an environment variable, *found* at the
usual address, an *own* private one, or a visible skip, which is a failure where ``CI=true``.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
MLFLOW_ENV = ROOT / ".venvs" / "mlflow"
MLFLOW_LOCK = ROOT / "tests" / "mlflow-env" / "requirements.lock"

# What must not reach a child by accident: it would change whom the child talks to, or as whom.
_AMBIENT = ("MLFLOW_", "_MLFLOW_", "MILLRACE_", "DATABRICKS_")
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "NO_PROXY": f"{LOOPBACK},localhost",
    "PYTHONUNBUFFERED": "1",
}


# Nobody looks on: what is missing fails, and a machine may be slow.
IS_CI = os.environ.get("CI") == "true"


def unavailable(what: str, why: str) -> NoReturn:
    """Skip, saying why; fail where ``CI=true`` unless ``MILLRACE_TEST_OPTIONAL`` lists *what*."""
    optional = os.environ.get("MILLRACE_TEST_OPTIONAL", "").split(",")
    message = f"{what} not available: {why}"
    if IS_CI and what not in optional:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def free_port() -> int:
    """A TCP port that was free on the loopback a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def answers(url: str, *, timeout_s: float = 2.0) -> bool:
    """Whether a GET of *url* succeeds; proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without tracking settings and without telemetry, plus *more*."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_AMBIENT)}
    return kept | _QUIET | more


class Process:
    """A child that is ready when `ready()` is true, and gone, with its own children, when we are.

    Output goes to *log*. A child that exits first raises `RuntimeError`, one that is not ready in
    *timeout_s* `TimeoutError`; both carry the end of the log. Extra *options* go to `Popen`.
    """

    def __init__(
        self,
        args: Sequence[str | Path],
        log: Path,
        ready: Callable[[], bool],
        *,
        timeout_s: float = 30.0,
        **options: object,
    ) -> None:
        with log.open("ab") as out:
            # A session of its own lets stop() end what the child has started, too.
            self.child: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
                args,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **options,
            )
        # Ends the session when we are killed and nothing of ours runs any more.
        self._guard = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(self.child.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.stop)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                self.stop()
                raise RuntimeError(f"{args[0]} exited {self.child.returncode}: {_tail(log)}")
            if ready():
                return
            time.sleep(0.05)
        self.stop()
        raise TimeoutError(f"{args[0]} not ready in {timeout_s} s: {_tail(log)}")

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, *, grace_s: float = 10.0) -> int:
        """Ask the child to end, kill what is left after *grace_s*; return its exit code."""
        atexit.unregister(self.stop)
        if self.child.poll() is None:
            self.child.send_signal(with_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(grace_s)
        # Its reading ends with its input, and then it kills: the child's own children, too.
        self._guard.communicate()
        return self.child.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def http_server(
    command: Callable[[int], Sequence[str | Path]],
    folder: Path,
    *,
    health: str = "/health",
    timeout_s: float = 60.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run `command(port)` in *folder* until the block ends; yield its URL once it is healthy."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    for attempt in (1, 2):
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        try:
            process = Process(
                command(port),
                log,
                lambda url=url: answers(url + health),  # type: ignore[misc]
                timeout_s=timeout_s,
                cwd=folder,
                env=dict(environment or clean_environment()),
            )
        except RuntimeError as error:
            # Somebody else may have taken the port since the kernel named it.
            if attempt == 1 and "in use" in str(error):
                continue
            raise
        break
    try:
        yield url
    finally:
        process.stop()


def private_millrace(
    folder: Path,
    *options: str,
    store: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> contextlib.AbstractContextManager[str]:
    """A Millrace server of our own on a SQLite file in *folder*, or on the database *store*; with
    `--artifacts-only` on neither."""
    uri = store or f"sqlite:///{folder / 'millrace.db'}"
    records = [] if "--artifacts-only" in options else ["--backend-store-uri", uri]

    def command(port: int) -> list[str]:
        address = ["--host", LOOPBACK, "--port", str(port)]
        return [sys.executable, "-m", "millrace", "server", *address, *records, *options]

    return http_server(command, folder, environment=environment)


def private_mlflow(folder: Path) -> contextlib.AbstractContextManager[str]:
    """The real MLflow's server on SQLite in *folder*; `LookupError` when it cannot be had."""
    python = mlflow_python()

    def command(port: int) -> list[str | Path]:
        address = ["--host", LOOPBACK, "--port", str(port), "--workers", "1"]
        store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        artifacts = ["--artifacts-destination", str(folder / "artifacts")]
        return [python, "-m", "mlflow", "server", *address, *store, *artifacts]

    environment = clean_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    return http_server(command, folder, timeout_s=120.0, environment=environment)


def mlflow_python() -> Path:
    """The interpreter of the environment that holds the unmodified MLflow; made on first use.

    The environment is kept until the lock file changes. It needs the package index once;
    `LookupError` says what went wrong.
    """
    return environment_python(MLFLOW_ENV, MLFLOW_LOCK)


def mlflow_release(version: str) -> Path:
    """The interpreter of an environment with an old MLflow: 1.30, 2.9 or 2.22; as above."""
    folder = MLFLOW_ENV.with_name(f"mlflow-{version}")
    return environment_python(folder, MLFLOW_LOCK.with_name(f"mlflow-{version}.lock"))


def flavors_python(name: str) -> Path:
    """The interpreter of an environment with large libraries of models, such as `pytorch`."""
    lock = ROOT / "tests" / "flavors-env" / f"{name}.lock"
    return environment_python(MLFLOW_ENV.with_name(f"flavors-{name}"), lock)


def environment_python(folder: Path, lock: Path) -> Path:
    """The interpreter of a virtual environment at *folder* that holds just what *lock* names.

    Made when it is not there or was made from another lock; safe to call from several processes.
    """
    python = folder / "bin" / "python"
    stamp = folder / "made-from.sha256"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(folder.with_suffix(".lock")):
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, python, lock)
        stamp.write_text(wanted)
    return python


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[IO[str]]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle


def _install(folder: Path, python: Path, lock: Path) -> None:
    """Fill *folder* with uv, several times faster, where it is to be had; else with pip."""
    venv.create(folder, with_pip=True)
    beside_us = Path(sys.executable).with_name("uv")
    uv = str(beside_us) if beside_us.exists() else shutil.which("uv")
    environment = dict(os.environ)
    if wheels := environment.get("PIP_FIND_LINKS"):
        # uv does not read pip's settings.
        environment.setdefault("UV_FIND_LINKS", wheels)
    ways: list[list[str | Path]] = [[python, "-m", "pip", "install", "--disable-pip-version-check"]]
    if uv:
        ways.insert(0, [uv, "pip", "install", "--python", python])
    for way in ways:
        command = [*way, "-q", "--require-hashes", "-r", lock]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode == 0:
            # Else each of its processes would compile what it imports: tests may not write there.
            compiling = [python, "-m", "compileall", "-q", "-j", "0", folder / "lib"]
            subprocess.run(compiling, capture_output=True, check=False)
            return
    raise LookupError(f"{lock.name} could not be installed: {done.stderr[-1500:]}")
