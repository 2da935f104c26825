"""Model versions: numbers, sources, stages, tags, download URIs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import INVALID, MISSING, done, ok, pairs, refused
from tests.wire.marks import differs

NO_MODEL_ID = "m-" + "0" * 32
PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


@pytest.fixture
def model(api: Api) -> str:
    return build.add_registered(api)


def create(api: Api, name: str, source: str, **more: object) -> Reply:
    return api.post("model-versions/create", {"name": name, "source": source, **more})


def download_uri(api: Api, name: str, number: object) -> str:
    query = {"name": name, "version": str(number)}
    return str(ok(api.get("model-versions/get-download-uri", query))["artifact_uri"])


def test_a_version_of_defaults(api: Api, model: str) -> None:
    made = build.add_version(api, model)

    assert made == {
        "name": model,
        "version": "1",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
        "current_stage": "None",
        "description": "",
        "source": "s3://bucket/model",
        "run_id": "",
        "status": "READY",
        "run_link": "",
    }
    assert build.version(api, model, 1) == made
    found = build.registered(api, model)
    assert found["latest_versions"] == [made]
    assert found["last_updated_timestamp"] == made["creation_timestamp"]


def test_a_version_with_all_fields(api: Api, model: str, run: str) -> None:
    tags = build.items({"a": "1", "b": "ü"})

    made = build.add_version(
        api,
        model,
        source=f"runs:/{run}/model",
        run_id=run,
        run_link="https://a.example/run",
        description="*best* so far",
        tags=tags,
    )

    assert (made["source"], made["run_id"]) == (f"runs:/{run}/model", run)
    assert (made["run_link"], made["description"]) == ("https://a.example/run", "*best* so far")
    assert pairs(made["tags"]) == {"a": "1", "b": "ü"}


# Numbers


def test_numbers_are_dense_and_never_given_again(api: Api, model: str) -> None:
    assert [build.add_version(api, model)["version"] for _ in range(3)] == ["1", "2", "3"]
    for number in ("3", "1"):
        done(api.delete("model-versions/delete", {"name": model, "version": number}))

    assert build.add_version(api, model)["version"] == "4"


def test_numbers_are_dense_under_many_hands(api: Api, model: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: build.add_version(api, model)["version"], range(40)))

    assert sorted(map(int, made)) == list(range(1, 41))


@pytest.mark.parametrize("number", ["x", "1.5", "-1", "1x", "³"])
def test_a_version_is_a_whole_number(api: Api, model: str, number: str) -> None:
    build.add_version(api, model)

    refused(api.get("model-versions/get", {"name": model, "version": number}), INVALID)


@differs("a number has one spelling")
@pytest.mark.parametrize("number", ["01", "+1", " 1", "1_0", "٠١"])
def test_a_version_has_one_spelling(api: Api, model: str, number: str) -> None:
    build.add_version(api, model)

    refused(api.get("model-versions/get", {"name": model, "version": number}), INVALID)


@pytest.mark.parametrize("number", ["0", "2", str(2**63 - 1)])
def test_a_version_that_is_not_there(api: Api, model: str, number: str) -> None:
    build.add_version(api, model)

    refused(api.get("model-versions/get", {"name": model, "version": number}), MISSING, number)


@differs("MLflow answers 500")
@pytest.mark.parametrize("number", [str(2**63), "9" * 5_000])
def test_a_version_beyond_all_numbers(api: Api, model: str, number: str) -> None:
    refused(api.get("model-versions/get", {"name": model, "version": number}), MISSING)


# Sources


@pytest.mark.parametrize(
    "source", ["s3://bucket/a/b", "gs://bucket/a", "dbfs:/a/b", "wasbs://box@account/a", "s3://b"]
)
def test_stores_of_objects_are_taken_at_their_word(api: Api, model: str, source: str) -> None:
    ok(create(api, model, source))
    ok(create(api, model, source, run_id="nobody-knows"))

    assert download_uri(api, model, 1) == source


@pytest.mark.parametrize(
    "source",
    [
        "/tmp/model",
        "file:///tmp/model",
        "model",
        "mlflow-artifacts:/0/model",
        "http://a.example/model",
        "https://a.example/model",
        "ftp://a.example/model",
        "hdfs://a.example/model",
        "javascript:alert(1)",
        "s3://bucket/../model",
        "s3://bucket/%2e%2e/model",
        "s3://bucket/%252e%252e/model",
        "/a/../b",
        "runs:/nobody-knows/model",
        "models:/",
        "models:/x",
        "models:x/1",
        "dummy-source",
    ],
)
def test_sources_that_are_refused(api: Api, model: str, source: str) -> None:
    """S12, S15."""
    refused(create(api, model, source), INVALID)
    assert "latest_versions" not in build.registered(api, model)


@differs("a place is spelled in one way, and names nothing but the place")
@pytest.mark.parametrize(
    "source",
    [
        "s3://bucket/a#b",
        "s3://bucket/a;b",
        "s3://bucket/a?x=1",
        "s3://bucket/a\r\nb",
        "s3://bucket/a\\b",
        "s3://bucket//a",
        "s3://user:secret@bucket/a",
        "sqlite:///a.db",
        "data:text/plain,a",
        "unknown://bucket/a",
        "S3://bucket/../a",
        "s3://bucket/" + "a" * 2_100,
    ],
)
def test_sources_that_only_we_refuse(api: Api, model: str, source: str) -> None:
    message = refused(create(api, model, source), INVALID)

    assert "secret" not in message


def test_a_source_inside_a_run(api: Api, model: str, run: str) -> None:
    root = build.info(api, run)["artifact_uri"]

    made = ok(create(api, model, f"{root}/model", run_id=run))["model_version"]

    assert (made["source"], made["run_id"]) == (f"{root}/model", run)
    assert download_uri(api, model, 1) == f"{root}/model"


def test_a_source_beside_its_run(api: Api, model: str, run: str, experiment: str) -> None:
    """S15: a place is inside a run by whole segments of its path."""
    root = build.info(api, run)["artifact_uri"]
    other = build.info(api, build.add_run(api, experiment))["artifact_uri"]

    for source in (
        f"{root}-other/model",
        f"{other}/model",
        root.rpartition("/")[0],
        f"{root}/../x",
    ):
        refused(create(api, model, source, run_id=run), INVALID)


@differs("a run whose artifacts are known vouches for nothing else")
def test_a_store_of_objects_beside_the_run(api: Api, model: str, run: str) -> None:
    refused(create(api, model, "s3://bucket/model", run_id=run), INVALID, run)


def test_a_run_names_itself(api: Api, model: str, run: str) -> None:
    refused(create(api, model, f"runs:/{run}/model"), INVALID)
    refused(create(api, model, f"runs:/{run}/model", run_id="0" * 32), INVALID)
    refused(create(api, model, f"runs:/{run}/../x", run_id=run), INVALID)

    ok(create(api, model, f"runs:/{run}/model", run_id=run))

    assert download_uri(api, model, 1) == f"runs:/{run}/model"


def test_a_logged_model(api: Api, model: str, experiment: str, run: str) -> None:
    logged = build.add_model(api, experiment, source_run_id=run)
    source = f"models:/{logged}"

    refused(create(api, model, source), INVALID)
    refused(create(api, model, source, model_id=NO_MODEL_ID), INVALID)
    made = ok(create(api, model, source, model_id=logged))["model_version"]

    assert (made["source"], made["run_id"]) == (source, run)
    assert download_uri(api, model, 1) == build.model(api, logged)["info"]["artifact_uri"]


@differs("MLflow answers 500 when the logged model is not there")
def test_a_logged_model_that_is_not_there(api: Api, model: str) -> None:
    reply = create(api, model, f"models:/{NO_MODEL_ID}", model_id=NO_MODEL_ID)

    refused(reply, MISSING, NO_MODEL_ID)


def test_a_copy(api: Api, model: str, run: str) -> None:
    root = build.info(api, run)["artifact_uri"]
    build.add_version(api, model, source=f"{root}/model", run_id=run)
    build.point_alias(api, model, "champion", 1)
    other = build.add_registered(api)

    for source in (f"models:/{model}/1", f"models:/{model}@champion", f"models:/{model}/latest"):
        made = ok(create(api, other, source))["model_version"]

        assert (made["source"], made["run_id"]) == (f"models:/{model}/1", run)
        assert download_uri(api, other, made["version"]) == f"{root}/model"


def test_a_copy_of_a_copy_has_the_files_of_the_first(api: Api, model: str) -> None:
    build.add_version(api, model)
    build.add_version(api, model, source=f"models:/{model}/1")

    made = build.add_version(api, model, source=f"models:/{model}/2")

    assert made["source"] == f"models:/{model}/2"
    assert download_uri(api, model, 3) == "s3://bucket/model"


def test_copies_that_are_refused(api: Api, model: str) -> None:
    build.add_version(api, model)
    prompt = build.add_registered(api, tags=PROMPT)
    build.add_version(api, prompt, source="dummy-source", tags=PROMPT)

    refused(create(api, model, f"models:/{model}/7"), MISSING)
    refused(create(api, model, f"models:/{build.unique()}/1"), MISSING)
    refused(create(api, model, f"models:/{model}/1", run_id="0" * 32), INVALID, "run_id")
    refused(create(api, model, f"models:/{model}/1", model_id=NO_MODEL_ID), INVALID, "model_id")
    refused(create(api, model, f"models:/{prompt}/1"), INVALID, "prompt")


def test_a_prompt_has_no_files(api: Api) -> None:
    prompt = build.add_registered(api, tags=PROMPT)
    text = [*PROMPT, {"key": "mlflow.prompt.text", "value": "Say {{word}}."}]

    build.add_version(api, prompt, source="dummy-source", tags=text)

    assert pairs(build.version(api, prompt, 1)["tags"])["mlflow.prompt.text"] == "Say {{word}}."
    refused(create(api, prompt, "/etc", tags=text), INVALID)
    refused(create(api, prompt, "file:///etc", tags=text), INVALID)


def test_a_logged_model_knows_its_versions(api: Api, model: str, experiment: str) -> None:
    logged = build.add_model(api, experiment)

    for _ in range(2):
        ok(create(api, model, f"models:/{logged}", model_id=logged))

    tags = pairs(build.model(api, logged)["info"]["tags"])
    found = api.get(f"logged-models/{logged}").json["model"]["info"]
    assert tags["mlflow.modelVersions"].count(model) == 2
    assert found["registrations"] == [
        {"name": model, "version": "1"},
        {"name": model, "version": "2"},
    ]


# Stages


@pytest.mark.parametrize(
    ("given", "kept"),
    [("Staging", "Staging"), ("PRODUCTION", "Production"), ("archived", "Archived"),
     ("none", "None")],
)  # fmt: skip
def test_stages_in_any_case(api: Api, model: str, given: str, kept: str) -> None:
    made = build.add_version(api, model)

    moved = build.transition(api, model, 1, given)

    assert moved["current_stage"] == kept
    assert moved["last_updated_timestamp"] >= made["last_updated_timestamp"]
    assert build.version(api, model, 1) == moved
    assert build.registered(api, model)["last_updated_timestamp"] == moved["last_updated_timestamp"]


def test_an_unknown_stage(api: Api, model: str) -> None:
    build.add_version(api, model)
    message = {"name": model, "version": "1", "stage": "Live"}

    refused(api.post("model-versions/transition-stage", message), INVALID, "Live")


def test_several_versions_may_share_a_stage(api: Api, model: str) -> None:
    for number in (1, 2):
        build.add_version(api, model)
        build.transition(api, model, number, "Production")

    stages = [build.version(api, model, number)["current_stage"] for number in (1, 2)]
    assert stages == ["Production", "Production"]


def test_others_make_room_when_asked(api: Api, model: str) -> None:
    for _ in range(4):
        build.add_version(api, model)
    for number, stage in ((1, "Production"), (2, "Production"), (3, "Staging")):
        build.transition(api, model, number, stage)

    moved = build.transition(api, model, 4, "production", archive_existing_versions=True)

    stages = [build.version(api, model, number)["current_stage"] for number in (1, 2, 3, 4)]
    assert stages == ["Archived", "Archived", "Staging", "Production"]
    archived = build.version(api, model, 1)
    assert archived["last_updated_timestamp"] == moved["last_updated_timestamp"]


def test_a_version_makes_no_room_for_itself(api: Api, model: str) -> None:
    build.add_version(api, model)
    for _ in range(2):
        moved = build.transition(api, model, 1, "Staging", archive_existing_versions=True)

    assert moved["current_stage"] == "Staging"


@differs("MLflow answers 500")
@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_nobody_makes_room_where_nobody_serves(api: Api, model: str, stage: str) -> None:
    build.add_version(api, model)
    message = {"name": model, "version": "1", "stage": stage, "archive_existing_versions": True}

    refused(api.post("model-versions/transition-stage", message), INVALID, stage)


def test_room_is_asked_for_by_a_boolean(api: Api, model: str) -> None:
    build.add_version(api, model)
    message = {"name": model, "version": "1", "stage": "Staging",
               "archive_existing_versions": "true"}  # fmt: skip

    refused(api.post("model-versions/transition-stage", message), INVALID)


# Changes


def test_update(api: Api, model: str) -> None:
    made = build.add_version(api, model)
    message = {"name": model, "version": "1", "description": "of *digits*"}

    found = ok(api.patch("model-versions/update", message))["model_version"]

    assert found["description"] == "of *digits*"
    assert found["last_updated_timestamp"] >= made["last_updated_timestamp"]
    assert build.version(api, model, 1) == found


def test_tags_are_set_and_deleted(api: Api, model: str) -> None:
    build.add_version(api, model)
    where = {"name": model, "version": "1"}
    for value in ("1", "2"):
        done(api.post("model-versions/set-tag", {**where, "key": "k", "value": value}))
    assert pairs(build.version(api, model, 1)["tags"]) == {"k": "2"}

    for _ in range(2):
        done(api.delete("model-versions/delete-tag", {**where, "key": "k"}))

    assert "tags" not in build.version(api, model, 1)
    refused(api.post("model-versions/set-tag", {**where, "key": "a$", "value": "v"}), INVALID)
    long = {**where, "key": "k", "value": "v" * 100_001}
    refused(api.post("model-versions/set-tag", long), INVALID)


def test_delete(api: Api, model: str) -> None:
    build.add_version(api, model)
    build.add_version(api, model)
    where = {"name": model, "version": "2"}

    done(api.delete("model-versions/delete", where))

    refused(api.get("model-versions/get", where), MISSING, model)
    refused(api.delete("model-versions/delete", where), MISSING, model)
    refused(api.post("model-versions/set-tag", {**where, "key": "k", "value": "v"}), MISSING, model)
    assert [one["version"] for one in build.registered(api, model)["latest_versions"]] == ["1"]
