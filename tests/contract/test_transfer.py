"""Records taken in as they were elsewhere, moved and copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from millrace.core.entities.entity import pairs
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.logged_model import LoggedModelData
from millrace.core.entities.registry import (
    Alias,
    AliasMove,
    HeldModel,
    HeldVersion,
    ModelVersion,
    NewVersion,
    RegisteredModel,
)
from millrace.core.entities.run import ModelInput, ModelOutput, Run, RunInputs, RunOutputs
from millrace.core.errors import (
    AlreadyExists,
    InvalidArgument,
    MillraceError,
    NotFound,
)
from millrace.core.filters import LOGGED_MODELS
from millrace.core.numbers import NAN_KEY, key_of
from millrace.core.series import Point
from millrace.stores.protocols import RegistryStore, Stores
from tests.contract.build import (
    INT64_MAX,
    INT64_MIN,
    add_experiment,
    add_run,
    batch,
    chart,
    dataset_input,
    drawn,
    history,
    log,
    new_model,
    new_run,
    point,
    query,
    read,
    search,
)
from tests.contract.test_runs import DELETE

FAR = "987654321098765432"
ODD = [
    (INT64_MIN, INT64_MIN, NAN_KEY),
    (-1, 5, key_of(float("-inf"))),
    (0, 0, key_of(-0.0)),
    (0, 0, key_of(0.0)),
    (INT64_MAX, INT64_MAX, key_of(5e-324)),
]


def experiment(key: str = FAR, name: str = "from afar", **fields: object) -> Experiment:
    known = {"artifact_location": "s3://far/away", "lifecycle_stage": "active"}
    known |= {"creation_time": 5, "last_update_time": 7, "workspace": "default"}
    return Experiment(experiment_id=key, name=name, **known | fields)  # type: ignore[arg-type]


def whole_run(experiment_id: str = FAR) -> Run:
    return replace(
        new_run(experiment_id, tags={"a": "1", "mlflow.runName": "x"}, artifact_uri="s3://far/r"),
        inputs=RunInputs(
            dataset_inputs=(dataset_input(tags={"mlflow.data.context": "train"}),),
            model_inputs=(ModelInput(model_id="m-1"),),
        ),
        outputs=RunOutputs(model_outputs=(ModelOutput(model_id="m-2", step=3),)),
    )


def deleted(run: Run) -> Run:
    return replace(run, info=replace(run.info, lifecycle_stage="deleted"))


def all_points(stores: Stores, run_id: str, key: str = "m", limit: int = 2) -> list[Point]:
    found: list[Point] = []
    while part := stores.transfer.points(
        run_id, key, after=found[-1] if found else None, limit=limit
    ):
        found += part
    return found


# Taking in


def test_an_experiment_keeps_its_id_and_the_next_one_gets_another(stores: Stores) -> None:
    given = experiment()

    stores.transfer.adopt_experiment(given).result()
    stores.transfer.adopt_experiment(given).result()

    assert stores.tracking.experiment(FAR) == given
    assert add_experiment(stores.tracking) not in {"0", FAR}


def test_an_experiment_that_is_here_becomes_as_given(stores: Stores) -> None:
    stores.transfer.adopt_experiment(experiment()).result()
    later = experiment(name="renamed", lifecycle_stage="deleted", last_update_time=9)

    stores.transfer.adopt_experiment(later).result()

    assert stores.tracking.experiment(FAR) == later


def test_a_name_that_another_experiment_has_is_refused(stores: Stores) -> None:
    add_experiment(stores.tracking, "taken")

    with pytest.raises(AlreadyExists, match="taken"):
        stores.transfer.adopt_experiment(experiment(name="taken")).result()

    assert stores.tracking.experiment(FAR) is None


@pytest.mark.parametrize("stage", [lambda run: run, deleted], ids=["active", "deleted"])
def test_a_run_is_as_it_was_whatever_its_stage(stores: Stores, stage: Callable[[Run], Run]) -> None:
    given = stage(whole_run())
    stores.transfer.adopt_experiment(experiment()).result()

    for _ in "twice":
        stores.transfer.adopt_run(given, deleted_ms=8).result()
        stores.transfer.adopt_points(given.info.run_id, "m", ODD).result()

    found = read(stores.tracking, given.info.run_id)
    assert replace(found, data=replace(found.data, metric_list=())) == given
    assert all_points(stores, given.info.run_id) == ODD


def test_what_a_run_no_longer_has_goes(stores: Stores) -> None:
    stores.transfer.adopt_experiment(experiment()).result()
    old = whole_run()
    stores.transfer.adopt_run(old).result()
    stores.transfer.adopt_points(old.info.run_id, "m", ODD).result()
    new = replace(new_run(FAR, run_id=old.info.run_id, artifact_uri="s3://x"), data=old.data)

    stores.transfer.adopt_run(new).result()

    found = read(stores.tracking, old.info.run_id)
    assert replace(found, data=replace(found.data, metric_list=())) == new
    assert len(all_points(stores, old.info.run_id)) == len(ODD)


def test_points_are_taken_once(stores: Stores) -> None:
    run = add_run(stores.tracking)
    log(stores.tracking, run, point(1.0, step=2, timestamp=3))
    given = [(0, 0, key_of(0.5)), (2, 3, key_of(1.0)), (2, 3, key_of(2.0))]

    assert stores.transfer.adopt_points(run, "m", given).result() == 2
    assert stores.transfer.adopt_points(run, "m", given).result() == 0
    assert len(history(stores.tracking, run)) == 3


def test_no_points_of_what_is_not_there(stores: Stores) -> None:
    assert stores.transfer.points(add_run(stores.tracking), "none", after=None, limit=5) == []


def test_a_run_of_another_experiment_is_not_taken(stores: Stores) -> None:
    run = whole_run("0")
    stores.transfer.adopt_run(run).result()
    stores.transfer.adopt_experiment(experiment()).result()

    with pytest.raises(AlreadyExists, match="experiment 0"):
        stores.transfer.adopt_run(replace(run, info=replace(run.info, experiment_id=FAR))).result()


def test_nothing_is_taken_into_an_experiment_that_is_not_there(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.transfer.adopt_run(whole_run("77")).result()
    with pytest.raises(NotFound):
        stores.transfer.adopt_logged_model(new_model("77")).result()
    with pytest.raises(NotFound):
        stores.transfer.adopt_points("0" * 32, "m", ODD).result()


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_logged_model_comes_with_all_it_has(stores: Stores, is_deleted: bool) -> None:
    given = new_model(params={"p": "1"}, tags={"t": "2"}, artifact_uri="s3://m")
    metric = point(
        0.5, step=1, timestamp=2, model_id=given.model_id, run_id="r" * 32,
        dataset_name="d", dataset_digest="x",
    )  # fmt: skip
    given = replace(
        given,
        data=LoggedModelData(param_list=given.data.param_list, metric_list=(metric,)),
    )

    for _ in "twice":
        stores.transfer.adopt_logged_model(given, is_deleted=is_deleted).result()

    view = "DELETED_ONLY" if is_deleted else "ACTIVE_ONLY"
    asked = query(table=LOGGED_MODELS, view=view)
    assert stores.tracking.find_logged_models(["0"], asked).items == (given,)


# Moving and copying


def filled(stores: Stores) -> tuple[str, str, str]:
    """A run with everything in one experiment, its id, and another experiment."""
    home, away = add_experiment(stores.tracking), add_experiment(stores.tracking)
    run = add_run(stores.tracking, home, tags={"team": "a"})
    points = [point(step / 3, step=step, timestamp=step) for step in range(3_000)]
    for begin in range(0, 3_000, 1_000):
        log(stores.tracking, run, *points[begin : begin + 1_000])
    given = batch(
        params={"lr": "0.1"},
        datasets=(dataset_input(tags={"mlflow.data.context": "train"}),),
        model_outputs=(ModelOutput(model_id="m-2", step=3),),
    )
    stores.tracking.append(run, given).result()
    return home, run, away


def test_a_moved_run_is_the_same_run_elsewhere(stores: Stores) -> None:
    home, run, away = filled(stores)
    before, points = read(stores.tracking, run), history(stores.tracking, run)
    drawing = drawn(chart(stores.tracking, [run], buckets=20))

    stores.transfer.move_runs([run], away).result()

    after = read(stores.tracking, run)
    assert after == replace(before, info=replace(before.info, experiment_id=away))
    assert history(stores.tracking, run) == points
    assert drawn(chart(stores.tracking, [run], buckets=20)) == drawing
    text = "tags.team = 'a' and params.lr = '0.1' and metrics.m > 1 and dataset.name = 'iris'"
    assert search(stores.tracking, away, text) == [run]
    assert search(stores.tracking, home, "") == []
    assert stores.tracking.dataset_summaries([home]) == []
    assert len(stores.tracking.dataset_summaries([away])) == 1


def test_a_moved_run_can_be_logged_to(stores: Stores) -> None:
    _, run, away = filled(stores)
    stores.transfer.move_runs([run], away).result()

    log(stores.tracking, run, point(9.0, step=9_999))

    assert search(stores.tracking, away, "metrics.m = 9 and metrics.m.count = 3001") == [run]


def test_runs_move_together_or_not_at_all(stores: Stores) -> None:
    home, run, away = filled(stores)
    gone = add_run(stores.tracking, home)
    stores.tracking.change_run(gone, DELETE).result()

    with pytest.raises(InvalidArgument):
        stores.transfer.move_runs([run, gone], away).result()

    assert search(stores.tracking, home, "metrics.m > 0 and params.lr = '0.1'") == [run]


@pytest.mark.parametrize(("run", "to"), [("f" * 32, "0"), (None, "77")])
def test_what_is_not_there_is_not_moved(stores: Stores, run: str | None, to: str) -> None:
    with pytest.raises(NotFound):
        stores.transfer.move_runs([run or add_run(stores.tracking)], to).result()


def test_a_copy_is_a_run_of_its_own(stores: Stores) -> None:
    _, run, away = filled(stores)
    before, points = read(stores.tracking, run), history(stores.tracking, run)

    made = stores.transfer.copy_run(run, "c" * 32, away).result()

    copy = read(stores.tracking, "c" * 32)
    assert copy.info == made
    assert copy.data == before.data
    assert (copy.inputs, copy.outputs) == (before.inputs, before.outputs)
    assert copy.info.artifact_uri != before.info.artifact_uri
    assert history(stores.tracking, "c" * 32) == points
    log(stores.tracking, "c" * 32, point(9.0, step=9_999))
    assert history(stores.tracking, run) == points
    assert read(stores.tracking, run) == before


def test_a_copy_needs_a_new_id_and_a_place(stores: Stores) -> None:
    run = add_run(stores.tracking)

    def refusal(new_id: str, to: str) -> type[MillraceError]:
        with pytest.raises(MillraceError) as caught:
            stores.transfer.copy_run(run, new_id, to).result()
        return caught.type

    assert refusal(run, "0") is AlreadyExists
    assert refusal("d" * 32, "77") is NotFound


# Registered models


def registered(**fields: Any) -> HeldModel:
    def version(number: int, stage: str = "None", **more: Any) -> HeldVersion:
        known = {"creation_timestamp": 1, "last_updated_timestamp": 2, "source": "s3://b/m"}
        known |= {"run_id": "", "status": "READY", "run_link": "", "current_stage": stage}
        return HeldVersion(
            version=ModelVersion(name="risk", version=str(number), **known | more),
            location="s3://b/m",
        )

    model = RegisteredModel(
        name="risk",
        creation_timestamp=1,
        last_updated_timestamp=3,
        description="what it is",
        tag_list=pairs({"owner": "ada"}),
        alias_list=(Alias(alias="champion", version="1"),),
    )
    versions = (
        version(1, "Production", alias_list=("champion",), tag_list=pairs({"n": "1"})),
        version(3, "Staging"),
    )
    return replace(HeldModel(model=model, versions=versions, last_version=5), **fields)


@pytest.fixture
def registry(stores: Stores) -> RegistryStore:
    return stores.registry


@pytest.mark.needs("registry")
def test_a_registered_model_comes_with_its_versions(
    stores: Stores, registry: RegistryStore
) -> None:
    given = registered()

    for _ in "twice":
        stores.transfer.adopt_registered_model(given).result()

    assert stores.transfer.registered_models(after="", limit=9) == [given]
    assert stores.transfer.registered_models(after="risk", limit=9) == []
    champion = msgspec.json.decode(registry.version_at("risk", "champion") or b"{}")
    assert (champion["version"], champion["current_stage"]) == ("1", "Production")
    model = msgspec.json.decode(registry.registered_model("risk") or b"{}")
    assert [one["version"] for one in model["latest_versions"]] == ["1", "3"]


@pytest.mark.needs("registry")
def test_no_number_is_given_out_again(stores: Stores, registry: RegistryStore) -> None:
    stores.transfer.adopt_registered_model(registered()).result()

    new = NewVersion(name="risk", source="s3://b/n", location="s3://b/n", created_ms=9)

    assert registry.add_version(new).result().version == "6"


@pytest.mark.needs("registry")
def test_versions_of_this_place_stay(stores: Stores, registry: RegistryStore) -> None:
    given = registered()
    stores.transfer.adopt_registered_model(given).result()
    new = NewVersion(name="risk", source="s3://b/n", location="s3://b/n", created_ms=9)
    registry.add_version(new).result()
    registry.move(AliasMove(name="risk", alias="mine", version=6, at_ms=9)).result()
    registry.move(AliasMove(name="risk", alias="champion", version=6, at_ms=9)).result()

    stores.transfer.adopt_registered_model(given).result()

    (held,) = stores.transfer.registered_models(after="", limit=9)
    assert [one.version.version for one in held.versions] == ["1", "3", "6"]
    assert held.model.aliases == {"champion": "1", "mine": "6"}
    assert held.versions[2].version.aliases == ["mine"]
    assert held.last_version == 6
