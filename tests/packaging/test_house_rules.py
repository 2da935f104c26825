"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.check_modules import complaints

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_only_the_settings_read_the_environment() -> None:
    """So that the reference and `millrace doctor` know every variable there is."""
    readers = {
        str(path.relative_to(ROOT / "src" / "millrace"))
        for path in SOURCES
        if re.search(r"\b(environ|getenv)\b", path.read_text(encoding="utf-8"))
    }

    assert readers == {"core/settings.py"}


def test_modules_are_read_in_one_sitting_and_named_after_what_they_are_for() -> None:
    assert complaints() == []


def test_a_drawer_and_a_long_module_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.check_modules.ROOT", tmp_path)
    for name, lines in (("long.py", 1001), ("utils.py", 1), ("common/names.py", 1), ("fine.py", 9)):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n" * lines)

    found = complaints()

    assert [line.partition(":")[0] for line in found] == [
        "src/common/names.py",
        "src/long.py",
        "src/utils.py",
    ]


def test_the_lock_file_names_no_address_and_hashes_everything() -> None:
    lock = (ROOT / "requirements-dev.lock").read_text()
    names = re.findall(r"^([a-z0-9][^\s=]*)==", lock, re.MULTILINE)

    assert "://" not in lock
    assert len(re.findall(r"^\S.*\\\n {4}--hash=sha256:", lock, re.MULTILINE)) == len(names)


def test_the_lock_file_covers_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    lock = (ROOT / "requirements-dev.lock").read_text()

    # With its extras: without them pip refuses the lock, where it takes the place of uv.
    locked = set(re.findall(r"^([a-z0-9-]+(?:\[[a-z,]+\])?)==", lock, re.MULTILINE))

    assert {re.split(r"[^A-Za-z0-9\[\]-]", line)[0].lower() for line in asked} - locked == set()


def test_every_dependency_is_used() -> None:
    """Named in the code: imported, or handed to another library by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    module_of = {"google-re2": "re2", "pyyaml": "yaml"}
    names = [re.split(r"[^A-Za-z0-9-]", line)[0] for line in project["project"]["dependencies"]]

    unused = [
        name
        for name in names
        if not re.search(rf"\b(?:import|from) {module_of.get(name, name)}\b|\"{name}\"", code)
    ]

    assert unused == []


def test_every_package_has_a_floor() -> None:
    """The layers contract is exhaustive only for packages that can be imported."""
    packages = {path.parent.name for path in (ROOT / "src" / "millrace").glob("*/__init__.py")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers, _) = project["tool"]["importlinter"]["contracts"]

    assert packages <= set(re.findall(r"\w+", " ".join(layers["layers"])))


@pytest.mark.parametrize(
    "module", ["millrace.core.errors", "millrace.api.table", "millrace.cli.main"]
)
def test_imports_do_no_work(module: str) -> None:
    """Importing opens no file for writing, starts no thread, and says nothing."""
    code = f"import threading, {module}\nassert threading.active_count() == 1\n"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
