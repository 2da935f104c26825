"""The public API type-checks as users use it, and their mistakes are found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"


def errors(path: Path) -> list[tuple[int, str]]:
    """Line and message of what mypy finds in *path*."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", path],
        env={"MYPYPATH": str(SOURCE), "PATH": ""},
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(rf"^{path.name}:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return [(int(line), message) for line, message in found]


def test_a_script_type_checks():
    assert errors(HERE / "script.py") == []


def test_mistakes_are_found():
    path = HERE / "wrong.py"
    lines = path.read_text().splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if line.endswith("# error")]

    assert sorted({line for line, _ in errors(path)}) == wrong
