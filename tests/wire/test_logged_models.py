"""Logged models: create, finalize, params, tags, metrics, delete."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, ok, pairs, refused
from tests.wire.marks import differs

READY, PENDING, FAILED = "LOGGED_MODEL_READY", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_UPLOAD_FAILED"


@pytest.fixture
def model(api: Api, experiment: str) -> str:
    return build.add_model(api, experiment)


def test_a_model_of_defaults(api: Api, experiment: str) -> None:
    made = ok(api.post("logged-models", {"experiment_id": experiment}))["model"]
    info, model_id = made["info"], made["info"]["model_id"]
    location = build.experiment(api, experiment)["artifact_location"]

    assert re.fullmatch(r"m-[0-9a-f]{32}", model_id)
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", info["name"])
    assert info == {
        "model_id": model_id,
        "experiment_id": experiment,
        "name": info["name"],
        "creation_timestamp_ms": info["creation_timestamp_ms"],
        "last_updated_timestamp_ms": info["creation_timestamp_ms"],
        "artifact_uri": f"{location}/models/{model_id}/artifacts",
        "status": PENDING,
        "model_type": "",
        "source_run_id": "",
    }
    assert made["data"] == {}


def test_a_model_with_all_fields(api: Api, experiment: str, run: str) -> None:
    message = {
        "experiment_id": experiment,
        "name": "forest",
        "model_type": "agent",
        "source_run_id": run,
        "params": build.items({"depth": "3", "empty": ""}),
        "tags": build.items({"a": "1", "b$": "ü"}),
    }

    made = ok(api.post("logged-models", message))["model"]

    info = made["info"]
    assert (info["name"], info["model_type"], info["source_run_id"]) == ("forest", "agent", run)
    assert pairs(info["tags"]) == {"a": "1", "b$": "ü"}
    assert pairs(made["data"]["params"]) == {"depth": "3", "empty": ""}
    assert ok(api.get(f"logged-models/{info['model_id']}")) == {"model": made}


def test_names_may_repeat(api: Api, experiment: str) -> None:
    assert build.add_model(api, experiment, name="n") != build.add_model(api, experiment, name="n")


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"])
def test_bad_names(api: Api, experiment: str, name: str) -> None:
    refused(api.post("logged-models", {"experiment_id": experiment, "name": name}), INVALID, "name")


@pytest.mark.parametrize("name", ["a b", "a-b_c", "ü", "m1", "(x)"])
def test_good_names(api: Api, experiment: str, name: str) -> None:
    made = build.add_model(api, experiment, name=name)

    assert build.model(api, made)["info"]["name"] == name


def test_the_source_run_is_not_checked(api: Api, experiment: str) -> None:
    made = build.add_model(api, experiment, source_run_id="f" * 32)

    assert build.model(api, made)["info"]["source_run_id"] == "f" * 32


def test_value_of_a_param_or_tag_may_be_absent(api: Api, experiment: str) -> None:
    made = build.add_model(api, experiment, params=[{"key": "p"}], tags=[{"key": "t"}])

    found = build.model(api, made)

    assert pairs(found["data"]["params"]) == {"p": ""}
    assert pairs(found["info"]["tags"]) == {"t": ""}


@differs("equal params are one param, different ones are refused; the last of equal tags wins")
def test_duplicates_at_creation(api: Api, experiment: str) -> None:
    twice = [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}]
    clash = [{"key": "p", "value": "1"}, {"key": "p", "value": "2"}]

    made = build.add_model(api, experiment, params=twice, tags=clash)
    refused(api.post("logged-models", {"experiment_id": experiment, "params": clash}), INVALID, "p")

    found = build.model(api, made)
    assert pairs(found["data"]["params"]) == {"p": "1"}
    assert pairs(found["info"]["tags"]) == {"p": "2"}


# Status


@pytest.mark.parametrize(("given", "stored"), [(READY, READY), (PENDING, PENDING), (FAILED, FAILED),
                                               (1, PENDING), (2, READY), (3, FAILED)])  # fmt: skip
def test_status_in_any_order(api: Api, model: str, given: object, stored: str) -> None:
    for status in (READY, given, given):
        message = {"model_id": model, "status": status}
        found = ok(api.patch(f"logged-models/{model}", message))["model"]["info"]

    assert found["status"] == stored
    assert found["last_updated_timestamp_ms"] >= found["creation_timestamp_ms"]
    assert build.model(api, model)["info"] == found


@differs("an unknown status is refused, not stored as unspecified")
@pytest.mark.parametrize("status", ["READY", "BOGUS", 9, -1])
def test_unknown_status(api: Api, model: str, status: object) -> None:
    refused(
        api.patch(f"logged-models/{model}", {"model_id": model, "status": status}),
        INVALID,
        "status",
    )

    assert build.model(api, model)["info"]["status"] == PENDING


@differs("the id in the path is enough")
def test_the_body_need_not_repeat_the_id(api: Api, model: str) -> None:
    ok(api.patch(f"logged-models/{model}", {"status": READY}))
    done(api.post(f"logged-models/{model}/params", {"params": build.items({"a": "1"})}))

    found = build.model(api, model)
    assert (found["info"]["status"], pairs(found["data"]["params"])) == (READY, {"a": "1"})


@differs("the id in the path and the one in the body must be the same")
@pytest.mark.parametrize("path", ["", "/params"])
def test_two_ids_must_agree(api: Api, experiment: str, model: str, path: str) -> None:
    other = build.add_model(api, experiment)
    message = {"model_id": other, "status": READY, "params": build.items({"p": "1"})}

    refused(api.send("POST" if path else "PATCH", f"logged-models/{model}{path}", message))

    for untouched in (model, other):
        found = build.model(api, untouched)
        assert (found["info"]["status"], found["data"]) == (PENDING, {})


# Params and tags


def add_params(api: Api, model: str, *params: dict[str, object]) -> None:
    done(api.post(f"logged-models/{model}/params", {"model_id": model, "params": params}))


def test_params_are_added(api: Api, model: str) -> None:
    add_params(api, model, *build.items({"a": "1"}))
    add_params(api, model, *build.items({"b": "2", "c$": "3"}))
    add_params(api, model)

    assert pairs(build.model(api, model)["data"]["params"]) == {"a": "1", "b": "2", "c$": "3"}


@differs("an equal param again is fine, so that a retry is safe")
def test_an_equal_param_again(api: Api, model: str) -> None:
    for _ in range(2):
        add_params(api, model, *build.items({"a": "1"}))

    assert pairs(build.model(api, model)["data"]["params"]) == {"a": "1"}


def test_a_param_does_not_change(api: Api, model: str) -> None:
    add_params(api, model, *build.items({"a": "1"}))
    message = {"model_id": model, "params": build.items({"new": "1", "a": "2"})}

    reply = api.post(f"logged-models/{model}/params", message)

    assert reply.status == 400
    assert pairs(build.model(api, model)["data"]["params"]) == {"a": "1"}


def set_tags(api: Api, model: str, **tags: object) -> None:
    ok(api.patch(f"logged-models/{model}/tags", {"tags": build.items(tags)}))


def test_tags_are_set_replaced_and_deleted(api: Api, model: str) -> None:
    set_tags(api, model, a="1", b="2")
    set_tags(api, model, a="3")
    assert pairs(build.model(api, model)["info"]["tags"]) == {"a": "3", "b": "2"}

    done(api.delete(f"logged-models/{model}/tags/a"))

    assert pairs(build.model(api, model)["info"]["tags"]) == {"b": "2"}


@pytest.mark.parametrize("key", ["a b", "k$", "ü", "a.b", "mlflow.x"])
def test_tag_keys_in_a_path_are_decoded(api: Api, model: str, key: str) -> None:
    set_tags(api, model, **{key: "1"})
    done(api.delete(f"logged-models/{model}/tags/{quote(key)}"))

    assert "tags" not in build.model(api, model)["info"]


def test_deleting_an_unknown_tag(api: Api, model: str) -> None:
    refused(api.delete(f"logged-models/{model}/tags/none"), MISSING, "none")


# Metrics


def log_metric(api: Api, run: str, model: str, value: float, step: int = 0, **more: object) -> None:
    metric = build.point("acc", value, 7, step) | {"model_id": model, **more}
    done(api.post("runs/log-metric", {"run_id": run, **metric}))


def test_a_metric_is_shown_in_its_model(api: Api, run: str, model: str) -> None:
    log_metric(api, run, model, 0.5, 2, dataset_name="d", dataset_digest="1")

    (shown,) = build.model(api, model)["data"]["metrics"]

    assert shown == build.point("acc", 0.5, 7, 2) | {
        "model_id": model,
        "run_id": run,
        "dataset_name": "d",
        "dataset_digest": "1",
    }
    assert build.latest(api, run)["acc"] == build.point("acc", 0.5, 7, 2)


def test_metrics_of_a_batch_are_shown_in_their_models(api: Api, experiment: str, run: str) -> None:
    models = [build.add_model(api, experiment) for _ in range(2)]
    metrics = [
        build.point(f"m{n}", n, n, n) | {"model_id": model} for n, model in enumerate(models)
    ]
    build.log(api, run, metrics=[*metrics, build.point("own", 5)])

    for number, model in enumerate(models):
        (shown,) = build.model(api, model)["data"]["metrics"]
        assert (shown["key"], shown["value"], shown["run_id"]) == (f"m{number}", number, run)
    assert set(build.latest(api, run)) == {"m0", "m1", "own"}


def test_all_points_of_a_metric_are_shown(api: Api, run: str, model: str) -> None:
    for step in (2, 3, 1):
        log_metric(api, run, model, step / 10, step)

    shown = build.model(api, model)["data"]["metrics"]

    assert sorted((point["step"], point["value"]) for point in shown) == [
        (1, 0.1),
        (2, 0.2),
        (3, 0.3),
    ]


def test_metrics_come_from_several_runs(api: Api, experiment: str, run: str, model: str) -> None:
    other = build.add_run(api, experiment)
    for source in (run, other):
        log_metric(api, source, model, 0.5)

    assert {point["run_id"] for point in build.model(api, model)["data"]["metrics"]} == {run, other}


# Delete


def test_a_deleted_model_is_gone(api: Api, model: str, experiment: str) -> None:
    done(api.delete(f"logged-models/{model}"))

    refused(api.get(f"logged-models/{model}"), MISSING, model)
    assert ok(api.post("logged-models/search", {"experiment_ids": [experiment]})) == {}


def test_deleting_twice_is_fine(api: Api, model: str) -> None:
    for _ in range(2):
        done(api.delete(f"logged-models/{model}"))


def test_deleting_what_never_was(api: Api) -> None:
    refused(api.delete("logged-models/m-" + "f" * 32), MISSING, "m-" + "f" * 32)


@differs("a deleted model is not written to")
@pytest.mark.parametrize(
    ("verb", "path"),
    [("PATCH", ""), ("PATCH", "/tags"), ("POST", "/params"), ("DELETE", "/tags/t")],
)
def test_a_deleted_model_is_frozen(api: Api, model: str, verb: str, path: str) -> None:
    set_tags(api, model, t="1")
    done(api.delete(f"logged-models/{model}"))
    entries = build.items({"x": "1"})
    message = {"model_id": model, "status": READY, "tags": entries, "params": entries}

    refused(api.send(verb, f"logged-models/{model}{path}", message), MISSING, model)
