"""The trash: what is in it, what may be restored, and removal that leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.run import ModelOutput, RunChange
from millrace.core.entities.trash import TrashItem, TrashKind, TrashQuery
from millrace.core.errors import InvalidArgument, NotFound
from millrace.stores.protocols import EvaluationStore, Stores, TrackingStore, TrashStore
from tests.contract import build


@pytest.fixture
def trash(stores: Stores) -> TrashStore:
    return stores.trash


def delete_run(store: TrackingStore, run_id: str, at_ms: int | None = 100) -> None:
    store.change_run(run_id, RunChange(lifecycle_stage="deleted", deleted_ms=at_ms)).result()


def restore_run(store: TrackingStore, run_id: str) -> None:
    store.change_run(run_id, RunChange(lifecycle_stage="active")).result()


def move_experiment(store: TrackingStore, id_: str, stage: str, at_ms: int | None = 100) -> None:
    change = ExperimentChange(lifecycle_stage=stage, last_update_time=at_ms)  # type: ignore[arg-type]
    store.change_experiment(id_, change).result()


def delete_model(store: TrackingStore, model_id: str, at_ms: int | None = 100) -> None:
    store.change_logged_model(model_id, LoggedModelChange(deleted=True, deleted_ms=at_ms)).result()


def found(trash: TrashStore, kind: TrashKind, **fields: object) -> list[TrashItem]:
    return list(trash.find(TrashQuery(kind=kind, **fields)).items)  # type: ignore[arg-type]


def ids(trash: TrashStore, kind: TrashKind, **fields: object) -> list[str]:
    return [item.id for item in found(trash, kind, **fields)]


def purge(trash: TrashStore, kind: TrashKind, id_: str, *, limit: int = 1_000) -> None:
    """Remove a thing for good."""
    assert trash.begin_purge(kind, id_, at_ms=500).result()
    while not trash.purge(kind, id_, limit=limit).result().done:
        pass


def test_what_is_deleted_is_in_the_trash(store: TrackingStore, trash: TrashStore) -> None:
    run, kept = build.add_run(store), build.add_run(store)
    build.log(store, run, build.point(1.0), build.point(2.0, step=1), build.point(1.0, key="n"))
    model = build.add_model(store)
    delete_run(store, run, at_ms=100)
    delete_model(store, model, at_ms=200)

    (found_run,) = found(trash, "run")
    (found_model,) = found(trash, "logged_model")

    assert found_run == TrashItem(
        kind="run",
        id=run,
        name="swift-otter-1",
        experiment_id="0",
        artifact_uri=build.read(store, run).info.artifact_uri,
        deleted_ms=100,
        points=3,
    )
    assert (found_model.id, found_model.name, found_model.deleted_ms) == (model, "forest", 200)
    assert found(trash, "experiment") == []
    assert kept not in ids(trash, "run")


def test_what_is_restored_is_not(store: TrackingStore, trash: TrashStore) -> None:
    run, model = build.add_run(store), build.add_model(store)
    experiment = build.add_experiment(store)
    delete_run(store, run)
    delete_model(store, model)
    move_experiment(store, experiment, "deleted")

    restore_run(store, run)
    store.change_logged_model(model, LoggedModelChange(deleted=False)).result()
    move_experiment(store, experiment, "active")

    assert [ids(trash, kind) for kind in ("run", "logged_model", "experiment")] == [[], [], []]
    delete_run(store, run, at_ms=900)
    assert found(trash, "run")[0].deleted_ms == 900


def test_deleting_again_keeps_the_first_time(store: TrackingStore, trash: TrashStore) -> None:
    run, model = build.add_run(store), build.add_model(store)
    for at_ms in (100, 200):
        delete_run(store, run, at_ms)
        delete_model(store, model, at_ms)

    assert found(trash, "run")[0].deleted_ms == 100
    assert found(trash, "logged_model")[0].deleted_ms == 100


def test_an_experiment_takes_what_is_in_it_along(store: TrackingStore, trash: TrashStore) -> None:
    """Runs that were deleted before keep their time; a model counts as deleted with it."""
    experiment = build.add_experiment(store, "mine")
    early, late = build.add_run(store, experiment), build.add_run(store, experiment)
    model = build.add_model(store, experiment)
    build.log(store, late, build.point(1.0), build.point(2.0, step=1))
    elsewhere = build.add_run(store)
    delete_run(store, early, at_ms=100)
    delete_run(store, elsewhere, at_ms=150)

    move_experiment(store, experiment, "deleted", at_ms=200)

    assert [(one.id, one.deleted_ms) for one in found(trash, "run")] == [
        (early, 100),
        (elsewhere, 150),
        (late, 200),
    ]
    assert ids(trash, "run", experiment_id=experiment) == [early, late]
    assert ids(trash, "run", alone=True) == [elsewhere]
    assert [(one.id, one.deleted_ms) for one in found(trash, "logged_model")] == [(model, 200)]
    assert ids(trash, "logged_model", alone=True) == []
    (one,) = found(trash, "experiment")
    assert (one.id, one.name, one.deleted_ms) == (experiment, "mine", 200)
    assert (one.runs, one.logged_models, one.points) == (2, 1, 2)


def test_age_and_ids_choose(store: TrackingStore, trash: TrashStore) -> None:
    runs = [build.add_run(store) for _ in range(3)]
    for run, at_ms in zip(runs, (100, 200, None), strict=True):
        delete_run(store, run, at_ms)

    assert ids(trash, "run") == [runs[2], runs[0], runs[1]]
    assert ids(trash, "run", deleted_before_ms=200) == [runs[0]]
    assert ids(trash, "run", deleted_before_ms=201) == runs[:2]
    assert ids(trash, "run", ids=(runs[1], "nowhere")) == [runs[1]]
    assert trash.date(300).result() == 1
    assert trash.date(400).result() == 0
    assert ids(trash, "run", deleted_before_ms=301) == runs


def test_pages_hold_everything_once(store: TrackingStore, trash: TrashStore) -> None:
    runs = {build.add_run(store) for _ in range(7)}
    for run in runs:
        delete_run(store, run)

    pages = list(paged(trash, TrashQuery(kind="run", limit=3)))

    assert [len(page) for page in pages] == [3, 3, 1]
    assert {one for page in pages for one in page} == runs


def paged(trash: TrashStore, query: TrashQuery) -> Iterator[list[str]]:
    after = None
    while True:
        page = trash.find(TrashQuery(kind=query.kind, limit=query.limit, after=after))
        yield [item.id for item in page.items]
        after = page.next
        if after is None:
            return


# --- removal ---


@pytest.mark.parametrize("limit", [1, 3, 10_000])
def test_a_purged_run_is_gone(store: TrackingStore, trash: TrashStore, limit: int) -> None:
    gone, kept = build.add_run(store, tags={"both": "1"}), build.add_run(store, tags={"both": "1"})
    for run, keys in ((gone, ("m", "only")), (kept, ("m",))):
        points = [
            build.point(float(n), step=n % 4, timestamp=n, key=k) for n in range(9) for k in keys
        ]
        store.append(
            run,
            build.batch(
                *points,
                params={"p": run},
                tags={"t": run},
                datasets=(build.dataset_input(), build.dataset_input(run, run[:8])),
                model_outputs=(ModelOutput(model_id="m-1", step=1),),
            ),
        ).result()
    before = build.read(store, kept), build.history(store, kept)
    delete_run(store, gone)

    purge(trash, "run", gone, limit=limit)

    assert store.run(gone) is None
    assert build.history(store, gone) == build.history(store, gone, "only") == []
    assert ids(trash, "run") == []
    assert (build.read(store, kept), build.history(store, kept)) == before
    assert {one.name for one in store.dataset_summaries(["0"])} == {"iris", kept}
    with pytest.raises(NotFound):
        build.log(store, gone, build.point(1.0))
    assert trash.purge("run", gone, limit=limit).result().done


def test_a_run_of_the_same_id_begins_anew(store: TrackingStore, trash: TrashStore) -> None:
    run = build.add_run(store)
    build.log(store, run, build.point(1.0), build.point(2.0, step=5))
    delete_run(store, run)
    purge(trash, "run", run)

    build.add_run(store, run_id=run)
    build.log(store, run, build.point(3.0, step=1))

    assert build.history(store, run) == [(1, 0, build.bits(3.0))]
    assert build.tags_of(store, run) == {}


def test_only_what_is_marked_is_removed(store: TrackingStore, trash: TrashStore) -> None:
    run = build.add_run(store)
    assert trash.begin_purge("run", run, at_ms=1).result() is False
    delete_run(store, run, at_ms=100)
    assert trash.begin_purge("run", run, at_ms=1, deleted_before_ms=100).result() is False
    assert trash.begin_purge("run", "nowhere", at_ms=1).result() is False

    with pytest.raises(InvalidArgument, match="not begun"):
        trash.purge("run", run, limit=10).result()

    assert ids(trash, "run") == [run]
    restore_run(store, run)
    build.log(store, run, build.point(1.0))


def test_what_is_marked_cannot_be_restored(store: TrackingStore, trash: TrashStore) -> None:
    """And it is found by whoever looks for old things, until it is gone."""
    experiment = build.add_experiment(store)
    run, model = build.add_run(store), build.add_model(store)
    inside = build.add_run(store, experiment)
    delete_run(store, run)
    delete_run(store, inside)
    delete_model(store, model)
    move_experiment(store, experiment, "deleted")
    for kind, id_ in (("run", run), ("logged_model", model), ("experiment", experiment)):
        assert trash.begin_purge(kind, id_, at_ms=500).result()  # type: ignore[arg-type]
        assert trash.begin_purge(kind, id_, at_ms=600, deleted_before_ms=0).result()  # type: ignore[arg-type]
        (item,) = found(trash, kind, deleted_before_ms=0)  # type: ignore[arg-type]
        assert item.purging

    with pytest.raises(InvalidArgument, match="removed for good"):
        restore_run(store, run)
    with pytest.raises(InvalidArgument, match="removed for good"):
        store.change_logged_model(model, LoggedModelChange(deleted=False)).result()
    with pytest.raises(InvalidArgument, match="removed for good"):
        move_experiment(store, experiment, "active")


def test_a_marked_run_stays_when_its_experiment_is_restored(
    store: TrackingStore, trash: TrashStore
) -> None:
    experiment = build.add_experiment(store)
    marked, other = build.add_run(store, experiment), build.add_run(store, experiment)
    move_experiment(store, experiment, "deleted")
    assert trash.begin_purge("run", marked, at_ms=500).result()

    move_experiment(store, experiment, "active")

    assert build.read(store, other).info.lifecycle_stage == "active"
    assert build.read(store, marked).info.lifecycle_stage == "deleted"
    purge(trash, "run", marked)
    assert store.run(marked) is None


@pytest.mark.parametrize("limit", [1, 10_000])
def test_a_purged_model_is_gone(store: TrackingStore, trash: TrashStore, limit: int) -> None:
    run = build.add_run(store)
    model = build.add_model(store, params={"a": "1", "b": "2"}, tags={"t": "1", "u": "2"})
    points = [build.point(1.0, step=n, model_id=model) for n in range(5)]
    build.log(store, run, *points)
    delete_model(store, model)

    purge(trash, "logged_model", model, limit=limit)

    assert ids(trash, "logged_model") == []
    with pytest.raises(NotFound):
        store.change_logged_model(model, LoggedModelChange(deleted=False)).result()
    assert len(build.history(store, run)) == 5


def test_a_model_of_a_deleted_experiment_can_go(store: TrackingStore, trash: TrashStore) -> None:
    experiment = build.add_experiment(store)
    model = build.add_model(store, experiment)
    assert trash.begin_purge("logged_model", model, at_ms=1).result() is False
    move_experiment(store, experiment, "deleted")

    purge(trash, "logged_model", model)

    assert found(trash, "experiment")[0].logged_models == 0


@pytest.mark.parametrize("limit", [1, 10_000])
def test_a_purged_experiment_is_gone(
    store: TrackingStore, evaluation: EvaluationStore, trash: TrashStore, limit: int
) -> None:
    """Its id is not given again, its name is free, and evaluation data sets forget it."""
    experiment = build.add_experiment(store, "mine", tags=build.pairs({"a": "1", "b": "2"}))
    dataset = build.new_dataset(experiment_ids=("0", experiment))
    evaluation.add_dataset(dataset).result()
    run = build.add_run(store, experiment)
    store.append(run, build.batch(build.point(1.0), params={"p": "1"}, tags={"t": "1"})).result()
    move_experiment(store, experiment, "deleted")
    assert trash.begin_purge("experiment", experiment, at_ms=1).result()
    with pytest.raises(InvalidArgument, match="still has runs"):
        trash.purge("experiment", experiment, limit=limit).result()

    purge(trash, "run", run, limit=limit)
    purge(trash, "experiment", experiment, limit=limit)

    assert store.experiment(experiment) is None
    assert ids(trash, "experiment") == []
    held = evaluation.dataset(dataset.dataset_id)
    assert held is not None
    assert held.experiment_ids == ("0",)
    assert build.add_experiment(store, "mine") not in {"0", experiment}


def test_strays_are_artifacts_outside_a_folder_of_their_own(
    store: TrackingStore, trash: TrashStore
) -> None:
    build.add_run(store)
    build.add_model(store)
    build.add_run(store, artifact_uri="s3://elsewhere/x/artifacts")

    assert trash.strays() == ["s3://elsewhere/x/artifacts"]


def test_a_name_that_went_and_came_back_is_found(store: TrackingStore, trash: TrashStore) -> None:
    """With the last run that had a metric goes its name, which is another one's when it is new."""

    def best() -> list[str]:
        asked = build.query("metrics.m > 0", ["metrics.m DESC"], limit=1)
        return build.run_ids(store.find_runs(["0"], asked).items)

    for _ in range(2):
        runs = [build.add_run(store) for _ in range(3)]
        for value, run in enumerate(runs, 1):
            build.log(store, run, build.point(value))
        assert [best() for _ in range(3)] == [[runs[-1]]] * 3
        for run in runs:
            delete_run(store, run)
            purge(trash, "run", run)
        assert best() == []
