"""Experiments: ids, names, tags, life cycle."""

from __future__ import annotations

import pytest

from millrace.core.entities.entity import KeyValue
from millrace.core.entities.experiment import Experiment, ExperimentChange
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.stores.protocols import TrackingStore
from tests.contract.build import ROOT, add_experiment, add_run, at_once, new_experiment, read

DELETE = ExperimentChange(lifecycle_stage="deleted")
RESTORE = ExperimentChange(lifecycle_stage="active")


def tag(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=value)


def stored(store: TrackingStore, experiment_id: str) -> Experiment:
    found = store.experiment(experiment_id)
    assert found is not None
    return found


# Ids and names


def test_experiment_0_is_there_from_the_start(store: TrackingStore) -> None:
    default = stored(store, "0")

    assert default.name == "Default"
    assert default.lifecycle_stage == "active"
    assert default.artifact_location.endswith("/0")
    assert store.experiment_named("Default") == default


def test_ids_count_up_from_1(store: TrackingStore) -> None:
    assert [add_experiment(store) for _ in range(3)] == ["1", "2", "3"]


def test_a_new_experiment_is_read_back_as_it_was_given(store: TrackingStore) -> None:
    tags = (tag("b", "2"), tag("a", "ä"))
    given = new_experiment("x", artifact_location="s3://b/p/", creation_time=1_234, tags=tags)
    added = store.add_experiment(given).result()

    assert stored(store, added.experiment_id) == added
    assert store.experiment_named("x") == added
    assert (added.name, added.artifact_location) == ("x", "s3://b/p/")
    assert (added.creation_time, added.last_update_time) == (1_234, 1_234)
    assert (added.lifecycle_stage, added.tags) == ("active", {"a": "ä", "b": "2"})


@pytest.mark.parametrize(
    ("root", "location"),
    [
        (ROOT, f"{ROOT}/1"),
        (f"{ROOT}/", f"{ROOT}/1"),
        ("mlflow-artifacts:/", "mlflow-artifacts:/1"),
        ("/data/artifacts", "/data/artifacts/1"),
    ],
)
def test_without_a_location_it_gets_one_under_the_root(
    store: TrackingStore, root: str, location: str
) -> None:
    experiment_id = add_experiment(store, artifact_root=root)

    assert stored(store, experiment_id).artifact_location == location


def test_look_ups_of_what_is_not_there_are_none(store: TrackingStore) -> None:
    assert store.experiment("4711") is None
    assert store.experiment_named("nobody") is None


@pytest.mark.parametrize("in_trash", [False, True])
def test_a_name_is_taken_once_the_trash_included(store: TrackingStore, in_trash: bool) -> None:
    experiment_id = add_experiment(store, "x")
    if in_trash:
        store.change_experiment(experiment_id, DELETE).result()

    with pytest.raises(AlreadyExists, match="x"):
        store.add_experiment(new_experiment("x")).result()

    assert store.experiment("2") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("x", "X"), ("x", "x "), ("x", "\uff58"), ("\u00e9", "e\u0301"), ("ß", "ss"), ("i", "\u0131")],
)
def test_names_differ_when_any_code_point_does(store: TrackingStore, one: str, other: str) -> None:
    """Neither case, width, blanks nor composition make two names one."""
    first, second = add_experiment(store, one), add_experiment(store, other)

    assert first != second
    assert store.experiment_named(one) == stored(store, first)
    assert store.experiment_named(other) == stored(store, second)


def test_of_many_who_want_a_name_at_once_one_gets_it(store: TrackingStore) -> None:
    """R4: one winner, everybody else is told that the name is taken, and no id is used up twice."""
    got = at_once(lambda _: add_experiment(store, "wanted"), range(16))

    winners = [one for one in got if isinstance(one, str)]
    assert len(winners) == 1
    assert {type(one) for one in got} == {str, AlreadyExists}
    assert stored(store, winners[0]).name == "wanted"


def test_ids_of_experiments_added_at_once_are_unique_and_dense(store: TrackingStore) -> None:
    got = at_once(lambda number: add_experiment(store, f"n{number}"), range(32))

    assert sorted(map(int, map(str, got))) == list(range(1, 33))


# Changes


def test_a_rename_changes_the_name_and_the_time(store: TrackingStore) -> None:
    experiment_id = add_experiment(store, "old")
    change = ExperimentChange(name="new", last_update_time=2_000)

    changed = store.change_experiment(experiment_id, change).result()

    assert changed == stored(store, experiment_id)
    assert (changed.name, changed.last_update_time) == ("new", 2_000)
    assert changed.creation_time == 1_000
    assert store.experiment_named("old") is None


def test_a_rename_to_its_own_name_is_no_clash(store: TrackingStore) -> None:
    experiment_id = add_experiment(store, "x")

    changed = store.change_experiment(experiment_id, ExperimentChange(name="x")).result()

    assert changed.name == "x"


def test_a_rename_to_a_taken_name_changes_nothing(store: TrackingStore) -> None:
    add_experiment(store, "taken")
    experiment_id = add_experiment(store, "x")
    before = stored(store, experiment_id)
    change = ExperimentChange(name="taken", set_tags=(tag("a", "1"),), last_update_time=9)

    with pytest.raises(AlreadyExists, match="taken"):
        store.change_experiment(experiment_id, change).result()

    assert stored(store, experiment_id) == before


def test_a_name_is_free_again_after_a_rename(store: TrackingStore) -> None:
    experiment_id = add_experiment(store, "x")
    store.change_experiment(experiment_id, ExperimentChange(name="y")).result()

    assert add_experiment(store, "x") != experiment_id


def test_tags_are_set_and_replaced(store: TrackingStore) -> None:
    experiment_id = add_experiment(store, tags=(tag("a", "1"), tag("b", "2")))
    change = ExperimentChange(set_tags=(tag("b", ""), tag("c", "3")))

    changed = store.change_experiment(experiment_id, change).result()

    assert changed.tags == stored(store, experiment_id).tags == {"a": "1", "b": "", "c": "3"}


def test_a_tag_is_deleted_once(store: TrackingStore) -> None:
    experiment_id = add_experiment(store, tags=(tag("a", "1"), tag("b", "2")))
    change = ExperimentChange(delete_tag="a")
    store.change_experiment(experiment_id, change).result()

    with pytest.raises(NotFound, match="a"):
        store.change_experiment(experiment_id, change).result()

    assert stored(store, experiment_id).tags == {"b": "2"}


def test_tags_set_at_once_are_all_there(store: TrackingStore) -> None:
    """R4: nobody's tag is lost to another's."""
    experiment_id = add_experiment(store)

    def set_one(number: int) -> None:
        change = ExperimentChange(set_tags=(tag(f"k{number}", str(number)),))
        store.change_experiment(experiment_id, change).result()

    at_once(set_one, range(32))

    assert stored(store, experiment_id).tags == {f"k{number}": str(number) for number in range(32)}


@pytest.mark.parametrize(
    "change", [ExperimentChange(name="y"), DELETE, RESTORE, ExperimentChange(delete_tag="a")]
)
def test_no_change_of_what_is_not_there(store: TrackingStore, change: ExperimentChange) -> None:
    with pytest.raises(NotFound, match="4711"):
        store.change_experiment("4711", change).result()


# Life cycle


def test_a_deleted_experiment_is_still_read(store: TrackingStore) -> None:
    experiment_id = add_experiment(store, "x")
    change = ExperimentChange(lifecycle_stage="deleted", last_update_time=2_000)

    deleted = store.change_experiment(experiment_id, change).result()

    assert (deleted.lifecycle_stage, deleted.last_update_time) == ("deleted", 2_000)
    assert store.experiment(experiment_id) == store.experiment_named("x") == deleted


@pytest.mark.parametrize(
    "change",
    [
        ExperimentChange(name="y"),
        ExperimentChange(set_tags=(tag("a", "2"),)),
        ExperimentChange(delete_tag="a"),
        ExperimentChange(last_update_time=5),
    ],
)
def test_a_deleted_experiment_is_not_changed(
    store: TrackingStore, change: ExperimentChange
) -> None:
    experiment_id = add_experiment(store, tags=(tag("a", "1"),))
    before = store.change_experiment(experiment_id, DELETE).result()

    with pytest.raises(InvalidArgument, match=experiment_id):
        store.change_experiment(experiment_id, change).result()

    assert stored(store, experiment_id) == before


@pytest.mark.parametrize("change", [DELETE, RESTORE])
def test_only_a_change_of_the_life_cycle_is_one(
    store: TrackingStore, change: ExperimentChange
) -> None:
    """Deleting what is deleted, or restoring what is not, changes nothing and says so."""
    experiment_id = add_experiment(store)
    if change is DELETE:
        store.change_experiment(experiment_id, DELETE).result()
    before = stored(store, experiment_id)
    again = ExperimentChange(lifecycle_stage=change.lifecycle_stage, last_update_time=9)

    with pytest.raises(NotFound, match=experiment_id):
        store.change_experiment(experiment_id, again).result()

    assert stored(store, experiment_id) == before


def test_runs_follow_their_experiment_into_the_trash_and_back(store: TrackingStore) -> None:
    experiment_id, other = add_experiment(store), add_experiment(store)
    runs = [add_run(store, experiment_id) for _ in range(3)]
    elsewhere = add_run(store, other)

    def stages() -> set[str]:
        return {read(store, run).info.lifecycle_stage for run in runs}

    store.change_experiment(experiment_id, DELETE).result()
    assert stages() == {"deleted"}

    store.change_experiment(experiment_id, RESTORE).result()
    assert stages() == {"active"}
    assert read(store, elsewhere).info.lifecycle_stage == "active"


def test_the_default_experiment_is_deleted_and_restored_like_any_other(
    store: TrackingStore,
) -> None:
    run = add_run(store, "0")
    store.change_experiment("0", DELETE).result()
    assert read(store, run).info.lifecycle_stage == "deleted"

    store.change_experiment("0", RESTORE).result()

    assert stored(store, "0").lifecycle_stage == "active"
    assert read(store, run).info.lifecycle_stage == "active"
