"""A store that cannot be opened: one sentence, exit code 2, and the password stays unsaid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.databases import Server
from tests.services import LOOPBACK, clean_environment, free_port

SECRET = "hunter2-wrong"
COMMANDS = {
    "server": ("server", "--port", "0", "--backend-store-uri", "{}"),
    "db current": ("db", "current", "{}"),
    "db upgrade": ("db", "upgrade", "{}"),
    "gc": ("gc", "--backend-store-uri", "{}"),
    "transfer from": ("transfer", "import", "{}", "--into", "sqlite:///new.db"),
    "client": ("experiments", "list", "--tracking-uri", "{}"),
}


def refused(uri: str, folder: Path, word: str) -> None:
    """All commands end with 2 and say *word* in one sentence."""

    def run(name: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "millrace", *(one.format(uri) for one in COMMANDS[name])],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, (name, done.stderr)
        assert word in done.stderr, (name, done.stderr)
        assert done.stderr.count("Error: ") == 1, (name, done.stderr)
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stderr + done.stdout

    before = sorted(folder.iterdir())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, COMMANDS))
    assert [one for one in folder.iterdir() if one not in before] == []


@pytest.fixture
def locked(server: Server) -> Iterator[str]:
    """URI of a database with a user who has another password than the one in it."""
    name = server.create()
    if server.kind == "postgresql":
        assert server.folder is not None
        rules = server.folder / "db" / "pg_hba.conf"
        before = rules.read_text()
        server.execute("CREATE ROLE locked LOGIN PASSWORD 'other'")
        rules.write_text(f"host all locked {LOOPBACK}/32 scram-sha-256\n{before}")
        server.execute("SELECT pg_reload_conf()")
    else:
        server.execute("CREATE USER locked IDENTIFIED BY 'other'")
    url = make_url(server.uri(name)).set(username="locked", password=SECRET)
    yield url.render_as_string(hide_password=False)
    if server.kind == "postgresql":
        rules.write_text(before)
        server.execute("SELECT pg_reload_conf()", "DROP ROLE locked")
    else:
        server.execute("DROP USER locked")
    server.drop(name)


@pytest.mark.timeout(120)
def test_a_wrong_password(locked: str, tmp_path: Path) -> None:
    refused(locked, tmp_path, "refuses the user or the password")


@pytest.mark.timeout(120)
def test_a_database_that_is_not_there(server: Server, tmp_path: Path) -> None:
    refused(server.uri("nowhere"), tmp_path, "There is no such database")


@pytest.mark.timeout(120)
def test_a_server_that_is_not_there(server: Server, tmp_path: Path) -> None:
    url = make_url(server.uri("x")).set(password=SECRET, port=free_port())
    refused(url.render_as_string(hide_password=False), tmp_path, "cannot be reached")


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        (f"oracle://ada:{SECRET}@host/db", "'oracle'"),
        (f"postgresql+asyncpg://ada:{SECRET}@host/db", "asyncpg"),
        (f"postgresql://ada:{SECRET}@host", "names no database"),
        (f"postgresql://ada:{SECRET}@host:port/db", "Not a database URI"),
        (f"mysql://ada:{SECRET}@127.0.0.1/db?nosuch=1", "options of the URI (nosuch)"),
        (f"postgresql://ada:{SECRET}@127.0.0.1/db?sslmode=maybe", "an option"),
        ("sqlite:////proc/none/x.db", "/x.db"),
        ("/proc/none/mlruns", "/proc/none/mlruns"),
        (":", "':'"),
    ],
    ids=[
        "scheme", "driver", "no database", "port", "option", "value of an option", "no such folder",
        "unwritable folder", "a colon",
    ],
)  # fmt: skip
@pytest.mark.timeout(120)
def test_a_uri_that_leads_nowhere(uri: str, word: str, tmp_path: Path) -> None:
    refused(uri, tmp_path, word)
