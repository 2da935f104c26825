"""No usual question makes a database read a whole table, by the plans that it really followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.filters import MODEL_VERSIONS, REGISTERED_MODELS
from millrace.stores.protocols import MetricWindow, SeriesWindow, Stores
from tests.contract.build import batch, point, query
from tests.plans.conftest import Watched
from tests.plans.filled import run_uuid, text

LIMIT = 100
RUN = run_uuid(510)


def runs(asked: str = "", *order: str) -> Callable[[Stores], object]:
    """The first two pages of a search in one experiment."""

    def work(stores: Stores) -> None:
        first = query(asked, order, limit=LIMIT)
        page = stores.tracking.find_runs(["1"], first)
        assert page.items
        if page.next:
            stores.tracking.find_runs(["1"], query(asked, order, limit=LIMIT, after=page.next))

    return work


RUN_QUESTIONS = {
    "first page": runs(),
    "by start time": runs("", "attributes.start_time DESC"),
    "metric, few": runs("metrics.loss < 500"),
    "metric, many": runs("metrics.loss > 500"),
    "ordered by metric": runs("", "metrics.loss ASC"),
    "ordered by metric, descending": runs("", "metrics.loss DESC"),
    "ordered and filtered by metric": runs("metrics.loss > 500", "metrics.loss ASC"),
    "param": runs(f"params.p = '{text(10)}'"),
    "param, one of": runs(f"params.p IN ('{text(10)}', '{text(20)}')"),
    "ordered by param": runs("", "params.p ASC"),
    "ordered by param, descending": runs("", "params.p DESC"),
    "tag": runs(f"tags.u = '{text(10)}'"),
    "ordered by tag": runs("", "tags.u ASC"),
    "tag and metric": runs(f"tags.u = '{text(10)}' AND metrics.loss >= 0"),
    "id": runs(f"attributes.run_id = '{RUN}'"),
}
OTHER_QUESTIONS: dict[str, Callable[[Stores], object]] = {
    "run by id": lambda stores: stores.tracking.run(RUN),
    "history": lambda stores: stores.tracking.metric_history(RUN, "loss", MetricWindow()),
    "page of a history": lambda stores: stores.tracking.metric_history(
        RUN, "loss", MetricWindow(limit=10)
    ),
    "chart": lambda stores: stores.tracking.series([RUN], ["loss"], SeriesWindow()),
    "summaries": lambda stores: stores.tracking.metric_summaries(RUN),
    "model by name": lambda stores: stores.registry.registered_model("m00077"),
    "version": lambda stores: stores.registry.version("m00077", 2),
    "version by alias": lambda stores: stores.registry.version_at("m00077", "best"),
    "latest versions": lambda stores: stores.registry.latest_versions("m00077", ()),
    "models": lambda stores: stores.registry.find_registered_models(
        query("", table=REGISTERED_MODELS, limit=LIMIT), prompts=False
    ),
    "models by name": lambda stores: stores.registry.find_registered_models(
        query("name LIKE 'm0007%'", table=REGISTERED_MODELS, limit=LIMIT)
    ),
    "models by tag": lambda stores: stores.registry.find_registered_models(
        query(f"tags.t = '{text(77)}'", table=REGISTERED_MODELS, limit=LIMIT)
    ),
    "versions": lambda stores: stores.registry.find_versions(
        query("", table=MODEL_VERSIONS, limit=LIMIT), prompts=False
    ),
    "versions of a model": lambda stores: stores.registry.find_versions(
        query("name = 'm00077'", table=MODEL_VERSIONS, limit=LIMIT)
    ),
    "versions of a run": lambda stores: stores.registry.find_versions(
        query(f"run_id = '{RUN}'", table=MODEL_VERSIONS, limit=LIMIT)
    ),
    "versions by tag": lambda stores: stores.registry.find_versions(
        query(f"tags.t = '{text(77)}'", table=MODEL_VERSIONS, limit=LIMIT)
    ),
}


@pytest.mark.timeout(300)  # the first is the one that fills the database
@pytest.mark.parametrize("question", RUN_QUESTIONS)
def test_a_search_of_runs_reads_no_whole_table(watched: Watched, question: str) -> None:
    assert not watched.read_whole(lambda: RUN_QUESTIONS[question](watched.stores))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("question", OTHER_QUESTIONS)
def test_other_reads_read_no_whole_table(watched: Watched, question: str) -> None:
    assert not watched.read_whole(lambda: OTHER_QUESTIONS[question](watched.stores))


@pytest.mark.timeout(300)
def test_an_order_by_a_metric_needs_no_statistics(watched: Watched) -> None:
    """The series come first, in order and not sorted, and each run is looked up by its id."""
    wanted = {("series", "ix_series_key_last"), ("runs", "pk_runs")}
    assert set(watched.early) == (wanted if watched.kind == "postgresql" else set())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("words", ["", "params.p != 'x'", "metrics.loss > 500"])
def test_a_search_asked_again_is_one_way_there_and_back(watched: Watched, words: str) -> None:
    """With the documents of its runs, once they are kept; the other databases are not asked so."""
    asked = query(words, ["metrics.loss ASC"], limit=LIMIT)
    stores: Any = watched.stores
    stores.tracking.find_runs(["1"], asked)
    stores._writer.submit(lambda _: None).result()

    page = stores.tracking.find_runs(["1"], asked)
    found = stores.tracking._searches.find_at_once(["1"], asked)

    assert (found is not None) == (watched.kind == "postgresql")
    assert found is None or tuple(map(msgspec.Raw, found.beside)) == page.items


@pytest.mark.timeout(300)
def test_a_page_of_another_size_among_the_latest_is_one_way_there_and_back(
    watched: Watched,
) -> None:
    """What was prepared for ten rows is not what a hundred are asked with."""
    stores: Any = watched.stores
    for limit in (10, LIMIT):
        asked = query("metrics.loss >= 0", limit=limit)
        stores.tracking.find_runs(["1"], asked)
        stores._writer.submit(lambda _: None).result()
        page = stores.tracking.find_runs(["1"], asked)
        found = stores.tracking._searches.find_at_once(["1"], asked)

        assert len(page.items) == limit
        assert (found is not None) == (watched.kind == "postgresql")
        assert found is None or tuple(map(msgspec.Raw, found.beside)) == page.items


@pytest.mark.timeout(300)
def test_a_write_reads_no_whole_table(watched: Watched) -> None:
    run = run_uuid(777)

    def write() -> None:
        added = batch(point(1, 1_000, key="loss"), params={"n": "1"}, tags={"u": "2"})
        watched.stores.tracking.append(run, added, trail=NO_TRAIL).result()

    assert not watched.read_whole(write)
