"""Make or refresh the virtual environment that all verbs of the Makefile work in.

Needs nothing but Python 3.11+. Installs what requirements-dev.lock names, hashes checked, then this
project in place. uv does it where it is to be had, because it is several times faster; else pip.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
_PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'), end='')"
IN_PLACE = ("--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def main() -> None:
    """Bring the environment in the folder given on the command line up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.absolute()
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever `python3` is here
        sys.exit(
            f"Millrace needs Python 3.11 or newer, and {sys.executable} is "
            f"{sys.version.split()[0]}. Name another one: make PYTHON=python3.12 ..."
        )
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _works(python):
        venv.create(folder, clear=True, with_pip=True)
    uv = shutil.which("uv") or _uv_inside(python)
    if not (uv and _install([uv, "pip", "install", "-q", "--python", str(python)])):
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if not _install(pip):
            sys.exit("The packages could not be installed; the lines above say why.")
    # uv leaves that to the first import, which may not write (PYTHONDONTWRITEBYTECODE): then every
    # process of every test would compile all that it imports. What is fresh is passed over.
    packages = subprocess.check_output([python, "-c", _PACKAGES], text=True)
    compiling = [python, "-m", "compileall", "-q", "-j", "0", packages, str(ROOT / "src")]
    # Some packages ship templates that are no Python; they say so, and nobody imports them.
    subprocess.run(compiling, check=False, stdout=subprocess.DEVNULL)


def _works(python: Path) -> bool:
    """Whether *python* starts: an environment whose interpreter was removed does not."""
    try:
        return subprocess.run([python, "-c", ""], check=False).returncode == 0
    except OSError:
        return False


def _uv_inside(python: Path) -> str | None:
    """The environment's own uv, installed now unless it is there; None when that fails."""
    uv = python.with_name("uv.exe" if os.name == "nt" else "uv")
    if not uv.exists():
        pinned = re.search(r"^uv==.*(?:\n +--hash=.*)+", LOCK.read_text(), re.MULTILINE)
        if pinned is None:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            wanted = Path(scratch, "uv.txt")
            wanted.write_text(pinned[0].rstrip(" \\"))
            install = [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", wanted]
            subprocess.run(install, check=False)
    return str(uv) if uv.exists() else None


def _install(installer: list[str]) -> bool:
    steps = (["--require-hashes", "-r", str(LOCK)], [*IN_PLACE])
    return all(subprocess.run([*installer, *step], check=False).returncode == 0 for step in steps)


if __name__ == "__main__":
    main()
