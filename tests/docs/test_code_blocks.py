"""The Python in the documentation runs, page by page, in the order in which it is read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, pages
from tests.services import clean_environment, private_millrace

# The address in the documentation; while the blocks run, a server of the test's stands in for it.
DOCUMENTED = "http://127.0.0.1:5000"


def script(page: Path) -> str:
    """The Python of *page* at its own line numbers, so that a traceback points into the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and block.is_run:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with private_millrace(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.mark.parametrize(
    "page",
    [page for page in pages() if script(page).strip()],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_blocks_run(page: Path, server: str, tmp_path: Path) -> None:
    file = tmp_path / page.with_suffix(".py").name
    file.write_text(script(page).replace(DOCUMENTED, server), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error", file],
        cwd=tmp_path,
        env=clean_environment(MILLRACE_TRACKING_URI="sqlite:///records.db"),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_pages_have_code_that_is_run() -> None:
    assert any("millrace.start_run" in script(page) for page in pages())
