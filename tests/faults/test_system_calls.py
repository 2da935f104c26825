"""Each system call that changes a file fails in turn: an answer, no damage, and on it goes (R2)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT, clean_environment, unavailable

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets calls fail, to be preloaded."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        unavailable("cc", "a C compiler on Linux makes the library that lets calls fail")
    made = tmp_path_factory.mktemp("failing") / "failing.so"
    source = HERE / "failing_calls.c"
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", made, source, "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", "file"])
def test_any_system_call_may_fail(kind: str, failing: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'm.db'}" if kind == "sqlite" else str(tmp_path / "mlruns")
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.sweep", uri],
        cwd=ROOT,
        env=clean_environment(LD_PRELOAD=str(failing)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4_000:]
    counts = [int(line.rpartition(":")[2]) for line in done.stdout.splitlines()]
    assert len(counts) == 4 * 4
    assert min(counts) >= 2, done.stdout
