"""The pages of the documentation, and the code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
# Before a block that must not be run: <!-- not run: why -->
_NOT_RUN = re.compile(r"<!-- not run: \S.*-->\s*\Z")


class Block(NamedTuple):
    """A fenced block: what kind, what it says, and where it begins."""

    language: str
    text: str
    line: int
    is_run: bool


def pages() -> list[Path]:
    """All pages, the README among them."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of *page*, in order."""
    text = page.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(text):
        indent = len(fence["indent"])
        body = "".join(line[indent:] for line in fence["body"].splitlines(keepends=True))
        yield Block(
            language=fence["info"].strip().partition(" ")[0],
            text=body,
            line=text.count("\n", 0, fence.start()) + 2,
            is_run=not _NOT_RUN.search(text[: fence.start()]),
        )


def headings(page: Path) -> list[str]:
    """The headings of *page*, without code marks; text in fenced blocks is none."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [
        line.lstrip("#").strip().strip("`") for line in text.splitlines() if line.startswith("#")
    ]
