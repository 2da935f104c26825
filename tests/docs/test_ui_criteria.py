"""Every criterion of the web UI is a test that has its number, and no number is anybody's own."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

CRITERIA = ROOT / "docs" / "internals" / "ui-criteria.md"


def test_each_criterion_is_a_test() -> None:
    promised = re.findall(r"^- \*\*UI-(\d{3})\*\* ", CRITERIA.read_text(), re.MULTILINE)
    tested = {
        number
        for tests, pattern in (
            (ROOT.glob("tests/browser/test_*.py"), r"^def test_ui_((?:\d{3}_)+)"),
            (ROOT.glob("ui/src/**/*.test.ts"), r"\"UI-(\d{3}): "),
        )
        for path in tests
        for several in re.findall(pattern, path.read_text(), re.MULTILINE)
        for number in re.findall(r"\d{3}", several)
    }

    assert len(promised) == len(set(promised))
    assert set(promised) == tested
