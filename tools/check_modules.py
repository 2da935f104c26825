"""Sizes and names of modules: what one reads in a sitting, and no drawer for odds and ends."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 1000
DRAWERS = {"base", "common", "helpers", "manager", "misc", "utils"}


def complaints(folders: tuple[str, ...] = ("src", "tests", "tools", "benchmarks")) -> list[str]:
    """One line for each module below *folders* that is too long or named after nothing."""
    found = []
    for module in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        name = module.relative_to(ROOT)
        lines = len(module.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            found.append(f"{name}: {lines} lines; {MOST_LINES} at most, 100 to 400 are home")
        if DRAWERS & {module.stem, *name.parent.parts}:
            found.append(f"{name}: a drawer; name it after the one thing that it is for")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(complaints()) or None)
