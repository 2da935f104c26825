"""Logged models: adding, changing, their metrics, the trash."""

from __future__ import annotations

import math

import msgspec
import pytest

from millrace.core.entities.entity import KeyValue, pairs
from millrace.core.entities.logged_model import LoggedModel, LoggedModelChange
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.stores.protocols import TrackingStore
from tests.contract.build import (
    add_experiment,
    add_model,
    add_run,
    at_once,
    batch,
    bits,
    history,
    log,
    new_model,
    point,
)
from tests.contract.test_experiments import DELETE as DELETE_EXPERIMENT

DELETE = LoggedModelChange(deleted=True)


def stored(store: TrackingStore, model_id: str) -> LoggedModel:
    found = store.logged_model(model_id)
    assert found is not None
    return found


# Adding and reading


def test_a_new_model_is_read_back_as_it_was_given(store: TrackingStore) -> None:
    given = new_model(
        artifact_uri="s3://elsewhere",
        params={"depth": "3", "a": "ä"},
        tags={"t": "1"},
        model_type="agent",
        source_run_id="r",
        creation_timestamp_ms=5,
        last_updated_timestamp_ms=6,
        status="LOGGED_MODEL_READY",
        status_message="fine",
    )

    added = store.add_logged_model(given).result()

    assert added == stored(store, given.model_id) == given


def test_without_a_place_for_artifacts_it_gets_one_in_its_experiment(store: TrackingStore) -> None:
    experiment = add_experiment(store, artifact_location="s3://b/p/")

    model = store.add_logged_model(new_model(experiment)).result()

    assert model.info.artifact_uri == f"s3://b/p/models/{model.model_id}/artifacts"
    assert stored(store, model.model_id) == model


def test_names_need_not_be_unique_but_ids(store: TrackingStore) -> None:
    first, second = add_model(store, name="n"), add_model(store, name="n")

    with pytest.raises(AlreadyExists, match=first):
        add_model(store, model_id=first, name="other")

    assert first != second
    assert stored(store, first).name == "n"


def test_a_model_needs_an_experiment(store: TrackingStore) -> None:
    with pytest.raises(NotFound, match="4711"):
        add_model(store, "4711", model_id="m-1")

    assert store.logged_model("m-1") is None


def test_a_model_needs_an_experiment_that_is_not_deleted(store: TrackingStore) -> None:
    experiment = add_experiment(store)
    store.change_experiment(experiment, DELETE_EXPERIMENT).result()

    with pytest.raises(InvalidArgument, match=experiment):
        add_model(store, experiment, model_id="m-1")

    assert store.logged_model("m-1") is None


# Changes


def test_only_what_is_given_changes(store: TrackingStore) -> None:
    model = add_model(store, params={"p": "1"}, tags={"t": "1"})
    before = stored(store, model)
    change = LoggedModelChange(status="LOGGED_MODEL_READY", last_updated_timestamp_ms=2_000)

    changed = store.change_logged_model(model, change).result()

    info = msgspec.structs.replace(
        before.info, status="LOGGED_MODEL_READY", last_updated_timestamp_ms=2_000
    )
    assert changed == stored(store, model) == msgspec.structs.replace(before, info=info)


def test_tags_are_set_replaced_and_deleted(store: TrackingStore) -> None:
    model = add_model(store, tags={"a": "1", "b": "2"})
    store.change_logged_model(
        model, LoggedModelChange(set_tags=pairs({"b": "", "c": "3"}))
    ).result()

    changed = store.change_logged_model(model, LoggedModelChange(delete_tag="a")).result()

    assert changed.info.tags == stored(store, model).info.tags == {"b": "", "c": "3"}


def test_a_tag_that_is_not_there_cannot_be_deleted(store: TrackingStore) -> None:
    model = add_model(store, tags={"a": "1"})

    with pytest.raises(NotFound, match="A"):
        store.change_logged_model(model, LoggedModelChange(delete_tag="A")).result()

    assert stored(store, model).info.tags == {"a": "1"}


def test_params_are_added_and_stay(store: TrackingStore) -> None:
    model = add_model(store, params={"a": "1"})
    more = LoggedModelChange(add_params=pairs({"a": "1", "b": "2"}))

    changed = store.change_logged_model(model, more).result()

    assert changed.data.params == stored(store, model).data.params == {"a": "1", "b": "2"}


def test_a_param_does_not_change(store: TrackingStore) -> None:
    """And nothing else of that change happens either."""
    model = add_model(store, params={"a": "1"})
    before = stored(store, model)
    change = LoggedModelChange(
        add_params=pairs({"b": "2", "a": "x"}),
        set_tags=(KeyValue(key="t", value="1"),),
        status="LOGGED_MODEL_READY",
        last_updated_timestamp_ms=9,
    )

    with pytest.raises(InvalidArgument, match="a"):
        store.change_logged_model(model, change).result()

    assert stored(store, model) == before


def test_tags_set_at_once_are_all_there(store: TrackingStore) -> None:
    """R4."""
    model = add_model(store)

    def set_one(number: int) -> None:
        change = LoggedModelChange(set_tags=(KeyValue(key=f"k{number}", value="v"),))
        store.change_logged_model(model, change).result()

    at_once(set_one, range(32))

    assert len(stored(store, model).info.tags) == 32


@pytest.mark.parametrize("change", [LoggedModelChange(status="LOGGED_MODEL_READY"), DELETE])
def test_no_change_of_what_is_not_there(store: TrackingStore, change: LoggedModelChange) -> None:
    with pytest.raises(NotFound, match="m-0"):
        store.change_logged_model("m-0", change).result()


# The trash


def test_a_deleted_model_is_not_there(store: TrackingStore) -> None:
    model = add_model(store)

    store.change_logged_model(model, DELETE).result()

    assert store.logged_model(model) is None
    with pytest.raises(NotFound, match=model):
        store.change_logged_model(model, LoggedModelChange(delete_tag="t")).result()


def test_delete_can_be_repeated_and_undone(store: TrackingStore) -> None:
    model = add_model(store, tags={"t": "1"})
    before = stored(store, model)
    store.change_logged_model(model, DELETE).result()
    store.change_logged_model(model, DELETE).result()

    store.change_logged_model(model, LoggedModelChange(deleted=False)).result()

    assert stored(store, model) == before


# Metrics


def test_a_point_logged_for_a_model_is_in_both_places(store: TrackingStore) -> None:
    run, model = add_run(store), add_model(store)
    data = {"dataset_name": "d", "dataset_digest": "1"}

    log(store, run, point(0.5, 2, 3, model_id=model, **data), point(1, 2, 3, key="own"))

    assert stored(store, model).data.metric_list == (
        point(0.5, 2, 3, model_id=model, run_id=run, **data),
    )
    assert history(store, run) == [(2, 3, bits(0.5))]


def test_all_points_of_a_model_are_listed_the_latest_last(store: TrackingStore) -> None:
    """By key, then step, time and value: so the last of a key is its latest."""
    run, other, model = add_run(store), add_run(store), add_model(store)
    log(
        store,
        run,
        *(point(value, step, model_id=model) for value, step in ((3, 1), (1, 2), (2, 0))),
    )
    log(store, other, point(math.nan, 2, model_id=model), point(7, 0, key="a", model_id=model))

    listed = stored(store, model).data.metric_list

    assert [(m.key, m.step, bits(m.value), m.run_id) for m in listed] == [
        ("a", 0, bits(7), other),
        ("m", 0, bits(2), run),
        ("m", 1, bits(3), run),
        ("m", 2, "nan", other),
        ("m", 2, bits(1), run),
    ]


def test_the_same_point_for_the_same_model_and_data_is_there_once(store: TrackingStore) -> None:
    run, model = add_run(store), add_model(store)
    data = {"dataset_name": "d", "dataset_digest": "1"}

    for _ in range(2):
        log(store, run, point(1, model_id=model), point(1, model_id=model, **data))

    listed = stored(store, model).data.metric_list
    assert sorted(m.dataset_name or "" for m in listed) == ["", "d"]
    assert history(store, run) == [(0, 0, bits(1))]


def test_a_point_of_a_run_can_be_given_to_models_later(store: TrackingStore) -> None:
    """Clients log the metrics of a run again when a model of it is made."""
    run, models = add_run(store), [add_model(store), add_model(store)]
    log(store, run, point(1))

    for model in models:
        appended = store.append(run, batch(point(1, model_id=model))).result()
        assert appended.new_points == 0

    assert [stored(store, model).data.metrics for model in models] == [{"m": 1}, {"m": 1}]


def test_a_model_that_is_not_there_stops_the_batch(store: TrackingStore) -> None:
    run, model = add_run(store), add_model(store)
    before = store.run(run)

    with pytest.raises(NotFound, match="m-0"):
        log(store, run, point(1), point(2, key="n", model_id=model), point(3, model_id="m-0"))

    assert store.run(run) == before
    assert history(store, run) == []
    assert stored(store, model).data.metric_list == ()


def test_a_deleted_model_takes_no_metrics(store: TrackingStore) -> None:
    run, model = add_run(store), add_model(store)
    store.change_logged_model(model, DELETE).result()

    with pytest.raises(NotFound, match=model):
        log(store, run, point(1, model_id=model))

    assert history(store, run) == []
