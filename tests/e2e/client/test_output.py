"""What processes print, kept with their runs, however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient
from tests.services import clean_environment

PREAMBLE = """
import logging, os, signal, sys, time
logging.basicConfig(format="%(levelname)s %(message)s")
import millrace
millrace.set_experiment("printed")
"""


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # artifacts of a database lie where its programs are started
    return f"sqlite:///{tmp_path / 'runs.db'}"


def start(script: str, uri: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script],
        env=clean_environment(MILLRACE_TRACKING_URI=uri, MILLRACE_LOG_OUTPUT="true", **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(uri.removeprefix("sqlite:///")).parent,
    )


def kept(uri: str) -> list[str]:
    """The lines of the only run that has some, without their times."""
    client = MillraceClient(uri)
    experiment = client.get_experiment_by_name("printed").experiment_id
    (run,) = client.search_runs([experiment])
    folder = client.download_artifacts(run.info.run_id, "logs/output.log")
    client.channel.close(5.0)
    pieces = sorted(Path(folder).iterdir())
    return [line[25:] for piece in pieces for line in piece.read_text().splitlines()]


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ("millrace.start_run(); print('a'); logging.warning('b')", "err WARNING b"),
        ("millrace.start_run(); print('a'); sys.exit(3)", "out a"),
        ("millrace.start_run(); print('a'); 1 / 0", "err ZeroDivisionError: division by zero"),
        (
            "with millrace.start_run(): print('a'); 1 / 0",
            "err ZeroDivisionError: division by zero",
        ),
        ("millrace.start_run(); print('a'); os.kill(os.getpid(), signal.SIGTERM)", "out a"),
        (
            """
millrace.start_run()
print('a')
if os.fork() == 0:
    print('child')
    sys.stdout.flush()
    os._exit(0)
os.wait()
print('b')""",
            "out b",
        ),
    ],
)
def test_the_last_words_are_kept(uri: str, script: str, last: str) -> None:
    child = start(script, uri)
    printed, errors = child.communicate(timeout=60)

    lines = kept(uri)
    assert lines[0] == "out a"
    assert lines[-1] == last
    assert "a" in printed.splitlines()
    if "child" in script:
        assert lines == ["out a", "out b"]
        assert "child" in printed
    if "1 / 0" in script:
        assert "err Traceback (most recent call last):" in lines
        assert "Traceback" in errors


def test_of_a_killed_process_what_was_uploaded_is_there(uri: str) -> None:
    script = """
run = millrace.start_run()
print("before", flush=True)
client = millrace.MillraceClient()
while not client.list_artifacts(run.info.run_id, "logs/output.log"):
    time.sleep(0.05)
print("ready", flush=True)
sys.stdin.readline()"""
    child = start(script, uri, MILLRACE_LOG_OUTPUT_SECONDS="0.2")
    assert child.stdout is not None
    assert child.stdout.readline() == "before\n"
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)

    assert kept(uri)[0] == "out before"
