"""A server at one address that can be killed and come back, and scripts that train against it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services import LOOPBACK, Process, answers, clean_environment, free_port


class Server:
    """A Millrace server on a database of its own; `url` stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._folder = folder
        self._process: Process | None = None

    def start(self) -> None:
        address = ["--host", LOOPBACK, "--port", str(self.port)]
        store = ["--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}"]
        self._process = Process(
            [sys.executable, "-m", "millrace", "server", *address, *store],
            self._folder / "server.log",
            lambda: answers(f"{self.url}/health"),
            cwd=self._folder,
            env=clean_environment(),
        )

    def stop(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.stop(with_signal)
            self._process = None


def train(script: str, folder: Path, uri: str, **environment: str) -> subprocess.Popen[str]:
    """Start *script*, which finds `millrace` imported and talks to *uri*."""
    settings = {"MILLRACE_TRACKING_URI": uri, "MILLRACE_SPOOL_DIR": str(folder / "spool")}
    return subprocess.Popen(
        [sys.executable, "-c", "import json, os, sys, time\nimport millrace\n" + script],
        env=clean_environment(**{**settings, **environment}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


def finish(child: subprocess.Popen[str], timeout_s: float = 90.0) -> tuple[Any, str]:
    """The JSON that the script printed last, and what it wrote to the standard error."""
    output, errors = child.communicate(timeout=timeout_s)
    assert child.returncode == 0, errors
    return json.loads(output.splitlines()[-1]), errors


def line(child: subprocess.Popen[str]) -> str:
    """The next line of the script's output."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def say(child: subprocess.Popen[str], text: str) -> None:
    """Give the script a line of input."""
    assert child.stdin is not None
    child.stdin.write(text + "\n")
    child.stdin.flush()


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `millrace *words*` in *folder*."""
    return subprocess.run(
        [sys.executable, "-m", "millrace", *words],
        env=clean_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
