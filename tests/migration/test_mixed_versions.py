"""Two releases on one database, while it is upgraded beneath the older one (R16).

The older is this release, as it is. The newer is a copy of it with one more expanding revision,
such as a later release might bring: a column with a default in every table (which the copy does
not write yet either, as in the first of two steps), an index, a table of its own.
So what is proved is that this release bears an expanding revision while it serves, and that the
two then keep each other's writes; what a later release does with its columns is for that release
to prove.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

import millrace
from millrace.stores.sql import migrate
from tests import databases
from tests.databases import KINDS
from tests.services import clean_environment, private_millrace

REVISION = '''
"""Moods. Old servers have none."""

from sqlalchemy import BigInteger, Column, Index, MetaData, SmallInteger, String, Table

from millrace.stores.sql.migrations.steps import add_column, add_index, add_table, known
from millrace.stores.sql.tables import metadata

revision = "{number}"
down_revision = "{before}"


def upgrade():
    for table in metadata.sorted_tables:
        if table.name != "moods":
            add_column(table.name, Column("mood", SmallInteger, nullable=False, server_default="7"))
    runs = known("runs", Column("user_id", String), Column("start_ms", BigInteger))
    add_index(Index("ix_runs_user_start", runs.c.user_id, runs.c.start_ms))
    add_table(Table("moods", MetaData(), Column("id", SmallInteger, primary_key=True)))
'''
TABLES = """
Table("moods", metadata, Column("id", SmallInteger, primary_key=True))
Index("ix_runs_user_start", runs.c.user_id, runs.c.start_ms)
"""
NEXT = f"{int(migrate.head()) + 1:04}"
ENOUGH = 40
SOON_S = 60.0


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a release with one more revision."""
    place = tmp_path_factory.mktemp("next")
    package = place / "millrace"
    shutil.copytree(Path(millrace.__file__).parent, package)
    sql = package / "stores" / "sql"
    revision = sql / "migrations" / "versions" / f"{NEXT}_pre_moods.py"
    revision.write_text(REVISION.format(number=NEXT, before=migrate.head()))
    with (sql / "tables.py").open("a") as tables:
        tables.write(TABLES)
    return clean_environment(PYTHONPATH=str(place))


@pytest.fixture(params=["sqlite", *KINDS])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'm.db'}"
        return
    server = databases.server(request.param)
    name = server.create()
    yield server.uri(name)
    server.drop(name)


class Client:
    """One connection to a server; a 503 is tried again, as clients do."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, **values: Any) -> Any:
        until = time.monotonic() + SOON_S
        query = f"?{urlencode(values)}" if method == "GET" else ""
        body = None if method == "GET" else json.dumps(values)
        while True:
            self._connection.request(
                method,
                f"/api/2.0/mlflow/{path}{query}",
                body,
                {"Content-Type": "application/json"},
            )
            answer = self._connection.getresponse()
            said = json.loads(answer.read())
            if answer.status == 200:
                return said
            assert answer.status == 503, said
            assert time.monotonic() < until, said

    def post(self, path: str, **values: Any) -> Any:
        return self.ask("POST", path, **values)

    def get(self, path: str, **values: Any) -> Any:
        return self.ask("GET", path, **values)


class Writer(threading.Thread):
    """Writes through one server until it is told to end; knows what was acknowledged."""

    def __init__(self, url: str, name: str, run: str) -> None:
        super().__init__()
        self.url, self.name_, self.run_id = url, name, run
        self.points: list[int] = []
        self.runs: list[str] = []
        self.versions: list[int] = []
        self.problem: BaseException | None = None
        self._done = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with closing(Client(self.url)) as client:
                self._write(client)
        except BaseException as problem:  # noqa: BLE001 - told by `wrote` and `end`
            self.problem = problem

    def _write(self, client: Client) -> None:
        for number in itertools.count():
            if self._done.is_set():
                return
            client.post(
                "runs/log-batch",
                run_id=self.run_id,
                metrics=[
                    {"key": key, "value": number, "timestamp": number, "step": number}
                    for key in (self.name_, "shared")
                ],
                params=[{"key": f"{self.name_}{number % 50}", "value": "1"}],
                tags=[{"key": self.name_, "value": str(number)}],
            )
            self.points.append(number)
            if number % 4 == 0:
                made = client.post("runs/create", experiment_id="0", run_name=self.name_)
                self.runs.append(made["run"]["info"]["run_id"])
                made = client.post("model-versions/create", name="m", source="s3://b/m")
                self.versions.append(int(made["model_version"]["version"]))

    def wrote(self, more: int) -> None:
        """Wait until that many writes more were acknowledged."""
        enough, until = len(self.points) + more, time.monotonic() + SOON_S
        while len(self.points) < enough:
            assert self.problem is None, self.problem
            assert time.monotonic() < until
            time.sleep(0.01)

    def end(self) -> None:
        self._done.set()
        self.join(SOON_S)
        assert self.problem is None, self.problem


def run_millrace(env: dict[str, str], *args: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "millrace", *args]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def points(client: Client, run: str, key: str) -> list[int]:
    said = client.get("metrics/get-history", run_id=run, metric_key=key)
    return [int(one["step"]) for one in said["metrics"]]


def check(client: Client, run: str, writers: list[Writer]) -> None:
    """All that was acknowledged is there, and nothing twice."""
    told = client.get("runs/get", run_id=run)["run"]["data"]
    tags = {one["key"]: one["value"] for one in told["tags"]}
    params = {one["key"] for one in told["params"]}
    for writer in writers:
        assert points(client, run, writer.name_) == writer.points
        assert tags[writer.name_] == str(writer.points[-1])
        assert {f"{writer.name_}{number % 50}" for number in writer.points} <= params
        for one in writer.runs:
            assert client.get("runs/get", run_id=one)["run"]["info"]["run_name"] == writer.name_
    shared = {one for writer in writers for one in writer.points}
    assert points(client, run, "shared") == sorted(shared)
    numbers = sorted(one for writer in writers for one in writer.versions)
    assert numbers == list(range(1, len(numbers) + 1))
    latest = client.get("registered-models/get", name="m")["registered_model"]["latest_versions"]
    assert [one["version"] for one in latest] == [str(numbers[-1])]


@pytest.mark.timeout(300)
def test_an_old_and_a_new_server_share_a_database_that_was_upgraded(
    uri: str, next_release: dict[str, str], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        old = stack.enter_context(private_millrace(tmp_path / "old", store=uri))
        client = stack.enter_context(closing(Client(old)))
        run = client.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
        client.post("registered-models/create", name="m")
        first = Writer(old, "first", run)
        stack.callback(first.end)
        first.wrote(ENOUGH)

        said = run_millrace(next_release, "db", "upgrade", uri, "--i-have-a-backup")

        assert f"from {migrate.head()} to " in said
        first.wrote(ENOUGH)
        new = stack.enter_context(
            private_millrace(tmp_path / "new", store=uri, environment=next_release)
        )
        second = Writer(new, "second", run)
        stack.callback(second.end)
        second.wrote(ENOUGH)
        first.wrote(ENOUGH)
        first.end()
        second.end()

        for url in (old, new):
            with closing(Client(url)) as client:
                check(client, run, [first, second])
        assert run_millrace(next_release, "db", "current", uri) == f"{NEXT}\n"
    # An older release is not started on a newer schema; one that runs goes on.
    with pytest.raises(RuntimeError, match="Start a newer release"):
        stack.enter_context(private_millrace(tmp_path / "late", store=uri))
    # All that is strange are the columns that the copy does not know either.
    found = run_millrace(next_release, "fsck", uri, code=1).splitlines()
    assert [one for one in found if not one.endswith(".mood is none of ours.")] == []
