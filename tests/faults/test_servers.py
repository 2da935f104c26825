"""A database server that kills, refuses, stops and comes back (R7, R8).

Nothing acknowledged is lost, nothing is there twice, and what cannot be done is `Unavailable`.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from millrace.core.errors import Unavailable
from millrace.stores.open import open_stores
from millrace.stores.protocols import Stores, TrackingStore
from millrace.stores.sql.store import SqlStores
from tests.contract.build import add_run, batch, history, log, params_of, point, read, tags_of
from tests.databases import Server

SOON_S = 60.0


def kill_connections(server: Server, uri: str) -> int:
    """End all connections to the database at *uri* but our own; how many they were."""
    name = make_url(uri).database
    listing, kill = {
        "postgresql": (
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'",
            "SELECT pg_terminate_backend({})",
        ),
        "mysql": (f"SELECT id FROM information_schema.processlist WHERE db = '{name}'", "KILL {}"),
    }[server.kind]
    # We are connected to another one.
    doomed = {number for (number,) in server.execute(listing)}
    for number in doomed:
        with suppress(OperationalError):  # it has ended by itself
            server.execute(kill.format(number))
    eventually(lambda: not doomed & {number for (number,) in server.execute(listing)})
    return len(doomed)


@contextmanager
def other_session(uri: str) -> Iterator[Any]:
    """A connection of another program, in a transaction."""
    url = make_url(uri)
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    engine = create_engine(url.set(drivername=drivers[url.drivername]))
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until *holds*."""
    until = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def works(store: TrackingStore) -> bool:
    """Whether something can be written and read."""
    try:
        run = add_run(store)
        log(store, run, point(1, 1))
        return len(history(store, run)) == 1
    except Unavailable:
        return False


def test_connections_that_were_killed_while_idle_are_not_noticed(
    server: Server, uri: str, stores: Stores
) -> None:
    store = stores.tracking
    run = add_run(store)
    for step in range(3):
        log(store, run, point(step, step))
        assert kill_connections(server, uri) >= 1

        assert len(history(store, run)) == step + 1
        store.append(run, batch(params={f"p{step}": "1"})).result(SOON_S)

    assert params_of(store, run) == {"p0": "1", "p1": "1", "p2": "1"}


def test_killed_again_and_again_nothing_is_lost_and_nothing_is_there_twice(
    server: Server, uri: str, stores: Stores, full_size: bool
) -> None:
    """What is acknowledged is there once, also when the connection broke on COMMIT."""
    store = stores.tracking
    runs = [add_run(store) for _ in range(4)]
    done = threading.Event()
    kept: dict[str, list[int]] = {run: [] for run in runs}
    tried: dict[str, int] = {}

    def write(run: str) -> None:
        for number in itertools.count():
            if done.is_set():
                tried[run] = number
                return
            try:
                store.append_to_tag_list(run, "list", number).result(SOON_S)
                store.append(run, batch(point(number, number))).result(SOON_S)
            except Unavailable:
                continue
            kept[run].append(number)

    with ThreadPoolExecutor(len(runs)) as pool:
        writers = [pool.submit(write, run) for run in runs]
        for _ in range(200 if full_size else 15):
            before = sum(map(len, kept.values()))
            kill_connections(server, uri)
            eventually(lambda before=before: sum(map(len, kept.values())) > before + 8)  # type: ignore[misc]
        done.set()
        for writer in writers:
            writer.result(SOON_S)

    for run in runs:
        items = msgspec.json.decode(tags_of(store, run)["list"], type=list[int])
        assert len(items) == len(set(items)), "an item was written twice"
        assert set(kept[run]) <= set(items) <= set(range(tried[run]))
        assert items == sorted(items)
        steps = [step for step, _, _ in history(store, run)]
        assert set(kept[run]) <= set(steps)
        (summary,) = store.metric_summaries(run)
        assert summary.count == len(steps) == len(set(steps))


def test_a_server_that_is_restarted(server: Server, uri: str, stores: Stores) -> None:
    """Meanwhile reads and writes are refused in a bounded time; then all goes on by itself."""
    store = stores.tracking
    run = add_run(store)
    log(store, run, point(1, 1))
    server.halt(signal.SIGINT if server.kind == "postgresql" else signal.SIGTERM)

    begun = time.monotonic()
    with pytest.raises(Unavailable):
        store.append(run, batch(point(2, 2))).result(SOON_S)
    with pytest.raises(Unavailable):
        read(store, run)
    assert not stores.health().ready
    assert time.monotonic() - begun < 30

    server.resume()
    eventually(lambda: works(store))

    assert [step for step, _, _ in history(store, run)] == [1]
    assert stores.health().ready


def test_a_short_outage_is_waited_for(server: Server, uri: str, stores: Stores) -> None:
    """As in a failover: who writes meanwhile is answered late, and not refused."""
    store = stores.tracking
    run = add_run(store)
    server.halt(signal.SIGKILL)
    waiting = store.append(run, batch(point(1, 1)))

    server.resume()

    try:
        waiting.result(SOON_S)
    except Unavailable:  # this machine took longer to start it than a write waits
        eventually(lambda: works(store))
        store.append(run, batch(point(1, 1))).result(SOON_S)
    assert [step for step, _, _ in history(store, run)] == [1]


def test_a_transaction_that_another_one_clashed_with_is_tried_again(
    server: Server, uri: str, stores: Stores
) -> None:
    """A deadlock, as the database reports it, in the middle of a group."""
    store = stores.tracking
    run = add_run(store)
    name = make_url(uri).database
    if server.kind == "postgresql":
        server.execute(
            "CREATE SEQUENCE tries",
            "CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('tries') < 3 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END IF;"
            " RETURN NEW; END $$",
            "CREATE TRIGGER clash BEFORE INSERT ON params FOR EACH ROW EXECUTE FUNCTION clash()",
            database=name,
        )
    else:
        server.execute(
            "CREATE SEQUENCE tries",
            "CREATE TRIGGER clash BEFORE INSERT ON params FOR EACH ROW BEGIN"
            " IF nextval(tries) < 3 THEN"
            " SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'x'; END IF; END",
            database=name,
        )

    store.append(run, batch(point(1, 1), params={"p": "1"})).result(SOON_S)

    assert params_of(store, run) == {"p": "1"}
    assert len(history(store, run)) == 1


def test_a_server_whose_disk_is_full(server: Server, uri: str, stores: Stores) -> None:
    """R3, as the database reports it: refused, reads go on, and it recovers by itself."""
    store = stores.tracking
    run = add_run(store)
    name = make_url(uri).database
    before = "CREATE TRIGGER no_room BEFORE INSERT ON params FOR EACH ROW"
    if server.kind == "postgresql":
        raising = "BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END"
        server.execute(
            f"CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$",
            f"{before} EXECUTE FUNCTION no_room()",
            database=name,
        )
    else:
        raising = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'x'"
        server.execute(f"{before} {raising}", database=name)
    room = "DROP TRIGGER no_room" + (" ON params" if server.kind == "postgresql" else "")

    with pytest.raises(Unavailable, match="disk of the database is full"):
        store.append(run, batch(point(1, 1), params={"p": "1"})).result(SOON_S)

    assert history(store, run) == []
    assert params_of(store, run) == {}
    log(store, run, point(2, 2))  # what needs no room there goes on
    server.execute(room, database=name)
    store.append(run, batch(point(1, 1), params={"p": "1"})).result(SOON_S)
    assert params_of(store, run) == {"p": "1"}
    assert [step for step, _, _ in history(store, run)] == [1, 2]


def test_who_waits_for_another_writer_goes_on_when_it_is_done(uri: str, stores: Stores) -> None:
    store = stores.tracking
    run = add_run(store)
    with other_session(uri) as other:
        other.execute(text("SELECT value FROM meta WHERE name = 'turn' FOR UPDATE"))
        waiting = store.append(run, batch(point(1, 1)))

        assert read(store, run).data.metrics == {}  # reads do not wait
        assert not waiting.done()

    waiting.result(SOON_S)
    assert read(store, run).data.metrics == {"m": 1}


def test_a_database_that_only_reads(server: Server, uri: str, stores: Stores) -> None:
    """Writes are refused, reads go on, and it recovers by itself."""
    run = add_run(stores.tracking)
    url = make_url(uri)
    if server.kind == "postgresql":
        on = ("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        off = ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    else:  # root may write all the same
        user = f"writer_{url.database}"
        server.execute(f"CREATE USER {user}", f"GRANT ALL ON {url.database}.* TO {user}")
        url = url.set(username=user)
        on, off = ("SET GLOBAL read_only = 1",), ("SET GLOBAL read_only = 0",)
    writing = open_stores(url.render_as_string(hide_password=False))
    store = writing.tracking
    log(store, run, point(1, 1))
    server.execute(*on)

    def refused() -> bool:
        try:
            log(store, run, point(2, 2))
        except Unavailable as away:
            return "cannot be written" in away.message
        return False

    eventually(refused)
    assert 1 in [step for step, _, _ in history(store, run)]
    server.execute(*off)
    eventually(lambda: works(store))
    writing.close()


def test_a_user_who_may_only_read(server: Server, uri: str, stores: Stores) -> None:
    add_run(stores.tracking)
    name = make_url(uri).database
    user = f"reader_{name[-6:]}"
    if server.kind == "postgresql":
        server.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'x'")
        server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", database=name)
    else:
        server.execute(f"CREATE USER {user} IDENTIFIED BY 'x'")
        server.execute(f"GRANT SELECT ON {name}.* TO {user}")
    url = make_url(uri).set(username=user, password="x")
    with ExitStack() as stack:
        reading = open_stores(url.render_as_string(hide_password=False))
        stack.callback(reading.close)

        with pytest.raises(Unavailable, match="may not do"):
            add_run(reading.tracking)

        assert reading.tracking.experiment("0") is not None
    if server.kind == "postgresql":
        server.execute(f"DROP OWNED BY {user}", f"DROP ROLE {user}", database=name)
    else:
        server.execute(f"DROP USER {user}")


def test_a_pool_that_is_exhausted(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """R8: waited for five seconds at most; health tells it; it recovers."""
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "1")
    stores = open_stores(uri)
    assert isinstance(stores, SqlStores)
    with stores._database.reading():
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="busy"):
            stores.tracking.experiment("0")
        assert time.monotonic() - begun < 15
        assert not stores.health().ready

    assert stores.tracking.experiment("0") is not None
    assert stores.health().ready
    stores.close()
