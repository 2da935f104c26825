"""What this user knows and keeps is the test's own; which flavors are asked is said outside.

`MILLRACE_TEST_FLAVORS`: comma list of names in `zoo.py`. Without it, those whose libraries are
small enough for every run; `make flavors` runs the others, each in an environment of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flavors import zoo


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        told = os.environ.get("MILLRACE_TEST_FLAVORS")
        metafunc.parametrize("name", told.split(",") if told else zoo.SMALL, scope="module")


@pytest.fixture(scope="module")
def case(name: str) -> zoo.Case:
    return zoo.MAKE[name]()


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MILLRACE_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("MILLRACE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MILLRACE_REQUIREMENTS_INFERENCE_TIMEOUT", "0")
    return tmp_path
