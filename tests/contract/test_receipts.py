"""A write that carries an idempotency key happens once (R5)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import msgspec
import pytest

from millrace.core.entities.audit import Trail
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.run import RunChange
from millrace.core.errors import AlreadyExists, KeyReused, NotFound
from millrace.stores.protocols import Stores, TrackingStore
from tests.contract.build import (
    add_experiment,
    add_model,
    add_run,
    at_once,
    batch,
    new_dataset,
    new_experiment,
    new_model,
    new_record,
    new_run,
    point,
    read,
    receipt,
    tags_of,
)

DAY_MS = 24 * 60 * 60 * 1000


def writes(stores: Stores) -> dict[str, Callable[[Trail], Future[object]]]:
    """Every write that takes a trail; each would fail, or do something else, the second time."""
    tracking, evaluation = stores.tracking, stores.evaluation
    run, model, experiment = add_run(tracking), add_model(tracking), add_experiment(tracking)
    dataset = evaluation.add_dataset(new_dataset()).result()
    record = new_record(dataset.dataset_id, dataset_record_id="dr-1")
    evaluation.upsert_records(dataset.dataset_id, [record]).result()
    tagged = ExperimentChange(set_tags=(KeyValue(key="t", value="1"),))
    tracking.change_experiment(experiment, tagged).result()
    new, fresh_run, fresh_model = new_experiment("once"), new_run(), new_model()
    fresh_dataset = new_dataset()
    tagless, named = ExperimentChange(delete_tag="t"), RunChange(run_name="named")
    in_trash = LoggedModelChange(deleted=True)
    renamed = msgspec.structs.replace(dataset, name="renamed")
    more = [new_record(dataset.dataset_id, inputs) for inputs in ("x", "y")]
    return {
        "add_experiment": lambda trail: tracking.add_experiment(new, trail=trail),
        "change_experiment": lambda trail: tracking.change_experiment(
            experiment, tagless, trail=trail
        ),
        "add_run": lambda trail: tracking.add_run(fresh_run, trail=trail),
        "change_run": lambda trail: tracking.change_run(run, named, trail=trail),
        "append": lambda trail: tracking.append(run, batch(point(1)), trail=trail),
        "append_to_tag_list": lambda trail: tracking.append_to_tag_list(run, "l", 1, trail=trail),
        "add_logged_model": lambda trail: tracking.add_logged_model(fresh_model, trail=trail),
        "change_logged_model": lambda trail: tracking.change_logged_model(
            model, in_trash, trail=trail
        ),
        "add_dataset": lambda trail: evaluation.add_dataset(fresh_dataset, trail=trail),
        "change_dataset": lambda trail: evaluation.change_dataset(renamed, trail=trail),
        "upsert_records": lambda trail: evaluation.upsert_records(
            dataset.dataset_id, more, trail=trail
        ),
        "delete_records": lambda trail: evaluation.delete_records(
            dataset.dataset_id, ["dr-1"], trail=trail
        ),
        "delete_dataset": lambda trail: evaluation.delete_dataset(dataset.dataset_id, trail=trail),
    }


WRITES = (
    "add_experiment change_experiment add_run change_run append append_to_tag_list "
    "add_logged_model change_logged_model add_dataset change_dataset upsert_records "
    "delete_records delete_dataset"
).split()


@pytest.mark.parametrize("name", WRITES)
def test_a_replay_gives_the_first_result_again(stores: Stores, name: str) -> None:
    write = writes(stores)[name]

    first = write(receipt()).result()
    again = [write(receipt(at_ms=at_ms)).result() for at_ms in (1_000, 2_000, DAY_MS)]

    assert again == [first] * 3
    assert type(again[0]) is type(first)


@pytest.mark.parametrize("name", WRITES)
def test_another_request_under_the_same_key_is_refused(stores: Stores, name: str) -> None:
    write = writes(stores)[name]
    write(receipt()).result()

    with pytest.raises(KeyReused):
        write(receipt(digest="another request")).result()


def test_a_replay_has_no_effect(store: TrackingStore) -> None:
    """Not even when the record has moved on since."""
    run = add_run(store)
    store.append(run, batch(tags={"a": "1"}), trail=receipt()).result()
    store.append(run, batch(tags={"a": "2"})).result()

    store.append(run, batch(tags={"a": "1"}), trail=receipt()).result()

    assert tags_of(store, run) == {"a": "2"}


def test_a_refused_request_has_no_effect(store: TrackingStore) -> None:
    run = add_run(store)
    store.append(run, batch(tags={"a": "1"}), trail=receipt()).result()

    with pytest.raises(KeyReused):
        store.append(run, batch(tags={"a": "2"}), trail=receipt(digest="other")).result()

    assert tags_of(store, run) == {"a": "1"}


@pytest.mark.parametrize("key", ["K", "k ", "\u212a", "k\0", "ß" * 500])
def test_keys_differ_when_any_code_point_does(store: TrackingStore, key: str) -> None:
    first = store.add_experiment(new_experiment(), trail=receipt("k")).result()
    second = store.add_experiment(new_experiment(), trail=receipt(key)).result()
    again = store.add_experiment(new_experiment(), trail=receipt(key)).result()

    assert (first.experiment_id, second.experiment_id, again) == ("1", "2", second)


def test_a_write_that_failed_can_be_tried_again_with_its_key(store: TrackingStore) -> None:
    run = new_run(experiment_id="1")
    with pytest.raises(NotFound):
        store.add_run(run, trail=receipt()).result()
    add_experiment(store)

    store.add_run(run, trail=receipt()).result()

    assert read(store, run.info.run_id).info.experiment_id == "1"


def test_a_replay_does_not_see_that_the_name_is_taken(store: TrackingStore) -> None:
    """Its own first try took it; without the key it is taken."""
    first = store.add_experiment(new_experiment("x"), trail=receipt()).result()

    again = store.add_experiment(new_experiment("x"), trail=receipt()).result()

    assert again == first
    with pytest.raises(AlreadyExists):
        store.add_experiment(new_experiment("x")).result()


@pytest.mark.parametrize("name", ["add_experiment", "add_run", "append", "add_logged_model"])
def test_of_replays_at_once_one_has_the_effect(stores: Stores, name: str) -> None:
    write = writes(stores)[name]

    got = at_once(lambda _: write(receipt()).result(), range(16))

    assert got == [got[0]] * 16
    assert not isinstance(got[0], Exception)


def test_of_different_requests_at_once_under_one_key_one_is_made(store: TrackingStore) -> None:
    def add(number: int) -> str:
        new = new_experiment(f"n{number}")
        return store.add_experiment(new, trail=receipt(digest=f"{number}")).result().name

    got = at_once(add, range(16))

    made = [one for one in got if isinstance(one, str)]
    assert len(made) == 1
    assert {type(one) for one in got} == {str, KeyReused}
    assert store.experiment_named(made[0]) is not None
    assert store.experiment("2") is None


def test_receipts_are_kept_for_a_day_of_traffic(store: TrackingStore) -> None:
    first = store.add_experiment(new_experiment(), trail=receipt("k0", at_ms=0)).result()
    for number in range(1, 25):
        trail = receipt(f"k{number}", at_ms=number * 60 * 60 * 1000)
        store.add_experiment(new_experiment(), trail=trail).result()

    again = store.add_experiment(new_experiment(), trail=receipt("k0", at_ms=DAY_MS)).result()

    assert again == first
