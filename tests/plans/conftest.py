"""Databases full of rows, and how each of them tells what it did for a statement of the product."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text

from millrace.stores.open import open_stores
from millrace.stores.protocols import Stores
from millrace.stores.sql.engine import database_url
from millrace.stores.sql.tables import metadata
from tests import databases
from tests.contract.build import query
from tests.plans.filled import fill
from tests.plans.filled import text as text_of
from tests.services import unavailable

# All with many rows; not those that a statement makes up, nor the few experiments and names.
LARGE = set(metadata.tables) - {"meta", "experiments", "keys"}


@dataclass(frozen=True)
class Watched:
    """A store, and its statements: which tables were read whole for them."""

    kind: str
    stores: Stores
    early: list[tuple[str, str]]
    """Of PostgreSQL, when it knew nothing of what is in its tables: the tables that were read for a
    search in the order of a metric, and by which index."""
    _read_whole: Callable[[Callable[[], object]], tuple[int, list[str]]]

    def read_whole(self, work: Callable[[], object]) -> list[str]:
        """Tables that *work* made the database read whole, with the statement that did it."""
        count, found = self._read_whole(work)
        assert count, "no statement was seen"
        return found


@pytest.fixture(scope="module", params=["sqlite", *databases.KINDS])
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    opener = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mariadb}[request.param]
    yield from opener(tmp_path_factory.mktemp("plans"))


def _filled(uri: str, *afterwards: str, early: Callable[[str], None] = lambda uri: None) -> None:
    """Make the schema at *uri*, fill it, do what is to be done *early*, and bring the statistics up
    to date."""
    open_stores(uri).close()
    engine = create_engine(database_url(uri))
    with engine.begin() as connection:
        fill(connection)
    early(uri)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in afterwards:
            connection.execute(text(statement))
    engine.dispose()


# --- SQLite: it is asked afterwards ---------------------------------------------------------------


def _sqlite(folder: Path) -> Iterator[Watched]:
    uri = f"sqlite:///{folder / 'p.db'}"
    _filled(uri, "ANALYZE")
    said: list[str] = []

    def trace(connection: Any, _entry: object) -> None:
        connection.set_trace_callback(said.append)

    event.listen(Engine, "connect", trace)
    stores = open_stores(uri)
    asking = create_engine(uri)

    def read_whole(work: Callable[[], object]) -> tuple[int, list[str]]:
        said.clear()
        work()
        asked = [one for one in said if one.lstrip().upper().startswith(("SELECT", "WITH"))]
        found = []
        with asking.connect() as connection:
            for statement in asked:
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"):
                    # "SCAN t USING INDEX i" walks in order, up to the LIMIT.
                    scan = re.match(r"SCAN (\w+)$", row[3])
                    if scan and scan[1] in LARGE:
                        found.append(f"{scan[1]}: {statement}")
        return len(asked), found

    yield Watched("sqlite", stores, [], read_whole)
    event.remove(Engine, "connect", trace)
    stores.close()
    asking.dispose()


# --- PostgreSQL and MariaDB: they write the plans that they followed into a log -------------------


def _own(kind: str, *options: str) -> databases.Server:
    try:
        return databases.own_server(kind, *options)
    except LookupError as error:
        unavailable({"postgresql": "postgres"}.get(kind, kind), str(error))


def _logged(
    server: databases.Server,
    log: Path,
    scans: Callable[[str], tuple[int, list[str]]],
    *afterwards: str,
) -> Iterator[Watched]:
    uri = server.uri(server.create())
    found: list[tuple[str, str]] = []

    def early(uri: str) -> None:
        stores = open_stores(uri)
        before = log.stat().st_size
        words = f"metrics.loss > 500 AND params.p != 'x' AND params.q >= '{text_of(0)}'"
        asked = query(words, ["metrics.loss ASC"], limit=100)
        assert stores.tracking.find_runs(["1"], asked).items
        stores.close()
        found.extend(_indexes(_since(log, before)))

    if server.kind == "postgresql":
        _filled(uri, *afterwards, early=early)
    else:
        _filled(uri, *afterwards)
    stores = open_stores(uri)

    def read_whole(work: Callable[[], object]) -> tuple[int, list[str]]:
        before = log.stat().st_size
        work()
        return scans(_since(log, before))

    yield Watched(server.kind, stores, found, read_whole)
    stores.close()
    server.stop()


def _since(log: Path, size: int) -> str:
    with log.open(errors="replace") as text:
        text.seek(size)
        return text.read()


def _postgresql(_folder: Path) -> Iterator[Watched]:
    server = _own(
        "postgresql",
        "session_preload_libraries=auto_explain",
        "auto_explain.log_min_duration=0",
        "auto_explain.log_format=json",
        "log_line_prefix=",
        "autovacuum=off",
    )
    assert server.folder is not None
    yield from _logged(server, server.folder / "log", _postgresql_scans, "VACUUM ANALYZE")


def _plans(log: str) -> Iterator[dict[str, Any]]:
    for part in log.split("plan:\n")[1:]:
        told, _ = json.JSONDecoder().raw_decode(part.lstrip())
        yield told


def _indexes(log: str) -> Iterator[tuple[str, str]]:
    for told in _plans(log):
        for node in _nodes(told["Plan"]):
            if node.get("Relation Name") in {"runs", "series"}:
                yield node["Relation Name"], node.get("Index Name", node["Node Type"])
            if node["Node Type"] == "Sort":
                yield "sorted", ", ".join(node["Sort Key"])


def _postgresql_scans(log: str) -> tuple[int, list[str]]:
    count, found = 0, []
    for told in _plans(log):
        count += 1
        found += [
            f"{node['Relation Name']}: {told['Query Text']}"
            for node in _nodes(told["Plan"])
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE
        ]
    return count, found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _mariadb(folder: Path) -> Iterator[Watched]:
    log = folder / "slow.log"
    server = _own(
        "mysql",
        "--slow-query-log=1",
        f"--slow-query-log-file={log}",
        "--long-query-time=0",
        "--log-slow-verbosity=explain",
        "--log-slow-filter=",
    )
    tables = "runs,run_documents,params,tags,series,points,registered_models,model_versions"
    more = "registered_model_tags,model_version_tags,registered_model_aliases"
    yield from _logged(server, log, _mariadb_scans, f"ANALYZE TABLE {tables},{more}")


def _mariadb_scans(log: str) -> tuple[int, list[str]]:
    count, found = 0, []
    for part in log.split("# User@Host:")[1:]:
        rows = [line.split("\t") for line in part.splitlines() if line.startswith("# explain: ")]
        if not rows or "\nINSERT" in part:  # which "reads" what it writes into
            continue
        count += 1
        names = [name.removeprefix("# explain: ") for name in rows[0]]
        statement = "\n".join(line for line in part.splitlines() if not line.startswith("#"))
        for row in rows[1:]:
            told = dict(zip(names, row, strict=False))
            # "index": the whole index is walked, in order, up to the LIMIT.
            if told["type"] == "ALL" and told["table"] in LARGE:
                found.append(f"{told['table']}: {statement}")
    return count, found
