"""Idempotency-Key: a write sent again under its key has one effect and one answer."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import clean_error, done, ok, refused
from tests.wire.marks import differs

pytestmark = differs("MLflow knows no such header")

MODEL_JSON = '{"artifact_path": "m", "flavors": {}, "utc_time_created": "now", "run_id": "<run>"}'


def send(api: Api, path: str, message: object, key: str) -> Reply:
    return api.send("POST", path, message, **{"Idempotency-Key": key})


def another_body(reply: Reply) -> None:
    assert reply.status == 422, reply
    error = reply.json
    assert error["error_code"]
    assert "key" in error["message"].lower()


def count_runs(api: Api, experiment: str) -> int:
    return len(ok(api.post("runs/search", {"experiment_ids": [experiment]})).get("runs", []))


@pytest.fixture
def world(api: Api, experiment: str, run: str) -> dict[str, str]:
    """Ids of one of each, and a trashed experiment; run, model and data set have a tag `t`."""
    tag = build.items({"t": "1"})
    build.log(api, run, tags=tag)
    done(api.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "t"}))
    trashed, gone = build.add_experiment(api), build.add_run(api, experiment)
    done(api.post("experiments/delete", {"experiment_id": trashed}))
    done(api.post("runs/delete", {"run_id": gone}))
    message = {"name": build.unique("data"), "experiment_ids": [experiment], "tags": '{"t": "1"}'}
    dataset = ok(api.post(f"{DATASETS}/create", message))["dataset"]["dataset_id"]
    return {
        "experiment": experiment,
        "trashed": trashed,
        "run": run,
        "gone": gone,
        "model": build.add_model(api, experiment, tags=tag),
        "dataset": dataset,
        "name": build.unique(),
    }


DATASETS = "/api/3.0/mlflow/datasets"
# Words in angle brackets stand for values of `world`.
WRITES = [
    ("POST", "experiments/create", {"name": "<name>"}),
    ("POST", "experiments/update", {"experiment_id": "<experiment>", "new_name": "<name>"}),
    ("POST", "experiments/delete", {"experiment_id": "<experiment>"}),
    ("POST", "experiments/restore", {"experiment_id": "<trashed>"}),
    ("POST", "experiments/set-experiment-tag", {"experiment_id": "<experiment>", "key": "k"}),
    ("POST", "experiments/delete-experiment-tag", {"experiment_id": "<experiment>", "key": "t"}),
    ("POST", "runs/create", {"experiment_id": "<experiment>"}),
    ("POST", "runs/update", {"run_id": "<run>", "status": "FINISHED", "end_time": 5}),
    ("POST", "runs/delete", {"run_id": "<run>"}),
    ("POST", "runs/restore", {"run_id": "<gone>"}),
    ("POST", "runs/log-batch", {"run_id": "<run>", "params": build.items({"p": "1"})}),
    ("POST", "runs/log-parameter", {"run_id": "<run>", "key": "p", "value": "1"}),
    ("POST", "runs/log-metric", {"run_id": "<run>", **build.point("m", 1)}),
    ("POST", "runs/set-tag", {"run_id": "<run>", "key": "k", "value": "v"}),
    ("POST", "runs/delete-tag", {"run_id": "<run>", "key": "t"}),
    ("POST", "runs/log-inputs", {"run_id": "<run>", "models": [{"model_id": "m-1"}]}),
    ("POST", "runs/outputs", {"run_id": "<run>", "models": [{"model_id": "m-1", "step": 1}]}),
    ("POST", "runs/log-model", {"run_id": "<run>", "model_json": MODEL_JSON}),
    ("POST", "logged-models", {"experiment_id": "<experiment>"}),
    ("PATCH", "logged-models/<model>", {"model_id": "<model>", "status": 2}),
    ("DELETE", "logged-models/<model>", {}),
    ("PATCH", "logged-models/<model>/tags", {"tags": build.items({"k": "v"})}),
    ("DELETE", "logged-models/<model>/tags/t", {}),
    ("POST", "logged-models/<model>/params", {"params": build.items({"k": "v"})}),
    ("POST", f"{DATASETS}/create", {"name": "<name>"}),
    ("PATCH", f"{DATASETS}/<dataset>/tags", {"tags": '{"k": "v"}'}),
    ("DELETE", f"{DATASETS}/<dataset>/tags/t", {}),
    ("POST", f"{DATASETS}/<dataset>/records", {"records": '[{"inputs": {"q": 1}}]'}),
    ("POST", f"{DATASETS}/<dataset>/add-experiments", {"experiment_ids": ["<experiment>"]}),
    ("POST", f"{DATASETS}/<dataset>/remove-experiments", {"experiment_ids": ["<experiment>"]}),
    ("DELETE", f"{DATASETS}/<dataset>/records", {"dataset_record_ids": ["dr-1"]}),
    ("DELETE", f"{DATASETS}/<dataset>", {}),
]


@pytest.mark.parametrize(("verb", "path", "message"), WRITES, ids=lambda value: str(value)[:40])
def test_every_write_has_one_effect_and_one_answer(
    api: Api, world: dict[str, str], verb: str, path: str, message: dict[str, object]
) -> None:
    def filled(text: str) -> str:
        return re.sub(r"<(\w+)>", lambda found: world[found[1]], text)

    headers = {"Idempotency-Key": build.unique("key")}
    real = json.loads(filled(json.dumps(message)))

    first, second = (api.send(verb, filled(path), real, **headers) for _ in range(2))

    assert ok(first) == ok(second)
    assert first.body == second.body


def test_a_run_is_created_once(api: Api, experiment: str) -> None:
    key, message = build.unique("key"), {"experiment_id": experiment}

    first, second = (send(api, "runs/create", message, key) for _ in range(2))

    assert ok(first) == ok(second)
    assert count_runs(api, experiment) == 1


def test_an_experiment_is_created_once(api: Api) -> None:
    key, message = build.unique("key"), {"name": build.unique()}

    first, second = (send(api, "experiments/create", message, key) for _ in range(2))

    assert ok(first) == ok(second)


def test_a_logged_model_is_created_once(api: Api, experiment: str) -> None:
    key, message = build.unique("key"), {"experiment_id": experiment, "name": "m"}

    first, second = (send(api, "logged-models", message, key) for _ in range(2))

    assert ok(first)["model"]["info"]["model_id"] == ok(second)["model"]["info"]["model_id"]
    assert (
        len(ok(api.post("logged-models/search", {"experiment_ids": [experiment]}))["models"]) == 1
    )


def test_without_a_key_two_are_two(api: Api, experiment: str) -> None:
    for _ in range(2):
        build.add_run(api, experiment)

    assert count_runs(api, experiment) == 2


def test_another_key_is_another_write(api: Api, experiment: str) -> None:
    for _ in range(2):
        ok(send(api, "runs/create", {"experiment_id": experiment}, build.unique("key")))

    assert count_runs(api, experiment) == 2


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("runs/create", {}, {"run_name": "other"}),
        ("runs/create", {"start_time": 1}, {"start_time": 2}),
        ("logged-models", {"name": "a"}, {"name": "b"}),
    ],
)
def test_the_same_key_with_another_body(
    api: Api, experiment: str, path: str, first: dict[str, object], second: dict[str, object]
) -> None:
    key, base = build.unique("key"), {"experiment_id": experiment}
    ok(send(api, path, base | first, key))

    another_body(send(api, path, base | second, key))

    ok(send(api, path, base | first, key))


def test_the_same_key_on_another_endpoint(api: Api, experiment: str) -> None:
    key = build.unique("key")
    ok(send(api, "runs/create", {"experiment_id": experiment}, key))

    another_body(send(api, "experiments/create", {"name": build.unique()}, key))


def test_the_same_key_in_another_experiment(api: Api, experiment: str) -> None:
    key, other = build.unique("key"), build.add_experiment(api)
    ok(send(api, "runs/create", {"experiment_id": experiment}, key))

    another_body(send(api, "runs/create", {"experiment_id": other}, key))

    assert count_runs(api, other) == 0


def test_a_log_call_repeated_later_does_not_undo_what_came_between(api: Api, run: str) -> None:
    """The answer that was lost is given; the write is not done again."""
    key, tag = build.unique("key"), {"run_id": run, "key": "t", "value": "first"}
    done(send(api, "runs/set-tag", tag, key))
    done(api.post("runs/set-tag", tag | {"value": "second"}))

    done(send(api, "runs/set-tag", tag, key))

    assert build.tags(api, run) == {"t": "second"}


def test_a_delete_repeated_later_does_not_delete_again(api: Api, experiment: str) -> None:
    key, message = build.unique("key"), {"experiment_id": experiment}
    done(send(api, "experiments/delete", message, key))
    done(api.post("experiments/restore", message))

    done(send(api, "experiments/delete", message, key))

    assert build.experiment(api, experiment)["lifecycle_stage"] == "active"


def test_many_at_once_have_one_effect(api: Api, experiment: str) -> None:
    key, message = build.unique("key"), {"experiment_id": experiment}

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: send(api, "runs/create", message, key), range(16)))

    assert {ok(reply)["run"]["info"]["run_id"] for reply in replies} == {
        ok(replies[0])["run"]["info"]["run_id"]
    }
    assert count_runs(api, experiment) == 1


def test_a_batch_sent_at_once_by_many_is_written_once(api: Api, run: str) -> None:
    key = build.unique("key")
    message = {
        "run_id": run,
        "metrics": build.points(*range(10)),
        "params": build.items({"p": "1"}),
    }

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: send(api, "runs/log-batch", message, key), range(16)))

    assert [reply.status for reply in replies] == [200] * 16
    assert len(build.history(api, run)) == 10


def test_a_refused_write_does_not_use_up_its_key(api: Api, experiment: str) -> None:
    key = build.unique("key")
    bad = {"experiment_id": experiment, "tags": [{"key": "a//b", "value": ""}]}
    refused(send(api, "runs/create", bad, key))

    ok(send(api, "runs/create", {"experiment_id": experiment}, key))

    assert count_runs(api, experiment) == 1


def test_the_prefix_of_the_path_does_not_matter(api: Api, experiment: str) -> None:
    key, message = build.unique("key"), {"experiment_id": experiment}

    for family in ("api", "ajax-api"):
        ok(send(api, f"/{family}/2.0/mlflow/runs/create", message, key))

    assert count_runs(api, experiment) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "\x7f", "ü", "a\tb"], ids=ascii)
def test_odd_keys_are_refused(api: Api, experiment: str, key: str) -> None:
    reply = send(api, "runs/create", {"experiment_id": experiment}, key)

    assert reply.status == 400
    clean_error(reply)
    assert count_runs(api, experiment) == 0


@pytest.mark.parametrize("key", ["k" * 255, '"quoted"', "a,b;c=d", "%00", "../../x"])
def test_any_visible_key_will_do(api: Api, experiment: str, key: str) -> None:
    whole = (build.unique() + key)[:255]

    for _ in range(2):
        ok(send(api, "runs/create", {"experiment_id": experiment}, whole))

    assert count_runs(api, experiment) == 1


def test_reads_do_not_mind_a_key(api: Api, run: str) -> None:
    key = build.unique("key")

    for run_id in (run, build.add_run(api)):
        assert api.get("runs/get", {"run_id": run_id}, **{"Idempotency-Key": key}).status == 200
