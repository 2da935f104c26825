"""The tracking endpoints of the published contract, as a table: verb, path, fields and their kinds.

Written from the contract, not from our own endpoint table, so that each keeps the other honest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["str", "int", "double", "enum", "strs", "list", "bool"]

# A JSON value of the right kind for a field; nothing is meant to exist under these names.
SAMPLES: Mapping[Kind, object] = {
    "str": "1",
    "int": 1,
    "double": 1.5,
    "enum": 1,
    "strs": ["1"],
    "list": [],
    "bool": True,
}


NO_MODEL = "m-" + "0" * 32
NO_DATASET = "d-" + "0" * 32


@dataclass(frozen=True)
class Endpoint:
    """One verb on one path, below `/api/<version>` and `/ajax-api/<version>`."""

    verb: str
    path: str
    required: Mapping[str, Kind] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)
    version: str = "2.0"
    repeated: Mapping[str, str] = field(default_factory=dict)
    """Fields of the body that must be what the path says already."""

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"

    @property
    def fields(self) -> dict[str, Kind]:
        return {**self.required, **self.optional}

    def target(self, family: str = "api") -> str:
        """The path to ask, with ids that name nothing in place of its parameters."""
        path = self.path.replace("{model_id}", NO_MODEL).replace("{dataset_id}", NO_DATASET)
        return f"/{family}/{self.version}/mlflow/" + path.replace("{key}", "none")

    def message(self, *, without: str | None = None) -> dict[str, object]:
        """A request with a fit value for every required field, except *without*."""
        needed = {name: SAMPLES[kind] for name, kind in self.required.items() if name != without}
        return {**self.repeated, **needed}


def _get(path: str, required: dict[str, Kind], **optional: Kind) -> Endpoint:
    return Endpoint("GET", path, required, optional)


def _post(path: str, required: dict[str, Kind], **optional: Kind) -> Endpoint:
    return Endpoint("POST", path, required, optional)


_EXPERIMENT: dict[str, Kind] = {"experiment_id": "str"}
_RUN: dict[str, Kind] = {"run_id": "str"}

EXPERIMENTS = [
    _get("experiments/get-by-name", {"experiment_name": "str"}),
    _get("experiments/get", _EXPERIMENT),
    _post("experiments/create", {"name": "str"}, artifact_location="str", tags="list"),
    _post("experiments/delete", _EXPERIMENT),
    _post("experiments/restore", _EXPERIMENT),
    _post("experiments/update", {**_EXPERIMENT, "new_name": "str"}),
    _post("experiments/set-experiment-tag", {**_EXPERIMENT, "key": "str"}, value="str"),
    _post("experiments/delete-experiment-tag", {**_EXPERIMENT, "key": "str"}),
    Endpoint(
        "POST",
        "experiments/search",
        {},
        {
            "view_type": "enum",
            "max_results": "int",
            "order_by": "strs",
            "filter": "str",
            "page_token": "str",
        },
    ),
    Endpoint("GET", "experiments/search"),
]

RUNS = [
    _post(
        "runs/create",
        {},
        experiment_id="str",
        user_id="str",
        run_name="str",
        start_time="int",
        tags="list",
    ),
    _post("runs/update", _RUN, status="enum", end_time="int", run_name="str"),
    _post("runs/delete", _RUN),
    _post("runs/restore", _RUN),
    _get("runs/get", _RUN),
    _post(
        "runs/search",
        {},
        experiment_ids="strs",
        filter="str",
        run_view_type="enum",
        max_results="int",
        order_by="strs",
        page_token="str",
    ),
    _post("runs/log-batch", _RUN, metrics="list", params="list", tags="list"),
    _post("runs/log-parameter", {**_RUN, "key": "str"}, value="str"),
    _post("runs/set-tag", {**_RUN, "key": "str"}, value="str"),
    _post("runs/delete-tag", {**_RUN, "key": "str"}),
    _post("runs/log-model", {**_RUN, "model_json": "str"}),
    _post("runs/log-inputs", _RUN, datasets="list", models="list"),
    _post("runs/outputs", {**_RUN, "models": "list"}),
    _post(
        "runs/log-metric",
        {**_RUN, "key": "str", "value": "double", "timestamp": "int"},
        step="int",
        model_id="str",
        dataset_name="str",
        dataset_digest="str",
    ),
]

METRICS = [
    _get("metrics/get-history", {**_RUN, "metric_key": "str"}, max_results="int"),
    _get(
        "metrics/get-history-bulk-interval",
        {"run_ids": "strs", "metric_key": "str"},
        start_step="int",
        end_step="int",
        max_results="int",
    ),
]

LOGGED_MODELS = [
    _post(
        "logged-models",
        _EXPERIMENT,
        name="str",
        model_type="str",
        source_run_id="str",
        params="list",
        tags="list",
    ),
    Endpoint(
        "PATCH", "logged-models/{model_id}", {"status": "enum"}, repeated={"model_id": NO_MODEL}
    ),
    Endpoint("GET", "logged-models/{model_id}"),
    Endpoint("DELETE", "logged-models/{model_id}"),
    _post(
        "logged-models/search",
        {"experiment_ids": "strs"},
        filter="str",
        datasets="list",
        max_results="int",
        order_by="list",
        page_token="str",
    ),
    Endpoint("PATCH", "logged-models/{model_id}/tags", {}, {"tags": "list"}),
    Endpoint("DELETE", "logged-models/{model_id}/tags/{key}"),
    Endpoint(
        "POST",
        "logged-models/{model_id}/params",
        optional={"params": "list"},
        repeated={"model_id": NO_MODEL},
    ),
]

DATASETS = [
    Endpoint("POST", "datasets/create", {"name": "str"}, {"tags": "str"}, "3.0"),
    Endpoint("GET", "datasets/{dataset_id}", version="3.0"),
    Endpoint("DELETE", "datasets/{dataset_id}", version="3.0"),
    Endpoint(
        "POST",
        "datasets/search",
        {},
        {"filter_string": "str", "max_results": "int", "page_token": "str"},
        "3.0",
    ),
    Endpoint("GET", "datasets/search", version="3.0"),
    Endpoint("PATCH", "datasets/{dataset_id}/tags", {"tags": "str"}, version="3.0"),
    Endpoint("DELETE", "datasets/{dataset_id}/tags/{key}", version="3.0"),
    Endpoint("POST", "datasets/{dataset_id}/records", {"records": "str"}, version="3.0"),
    Endpoint("GET", "datasets/{dataset_id}/experiment-ids", version="3.0"),
    Endpoint("GET", "datasets/{dataset_id}/records", version="3.0"),
    Endpoint("DELETE", "datasets/{dataset_id}/records", version="3.0"),
    Endpoint("POST", "datasets/{dataset_id}/add-experiments", version="3.0"),
    Endpoint("POST", "datasets/{dataset_id}/remove-experiments", version="3.0"),
]

_MODEL: dict[str, Kind] = {"name": "str"}
_VERSION: dict[str, Kind] = {"name": "str", "version": "str"}
_SEARCH: dict[str, Kind] = {
    "filter": "str",
    "max_results": "int",
    "order_by": "strs",
    "page_token": "str",
}

REGISTERED_MODELS = [
    _post("registered-models/create", _MODEL, tags="list", description="str"),
    _post("registered-models/rename", {**_MODEL, "new_name": "str"}),
    Endpoint("PATCH", "registered-models/update", _MODEL, {"description": "str"}),
    Endpoint("DELETE", "registered-models/delete", _MODEL),
    _get("registered-models/get", _MODEL),
    Endpoint("GET", "registered-models/search", {}, _SEARCH),
    _post("registered-models/get-latest-versions", _MODEL, stages="strs"),
    _get("registered-models/get-latest-versions", _MODEL, stages="strs"),
    _post("registered-models/set-tag", {**_MODEL, "key": "str"}, value="str"),
    Endpoint("DELETE", "registered-models/delete-tag", {**_MODEL, "key": "str"}),
    _post("registered-models/alias", {**_MODEL, "alias": "str", "version": "str"}),
    Endpoint("DELETE", "registered-models/alias", {**_MODEL, "alias": "str"}),
    _get("registered-models/alias", {**_MODEL, "alias": "str"}),
]

MODEL_VERSIONS = [
    _post(
        "model-versions/create",
        {**_MODEL, "source": "str"},
        run_id="str",
        tags="list",
        run_link="str",
        description="str",
        model_id="str",
    ),
    Endpoint("PATCH", "model-versions/update", _VERSION, {"description": "str"}),
    _post(
        "model-versions/transition-stage",
        {**_VERSION, "stage": "str"},
        archive_existing_versions="bool",
    ),
    Endpoint("DELETE", "model-versions/delete", _VERSION),
    _get("model-versions/get", _VERSION),
    Endpoint("GET", "model-versions/search", {}, _SEARCH),
    _get("model-versions/get-download-uri", _VERSION),
    _post("model-versions/set-tag", {**_VERSION, "key": "str"}, value="str"),
    Endpoint("DELETE", "model-versions/delete-tag", {**_VERSION, "key": "str"}),
]

ENDPOINTS = [
    *EXPERIMENTS,
    *RUNS,
    *METRICS,
    *LOGGED_MODELS,
    *DATASETS,
    *REGISTERED_MODELS,
    *MODEL_VERSIONS,
]

# Offered by MLflow, not by a tracking server alone: asking for them must be answered clearly.
ELSEWHERE = [
    ("GET", "/api/3.0/mlflow/gateway/endpoints/list"),
    ("POST", "/api/3.0/mlflow/scorers/register"),
    ("POST", "/api/3.0/mlflow/workspaces"),
    ("POST", "/api/3.0/mlflow/prompt-optimization/jobs"),
    ("POST", "/api/3.0/mlflow/label-schemas/create"),
    ("POST", "/api/3.0/mlflow/review-queues/create"),
]
