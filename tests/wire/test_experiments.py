"""Experiments: create, read, rename, tag, delete, restore."""

from __future__ import annotations

import time

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import EXISTS, INVALID, MISSING, done, ok, pairs, refused
from tests.wire.marks import differs

BLANK = differs("a name of blanks only is no name")


def create(api: Api, **fields: object) -> str:
    return build.add_experiment(api, **fields)


def lifecycle(api: Api, experiment: str) -> str:
    return str(build.experiment(api, experiment)["lifecycle_stage"])


def delete(api: Api, experiment: str) -> None:
    done(api.post("experiments/delete", {"experiment_id": experiment}))


# Create and read


def test_default_experiment_exists(api: Api) -> None:
    found = build.experiment(api, "0")

    assert (found["experiment_id"], found["name"]) == ("0", "Default")


def test_create_answers_the_id_alone(api: Api) -> None:
    reply = ok(api.post("experiments/create", {"name": build.unique()}))

    assert list(reply) == ["experiment_id"]
    assert reply["experiment_id"] == str(int(reply["experiment_id"]))


def test_ids_count_up(api: Api) -> None:
    first, second = int(create(api)), int(create(api))

    assert second > first > 0


def test_all_fields_of_an_experiment(api: Api) -> None:
    name, before_ms = build.unique(), int(time.time() * 1000)
    made = create(api, name=name, tags=build.items({"a": "1", "b": "ü"}))

    found = build.experiment(api, made)

    assert before_ms - 1 <= found["creation_time"] <= time.time() * 1000 + 1
    assert found["last_update_time"] == found["creation_time"]
    assert pairs(found["tags"]) == {"a": "1", "b": "ü"}
    assert found["name"] == name
    assert found["lifecycle_stage"] == "active"
    assert found["workspace"] == "default"
    assert found["artifact_location"].endswith(f"/{made}")


def test_without_tags_the_field_is_absent(api: Api, experiment: str) -> None:
    assert "tags" not in build.experiment(api, experiment)


def test_get_by_name_is_the_same_object(api: Api) -> None:
    name = build.unique()
    made = create(api, name=name)

    found = ok(api.get("experiments/get-by-name", {"experiment_name": name}))["experiment"]

    assert found == build.experiment(api, made)


def test_names_are_case_sensitive(api: Api) -> None:
    name = build.unique("case")
    create(api, name=name)

    other = create(api, name=name.upper())

    found = ok(api.get("experiments/get-by-name", {"experiment_name": name.upper()}))
    assert found["experiment"]["experiment_id"] == other


@pytest.mark.parametrize("deleted", [False, True])
def test_names_are_unique_even_among_the_deleted(api: Api, deleted: bool) -> None:
    name = build.unique()
    holder = create(api, name=name)
    if deleted:
        delete(api, holder)

    refused(api.post("experiments/create", {"name": name}), EXISTS, name)


@pytest.mark.parametrize(
    "start",
    ["a/b", "ü-ß-日本", "😀", "a'b", 'a"b', "a;b", "a%b_", "a\\b", " lead", "a\u0301", "مرحبا"],
)
def test_names_may_hold_anything_printable(api: Api, start: str) -> None:
    name = build.unique(start)
    made = create(api, name=name)

    assert build.experiment(api, made)["name"] == name


@pytest.mark.parametrize(
    "name", [pytest.param(" ", marks=BLANK), pytest.param("\t ", marks=BLANK), ""]
)
def test_blank_names_are_refused(api: Api, name: str) -> None:
    refused(api.post("experiments/create", {"name": name}), INVALID, "name")


def test_name_length(api: Api) -> None:
    longest = build.unique().ljust(500, "x")
    create(api, name=longest)

    refused(api.post("experiments/create", {"name": longest + "x"}), INVALID, "500")


def test_a_tag_without_value_is_empty(api: Api) -> None:
    made = create(api, tags=[{"key": "a"}])

    assert pairs(build.experiment(api, made)["tags"]) == {"a": ""}


@differs("the last of equal tag keys wins")
def test_duplicate_tags_at_creation(api: Api) -> None:
    made = create(api, tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}])

    assert pairs(build.experiment(api, made)["tags"]) == {"a": "2"}


@pytest.mark.parametrize(
    "tag", [{"key": "k" * 251, "value": ""}, {"key": "k", "value": "v" * 20_001}]
)
def test_bad_tags_at_creation_make_no_experiment(api: Api, tag: dict[str, str]) -> None:
    name = build.unique()

    refused(api.post("experiments/create", {"name": name, "tags": [tag]}))

    refused(api.get("experiments/get-by-name", {"experiment_name": name}), MISSING)


# Artifact locations


@pytest.mark.parametrize(
    "place", ["s3://bucket/p", "gs://bucket/p", "wasbs://c@a.blob.core.windows.net/p",
              "dbfs:/p", "mlflow-artifacts:/mine/p", "s3://bucket/p/"]
)  # fmt: skip
def test_given_location_is_kept_verbatim(api: Api, place: str) -> None:
    made = create(api, artifact_location=place)
    run = build.add_run(api, made)

    assert build.experiment(api, made)["artifact_location"] == place
    assert build.info(api, run)["artifact_uri"] == f"{place.rstrip('/')}/{run}/artifacts"


@pytest.mark.parametrize(
    "place", ["runs:/abc/x", "s3://bucket/p#frag", "http://host/p", "https://host/p", "ftp://host/p",
              "sftp://host/p", "hdfs://host/p", "mlflow-artifacts://host/p", "s3://b/" + "x" * 2048]
)  # fmt: skip
def test_unfit_locations_are_refused(api: Api, place: str) -> None:
    name = build.unique()

    refused(api.post("experiments/create", {"name": name, "artifact_location": place}))

    refused(api.get("experiments/get-by-name", {"experiment_name": name}), MISSING)


@differs("locations that could lead elsewhere are refused at creation")
@pytest.mark.parametrize(
    "place", ["s3://b/../p", "s3://b/%2e%2e/p", "s3://b/p\r\nX: y", "s3://user:pw@b/p", "s3://b/\x00",
              "javascript:alert(1)", "data:text/plain,x", "sqlite:///x.db", "gopher://h/p"]
)  # fmt: skip
def test_hostile_locations_are_refused(api: Api, place: str) -> None:
    """S12, S13: when they are given, not when they are first used."""
    refused(api.post("experiments/create", {"name": build.unique(), "artifact_location": place}))


def test_location_length(api: Api) -> None:
    longest = "s3://bucket/".ljust(2048, "x")

    made = create(api, artifact_location=longest)

    assert build.experiment(api, made)["artifact_location"] == longest


# Rename


def rename(api: Api, experiment: str, name: str) -> None:
    done(api.post("experiments/update", {"experiment_id": experiment, "new_name": name}))


def test_rename(api: Api, experiment: str) -> None:
    name = build.unique()
    before = build.experiment(api, experiment)
    rename(api, experiment, name)

    after = build.experiment(api, experiment)

    assert after["name"] == name
    assert after["last_update_time"] >= before["last_update_time"]
    assert after["creation_time"] == before["creation_time"]
    assert after["artifact_location"] == before["artifact_location"]
    refused(api.get("experiments/get-by-name", {"experiment_name": before["name"]}), MISSING)


def test_rename_to_its_own_name(api: Api, experiment: str) -> None:
    name = build.experiment(api, experiment)["name"]

    rename(api, experiment, name)

    assert build.experiment(api, experiment)["name"] == name


@differs("a taken name is said to exist, without SQL")
@pytest.mark.parametrize("deleted", [False, True])
def test_rename_to_a_taken_name(api: Api, experiment: str, deleted: bool) -> None:
    name = build.unique()
    holder = create(api, name=name)
    if deleted:
        delete(api, holder)

    message = {"experiment_id": experiment, "new_name": name}
    refused(api.post("experiments/update", message), EXISTS, name)

    assert build.experiment(api, experiment)["name"] != name


@differs("renaming a deleted experiment is the caller's mistake, not ours")
def test_rename_of_a_deleted_experiment(api: Api, experiment: str) -> None:
    delete(api, experiment)

    refused(
        api.post("experiments/update", {"experiment_id": experiment, "new_name": build.unique()})
    )


@pytest.mark.parametrize("name", [pytest.param(" ", marks=BLANK), "x" * 501])
def test_new_names_obey_the_same_rules(api: Api, experiment: str, name: str) -> None:
    refused(api.post("experiments/update", {"experiment_id": experiment, "new_name": name}))


# Delete and restore


def test_delete_hides_nothing_from_get(api: Api) -> None:
    name = build.unique()
    made = create(api, name=name)
    delete(api, made)

    assert lifecycle(api, made) == "deleted"
    found = ok(api.get("experiments/get-by-name", {"experiment_name": name}))["experiment"]
    assert (found["experiment_id"], found["lifecycle_stage"]) == (made, "deleted")


def test_delete_takes_the_runs_along_and_restore_brings_them_back(
    api: Api, experiment: str
) -> None:
    runs = [build.add_run(api, experiment) for _ in range(2)]
    delete(api, experiment)
    assert {build.info(api, run)["lifecycle_stage"] for run in runs} == {"deleted"}

    done(api.post("experiments/restore", {"experiment_id": experiment}))

    assert lifecycle(api, experiment) == "active"
    assert {build.info(api, run)["lifecycle_stage"] for run in runs} == {"active"}


def test_deleting_twice(api: Api, experiment: str) -> None:
    delete(api, experiment)

    refused(api.post("experiments/delete", {"experiment_id": experiment}), MISSING, experiment)


def test_restoring_what_is_active(api: Api, experiment: str) -> None:
    refused(api.post("experiments/restore", {"experiment_id": experiment}), MISSING, experiment)


def test_delete_and_restore_touch_the_update_time(api: Api, experiment: str) -> None:
    times = [build.experiment(api, experiment)["last_update_time"]]
    for verb in ("delete", "restore"):
        done(api.post(f"experiments/{verb}", {"experiment_id": experiment}))
        times.append(build.experiment(api, experiment)["last_update_time"])

    assert times == sorted(times)
    assert times[2] > times[0] - 1


def test_no_run_is_made_in_a_deleted_experiment(api: Api, experiment: str) -> None:
    delete(api, experiment)

    refused(api.post("runs/create", {"experiment_id": experiment}), INVALID)


# Tags


def set_tag(api: Api, experiment: str, **tag: object) -> None:
    done(api.post("experiments/set-experiment-tag", {"experiment_id": experiment, **tag}))


def test_tags_are_set_replaced_and_deleted(api: Api, experiment: str) -> None:
    set_tag(api, experiment, key="a", value="1")
    set_tag(api, experiment, key="b", value="2")
    set_tag(api, experiment, key="a", value="3")
    assert pairs(build.experiment(api, experiment)["tags"]) == {"a": "3", "b": "2"}

    done(api.post("experiments/delete-experiment-tag", {"experiment_id": experiment, "key": "a"}))

    assert pairs(build.experiment(api, experiment)["tags"]) == {"b": "2"}


@pytest.mark.parametrize("value", [{}, {"value": ""}, {"value": None}])
def test_tag_value_may_be_empty(api: Api, experiment: str, value: dict[str, object]) -> None:
    set_tag(api, experiment, key="a", **value)

    assert pairs(build.experiment(api, experiment)["tags"]) == {"a": ""}


def test_deleting_an_unknown_tag(api: Api, experiment: str) -> None:
    message = {"experiment_id": experiment, "key": "none"}

    refused(api.post("experiments/delete-experiment-tag", message), MISSING, "none")


@pytest.mark.parametrize("path", ["set-experiment-tag", "delete-experiment-tag"])
def test_tags_of_a_deleted_experiment_are_frozen(api: Api, experiment: str, path: str) -> None:
    set_tag(api, experiment, key="a", value="1")
    delete(api, experiment)

    message = {"experiment_id": experiment, "key": "a", "value": "2"}
    refused(api.post(f"experiments/{path}", message), INVALID, "active")

    assert pairs(build.experiment(api, experiment)["tags"]) == {"a": "1"}
