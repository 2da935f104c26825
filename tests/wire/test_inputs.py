"""What goes into a run and comes out of it: data sets, models, and the summary of data sets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, ok, pairs, refused
from tests.wire.marks import differs

SEARCH = "/ajax-api/2.0/mlflow/experiments/search-datasets"
CONTEXT = "mlflow.data.context"
NO_MODEL = "m-" + "f" * 32


def dataset(**changes: object) -> dict[str, object]:
    whole = {"name": "d", "digest": "1", "source_type": "local", "source": "here"}
    return {**whole, "schema": "s", "profile": "p", **changes}


def entry(context: str | None = None, **changes: object) -> dict[str, object]:
    tags = build.items({CONTEXT: context}) if context else []
    return {"tags": tags, "dataset": dataset(**changes)}


def log_inputs(api: Api, run: str, *datasets: object, models: tuple[str, ...] = ()) -> None:
    message = {"run_id": run, "datasets": datasets, "models": [{"model_id": m} for m in models]}
    done(api.post("runs/log-inputs", message))


def inputs(api: Api, run: str) -> list[dict[str, Any]]:
    return list(build.run(api, run)["inputs"].get("dataset_inputs", []))


# Data sets


def test_a_dataset_comes_back_whole(api: Api, run: str) -> None:
    log_inputs(api, run, entry("train"))

    assert inputs(api, run) == [{"tags": build.items({CONTEXT: "train"}), "dataset": dataset()}]


def test_optional_parts_may_be_absent(api: Api, run: str) -> None:
    slim = {"name": "d", "digest": "1", "source_type": "local", "source": "here"}
    log_inputs(api, run, {"dataset": slim})

    assert inputs(api, run) == [{"dataset": slim}]


def test_logging_a_dataset_again_changes_nothing(api: Api, run: str) -> None:
    log_inputs(api, run, entry("train"))
    log_inputs(api, run, entry("train"), entry("train", schema="other", source="elsewhere"))

    assert inputs(api, run) == [{"tags": build.items({CONTEXT: "train"}), "dataset": dataset()}]


def test_another_digest_is_another_dataset(api: Api, run: str) -> None:
    log_inputs(api, run, entry("train"), entry("eval", digest="2"))

    found = {item["dataset"]["digest"]: pairs(item["tags"])[CONTEXT] for item in inputs(api, run)}
    assert found == {"1": "train", "2": "eval"}


def test_a_dataset_is_one_thing_in_an_experiment(api: Api, experiment: str, run: str) -> None:
    other = build.add_run(api, experiment)
    log_inputs(api, run, entry("train"))
    log_inputs(api, other, entry("eval", schema="changed"))

    (mine,), (theirs,) = inputs(api, run), inputs(api, other)

    assert mine["dataset"] == theirs["dataset"] == dataset()
    assert pairs(theirs["tags"]) == {CONTEXT: "eval"}


def test_experiments_do_not_share_datasets(api: Api, run: str) -> None:
    stranger = build.add_run(api)
    log_inputs(api, run, entry())
    log_inputs(api, stranger, entry(schema="theirs"))

    assert inputs(api, stranger)[0]["dataset"]["schema"] == "theirs"


@pytest.mark.parametrize(("part", "limit"), [("name", 500), ("digest", 36), ("source", 65_535)])
def test_lengths_of_a_dataset(api: Api, run: str, part: str, limit: int) -> None:
    log_inputs(api, run, entry(**{part: "x" * limit}))
    assert inputs(api, run)[0]["dataset"][part] == "x" * limit

    message = {"run_id": run, "datasets": [entry(**{part: "x" * (limit + 1)})]}
    refused(api.post("runs/log-inputs", message), INVALID, part, str(limit))

    assert len(inputs(api, run)) == 1


@pytest.mark.parametrize(("part", "limit"), [("key", 255), ("value", 500)])
def test_lengths_of_an_input_tag(api: Api, run: str, part: str, limit: int) -> None:
    for length in (limit, limit + 1):
        tag = {"key": "k", "value": "v", part: "x" * length}
        message = {
            "run_id": run,
            "datasets": [{"tags": [tag], "dataset": dataset(digest=str(length))}],
        }
        reply = api.post("runs/log-inputs", message)
        if length == limit:
            done(reply)
        else:
            refused(reply, INVALID, part, str(limit))

    assert len(inputs(api, run)) == 1


def test_a_long_schema_is_kept(api: Api, run: str) -> None:
    log_inputs(api, run, entry(schema="s" * 500_000))

    assert len(inputs(api, run)[0]["dataset"]["schema"]) == 500_000


@differs("a data set has a name and a digest")
@pytest.mark.parametrize(
    "bad",
    [{}, {"dataset": {}}, {"dataset": {"name": "d"}}, {"dataset": {"digest": "1"}},
     {"dataset": dataset(name="")}, {"dataset": dataset(digest="")}, "text", None,
     {"dataset": dataset(), "tags": [{"value": "v"}]}, {"dataset": dataset(name=5)}],
    ids=str,
)  # fmt: skip
def test_incomplete_datasets_are_refused_whole(api: Api, run: str, bad: object) -> None:
    message = {"run_id": run, "datasets": [entry(digest="good"), bad]}

    refused(api.post("runs/log-inputs", message))

    assert inputs(api, run) == []


def test_nothing_to_log_is_fine(api: Api, run: str) -> None:
    done(api.post("runs/log-inputs", {"run_id": run}))

    assert build.run(api, run)["inputs"] == {}


def test_many_datasets_at_once(api: Api, run: str) -> None:
    log_inputs(api, run, *(entry(digest=str(number)) for number in range(150)))

    assert len(inputs(api, run)) == 150


# Models in and out


def test_models_are_inputs_once(api: Api, experiment: str, run: str) -> None:
    model = build.add_model(api, experiment)
    for _ in range(2):
        log_inputs(api, run, models=(model,))

    assert build.run(api, run)["inputs"] == {"model_inputs": [{"model_id": model}]}


def outputs(api: Api, run: str) -> object:
    return build.run(api, run)["outputs"]


def test_models_are_outputs_with_a_step(api: Api, experiment: str, run: str) -> None:
    first, second = sorted(build.add_model(api, experiment) for _ in range(2))
    models = [{"model_id": first, "step": 3}, {"model_id": second}]
    done(api.post("runs/outputs", {"run_id": run, "models": models}))

    found = build.run(api, run)["outputs"]["model_outputs"]

    assert {item["model_id"]: item["step"] for item in found} == {first: 3, second: 0}


@differs("the same output again is no error, so that a retry is safe")
def test_an_output_may_be_told_again(api: Api, experiment: str, run: str) -> None:
    model = build.add_model(api, experiment)
    for _ in range(2):
        done(api.post("runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 3}]}))

    assert outputs(api, run) == {"model_outputs": [{"model_id": model, "step": 3}]}


@pytest.mark.parametrize("path", ["runs/outputs", "runs/log-inputs"])
def test_unknown_models_are_taken_on_trust(api: Api, run: str, path: str) -> None:
    done(api.post(path, {"run_id": run, "models": [{"model_id": NO_MODEL, "step": 1}]}))

    assert NO_MODEL in json.dumps(build.run(api, run))


@differs("a model without an id is no model")
@pytest.mark.parametrize(
    "bad", [{}, {"model_id": ""}, {"model_id": None}, {"model_id": 5}, "text"], ids=str
)
@pytest.mark.parametrize("path", ["runs/outputs", "runs/log-inputs"])
def test_models_need_an_id(api: Api, run: str, path: str, bad: object) -> None:
    refused(api.post(path, {"run_id": run, "models": [bad]}))

    found = build.run(api, run)
    assert (found["inputs"], found["outputs"]) == ({}, {})


# Summary of data sets


def summaries(api: Api, *experiments: str) -> list[tuple[str, str, str | None]]:
    found = ok(api.post(SEARCH, {"experiment_ids": experiments})).get("dataset_summaries", [])
    assert {item["experiment_id"] for item in found} <= set(experiments)
    return sorted((s["name"], s["digest"], s.get("context")) for s in found)


def test_summaries_of_an_experiment(api: Api, experiment: str, run: str) -> None:
    log_inputs(api, run, entry("train"), entry(None, name="e", digest="9"))
    log_inputs(api, build.add_run(api, experiment), entry("eval"))
    log_inputs(api, build.add_run(api), entry("train", name="elsewhere"))

    found = summaries(api, experiment)

    assert sorted(found, key=str) == [("d", "1", "eval"), ("d", "1", "train"), ("e", "9", None)]


def test_no_summaries_is_an_empty_answer(api: Api, experiment: str) -> None:
    assert ok(api.post(SEARCH, {"experiment_ids": [experiment]})) == {}
    assert ok(api.post(SEARCH, {"experiment_ids": ["987654321"]})) == {}


@pytest.mark.parametrize("count", [1, 20])
def test_up_to_twenty_experiments(api: Api, experiment: str, count: int) -> None:
    ok(api.post(SEARCH, {"experiment_ids": [experiment] * count}))


@pytest.mark.parametrize("ids", [None, [], ["1"] * 21, ["x"], "1"], ids=lambda ids: str(ids)[:20])
def test_bad_summary_questions(api: Api, ids: object) -> None:
    refused(api.post(SEARCH, {"experiment_ids": ids}))


# The model log of a run


MODEL = {
    "artifact_path": "model",
    "flavors": {"python_function": {"loader_module": "x"}},
    "utc_time_created": "2026-01-02 03:04:05",
    "model_uuid": "u-1",
}
HISTORY = "mlflow.log-model.history"


def log_model(api: Api, run: str, **changes: object) -> None:
    text = json.dumps({**MODEL, "run_id": run, "later": "not kept", **changes})
    done(api.post("runs/log-model", {"run_id": run, "model_json": text}))


def model_log(api: Api, run: str) -> Any:
    return json.loads(build.tags(api, run)[HISTORY])


def test_a_model_is_written_to_the_history_tag(api: Api, run: str) -> None:
    log_model(api, run)

    assert model_log(api, run) == [{**MODEL, "run_id": run}]


def test_models_are_appended_and_not_deduplicated(api: Api, run: str) -> None:
    for path in ("a", "b", "b"):
        log_model(api, run, artifact_path=path)

    assert [item["artifact_path"] for item in model_log(api, run)] == ["a", "b", "b"]


@pytest.mark.parametrize("field", ["artifact_path", "flavors", "utc_time_created", "run_id"])
def test_fields_a_model_must_have(api: Api, run: str, field: str) -> None:
    whole = {**MODEL, "run_id": run}
    del whole[field]

    message = {"run_id": run, "model_json": json.dumps(whole)}
    refused(api.post("runs/log-model", message), INVALID, field)

    assert build.tags(api, run) == {}


NO_MODEL_JSON = ["x", "{", pytest.param("[]", marks=differs("MLflow answers 500")),
                 pytest.param("5", marks=differs("MLflow answers 500"))]  # fmt: skip


@pytest.mark.parametrize("text", NO_MODEL_JSON)
def test_model_json_must_be_an_object(api: Api, run: str, text: str) -> None:
    refused(api.post("runs/log-model", {"run_id": run, "model_json": text}))


def test_model_of_an_unknown_run(api: Api) -> None:
    text = json.dumps({**MODEL, "run_id": "f" * 32})

    refused(api.post("runs/log-model", {"run_id": "f" * 32, "model_json": text}), MISSING)
