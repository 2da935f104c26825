"""Every store finds the same records in the same order, page by page, as the one in memory (P14).

Each example is a set of generated records and five generated searches of them. `--full-size`:
10,000 searches of each kind of record.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.core.entities.experiment import Experiment, ExperimentChange
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import RunChange
from millrace.core.filters import EXPERIMENTS, LOGGED_MODELS, RUNS, FieldTable
from millrace.core.pages import Page
from millrace.core.tags import DATASET_CONTEXT
from millrace.stores.memory import MemoryStores
from millrace.stores.protocols import Query, Stores, TrackingStore
from tests.contract.build import batch, dataset_input, decoded, new_experiment, new_model, new_run
from tests.contract.conftest import OPENERS, give_back
from tests.strategies.filters import RunRow, filters, order_keys, run_rows
from tests.strategies.records import ModelRow, experiment_rows, model_rows

T = TypeVar("T")

SEARCHES = 5
VIEWS = ("ACTIVE_ONLY", "ACTIVE_ONLY", "DELETED_ONLY", "ALL")
ON_SERVERS = {"postgresql", "mysql"}
HOMES = ("1", "2", "10")

pytestmark = [
    pytest.mark.proof("P14"),
    pytest.mark.timeout(7_200),
    pytest.mark.parametrize("store", [name for name in OPENERS if name != "memory"]),
]


@contextmanager
def both(name: str) -> Iterator[tuple[Stores, Stores]]:
    """The reference and a fresh store of that name."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tested = OPENERS[name](Path(folder))
        try:
            yield MemoryStores(), tested
        finally:
            tested.close()
            give_back(Path(folder))


def compared(
    searches_in_all: int, *strategies: st.SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Run a comparison on examples of those strategies, enough for so many searches."""
    tuned = settings(
        max_examples=max(1, searches_in_all // SEARCHES),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return lambda compare: tuned(given(*strategies)(compare))


@pytest.fixture
def searches_in_all(full_size: bool, store: str) -> int:
    if full_size:
        return 10_000
    # A database of its own for each example takes a server its time.
    return 60 if store in ON_SERVERS else 200


@st.composite
def _queries(draw: st.DrawFn, table: FieldTable) -> Query:
    return Query(
        tree=draw(filters(table)),
        order=draw(order_keys(table)),
        view=draw(st.sampled_from(VIEWS)),
        limit=draw(st.integers(1, 7)),
    )


def queries(table: FieldTable) -> st.SearchStrategy[list[Query]]:
    return st.lists(_queries(table), min_size=SEARCHES, max_size=SEARCHES)


def id_pages(
    find: Callable[[Query], Page[T]], query: Query, id_of: Callable[[T], str]
) -> list[list[str]]:
    """The ids on each page."""
    found, after = [], None
    while True:
        page = find(msgspec.structs.replace(query, after=after))
        found.append([id_of(item) for item in page.items])
        after = page.next
        if after is None:
            return found


# Runs


def run_id(document: msgspec.Raw) -> str:
    return decoded(document).info.run_id


def put_runs(store: TrackingStore, rows: Sequence[RunRow]) -> None:
    """Experiments 1 to 10, and the runs in them."""
    under_way: list[Any] = [store.add_experiment(new_experiment(f"e{n}")) for n in range(10)]
    for row in rows:
        given = dict(row.attributes)
        stage = given.pop("lifecycle_stage")
        under_way.append(store.add_run(new_run(tags=row.tags, **given)))
        points = [
            Metric(key=point.key, value=point.value, timestamp=point.timestamp, step=point.step)
            for point in row.points
        ]
        datasets = tuple(
            dataset_input(use.name, use.digest, tags={DATASET_CONTEXT: use.context})
            for use in row.datasets
        )
        whole = batch(*points, params=row.params, datasets=datasets)
        under_way.append(store.append(str(given["run_id"]), whole))
        if stage == "deleted":
            change = RunChange(lifecycle_stage="deleted")
            under_way.append(store.change_run(str(given["run_id"]), change))
    for future in under_way:
        future.result()


def test_runs(store: str, searches_in_all: int) -> None:
    homes = st.lists(st.sampled_from((*HOMES, "7")), min_size=1, max_size=4)

    @compared(searches_in_all, run_rows(), queries(RUNS), homes)
    def compare(rows: list[RunRow], searches: list[Query], experiment_ids: list[str]) -> None:
        with both(store) as (reference, tested):
            for stores in (reference, tested):
                put_runs(stores.tracking, rows)
            for query in searches:
                expected, found = (
                    id_pages(
                        lambda one, of=stores.tracking: of.find_runs(experiment_ids, one),
                        query,
                        run_id,
                    )
                    for stores in (reference, tested)
                )
                assert found == expected

    compare()


# Experiments


def put_experiments(store: TrackingStore, rows: Sequence[Experiment]) -> None:
    for row in rows:
        given = new_experiment(row.name, creation_time=row.creation_time, tags=row.tag_list)
        added = store.add_experiment(given).result()
        stage = "deleted" if row.lifecycle_stage == "deleted" else None
        change = ExperimentChange(lifecycle_stage=stage, last_update_time=row.last_update_time)
        store.change_experiment(added.experiment_id, change).result()


def test_experiments(store: str, searches_in_all: int) -> None:
    @compared(searches_in_all, experiment_rows(), queries(EXPERIMENTS))
    def compare(rows: list[Experiment], searches: list[Query]) -> None:
        with both(store) as (reference, tested):
            # When the default experiment was made is not given: here it is in the trash.
            for stores in (reference, tested):
                change = ExperimentChange(lifecycle_stage="deleted", last_update_time=0)
                stores.tracking.change_experiment("0", change).result()
                put_experiments(stores.tracking, rows)
            for query in searches:
                active = msgspec.structs.replace(query, view="ACTIVE_ONLY")
                expected, found = (
                    id_pages(
                        stores.tracking.find_experiments, active, lambda one: one.experiment_id
                    )
                    for stores in (reference, tested)
                )
                assert found == expected

    compare()


# Logged models


def put_models(store: TrackingStore, rows: Sequence[ModelRow]) -> None:
    for number in range(10):
        store.add_experiment(new_experiment(f"e{number}")).result()
    run = store.add_run(new_run("0", run_id="0" * 32)).result().info.run_id
    for row in rows:
        model = new_model(params=row.params, tags=row.tags, **row.info)
        store.add_logged_model(model).result()
        metrics = (
            msgspec.structs.replace(metric, model_id=model.model_id) for metric in row.metrics
        )
        store.append(run, batch(*metrics)).result()


def test_logged_models(store: str, searches_in_all: int) -> None:
    names = st.sampled_from((("a", None), ("a", "1"), ("a", "2"), ("b", "1"), ("c", None)))
    datasets = st.lists(names, max_size=2, unique=True)
    homes = st.lists(st.sampled_from(HOMES), min_size=1, max_size=3)

    @compared(searches_in_all, model_rows(), queries(LOGGED_MODELS), datasets, homes)
    def compare(
        rows: list[ModelRow],
        searches: list[Query],
        seen_on: list[tuple[str, str | None]],
        experiment_ids: list[str],
    ) -> None:
        with both(store) as (reference, tested):
            for stores in (reference, tested):
                put_models(stores.tracking, rows)
            for query in searches:
                expected, found = (
                    id_pages(
                        lambda one, of=stores.tracking: of.find_logged_models(
                            experiment_ids, one, datasets=seen_on
                        ),
                        query,
                        lambda one: one.model_id,
                    )
                    for stores in (reference, tested)
                )
                assert found == expected

    compare()


# Whole readings


def test_what_was_written_is_read_alike(store: str, searches_in_all: int) -> None:
    """Not only ids: the documents are equal, so what one store gives is what all give."""

    @compared(searches_in_all, run_rows(max_size=4))
    def compare(rows: list[RunRow]) -> None:
        with both(store) as (reference, tested):
            for stores in (reference, tested):
                put_runs(stores.tracking, rows)
            for row in rows:
                wanted = str(row.attributes["run_id"])
                documents = [stores.tracking.run(wanted) for stores in (reference, tested)]
                expected, found = (msgspec.json.decode(document or b"") for document in documents)
                assert found == expected
                summaries = [
                    stores.tracking.metric_summaries(wanted) for stores in (reference, tested)
                ]
                assert repr(summaries[1]) == repr(summaries[0])

    compare()
