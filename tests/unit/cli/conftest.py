"""A database of its own for each test, and the command line on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from millrace.cli.main import main
from millrace.client import connect
from millrace.client.client import MillraceClient

Millrace = Callable[..., Result]


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database that `MILLRACE_TRACKING_URI` names."""
    address = f"sqlite:///{tmp_path / 'records.db'}"
    monkeypatch.setenv("MILLRACE_TRACKING_URI", address)
    monkeypatch.setenv("MILLRACE_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    yield address
    connect.close_all(10.0)


@pytest.fixture
def client(uri: str) -> MillraceClient:
    return MillraceClient(uri)


@pytest.fixture
def millrace(uri: str) -> Millrace:
    """Run a command; it must succeed unless told which exit code is right."""

    def run(*args: str, code: int = 0) -> Result:
        found = CliRunner().invoke(main, args, prog_name="millrace")
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == code, found.output
        return found

    return run


@pytest.fixture
def said(millrace: Millrace) -> Callable[..., Any]:
    """What a command says with `--output json`."""

    def ask(*args: str) -> Any:
        return json.loads(millrace(*args, "--output", "json").stdout)

    return ask
