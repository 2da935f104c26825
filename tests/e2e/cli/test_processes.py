"""The command line as processes: a real server, exit codes, signals, pipes, and only sentences."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace import __version__
from tests.services import (
    LOOPBACK,
    Process,
    answers,
    clean_environment,
    free_port,
    private_millrace,
)


def millrace(
    *args: str | Path, folder: Path, code: int = 0, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; whatever happens, no traceback comes out of it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "millrace", *args],
        cwd=folder,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with private_millrace(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[Process, int]]:
    """A server that the test may stop, and its port."""
    port = free_port()
    process = Process(
        [sys.executable, "-m", "millrace", "server", "--port", str(port)],
        tmp_path / "log",
        lambda: answers(f"http://{LOOPBACK}:{port}/health"),
        cwd=tmp_path,
        env=clean_environment(),
    )
    yield process, port
    process.stop()


def test_the_version_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from millrace.cli.main import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "finally:\n"
        "    heavy = {'sqlalchemy', 'ssl', 'asyncio', 'uvicorn', 'urllib3', 'msgspec', 're2'}\n"
        "    assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert (done.returncode, done.stdout) == (0, f"millrace {__version__}\n"), done.stderr


def test_records_made_here_are_found_there(server: str, tmp_path: Path) -> None:
    here = {"folder": tmp_path, "MILLRACE_TRACKING_URI": server}
    made = millrace("experiments", "create", "-n", "risk", "--output", "json", **here)
    experiment = json.loads(made.stdout)["experiment_id"]
    run = millrace("runs", "create", "--experiment-id", experiment, "--run-name", "one", **here)

    found = millrace(
        *("runs", "search", "--experiment-id", experiment, "--filter", "run_name = 'one'"),
        **here,
    )

    assert run.stdout.startswith("Created run 'one' with id ")
    assert run.stdout.split()[-1].rstrip(".") in found.stdout


def test_what_the_server_refuses_is_one_sentence(server: str, tmp_path: Path) -> None:
    done = millrace(
        *("experiments", "create", "-n", "Default", "--tracking-uri", server),
        folder=tmp_path,
        code=1,
    )

    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_away_is_told_within_seconds(tmp_path: Path) -> None:
    away = f"http://{LOOPBACK}:{free_port()}"
    began = time.monotonic()

    done = millrace("runs", "create", folder=tmp_path, code=1, MILLRACE_TRACKING_URI=away)

    assert away in done.stderr
    assert time.monotonic() - began < 30
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_looks_at_the_server(server: str, tmp_path: Path) -> None:
    done = millrace("doctor", "--tracking-uri", server, "--output", "json", folder=tmp_path)

    store = json.loads(done.stdout)["store"]
    assert (store["ready"], store["version"], store["kind"]) == (True, __version__, "sqlite")


def test_what_was_logged_offline_is_sent(server: str, tmp_path: Path) -> None:
    script = (
        "import millrace\n"
        "millrace.set_experiment('offline')\n"
        "with millrace.start_run(run_name='at sea'):\n"
        "    millrace.log_metric('loss', 0.5)\n"
    )
    here = clean_environment(MILLRACE_TRACKING_URI=server, MILLRACE_OFFLINE="true")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=here, check=True)

    sent = millrace("sync", folder=tmp_path)
    again = millrace("sync", folder=tmp_path)

    assert " 0 refused; done." in sent.stdout
    assert again.stdout == "Nothing to send in millrace-spool.\n"
    asked = ("experiments", "get", "-n", "offline", "--output", "json", "--tracking-uri", server)
    experiment = json.loads(millrace(*asked, folder=tmp_path).stdout)["experiment_id"]
    listed = ("runs", "list", "--experiment-id", experiment, "--tracking-uri", server)
    assert "at sea" in millrace(*listed, folder=tmp_path).stdout


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_well(
    started: tuple[Process, int], with_signal: signal.Signals, tmp_path: Path
) -> None:
    process, _ = started

    assert process.stop(with_signal) == 0
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert log.rstrip().endswith("stopped")


def test_a_port_that_is_taken_is_one_sentence(started: tuple[Process, int], tmp_path: Path) -> None:
    _, port = started

    done = millrace("server", "--port", str(port), folder=tmp_path, code=2)

    assert f"{LOOPBACK}:{port}" in done.stderr
    assert "in use" in done.stderr


@pytest.mark.parametrize(
    ("args", "word", "code"),
    [
        (["--backend-store-uri", "oracle://host/x"], "oracle", 2),
        (["--static-prefix", "mlops"], "mlops", 1),
        (["--app-name", "basic-auth"], "--app-name", 1),
    ],
)
def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, args: list[str], word: str, code: int
) -> None:
    done = millrace("server", "--port", str(free_port()), *args, folder=tmp_path, code=code)

    assert word in done.stderr
    assert done.stderr.startswith("Error: ")


def test_a_reader_that_leaves_early_is_no_error(server: str, tmp_path: Path) -> None:
    """`millrace runs list | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "millrace", "experiments", "list", "--tracking-uri", server],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)

    _, said = process.communicate(timeout=60)

    assert said == ""
