"""Each thing that users can name has a heading in the reference, and no heading is left over."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from millrace.api.table import ENDPOINTS
from millrace.cli.main import main
from millrace.core import errors
from millrace.core.settings import SETTINGS
from tests.docs.pages import DOCS, ROOT, headings, pages

REFERENCE = DOCS / "reference"
_LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#[^)\s]*)?\)")


def commands(command: click.Command, name: str) -> list[str]:
    found = [name]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            below = command.get_command(context, child)
            assert below is not None
            found += commands(below, f"{name} {child}")
    return found


def test_every_endpoint_has_a_heading() -> None:
    found = headings(REFERENCE / "endpoints.md")

    assert [row.name for row in ENDPOINTS if row.name not in found] == []


def test_every_setting_has_a_heading() -> None:
    found = headings(REFERENCE / "settings.md")

    assert {name for name in found if name.startswith("MILLRACE_")} == {s.name for s in SETTINGS}


def test_every_command_has_a_heading() -> None:
    found = headings(REFERENCE / "cli.md")

    assert [name for name in found if name.startswith("millrace")] == commands(main, "millrace")


def test_every_error_has_a_heading() -> None:
    kinds = {
        kind.__name__
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.MillraceError)
    }

    assert set(headings(REFERENCE / "errors.md")) == {"Errors", *kinds}


def test_derived_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "gen.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    """The builder checks links among its own pages; this also covers those to and from the root."""
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = link["target"]
        if target and "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
