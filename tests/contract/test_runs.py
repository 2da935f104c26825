"""Runs: adding, reading, changing, life cycle, leases."""

from __future__ import annotations

import msgspec
import pytest

from millrace.core.entities.run import RunChange, StopAsked
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.core.tags import END_CAUSE, RUN_NAME, STOP
from millrace.stores.protocols import TrackingStore
from tests.contract.build import (
    add_experiment,
    add_run,
    at_once,
    batch,
    new_run,
    point,
    read,
    tags_of,
)
from tests.contract.test_experiments import DELETE as DELETE_EXPERIMENT
from tests.contract.test_experiments import RESTORE as RESTORE_EXPERIMENT

DELETE = RunChange(lifecycle_stage="deleted")
RESTORE = RunChange(lifecycle_stage="active")


# Adding and reading


def test_a_new_run_is_read_back_as_it_was_given(store: TrackingStore) -> None:
    given = new_run(tags={"b": "2", "a": "ä"}, artifact_uri="s3://elsewhere", end_time=9)

    added = store.add_run(given).result()

    assert added == given
    assert read(store, given.info.run_id) == given


def test_a_run_is_wire_json(store: TrackingStore) -> None:
    """What is absent is left out, but for the objects that the contract wants in any case."""
    run = add_run(store, user_id="")

    tree = msgspec.json.decode(store.run(run) or b"")

    assert tree["data"] == tree["inputs"] == tree["outputs"] == {}
    assert tree["info"].keys() >= {"run_id", "run_uuid", "user_id", "status", "lifecycle_stage"}
    assert not tree["info"].keys() & {"end_time", "liveness"}


@pytest.mark.parametrize("location", ["s3://b/p", "s3://b/p/"])
def test_without_a_place_for_artifacts_it_gets_one_in_its_experiment(
    store: TrackingStore, location: str
) -> None:
    experiment = add_experiment(store, artifact_location=location)

    run = store.add_run(new_run(experiment)).result()

    uri = f"s3://b/p/{run.info.run_id}/artifacts"
    assert run.info.artifact_uri == uri
    assert read(store, run.info.run_id).info.artifact_uri == uri


def test_no_such_run_is_none(store: TrackingStore) -> None:
    assert store.run("0" * 32) is None


def test_a_run_needs_an_experiment(store: TrackingStore) -> None:
    run = new_run("4711")

    with pytest.raises(NotFound, match="4711"):
        store.add_run(run).result()

    assert store.run(run.info.run_id) is None


def test_a_run_needs_an_experiment_that_is_not_deleted(store: TrackingStore) -> None:
    experiment = add_experiment(store)
    store.change_experiment(experiment, DELETE_EXPERIMENT).result()
    run = new_run(experiment)

    with pytest.raises(InvalidArgument, match=experiment):
        store.add_run(run).result()

    assert store.run(run.info.run_id) is None


def test_a_run_id_is_taken_once(store: TrackingStore) -> None:
    run = add_run(store, run_name="first")

    with pytest.raises(AlreadyExists, match=run):
        store.add_run(new_run(run_id=run, run_name="second")).result()

    assert read(store, run).info.run_name == "first"


def test_of_many_who_want_a_run_id_at_once_one_gets_it(store: TrackingStore) -> None:
    """R4."""
    run_id = "ab" * 16

    got = at_once(lambda name: add_run(store, run_id=run_id, run_name=name), list("abcdefgh"))

    assert [one for one in got if isinstance(one, str)] == [run_id]
    assert {type(one) for one in got} == {str, AlreadyExists}


# Changes


def test_only_what_is_given_changes(store: TrackingStore) -> None:
    run = add_run(store)
    before = read(store, run).info

    finished = store.change_run(run, RunChange(status="FINISHED")).result()
    ended = store.change_run(run, RunChange(end_time=5_000)).result()

    assert finished == msgspec.structs.replace(before, status="FINISHED")
    assert ended == msgspec.structs.replace(finished, end_time=5_000)
    assert read(store, run).info == ended


def test_a_run_that_goes_on_keeps_its_end_time(store: TrackingStore) -> None:
    run = add_run(store)
    store.change_run(run, RunChange(status="FAILED", end_time=5_000)).result()

    info = store.change_run(run, RunChange(status="RUNNING")).result()

    assert (info.status, info.end_time) == ("RUNNING", 5_000)


def test_a_new_name_is_also_in_the_tag(store: TrackingStore) -> None:
    run = add_run(store, run_name="old", tags={RUN_NAME: "old"})

    info = store.change_run(run, RunChange(run_name="new")).result()

    assert info.run_name == read(store, run).info.run_name == "new"
    assert tags_of(store, run) == {RUN_NAME: "new"}


def test_a_batch_renames_a_run_by_its_field_not_by_the_tag(store: TrackingStore) -> None:
    """What a tag means is for the services to know."""
    run = add_run(store, run_name="old", tags={RUN_NAME: "old"})
    store.append(run, batch(tags={RUN_NAME: ""})).result()
    assert read(store, run).info.run_name == "old"

    store.append(run, batch(tags={RUN_NAME: "new"}, run_name="new")).result()

    assert read(store, run).info.run_name == "new"
    assert tags_of(store, run) == {RUN_NAME: "new"}


@pytest.mark.parametrize("change", [RunChange(status="FINISHED"), DELETE, RESTORE])
def test_no_change_of_a_run_that_is_not_there(store: TrackingStore, change: RunChange) -> None:
    with pytest.raises(NotFound, match="0" * 32):
        store.change_run("0" * 32, change).result()


# Life cycle


def test_a_deleted_run_is_still_read(store: TrackingStore) -> None:
    run = add_run(store)
    store.append(run, batch(point(1.5), params={"p": "1"})).result()

    info = store.change_run(run, DELETE).result()

    found = read(store, run)
    assert info.lifecycle_stage == found.info.lifecycle_stage == "deleted"
    assert (found.data.metrics, found.data.params) == ({"m": 1.5}, {"p": "1"})


@pytest.mark.parametrize(
    "change",
    [
        RunChange(status="FINISHED"),
        RunChange(end_time=1),
        RunChange(run_name="x"),
        RunChange(lease_until_ms=10),
    ],
)
def test_a_deleted_run_is_not_changed(store: TrackingStore, change: RunChange) -> None:
    run = add_run(store)
    store.change_run(run, DELETE).result()
    before = store.run(run)

    with pytest.raises(InvalidArgument, match=run):
        store.change_run(run, change).result()

    assert store.run(run) == before


def test_delete_and_restore_can_be_repeated(store: TrackingStore) -> None:
    run = add_run(store)
    changes = (DELETE, DELETE, RESTORE, RESTORE)

    stages = [store.change_run(run, change).result().lifecycle_stage for change in changes]

    assert stages == ["deleted", "deleted", "active", "active"]
    assert read(store, run).info.lifecycle_stage == "active"


def test_a_run_is_not_restored_into_a_deleted_experiment(store: TrackingStore) -> None:
    experiment = add_experiment(store)
    run = add_run(store, experiment)
    store.change_experiment(experiment, DELETE_EXPERIMENT).result()

    with pytest.raises(InvalidArgument, match=experiment):
        store.change_run(run, RESTORE).result()

    assert read(store, run).info.lifecycle_stage == "deleted"


def test_restoring_an_experiment_restores_runs_that_were_deleted_before_it(
    store: TrackingStore,
) -> None:
    experiment = add_experiment(store)
    run = add_run(store, experiment)
    store.change_run(run, DELETE).result()
    store.change_experiment(experiment, DELETE_EXPERIMENT).result()

    store.change_experiment(experiment, RESTORE_EXPERIMENT).result()

    assert read(store, run).info.lifecycle_stage == "active"
    store.append(run, batch(tags={"a": "1"})).result()


# Leases


def leased(store: TrackingStore, until_ms: int = 1_000) -> str:
    run = add_run(store)
    store.change_run(run, RunChange(lease_until_ms=until_ms)).result()
    return run


def is_lost(store: TrackingStore, run_id: str) -> bool:
    return read(store, run_id).info.liveness == "lost"


def test_a_silent_run_is_lost_after_its_lease(store: TrackingStore) -> None:
    run, longer = leased(store, 1_000), leased(store, 1_001)

    expired = store.expire_leases(1_001).result()

    assert expired == 1
    assert is_lost(store, run)
    assert read(store, run).info.status == "RUNNING"
    assert tags_of(store, run)[END_CAUSE] == "lease expired"
    assert not is_lost(store, longer)


def test_a_lost_run_is_counted_once(store: TrackingStore) -> None:
    leased(store, 1_000)

    assert [store.expire_leases(at).result() for at in (999, 1_000, 1_001, 2_000)] == [0, 0, 1, 0]


def test_a_run_without_a_lease_is_never_lost(store: TrackingStore) -> None:
    run = add_run(store)

    assert store.expire_leases(2**62).result() == 0
    assert not is_lost(store, run)


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_that_has_ended_is_never_lost(store: TrackingStore, status: str) -> None:
    run = leased(store)
    store.change_run(run, RunChange(status=status)).result()

    assert store.expire_leases(5_000).result() == 0
    assert not is_lost(store, run)


def test_a_run_that_ends_and_goes_on_has_no_lease_until_it_asks_for_one(
    store: TrackingStore,
) -> None:
    run = leased(store)
    store.change_run(run, RunChange(status="FINISHED")).result()
    store.change_run(run, RunChange(status="RUNNING")).result()

    assert store.expire_leases(5_000).result() == 0
    assert not is_lost(store, run)


@pytest.mark.parametrize(
    "speak",
    [
        lambda store, run: store.extend_lease(run, 9_000),
        lambda store, run: store.change_run(run, RunChange(status="FINISHED")),
        lambda store, run: store.append(run, batch(point(1))),
        lambda store, run: store.append(run, batch(params={"p": "1"})),
        lambda store, run: store.append(run, batch(tags={"a": "b"})),
        lambda store, run: store.append_to_tag_list(run, "list", 1),
    ],
    ids=["heartbeat", "end", "metric", "param", "tag", "item"],
)
def test_a_lost_run_that_speaks_is_live_again(store: TrackingStore, speak) -> None:
    run = leased(store)
    store.expire_leases(5_000).result()
    assert is_lost(store, run)

    speak(store, run).result()

    assert not is_lost(store, run)
    assert END_CAUSE not in tags_of(store, run)


def test_a_heartbeat_in_time_keeps_a_run(store: TrackingStore) -> None:
    run = leased(store, 1_000)
    store.change_run(run, RunChange(lease_until_ms=3_000)).result()

    assert store.expire_leases(2_000).result() == 0
    assert store.expire_leases(3_001).result() == 1


def test_after_a_metric_the_lease_still_ends_when_it_ends(store: TrackingStore) -> None:
    """Only a heartbeat extends a lease: whoever falls silent again is lost again."""
    run = leased(store)
    store.expire_leases(2_000).result()
    store.append(run, batch(point(1))).result()

    assert store.expire_leases(2_001).result() == 1
    assert is_lost(store, run)


# Asked to stop

ASKED = StopAsked(by="ada", at_ms=7)


def test_a_run_that_was_asked_to_stop_hears_of_it_with_each_sign_of_life(
    store: TrackingStore,
) -> None:
    run, other = leased(store), leased(store)

    before = store.extend_lease(run, 2_000).result()
    store.ask_to_stop(run, ASKED).result()

    assert before is None
    assert [store.extend_lease(run, until).result() for until in (3_000, 4_000)] == [ASKED, ASKED]
    assert store.extend_lease(other, 3_000).result() is None
    assert StopAsked.read(tags_of(store, run)[STOP]) == ASKED


def test_to_be_asked_to_stop_is_no_sign_of_life(store: TrackingStore) -> None:
    run = leased(store)
    store.expire_leases(5_000).result()

    store.ask_to_stop(run, ASKED).result()

    assert is_lost(store, run)


def test_a_resumed_run_without_the_tag_is_not_asked(store: TrackingStore) -> None:
    run = leased(store)
    store.ask_to_stop(run, ASKED).result()
    store.append(run, batch(delete_tags=(STOP,))).result()

    assert store.extend_lease(run, 3_000).result() is None


def test_what_others_put_into_the_tag_asks_for_nothing(store: TrackingStore) -> None:
    run = leased(store)
    store.append(run, batch(tags={STOP: "soon"})).result()

    assert store.extend_lease(run, 3_000).result() is None


def test_only_active_runs_are_asked_to_stop(store: TrackingStore) -> None:
    run = add_run(store)
    store.change_run(run, DELETE).result()

    with pytest.raises(InvalidArgument, match="deleted"):
        store.ask_to_stop(run, ASKED).result()
    with pytest.raises(NotFound):
        store.ask_to_stop("f" * 32, ASKED).result()
    with pytest.raises(NotFound):
        store.extend_lease("f" * 32, 1).result()
