"""The shape of errors: code, status and a message that names the thing, from every endpoint."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import EXISTS, INVALID, MISSING, clean_error, done, refused
from tests.wire.marks import differs

# Nothing exists under these ids.
NO_RUN = "f" * 32
NO_EXPERIMENT = "987654321"
NO_MODEL = "m-" + "f" * 32
NO_DATASET = "d-" + "f" * 32

IN_NO_EXPERIMENT = {"experiment_id": NO_EXPERIMENT}

UNKNOWN = [
    ("GET", "experiments/get", IN_NO_EXPERIMENT, NO_EXPERIMENT),
    ("GET", "experiments/get-by-name", {"experiment_name": "no such name"}, "no such name"),
    ("POST", "experiments/delete", IN_NO_EXPERIMENT, NO_EXPERIMENT),
    ("POST", "experiments/restore", IN_NO_EXPERIMENT, NO_EXPERIMENT),
    ("POST", "experiments/update", IN_NO_EXPERIMENT | {"new_name": "n"}, NO_EXPERIMENT),
    ("POST", "experiments/set-experiment-tag", IN_NO_EXPERIMENT | {"key": "k"}, NO_EXPERIMENT),
    ("POST", "experiments/delete-experiment-tag", IN_NO_EXPERIMENT | {"key": "k"}, NO_EXPERIMENT),
    ("POST", "runs/create", IN_NO_EXPERIMENT, NO_EXPERIMENT),
    ("GET", "runs/get", {"run_id": NO_RUN}, NO_RUN),
    ("POST", "runs/update", {"run_id": NO_RUN}, NO_RUN),
    ("POST", "runs/delete", {"run_id": NO_RUN}, NO_RUN),
    ("POST", "runs/restore", {"run_id": NO_RUN}, NO_RUN),
    ("POST", "runs/set-tag", {"run_id": NO_RUN, "key": "k"}, NO_RUN),
    ("POST", "runs/delete-tag", {"run_id": NO_RUN, "key": "k"}, NO_RUN),
    ("POST", "runs/log-parameter", {"run_id": NO_RUN, "key": "k"}, NO_RUN),
    ("POST", "runs/log-metric", {"run_id": NO_RUN, **build.point("k", 1)}, NO_RUN),
    ("POST", "runs/log-batch", {"run_id": NO_RUN, "metrics": [build.point("k", 1)]}, NO_RUN),
    ("POST", "runs/log-inputs", {"run_id": NO_RUN, "models": [{"model_id": NO_MODEL}]}, NO_RUN),
    ("POST", "runs/outputs", {"run_id": NO_RUN, "models": [{"model_id": NO_MODEL}]}, NO_RUN),
    ("POST", "logged-models", IN_NO_EXPERIMENT, NO_EXPERIMENT),
    ("GET", f"logged-models/{NO_MODEL}", {}, NO_MODEL),
    ("PATCH", f"logged-models/{NO_MODEL}", {"model_id": NO_MODEL, "status": 2}, NO_MODEL),
    ("PATCH", f"logged-models/{NO_MODEL}/tags", {"tags": [{"key": "k", "value": "v"}]}, NO_MODEL),
    ("DELETE", f"logged-models/{NO_MODEL}/tags/k", {}, NO_MODEL),
    ("GET", f"/api/3.0/mlflow/datasets/{NO_DATASET}", {}, NO_DATASET),
    ("PATCH", f"/api/3.0/mlflow/datasets/{NO_DATASET}/tags", {"tags": '{"a": "b"}'}, NO_DATASET),
    pytest.param(
        "POST",
        f"/api/3.0/mlflow/datasets/{NO_DATASET}/records",
        {"records": '[{"inputs": {"a": 1}}]'},
        NO_DATASET,
        marks=differs("MLflow answers 400 with SQL text"),
    ),
]  # fmt: skip


def ask(api: Api, verb: str, path: str, message: dict[str, object]) -> Reply:
    return api.get(path, message) if verb == "GET" else api.send(verb, path, message)


@pytest.mark.parametrize(("verb", "path", "message", "name"), UNKNOWN, ids=lambda v: str(v)[:48])
def test_unknown_things_are_named(
    api: Api, verb: str, path: str, message: dict[str, object], name: str
) -> None:
    refused(ask(api, verb, path, message), MISSING, name)


@pytest.mark.parametrize("ajax", [False, True])
def test_shape_and_sql_state(api: Api, ajax: bool) -> None:
    """Older clients read code and message; newer ones two more fields, when they are known."""
    family = "ajax-api" if ajax else "api"

    reply = api.get(f"/{family}/2.0/mlflow/runs/get", {"run_id": NO_RUN})

    error = clean_error(reply)
    assert (reply.status, error["error_code"]) == (404, MISSING)
    assert all(isinstance(value, str) for value in error.values())


def test_existing_name_is_400_not_409(api: Api) -> None:
    name = build.unique()
    build.add_experiment(api, name=name)

    refused(api.post("experiments/create", {"name": name}), EXISTS, name)


def test_a_refused_write_changes_nothing(api: Api, run: str) -> None:
    build.log(api, run, params=build.items({"a": "1"}))
    before = build.run(api, run)

    refused(api.post("runs/log-parameter", {"run_id": run, "key": "a", "value": "2"}), INVALID, "a")

    assert build.run(api, run) == before


@differs("markup in a name comes back as JSON text, with a type no browser sniffs")
def test_markup_in_an_error_stays_text(api: Api) -> None:
    name = "<script>alert(1)</script>"

    reply = api.get("experiments/get-by-name", {"experiment_name": name})

    refused(reply, MISSING)
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["runs/get", "experiments/get"])
def test_huge_values_are_not_echoed_whole(api: Api, path: str) -> None:
    field = "run_id" if path == "runs/get" else "experiment_id"

    reply = api.get(path, {field: "9" * 12_000})

    error = clean_error(reply)
    assert reply.status in {400, 404, 414}
    assert len(error["message"]) < 16_000


def test_the_server_goes_on_after_refusals(api: Api, run: str) -> None:
    for body in ("{}", '{"run_id": 5}', '{"run_id": "x"}'):
        assert api.text("runs/set-tag", body).status in {400, 404}

    done(api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v"}))


@differs("fields of ours")
@pytest.mark.parametrize(
    ("asked", "field", "column", "hint"),
    [
        ({"filter": "metrics.loss < 1 AND tags.é RLIKE '('"}, "filter", 35, None),
        ({"filter": "metrics.loss = '1'"}, "filter", 16, "A number goes without quotes."),
        (
            {"order_by": ["start_time", "metrics.loss up"]},
            "order_by[1]",
            14,
            "Give one key in each",
        ),
        ({"max_results": "many"}, "max_results", None, None),
    ],
)
def test_an_error_says_where_it_is_and_the_way_out(
    api: Api, experiment: str, asked: dict[str, object], field: str, column: int | None,
    hint: str | None,
) -> None:  # fmt: skip
    reply = api.post("runs/search", {"experiment_ids": [experiment], **asked})

    error = clean_error(reply)
    assert (error["field"], error.get("column")) == (field, column)
    assert error["request_id"] == reply.headers["x-request-id"]
    if hint is None:
        assert "hint" not in error
    else:
        assert error["hint"].startswith(hint)
        assert error["message"].endswith(error["hint"])


@differs("of RFC 9457")
@pytest.mark.parametrize("path", ["/api/2.0/mlflow/runs/get", "/api/2.0/mlflow/nothing"])
def test_who_asks_for_a_problem_document_gets_one(api: Api, path: str) -> None:
    reply = api.get(path, {"run_id": NO_RUN}, accept="application/problem+json, application/json")

    assert reply.headers["content-type"] == "application/problem+json"
    told = reply.json
    assert (told["type"], told["title"], told["status"]) == ("about:blank", "Not Found", 404)
    assert told["detail"] == told["message"]
    assert told["request_id"] == reply.headers["x-request-id"]
