"""Places that outlive a process: closed and opened again, or open twice at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from millrace.core.errors import AlreadyExists, KeyReused
from millrace.stores.protocols import Stores
from tests.contract.build import (
    add_experiment,
    add_model,
    add_run,
    at_once,
    batch,
    chart,
    dataset_input,
    drawn,
    history,
    log,
    new_dataset,
    new_experiment,
    new_record,
    params_of,
    point,
    query,
    read,
    receipt,
    rows,
    run_ids,
    search,
    tags_of,
)
from tests.contract.conftest import OPENERS
from tests.strategies.records import points

Open = Callable[[], Stores]


@pytest.fixture(params=[name for name in OPENERS if name != "memory"])
def open_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one and the same place, once more with each call."""
    opened: list[Stores] = []

    def again() -> Stores:
        opened.append(OPENERS[request.param](tmp_path))
        return opened[-1]

    yield again
    for stores in opened:
        stores.close()


def reopened(stores: Stores, open_place: Open) -> Stores:
    stores.close()
    return open_place()


def test_everything_is_still_there(open_place: Open) -> None:
    stores = open_place()
    store = stores.tracking
    experiment = store.experiment(add_experiment(store, "ü"))
    run = add_run(store, tags={"t": "1"})
    metrics = points("any order", 9_000, seed=21)
    store.append(run, batch(*metrics, params={"p": "1"}, datasets=(dataset_input(),))).result()
    model = store.logged_model(add_model(store, params={"a": "b"}))
    dataset = stores.evaluation.add_dataset(new_dataset()).result()
    record = new_record(dataset.dataset_id)
    stores.evaluation.upsert_records(dataset.dataset_id, [record]).result()
    before = (read(store, run), history(store, run), store.metric_summaries(run))
    picture = rows(drawn(chart(store, [run], buckets=64))[run, "m"])
    secret = stores.secret()

    again = reopened(stores, open_place)

    store = again.tracking
    assert experiment is not None
    assert store.experiment(experiment.experiment_id) == experiment
    assert repr((read(store, run), history(store, run), store.metric_summaries(run))) == repr(
        before
    )
    assert repr(rows(drawn(chart(store, [run], buckets=64))[run, "m"])) == repr(picture)
    assert model is not None
    assert store.logged_model(model.model_id) == model
    assert again.evaluation.records(dataset.dataset_id, limit=9, after=None).items == (record,)
    assert again.secret() == secret


def test_the_default_experiment_is_made_once(open_place: Open) -> None:
    stores = open_place()
    default = stores.tracking.experiment("0")

    again = reopened(stores, open_place)

    assert again.tracking.experiment("0") == default


def test_ids_go_on_counting(open_place: Open) -> None:
    stores = open_place()
    add_experiment(stores.tracking)

    again = reopened(stores, open_place)

    assert add_experiment(again.tracking) == "2"


def test_series_go_on(open_place: Open) -> None:
    """Points sent again after a restart are no new ones; late ones find their place."""
    stores = open_place()
    run = add_run(stores.tracking)
    metrics = [point(step, step) for step in range(0, 12_000, 2)]
    log(stores.tracking, run, *metrics)

    store = reopened(stores, open_place).tracking
    again = store.append(run, batch(*metrics[1_000:1_500])).result()
    late = store.append(run, batch(*(point(step, step) for step in range(1, 12_000, 2)))).result()

    assert (again.new_points, late.new_points) == (0, 6_000)
    (summary,) = store.metric_summaries(run)
    assert (summary.count, summary.last_step, summary.mean) == (12_000, 11_999, 11_999 / 2)
    found = drawn(chart(store, [run], buckets=12))[run, "m"]
    assert [row[-1] for row in rows(found)] == [1_024] * 11 + [736]


def test_a_replay_after_a_restart_gives_the_first_result(open_place: Open) -> None:
    """R5."""
    stores = open_place()
    new = new_experiment("x")
    first = stores.tracking.add_experiment(new, trail=receipt()).result()

    store = reopened(stores, open_place).tracking

    assert store.add_experiment(new, trail=receipt()).result() == first
    with pytest.raises(KeyReused):
        store.add_experiment(new_experiment("y"), trail=receipt(digest="other")).result()


def test_a_search_goes_on_where_it_was(open_place: Open) -> None:
    stores = open_place()
    for start_time in range(10):
        add_run(stores.tracking, start_time=start_time)
    whole = search(stores.tracking, "0")
    first = stores.tracking.find_runs(["0"], query(limit=4))

    store = reopened(stores, open_place).tracking

    rest = store.find_runs(["0"], msgspec.structs.replace(query(), after=first.next))
    assert run_ids(first.items) + run_ids(rest.items) == whole


# Open twice


def test_what_one_has_written_the_other_reads(open_place: Open) -> None:
    one, other = open_place().tracking, open_place().tracking
    run = add_run(one, tags={"by": "one"})
    log(other, run, point(1, 0))
    log(one, run, point(2, 1))
    other.append(run, batch(tags={"by": "other"}, params={"p": "1"})).result()

    for store in (one, other):
        assert read(store, run).data.metrics == {"m": 2}
        assert tags_of(store, run) == {"by": "other"}
        assert params_of(store, run) == {"p": "1"}
        assert len(history(store, run)) == 2
        assert search(store, "0", "tags.by = 'other' AND metrics.m = 2") == [run]


def test_two_who_write_at_once_do_not_undo_each_other(open_place: Open) -> None:
    """R4, over several processes' views of one place: points, lists, and who has clashed."""
    both = [open_place().tracking, open_place().tracking]
    run = add_run(both[0])

    def write(number: int) -> int:
        store = both[number % 2]
        store.append_to_tag_list(run, "list", number).result()
        store.append(run, batch(params={f"p{number // 2}": str(number % 2)})).result()
        shared = [point(step, step) for step in range(20)]
        return store.append(run, batch(*shared, point(number, 100 + number))).result().new_points

    counts = at_once(write, range(40), threads=8)

    assert sum(map(int, map(str, counts))) == 20 + 40
    for store in both:
        assert len(history(store, run)) == 60
        (summary,) = store.metric_summaries(run)
        assert summary.count == 60
        listed = msgspec.json.decode(tags_of(store, run)["list"], type=list[int])
        assert sorted(listed) == list(range(40))
        assert params_of(store, run).keys() == {f"p{number}" for number in range(20)}


def test_a_name_is_taken_once_in_all(open_place: Open) -> None:
    both = [open_place().tracking, open_place().tracking]

    got = at_once(lambda number: add_experiment(both[number % 2], f"n{number // 4}"), range(40))

    made = sorted(int(one) for one in got if isinstance(one, str))
    assert made == list(range(1, 11))
    assert {type(one) for one in got} == {str, AlreadyExists}


def test_a_key_is_used_once_in_all(open_place: Open) -> None:
    """R5: replays that reach several workers at once have one effect."""
    both = [open_place().tracking, open_place().tracking]
    new = new_experiment("once")

    got = at_once(
        lambda number: both[number % 2].add_experiment(new, trail=receipt()).result(), range(16)
    )

    assert got == [got[0]] * 16
    assert not isinstance(got[0], Exception)
