"""What this user knows and keeps is the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MILLRACE_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("MILLRACE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MILLRACE_REQUIREMENTS_INFERENCE_TIMEOUT", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path
