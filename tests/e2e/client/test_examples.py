"""The examples run, as their readers run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT, clean_environment

SAID = {
    "train.py": "good",
    "approvals.py": "version 1 is in Production again",
    "artifacts.py": "epoch 7 of 8, loss 0.074",
    "sweep.py": "best: {'depth': '4', 'lr': '0.01'} with 1.00",
    "offline.py": "FINISHED, loss 0.01",
}


def test_every_example_is_run():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / name],
        env=clean_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout
