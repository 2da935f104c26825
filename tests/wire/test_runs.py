"""Runs: create, read, update, names, delete and restore."""

from __future__ import annotations

import re

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, ok, pairs, refused
from tests.wire.marks import differs

NAME_TAG = "mlflow.runName"


def create(api: Api, experiment: str, **fields: object) -> dict[str, object]:
    found = ok(api.post("runs/create", {"experiment_id": experiment, **fields}))
    return dict(found["run"])


def update(api: Api, run: str, **fields: object) -> dict[str, object]:
    return dict(ok(api.post("runs/update", {"run_id": run, **fields}))["run_info"])


def name_of(api: Api, run: str) -> tuple[str, str]:
    """Name of a run by its info and by its tag."""
    found = build.run(api, run)
    return found["info"]["run_name"], pairs(found["data"]["tags"])[NAME_TAG]


# Create


def test_a_run_of_defaults(api: Api, experiment: str) -> None:
    made = create(api, experiment)
    info = made["info"]
    assert isinstance(info, dict)
    run_id = info["run_id"]
    location = build.experiment(api, experiment)["artifact_location"]

    assert re.fullmatch(r"[0-9a-f]{32}", run_id)
    assert info == {
        "run_id": run_id,
        "run_uuid": run_id,
        "experiment_id": experiment,
        "run_name": info["run_name"],
        "user_id": "",
        "status": "RUNNING",
        "start_time": 0,
        "artifact_uri": f"{location}/{run_id}/artifacts",
        "lifecycle_stage": "active",
    }
    assert made["data"] == {"tags": [{"key": NAME_TAG, "value": info["run_name"]}]}
    assert made["inputs"] == {}


def test_a_run_with_all_fields(api: Api, experiment: str) -> None:
    tags = {"mlflow.user": "someone else", "a/b": "ü"}
    made = create(
        api, experiment, user_id="me", run_name="first", start_time=123, tags=build.items(tags)
    )

    info = made["info"]
    assert isinstance(info, dict)
    assert (info["user_id"], info["run_name"], info["start_time"]) == ("me", "first", 123)
    assert build.tags(api, info["run_id"]) == tags


def test_get_says_the_same_as_create_and_has_outputs(api: Api, experiment: str) -> None:
    made = create(api, experiment, tags=build.items({"a": "1"}))
    info = made["info"]
    assert isinstance(info, dict)

    found = build.run(api, info["run_id"])

    assert found.pop("outputs") == {}
    assert found["info"] == info
    assert found["inputs"] == {}
    assert set(found["data"]) == {"tags"}


def test_run_uuid_is_another_name_of_run_id(api: Api, run: str) -> None:
    both = {"run_id": run, "run_uuid": run}

    assert build.info(api, run)["run_uuid"] == run
    assert ok(api.get("runs/get", both))["run"]["info"]["run_id"] == run
    ok(api.post("runs/update", {**both, "run_name": "by both"}))
    done(api.post("runs/set-tag", {**both, "key": "k", "value": "v"}))
    done(api.post("runs/log-parameter", {**both, "key": "k", "value": "v"}))
    done(api.post("runs/log-metric", {**both, **build.point("k", 1)}))
    assert ok(api.get("metrics/get-history", {**both, "metric_key": "k"}))["metrics"]


@differs("two ids for one run must be the same id")
def test_run_uuid_against_run_id(api: Api, experiment: str, run: str) -> None:
    other = build.add_run(api, experiment)
    message = {"run_id": run, "run_uuid": other, "key": "k", "value": "v"}

    refused(api.post("runs/set-tag", message))

    assert build.tags(api, run) == build.tags(api, other) == {}


@differs("a run without an experiment is refused plainly")
@pytest.mark.parametrize("fields", [{}, {"experiment_id": ""}, {"experiment_id": None}])
def test_experiment_id_is_required(api: Api, fields: dict[str, object]) -> None:
    refused(api.post("runs/create", fields), INVALID, "experiment_id")


@pytest.mark.parametrize("start", [-1, -(2**63), 2**63 - 1])
def test_any_start_time_is_kept(api: Api, experiment: str, start: int) -> None:
    run = build.add_run(api, experiment, start_time=start)

    assert build.info(api, run)["start_time"] == start


@differs("the last of equal tag keys wins")
def test_duplicate_tags_at_creation(api: Api, experiment: str) -> None:
    run = build.add_run(api, experiment, tags=[*build.items({"a": "1"}), *build.items({"a": "2"})])

    assert build.tags(api, run) == {"a": "2"}


@differs("tags given at creation obey the rules of all tags")
@pytest.mark.parametrize("key", ["a//b", "/a", "..", "a$", "", "k" * 251])
def test_bad_tag_keys_at_creation_make_no_run(api: Api, experiment: str, key: str) -> None:
    message = {"experiment_id": experiment, "tags": [{"key": key, "value": "v"}]}

    refused(api.post("runs/create", message))

    assert ok(api.post("runs/search", {"experiment_ids": [experiment]})) == {}


# Names


@pytest.mark.parametrize("given", [{}, {"run_name": ""}, {"run_name": None}])
def test_a_run_without_name_gets_one(api: Api, experiment: str, given: dict[str, object]) -> None:
    run = build.add_run(api, experiment, **given)

    name, tag = name_of(api, run)

    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", name)
    assert tag == name


def test_the_name_is_written_to_its_tag(api: Api, experiment: str) -> None:
    run = build.add_run(api, experiment, run_name="given name")

    assert name_of(api, run) == ("given name", "given name")


@pytest.mark.parametrize("given", [{}, {"run_name": "same"}])
def test_the_tag_may_carry_the_name(api: Api, experiment: str, given: dict[str, object]) -> None:
    run = build.add_run(api, experiment, tags=build.items({NAME_TAG: "same"}), **given)

    assert name_of(api, run) == ("same", "same")


def test_name_and_tag_must_agree(api: Api, experiment: str) -> None:
    tags = build.items({NAME_TAG: "one"})
    message = {"experiment_id": experiment, "run_name": "other", "tags": tags}

    refused(api.post("runs/create", message), INVALID, "one", "other")


def test_renaming_updates_the_tag(api: Api, run: str) -> None:
    assert update(api, run, run_name="new")["run_name"] == "new"

    assert name_of(api, run) == ("new", "new")


@pytest.mark.parametrize("path", ["runs/set-tag", "runs/log-batch"])
def test_setting_the_tag_renames(api: Api, run: str, path: str) -> None:
    tag = {"key": NAME_TAG, "value": "by tag"}
    message = tag if path == "runs/set-tag" else {"tags": [tag]}
    done(api.post(path, {"run_id": run, **message}))

    assert name_of(api, run) == ("by tag", "by tag")


def test_an_empty_name_changes_nothing(api: Api, experiment: str) -> None:
    run = build.add_run(api, experiment, run_name="kept")
    update(api, run, run_name="")

    assert name_of(api, run) == ("kept", "kept")


def test_emptying_or_deleting_the_tag_keeps_the_name(api: Api, experiment: str) -> None:
    run = build.add_run(api, experiment, run_name="kept")
    done(api.post("runs/set-tag", {"run_id": run, "key": NAME_TAG, "value": ""}))
    assert build.info(api, run)["run_name"] == "kept"

    done(api.post("runs/delete-tag", {"run_id": run, "key": NAME_TAG}))

    assert build.info(api, run)["run_name"] == "kept"


# Update


def test_update_changes_only_what_is_given(api: Api, experiment: str) -> None:
    run = build.add_run(api, experiment, run_name="n", start_time=5)
    before = build.info(api, run)
    assert update(api, run) == before

    assert update(api, run, status="FINISHED") == before | {"status": "FINISHED"}
    assert update(api, run, end_time=9) == before | {"status": "FINISHED", "end_time": 9}
    assert build.info(api, run) == before | {"status": "FINISHED", "end_time": 9}


def test_going_back_to_running_keeps_the_end(api: Api, run: str) -> None:
    update(api, run, status="FAILED", end_time=9)

    after = update(api, run, status="RUNNING")

    assert (after["status"], after["end_time"]) == ("RUNNING", 9)


def test_an_end_may_precede_the_start(api: Api, experiment: str) -> None:
    run = build.add_run(api, experiment, start_time=100)

    assert update(api, run, end_time=1)["end_time"] == 1


def test_update_answers_the_info_alone(api: Api, run: str) -> None:
    assert list(ok(api.post("runs/update", {"run_id": run}))) == ["run_info"]


# Delete and restore


@pytest.mark.parametrize(
    ("path", "stage"), [("runs/delete", "deleted"), ("runs/restore", "active")]
)
def test_delete_and_restore_may_be_repeated(api: Api, run: str, path: str, stage: str) -> None:
    for _ in range(2):
        done(api.post(path, {"run_id": run}))

    assert build.info(api, run)["lifecycle_stage"] == stage


def test_a_restored_run_is_as_before(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(1), params=build.items({"p": "1"}))
    before = build.run(api, run)
    done(api.post("runs/delete", {"run_id": run}))
    done(api.post("runs/restore", {"run_id": run}))

    assert build.run(api, run) == before


WRITES = [
    ("runs/update", {"run_name": "x"}),
    ("runs/set-tag", {"key": "t", "value": "x"}),
    ("runs/delete-tag", {"key": "t"}),
    ("runs/log-parameter", {"key": "new", "value": "x"}),
    ("runs/log-metric", build.point("m", 9)),
    ("runs/log-batch", {"metrics": [build.point("m", 9)]}),
    ("runs/log-batch", {"params": build.items({"new": "x"})}),
    ("runs/log-batch", {"tags": build.items({"new": "x"})}),
]


@pytest.mark.parametrize(("path", "message"), WRITES)
def test_a_deleted_run_is_frozen(api: Api, run: str, path: str, message: dict[str, object]) -> None:
    build.log(api, run, tags=build.items({"t": "1"}), params=build.items({"p": "1"}))
    done(api.post("runs/delete", {"run_id": run}))
    before = build.run(api, run)

    refused(api.post(path, {"run_id": run, **message}), INVALID, run, "active")

    assert build.run(api, run) == before


@differs("inputs, outputs and models of a deleted run are frozen too")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("runs/log-inputs", {"datasets": [{"dataset": {"name": "d", "digest": "1"}}]}),
        ("runs/log-model", {"model_json": "{}"}),
        ("runs/outputs", {"models": [{"model_id": "m-" + "0" * 32, "step": 0}]}),
    ],
)
def test_nothing_is_attached_to_a_deleted_run(
    api: Api, run: str, path: str, message: dict[str, object]
) -> None:
    done(api.post("runs/delete", {"run_id": run}))

    refused(api.post(path, {"run_id": run, **message}))

    found = build.run(api, run)
    assert (found["inputs"], found["outputs"]) == ({}, {})


@differs("a deleted experiment freezes its runs")
def test_a_run_is_not_restored_into_a_deleted_experiment(
    api: Api, experiment: str, run: str
) -> None:
    done(api.post("experiments/delete", {"experiment_id": experiment}))

    refused(api.post("runs/restore", {"run_id": run}), INVALID, experiment)

    assert build.info(api, run)["lifecycle_stage"] == "deleted"


@pytest.mark.parametrize(("path", "message"), WRITES)
def test_a_deleted_experiment_freezes_its_runs(
    api: Api, experiment: str, run: str, path: str, message: dict[str, object]
) -> None:
    build.log(api, run, tags=build.items({"t": "1"}))
    done(api.post("experiments/delete", {"experiment_id": experiment}))
    before = build.run(api, run)

    refused(api.post(path, {"run_id": run, **message}))

    assert build.run(api, run) == before


@differs("a run restored alone cannot be; runs deleted by hand come back with their experiment")
def test_restoring_the_experiment_is_the_way_back(api: Api, experiment: str, run: str) -> None:
    done(api.post("experiments/delete", {"experiment_id": experiment}))
    done(api.post("experiments/restore", {"experiment_id": experiment}))

    done(api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v"}))

    assert build.tags(api, run) == {"k": "v"}


def test_reading_a_deleted_run_still_works(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(1, 2))
    done(api.post("runs/delete", {"run_id": run}))

    assert build.latest(api, run)["m"]["step"] == 2
    assert len(build.history(api, run)) == 2


def test_ids_are_case_sensitive(api: Api, run: str) -> None:
    reply = api.get("runs/get", {"run_id": run.upper()})

    assert reply.status in {400, 404}
    assert reply.error_code in {INVALID, MISSING}
