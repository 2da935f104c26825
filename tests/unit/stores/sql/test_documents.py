"""Ready documents of runs: never older than their run, whoever writes and reads in between."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.run import ModelInput, ModelOutput, RunChange
from millrace.stores.sql import documents
from millrace.stores.sql.documents import Built
from millrace.stores.sql.store import SqlStores
from tests.contract.build import (
    add_experiment,
    add_run,
    batch,
    dataset_input,
    decoded,
    new_run,
    point,
    query,
    read,
    tags_of,
)
from tests.unit.stores.sql.conftest import Look

Write = Callable[[SqlStores, str], Future[object]]


def kept(look: Look, run_id: str) -> bytes | None:
    """The document that lies ready, if one does."""
    found = look(
        "SELECT d.document FROM runs r JOIN run_documents d ON d.run_id = r.id WHERE r.uuid = ?",
        run_id,
    )
    document: bytes | None = found[0][0]
    return document


def written(stores: SqlStores) -> None:
    """Wait until the writer has done all that it was given so far."""
    stores._writer.submit(lambda _: None).result()


def rebuilt(stores: SqlStores, run_id: str) -> bytes:
    """The document as it must be, from the tables."""
    with stores._database.reading() as session:
        row = session.row(stores.tracking._statements.document, (run_id,))
        assert row is not None
        ((_, document),) = documents.build(session, [row[0]])
    return document


def build(stores: SqlStores, run_id: str) -> list[Built]:
    """What a reader builds when nothing lies ready; it may keep it much later."""
    built: list[Built] = []
    with stores._database.reading() as session:
        row = session.row(stores.tracking._statements.document, (run_id,))
        assert row is not None
        documents.documents(session, stores._statements, [row[0]], built.extend)
    return built


def keep(stores: SqlStores, built: list[Built]) -> None:
    stores.tracking._kept.clear()  # how often one is kept is not the point here
    stores.tracking._keep(built)
    written(stores)


@pytest.fixture
def run(stores: SqlStores) -> str:
    """A run with something of everything, in an experiment of its own, on a lease."""
    store = stores.tracking
    run_id = add_run(store, add_experiment(store), tags={"a": "1", "list": "[]"})
    store.append(run_id, batch(point(1, 1), params={"lr": "0.1"})).result()
    store.change_run(run_id, RunChange(lease_until_ms=1_000)).result()
    return run_id


# --- a document lies ready, and every write takes it away ----------------------------------------


def test_what_was_read_lies_ready(stores: SqlStores, look: Look, run: str) -> None:
    before = kept(look, run)
    first = stores.tracking.run(run)
    written(stores)

    assert before is None
    assert first is not None
    assert kept(look, run) == bytes(first) == rebuilt(stores, run)
    assert stores.tracking.run(run) == first


def append(**more: object) -> Write:
    return lambda stores, run: stores.tracking.append(run, batch(**more))  # type: ignore[return-value, arg-type]


def change(**fields: object) -> Write:
    return lambda stores, run: stores.tracking.change_run(run, RunChange(**fields))  # type: ignore[return-value, arg-type]


def move(stage: str) -> Write:
    def moved(stores: SqlStores, run: str) -> Future[object]:
        home = read(stores.tracking, run).info.experiment_id
        away = ExperimentChange(lifecycle_stage=stage)  # type: ignore[arg-type]
        return stores.tracking.change_experiment(home, away)  # type: ignore[return-value]

    return moved


WRITES: dict[str, Write] = {
    "a newer point": lambda stores, run: stores.tracking.append(run, batch(point(2, 2))),  # type: ignore[return-value]
    "a point of another metric": lambda stores, run: stores.tracking.append(  # type: ignore[return-value]
        run, batch(point(2, key="other"))
    ),
    "a param": append(params={"seed": "1"}),
    "a tag": append(tags={"a": "2"}),
    "no tag": append(delete_tags=("a",)),
    "a name by tag": append(tags={"mlflow.runName": "b"}, run_name="b"),
    "a data set": append(datasets=(dataset_input(tags={"mlflow.data.context": "eval"}),)),
    "a model read": append(model_inputs=(ModelInput(model_id="m-1"),)),
    "a model made": append(model_outputs=(ModelOutput(model_id="m-1", step=1),)),
    "an item in a list": lambda stores, run: stores.tracking.append_to_tag_list(run, "list", 1),  # type: ignore[return-value]
    "a status": change(status="FINISHED"),
    "an end": change(end_time=5),
    "a name": change(run_name="b"),
    "the trash": change(lifecycle_stage="deleted"),
    "the experiment's trash": move("deleted"),
    "a lease that ended": lambda stores, _: stores.tracking.expire_leases(2_000),  # type: ignore[return-value]
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_takes_the_document_away(
    stores: SqlStores, look: Look, run: str, write: Write
) -> None:
    stores.tracking.run(run)
    written(stores)
    before = kept(look, run)
    assert before is not None

    write(stores, run).result()

    assert kept(look, run) is None
    now = stores.tracking.run(run)
    assert now is not None
    assert bytes(now) == rebuilt(stores, run) != before


@pytest.mark.parametrize(
    ("first", "write"),
    [
        (WRITES["the trash"], change(lifecycle_stage="active")),
        (WRITES["the experiment's trash"], move("active")),
        (WRITES["a lease that ended"], WRITES["a tag"]),
        (WRITES["a lease that ended"], change(lease_until_ms=9_000)),
    ],
    ids=["back", "experiment back", "a lost run speaks", "a lost run's heart beats"],
)
def test_the_way_back_takes_it_away_too(
    stores: SqlStores, look: Look, run: str, first: Write, write: Write
) -> None:
    first(stores, run).result()
    keep(stores, build(stores, run))
    before = kept(look, run)
    assert before is not None

    write(stores, run).result()

    assert kept(look, run) is None
    assert rebuilt(stores, run) != before


def test_a_heartbeat_leaves_the_document_where_it_is(
    stores: SqlStores, look: Look, run: str
) -> None:
    stores.tracking.run(run)
    written(stores)

    change(lease_until_ms=9_000)(stores, run).result()

    assert kept(look, run) == rebuilt(stores, run)


def test_a_neighbour_keeps_its_document(stores: SqlStores, look: Look, run: str) -> None:
    other = add_run(stores.tracking, read(stores.tracking, run).info.experiment_id)
    stores.tracking.run(other)
    written(stores)

    append(tags={"a": "2"})(stores, run).result()

    assert kept(look, other) == rebuilt(stores, other)


# --- readers that are slow to hand a document back -----------------------------------------------


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_document_from_before_a_write_is_not_kept(
    stores: SqlStores, look: Look, run: str, write: Write
) -> None:
    old = build(stores, run)
    write(stores, run).result()

    keep(stores, old)

    assert kept(look, run) is None


def test_a_document_from_before_a_write_of_the_same_group_is_not_kept(
    stores: SqlStores, look: Look, run: str
) -> None:
    """Whichever of the two comes first."""
    arrived, go_on = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        arrived.set()
        assert go_on.wait(30)

    old = build(stores, run)
    stores.tracking._kept.clear()
    stores._writer.submit(wait, savepoint=False)
    assert arrived.wait(30)
    first = stores.tracking.append(run, batch(tags={"a": "2"}))
    stores.tracking._keep(old)
    second = stores.tracking.append(run, batch(tags={"b": "1"}))
    go_on.set()

    first.result(), second.result()
    assert kept(look, run) is None
    found = tags_of(stores.tracking, run)
    assert (found["a"], found["b"]) == ("2", "1")


def test_the_latest_document_is_kept(stores: SqlStores, look: Look, run: str) -> None:
    """So that the guard does not simply refuse everything."""
    stores.tracking.append(run, batch(tags={"a": "2"})).result()

    keep(stores, build(stores, run))

    assert kept(look, run) == rebuilt(stores, run)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_no_reader_ever_sees_less_than_was_acknowledged(stores: SqlStores, seed: int) -> None:
    """Writes, reads, searches and late keepers in any order, over a few runs."""
    dice, store = random.Random(seed), stores.tracking
    home = add_experiment(store)
    runs = [add_run(store, home) for _ in range(2)]
    last = dict.fromkeys(runs, "none")
    pending: list[list[Built]] = []
    for turn in range(30):
        run = dice.choice(runs)
        match dice.choice("write build keep read search tidy".split()):
            case "write":
                store.append(run, batch(tags={"turn": str(turn)})).result()
                last[run] = str(turn)
            case "build":
                pending.append(build(stores, run))
            case "keep" if pending:
                keep(stores, pending.pop(dice.randrange(len(pending))))
            case "read":
                assert tags_of(store, run).get("turn", "none") == last[run]
            case "search":
                stores.tracking._kept.clear()
                found = [decoded(one) for one in store.find_runs([home], query()).items]
                seen = {one.info.run_id: one.data.tags.get("turn", "none") for one in found}
                assert seen == last
            case "tidy":
                stores.tracking._kept.clear()
                stores.tidy()


def test_readers_beside_a_writer_see_what_was_acknowledged(stores: SqlStores, run: str) -> None:
    done, seen = threading.Event(), [0]

    def look_on(_: int) -> None:
        while not done.is_set():
            least = seen[0]
            stores.tracking._kept.clear()
            assert int(tags_of(stores.tracking, run).get("turn", "0")) >= least

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(look_on, number) for number in range(3)]
        for turn in range(1, 60):
            stores.tracking.append(run, batch(tags={"turn": str(turn)})).result()
            seen[0] = turn
        done.set()
        for reader in readers:
            reader.result(30)

    assert tags_of(stores.tracking, run)["turn"] == "59"


# --- what lies ready before anybody asked --------------------------------------------------------


def test_documents_of_quiet_runs_are_made_ready(stores: SqlStores, look: Look, run: str) -> None:
    """A run that was written to between two calls may be written to again soon."""
    busy = add_run(stores.tracking)
    stores.tidy()
    written(stores)
    before = (kept(look, run), kept(look, busy))
    stores.tracking.append(busy, batch(tags={"a": "2"})).result()

    stores.tidy()
    written(stores)

    assert before == (None, None)
    assert kept(look, run) == rebuilt(stores, run)
    assert kept(look, busy) is None


def test_a_run_that_changes_all_the_time_is_not_kept_each_time(
    stores: SqlStores, look: Look, run: str
) -> None:
    stores.tracking.run(run)
    written(stores)
    first = kept(look, run)
    stores.tracking.append(run, batch(tags={"a": "2"})).result()

    again = stores.tracking.run(run)
    written(stores)

    assert first is not None
    assert kept(look, run) is None
    assert again is not None
    assert msgspec.Raw(rebuilt(stores, run)) == again


def test_a_page_of_many_runs_is_in_its_order(stores: SqlStores) -> None:
    """Some documents lie ready, others are built; more runs than one question asks for."""
    store = stores.tracking
    home = add_experiment(store)
    ids = [f"{number:032x}" for number in range(1_203)]
    made = [
        store.add_run(new_run(home, run_id=run_id, start_time=start))
        for start, run_id in enumerate(ids)
    ]
    made[-1].result()
    for run_id in ids[::7]:
        store.run(run_id)
    written(stores)

    page = store.find_runs([home], query(limit=2_000))

    assert [decoded(one).info.run_id for one in page.items] == ids[::-1]
