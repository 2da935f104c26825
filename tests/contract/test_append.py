"""Appending to a run: all or nothing, params that stay, tags that change."""

from __future__ import annotations

import msgspec
import pytest

from millrace.core.entities.run import Batch, ParamClash
from millrace.core.errors import InvalidArgument, NotFound
from millrace.stores.protocols import TrackingStore
from tests.contract.build import (
    add_model,
    add_run,
    at_once,
    batch,
    bits,
    dataset_input,
    history,
    params_of,
    point,
    read,
    tags_of,
)
from tests.contract.test_runs import DELETE


def test_a_batch_is_read_back(store: TrackingStore) -> None:
    run = add_run(store, tags={"a": "0"})
    whole = batch(
        point(1.5, step=2, timestamp=3, key="loss"),
        point(2.5, key="acc"),
        params={"lr": "0.1", "depth": ""},
        tags={"a": "1", "b": "2"},
    )

    appended = store.append(run, whole).result()

    data = read(store, run).data
    assert (appended.clashes, appended.missing_tags, appended.new_points) == ((), (), 2)
    assert data.metrics == {"loss": 1.5, "acc": 2.5}
    assert data.params == {"lr": "0.1", "depth": ""}
    assert data.tags == {"a": "1", "b": "2"}


def test_lists_of_a_run_are_in_order_of_key(store: TrackingStore) -> None:
    """By code point, so that every store and every reading has the same document."""
    run, keys = add_run(store), ["b", "B", "ä", "a b", "a", "10", "9", "a/b"]
    for key in keys:
        whole = batch(point(1, key=key), params={key: "1"}, tags={key: "1"})
        store.append(run, whole).result()

    data = read(store, run).data

    for listed in (data.metric_list, data.param_list, data.tag_list):
        assert [entry.key for entry in listed] == sorted(keys)


def test_a_point_of_a_run_names_no_model_or_data_set(store: TrackingStore) -> None:
    run, model = add_run(store), add_model(store)
    more = {"model_id": model, "dataset_name": "d", "dataset_digest": "1"}
    store.append(run, batch(point(1, **more))).result()

    assert read(store, run).data.metric_list == (point(1),)


def test_an_empty_batch_changes_nothing(store: TrackingStore) -> None:
    run = add_run(store, tags={"a": "1"})
    before = store.run(run)

    store.append(run, Batch()).result()

    assert store.run(run) == before


def test_no_batch_for_a_run_that_is_not_there(store: TrackingStore) -> None:
    with pytest.raises(NotFound, match="0" * 32):
        store.append("0" * 32, batch(tags={"a": "1"})).result()


def test_a_deleted_run_takes_no_batch(store: TrackingStore) -> None:
    run = add_run(store)
    store.change_run(run, DELETE).result()
    before = store.run(run)

    with pytest.raises(InvalidArgument, match=run):
        store.append(run, batch(point(1), tags={"a": "1"})).result()

    assert store.run(run) == before
    assert history(store, run) == []


# Params


def test_same_param_twice_is_no_clash(store: TrackingStore) -> None:
    """Logging a param again with the same value succeeds, so retries are safe."""
    run = add_run(store)
    store.append(run, batch(params={"lr": "0.1"})).result()

    again = store.append(run, batch(params={"lr": "0.1", "more": "1"})).result()

    assert again.clashes == ()
    assert params_of(store, run) == {"lr": "0.1", "more": "1"}


@pytest.mark.parametrize(("old", "new"), [("a", "A"), ("1", "1.0"), ("", " "), ("é", "e\u0301")])
def test_a_param_does_not_change(store: TrackingStore, old: str, new: str) -> None:
    run = add_run(store)
    store.append(run, batch(params={"p": old})).result()

    appended = store.append(run, batch(params={"p": new})).result()

    assert appended.clashes == (ParamClash(key="p", old=old, new=new),)
    assert params_of(store, run) == {"p": old}


def test_all_clashes_of_a_batch_are_told(store: TrackingStore) -> None:
    run = add_run(store)
    store.append(run, batch(params={"a": "1", "b": "2", "c": "3"})).result()

    appended = store.append(run, batch(params={"a": "x", "b": "2", "c": "y"})).result()

    assert {clash.key: (clash.old, clash.new) for clash in appended.clashes} == {
        "a": ("1", "x"),
        "c": ("3", "y"),
    }


def test_with_a_clash_nothing_of_a_batch_is_written(store: TrackingStore) -> None:
    run = add_run(store, run_name="old", tags={"gone": "1"})
    model = add_model(store)
    store.append(run, batch(point(1), params={"p": "1"})).result()
    before = store.run(run)
    whole = batch(
        point(2, step=1, model_id=model),
        point(2, key="new"),
        params={"p": "2", "q": "3"},
        tags={"a": "1"},
        delete_tags=("gone",),
        run_name="new",
        datasets=(dataset_input(),),
    )

    appended = store.append(run, whole).result()

    assert appended.new_points == 0
    assert store.run(run) == before
    assert history(store, run) == [(0, 0, bits(1))]
    assert history(store, run, "new") == []
    found = store.logged_model(model)
    assert found is not None
    assert found.data.metric_list == ()
    assert store.dataset_summaries(["0"]) == []


def test_one_of_those_who_set_a_param_at_once_wins(store: TrackingStore) -> None:
    """R4: every caller is told the truth: it was written, or what else stands there."""
    run = add_run(store)
    values = [str(number) for number in range(16)]

    got = at_once(lambda value: store.append(run, batch(params={"p": value})).result(), values)

    held = params_of(store, run)["p"]
    told = [outcome.clashes for outcome in got if not isinstance(outcome, Exception)]
    assert len(told) == len(values)
    assert told[int(held)] == ()
    for value, clashes in zip(values, told, strict=True):
        if value != held:
            assert clashes == (ParamClash(key="p", old=held, new=value),)


# Tags


def test_a_tag_that_is_set_again_is_replaced(store: TrackingStore) -> None:
    run = add_run(store, tags={"a": "1", "b": "2"})

    store.append(run, batch(tags={"a": "", "A": "x"})).result()

    assert tags_of(store, run) == {"a": "", "b": "2", "A": "x"}


def test_tags_are_deleted(store: TrackingStore) -> None:
    run = add_run(store, tags={"a": "1", "b": "2", "c": "3"})

    appended = store.append(run, batch(delete_tags=("a", "c"))).result()

    assert appended.missing_tags == ()
    assert tags_of(store, run) == {"b": "2"}


def test_a_tag_to_delete_that_is_not_there_stops_the_batch(store: TrackingStore) -> None:
    run = add_run(store, tags={"a": "1"})
    whole = batch(point(1), params={"p": "1"}, delete_tags=("a", "A", "b"))

    appended = store.append(run, whole).result()

    assert appended.missing_tags == ("A", "b")
    assert tags_of(store, run) == {"a": "1"}
    assert params_of(store, run) == {}
    assert history(store, run) == []


def test_a_deleted_tag_can_be_set_anew(store: TrackingStore) -> None:
    run = add_run(store, tags={"a": "1"})
    store.append(run, batch(delete_tags=("a",))).result()

    store.append(run, batch(tags={"a": "2"})).result()

    assert tags_of(store, run) == {"a": "2"}


# Lists in tags


def tag_list(store: TrackingStore, run_id: str, key: str) -> list[object]:
    return msgspec.json.decode(tags_of(store, run_id)[key], type=list[object])


def test_items_are_appended_to_the_list_in_a_tag(store: TrackingStore) -> None:
    run = add_run(store)
    items = [{"path": "ü", "n": [1, None]}, "text", {"path": "ü", "n": [1, None]}]

    for item in items:
        store.append_to_tag_list(run, "log", item).result()

    assert tag_list(store, run, "log") == items


def test_a_list_that_is_there_already_is_gone_on_with(store: TrackingStore) -> None:
    run = add_run(store, tags={"log": '[ {"a": 1} ]'})

    store.append_to_tag_list(run, "log", 2).result()

    assert tag_list(store, run, "log") == [{"a": 1}, 2]


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '"[]"'])
def test_what_is_no_list_is_not_appended_to(store: TrackingStore, text: str) -> None:
    run = add_run(store, tags={"log": text})

    with pytest.raises(InvalidArgument, match="log"):
        store.append_to_tag_list(run, "log", 1).result()

    assert tags_of(store, run) == {"log": text}


def test_items_appended_at_once_are_all_there(store: TrackingStore) -> None:
    """R4: the list is read and written in one step, so nobody's item is lost."""
    run = add_run(store)

    at_once(lambda number: store.append_to_tag_list(run, "log", number).result(), range(64))

    assert sorted(map(int, map(str, tag_list(store, run, "log")))) == list(range(64))


def test_no_list_for_a_run_that_cannot_be_written(store: TrackingStore) -> None:
    run = add_run(store)
    store.change_run(run, DELETE).result()

    with pytest.raises(InvalidArgument, match=run):
        store.append_to_tag_list(run, "log", 1).result()
    with pytest.raises(NotFound, match="0" * 32):
        store.append_to_tag_list("0" * 32, "log", 1).result()
