"""Optional libraries: there, missing, or broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millrace.core.errors import MissingExtra
from millrace.core.lazy import require


def test_a_library_that_is_there() -> None:
    assert require("json", extra="none") is json


@pytest.mark.parametrize("module", ["no_such_library", "no_such_library.deeper.still"])
def test_a_missing_library_is_named_with_the_line_that_installs_it(module: str) -> None:
    with pytest.raises(MissingExtra) as caught:
        require(module, extra="s3")

    assert repr(module) in caught.value.message
    assert "pip install 'millrace[s3]'" in caught.value.message


@pytest.mark.parametrize("needed", ["no_such_library", "broken_lib"])
def test_a_library_that_misses_something_itself_says_what(
    needed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To install it again would not help. Names that begin alike are not the same."""
    (tmp_path / "broken_library.py").write_text(f"import {needed}")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError) as caught:
        require("broken_library", extra="s3")

    assert caught.value.name == needed
