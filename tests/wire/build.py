"""Objects a test needs before it can begin, made through the API with names nobody else uses."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from tests.wire.client import Api
from tests.wire.expect import done, ok, pairs


def unique(prefix: str = "wire") -> str:
    """A name that no other test, run or server has seen."""
    return f"{prefix}-{uuid.uuid4().hex}"


def add_experiment(api: Api, **fields: object) -> str:
    """Create an experiment; returns its id."""
    message = {"name": unique(), **fields}
    return str(ok(api.post("experiments/create", message))["experiment_id"])


def add_run(api: Api, experiment_id: str | None = None, **fields: object) -> str:
    """Create a run, in an experiment of its own unless told; returns its id."""
    message = {"experiment_id": experiment_id or add_experiment(api), **fields}
    return str(ok(api.post("runs/create", message))["run"]["info"]["run_id"])


def add_model(api: Api, experiment_id: str, **fields: object) -> str:
    """Create a logged model; returns its id."""
    message = {"experiment_id": experiment_id, **fields}
    return str(ok(api.post("logged-models", message))["model"]["info"]["model_id"])


def experiment(api: Api, experiment_id: str) -> dict[str, Any]:
    found = ok(api.get("experiments/get", {"experiment_id": experiment_id}))
    return dict(found["experiment"])


def run(api: Api, run_id: str) -> dict[str, Any]:
    return dict(ok(api.get("runs/get", {"run_id": run_id}))["run"])


def info(api: Api, run_id: str) -> dict[str, Any]:
    return dict(run(api, run_id)["info"])


def tags(api: Api, run_id: str) -> dict[str, str]:
    """Tags of a run, without the one that carries its name."""
    found = pairs(run(api, run_id)["data"].get("tags"))
    found.pop("mlflow.runName", None)
    return found


def params(api: Api, run_id: str) -> dict[str, str]:
    return pairs(run(api, run_id)["data"].get("params"))


def latest(api: Api, run_id: str) -> dict[str, dict[str, Any]]:
    """Latest point of each metric, by key."""
    points = run(api, run_id)["data"].get("metrics", [])
    return {point["key"]: point for point in points}


def model(api: Api, model_id: str) -> dict[str, Any]:
    return dict(ok(api.get(f"logged-models/{model_id}"))["model"])


def point(key: str, value: object, timestamp: object = 0, step: object = 0) -> dict[str, object]:
    """A metric as log-batch takes it; timestamp in milliseconds."""
    return {"key": key, "value": value, "timestamp": timestamp, "step": step}


def points(*steps: int, key: str = "m") -> list[dict[str, object]]:
    """One point a step, whose value and timestamp are the step."""
    return [point(key, step, step, step) for step in steps]


def items(values: Mapping[str, object]) -> list[dict[str, object]]:
    """A dictionary as `[{"key": k, "value": v}]`."""
    return [{"key": key, "value": value} for key, value in values.items()]


def log(api: Api, run_id: str, **parts: object) -> None:
    """Write `metrics`, `params`, `tags` lists in one batch."""
    done(api.post("runs/log-batch", {"run_id": run_id, **parts}))


def history(api: Api, run_id: str, key: str = "m", **query: object) -> list[dict[str, Any]]:
    """All points of a metric in the order of one answer."""
    asked = {"run_id": run_id, "metric_key": key, **query}
    return list(ok(api.get("metrics/get-history", asked)).get("metrics", []))


def add_registered(api: Api, **fields: object) -> str:
    """Create a registered model; returns its name."""
    message = {"name": unique("model"), **fields}
    return str(ok(api.post("registered-models/create", message))["registered_model"]["name"])


def registered(api: Api, name: str) -> dict[str, Any]:
    return dict(ok(api.get("registered-models/get", {"name": name}))["registered_model"])


def add_version(api: Api, name: str, **fields: object) -> dict[str, Any]:
    """Create a version, from a place in a store of objects unless told."""
    message = {"name": name, "source": "s3://bucket/model", **fields}
    return dict(ok(api.post("model-versions/create", message))["model_version"])


def version(api: Api, name: str, number: object) -> dict[str, Any]:
    found = ok(api.get("model-versions/get", {"name": name, "version": str(number)}))
    return dict(found["model_version"])


def transition(api: Api, name: str, number: object, stage: str, **more: object) -> dict[str, Any]:
    message = {"name": name, "version": str(number), "stage": stage, **more}
    return dict(ok(api.post("model-versions/transition-stage", message))["model_version"])


def point_alias(api: Api, name: str, alias: str, number: object) -> None:
    message = {"name": name, "alias": alias, "version": str(number)}
    done(api.post("registered-models/alias", message))
