"""A life of experiments, runs and logged models; every reply as it stood on the wire.

Each step is one call of the stock client. What cannot be equal on two servers is masked: ids are
numbered by appearance, times become "<ms>", names the server invents "<invented>". Lists whose
order means nothing are sorted. Of an error only status and code are kept: nobody parses messages.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from scenario import new_name, scenario

client = MlflowClient()
_replies: list[requests.Response] = []
_send = requests.Session.send

# Names of a fixed shape that a server made up: "<adjective>-<noun>-<number>".
_INVENTED = re.compile(r"[a-z]+-[a-z]+-\d+")
_IDENTITY = re.compile(r"m-[0-9a-f]{32}|[0-9a-f]{32}")
_EXPERIMENT = re.compile(r"(?<=^mlflow-artifacts:/)\d+")
_UNORDERED = {"tags", "params", "metrics", "model_inputs", "model_outputs", "dataset_inputs"}
_A_LONG_TIME_AGO_MS = 1_600_000_000_000


def recorded(session: requests.Session, request: requests.PreparedRequest, **options: Any):
    """Send as ever, and keep the reply."""
    reply = _send(session, request, **options)
    _replies.append(reply)
    return reply


requests.Session.send = recorded


class Mask:
    """Replaces what two servers cannot have in common, consistently within one life."""

    def __init__(self, **names: str) -> None:
        self._names = {value: f"<{name}>" for name, value in names.items()}
        self._numbers: dict[tuple[str, str], str] = {}

    def __call__(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {k: self(v, k) for k, v in value.items()}
            case list():
                masked = [self(v, key) for v in value]
                return sorted(masked, key=json.dumps) if key in _UNORDERED else masked
            case str():
                return self._text(key, value)
            case int() if value > _A_LONG_TIME_AGO_MS and key != "step":
                return "<ms>"
        return value

    def _text(self, key: str, value: str) -> str:
        if key == "experiment_id":
            return self._number("experiment", value)
        if key == "next_page_token":
            return "<token>"
        if key in ("run_name", "name", "value") and _INVENTED.fullmatch(value):
            return "<invented>"
        for name, mask in self._names.items():
            value = value.replace(name, mask)
        value = _IDENTITY.sub(lambda found: self._number("id", found.group()), value)
        if key in ("artifact_uri", "artifact_location"):
            return _EXPERIMENT.sub(lambda found: self._number("experiment", found.group()), value)
        return value

    def _number(self, kind: str, value: str) -> str:
        if (kind, value) not in self._numbers:
            count = sum(known == kind for known, _ in self._numbers)
            self._numbers[kind, value] = f"<{kind} {count + 1}>"
        return self._numbers[kind, value]


def body(reply: requests.Response) -> Any:
    """Return the JSON of *reply*; of an error the code alone."""
    content = reply.json()
    return {"error_code": content.get("error_code")} if reply.status_code != 200 else content


@scenario
def life() -> dict[str, Any]:
    name, second_name = new_name("life"), new_name("life")
    mask = Mask(name=name, second=second_name)
    told: dict[str, Any] = {}

    def step(what: str, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        _replies.clear()
        result, raised = None, None
        try:
            result = call(*args, **options)
        except MlflowException as error:
            raised = error.error_code
        told[what] = {
            "raised": raised,
            "replies": [[r.request.method, r.status_code, mask(body(r))] for r in _replies],
        }
        return result

    of_experiments(step, name, second_name)
    experiment = client.get_experiment_by_name(second_name).experiment_id
    of_runs(step, experiment)
    of_metrics(step, experiment)
    of_inputs_and_models(step, experiment)
    of_endings(step, experiment)
    return told


def blank() -> str:
    """Return a name of nothing but spaces, of a length that another life will hardly have."""
    return " " * random.randrange(1, 500)


def of_experiments(step: Callable[..., Any], name: str, second_name: str) -> None:
    tags = {"a": "1", "ü": "ü\n✓", "empty": ""}
    one = step("create experiment", client.create_experiment, name, "s3://b/one/", tags)
    two = step("create second experiment", client.create_experiment, second_name)
    step("create experiment again", client.create_experiment, name)
    step("create experiment without a name", client.create_experiment, "")
    step("create experiment with a blank name", client.create_experiment, blank())
    step("create experiment, name too long", client.create_experiment, "n" * 501)
    step("create experiment at a run", client.create_experiment, new_name(), "runs:/a")
    step("create experiment at a host", client.create_experiment, new_name(), "http://h/p")
    step("get experiment", client.get_experiment, one)
    step("get experiment by name", client.get_experiment_by_name, name)
    step("get experiment of no id", client.get_experiment, "987654321")
    step("get experiment of a word", client.get_experiment, "seven")
    step("get experiment of no name", client.get_experiment_by_name, new_name())
    step("tag experiment", client.set_experiment_tag, one, "a", "2")
    step("delete experiment tag", client.delete_experiment_tag, one, "a")
    step("delete experiment tag again", client.delete_experiment_tag, one, "a")
    step("tag experiment, key too long", client.set_experiment_tag, one, "k" * 251, "v")
    step("tag experiment, value too long", client.set_experiment_tag, one, "k", "v" * 20_001)
    step("rename experiment to a taken name", client.rename_experiment, one, second_name)
    step("rename experiment", client.rename_experiment, one, f"{name} renamed")
    step("get renamed experiment", client.get_experiment_by_name, f"{name} renamed")
    step("restore active experiment", client.restore_experiment, one)
    step("delete experiment", client.delete_experiment, one)
    step("delete experiment again", client.delete_experiment, one)
    step("get deleted experiment", client.get_experiment, one)
    step("rename deleted experiment", client.rename_experiment, one, new_name())
    step("tag deleted experiment", client.set_experiment_tag, one, "a", "2")
    step("create run in deleted experiment", client.create_run, one)
    step("restore experiment", client.restore_experiment, one)
    step("get restored experiment", client.get_experiment, one)
    query = f"name LIKE '{name}%'"
    step("search experiments", client.search_experiments, filter_string=query)
    step(
        "search experiments by id",
        client.search_experiments,
        ViewType.ALL,
        1,
        f"experiment_id = '{two}'",
    )
    step("search no experiments", client.search_experiments, filter_string="name = 'nobody'")
    step("search experiments badly", client.search_experiments, filter_string="name ~ 'a'")
    step(
        "search experiments, other prefix",
        client.search_experiments,
        filter_string="attributes.name = 'a'",
    )
    step(
        "search experiments, name in a list",
        client.search_experiments,
        filter_string="name IN ('a')",
    )
    step("search experiments, none wanted", client.search_experiments, max_results=0)
    step("search too many experiments", client.search_experiments, max_results=50_001)


def of_runs(step: Callable[..., Any], experiment: str) -> None:
    run = step("create run", client.create_run, experiment).info.run_id
    options = {"start_time": 1_234, "tags": {"t": "1", "ü": "ü"}, "run_name": "näme"}
    other = step("create run with everything", client.create_run, experiment, **options).info.run_id
    tags = {"mlflow.runName": "by tag", "mlflow.user": "somebody"}
    step("create run named by tag", client.create_run, experiment, tags=tags)
    step("create run of two names", client.create_run, experiment, None, tags, "other")
    step("create run in no experiment", client.create_run, "987654321")
    step("get run", client.get_run, run)
    step("get no run", client.get_run, "0" * 32)
    step("log param", client.log_param, run, "p", "1")
    step("log param again", client.log_param, run, "p", "1")
    step("log other param value", client.log_param, run, "p", "2")
    step("log empty param", client.log_param, run, "empty", "")
    step("log odd param", client.log_param, run, "a b/c.d-e:f", "ü\n\"'\\")
    step("log param, bad key", client.log_param, run, "a$", "1")
    step("log param, path key", client.log_param, run, "a//b", "1")
    step("log param, value too long", client.log_param, run, "long", "v" * 6_001)
    step("set tag", client.set_tag, run, "t", "1")
    step("set tag anew", client.set_tag, run, "t", "2")
    step("set long tag", client.set_tag, run, "long", "v" * 8_001)
    step("rename by tag", client.set_tag, run, "mlflow.runName", "tagged")
    step("delete tag", client.delete_tag, run, "t")
    step("delete tag again", client.delete_tag, run, "t")
    step("log nothing", client.log_batch, run)
    step(
        "log batch",
        client.log_batch,
        run,
        [Metric("m", 1.5, 10, 1), Metric("m", 0.5, 11, 2), Metric("n", math.nan, 10, 0)],
        [Param("q", "1"), Param("r", "")],
        [RunTag("x", "1"), RunTag("x", "2")],
    )
    step("log batch that clashes", client.log_batch, run, [Metric("z", 1, 1, 1)], [Param("p", "9")])
    step("log batch, twice a param", client.log_batch, run, (), [Param("w", "1"), Param("w", "2")])
    step("log batch into no run", client.log_batch, "0" * 32, (), [Param("w", "1")])
    step("get run with data", client.get_run, run)
    step("update run", client.update_run, run, "FAILED", "renamed")
    step("terminate run", client.set_terminated, other, "KILLED", 5_678)
    step("update no run", client.update_run, "0" * 32, "FAILED")
    step("get updated run", client.get_run, run)
    step("get terminated run", client.get_run, other)
    step("search runs", client.search_runs, [experiment], "", ViewType.ALL, 2, ["start_time DESC"])
    step("search runs by run name", client.search_runs, [experiment], "run_name = 'renamed'")
    step("search no runs", client.search_runs, [experiment], "metrics.m > 100")
    step("search runs nowhere", client.search_runs, [])
    step("search runs badly", client.search_runs, [experiment], "metrics.m >")
    step("search too many runs", client.search_runs, [experiment], max_results=50_001)


def of_metrics(step: Callable[..., Any], experiment: str) -> None:
    run = client.create_run(experiment, start_time=2_000, run_name="metrics").info.run_id
    step("log metric", client.log_metric, run, "m", 0.5, 100, 1)
    step("log metric again", client.log_metric, run, "m", 0.5, 100, 1)
    step("log smaller metric", client.log_metric, run, "m", 0.25, 100, 1)
    step("log earlier metric", client.log_metric, run, "m", 9.0, 90, 1)
    step("log metric before", client.log_metric, run, "m", 7.0, 500, -3)
    step("log NaN", client.log_metric, run, "nan", math.nan, 100, 0)
    step("log NaN over a number", client.log_metric, run, "m", math.nan, 100, 1)
    step("log infinity", client.log_metric, run, "up", math.inf, 100, 0)
    step("log less than everything", client.log_metric, run, "down", -math.inf, 100, 0)
    step("log tiny metric", client.log_metric, run, "tiny", 5e-324, 0, 2**53 + 1)
    step("log metric, bad key", client.log_metric, run, "a$", 1.0)
    step("log metric, key too long", client.log_metric, run, "k" * 251, 1.0)
    step("log metric before time", client.log_metric, run, "early", 1.0, -1)
    step("log metric into no run", client.log_metric, "0" * 32, "m", 1.0)
    step("history", client.get_metric_history, run, "m")
    step("history of NaN", client.get_metric_history, run, "nan")
    step("history of infinity", client.get_metric_history, run, "up")
    step("history of nothing", client.get_metric_history, run, "never")
    step("history of no run", client.get_metric_history, "0" * 32, "m")
    step("get run with metrics", client.get_run, run)
    step("search by infinity", client.search_runs, [experiment], "metrics.up > 1")


def of_inputs_and_models(step: Callable[..., Any], experiment: str) -> None:
    run = client.create_run(experiment, start_time=3_000, run_name="inputs").info.run_id
    data = Dataset("data", "d1", "code", "{}", "schema ü", "profile")
    context = [InputTag("mlflow.data.context", "train"), InputTag("k", "v")]
    step("log input", client.log_inputs, run, [DatasetInput(data, context)])
    step("log input again", client.log_inputs, run, [DatasetInput(data, context)])
    other = Dataset("data", "d2", "local", "{}")
    step("log plain input", client.log_inputs, run, [DatasetInput(other, [])])
    long = Dataset("data", "d" * 37, "local", "{}")
    step("log input, digest too long", client.log_inputs, run, [DatasetInput(long, [])])
    step("log input of no run", client.log_inputs, "0" * 32, [DatasetInput(other, [])])
    model = step(
        "create model",
        client.create_logged_model,
        experiment,
        "m",
        run,
        {"t": "1"},
        {"p": "1"},
        "kind",
    ).model_id
    bare = step("create bare model", client.create_logged_model, experiment).model_id
    step("create model in no experiment", client.create_logged_model, "987654321", "m")
    step("create model of a bad name", client.create_logged_model, experiment, "a/b")
    step("get model", client.get_logged_model, model)
    step("get no model", client.get_logged_model, "m-" + "0" * 32)
    step("finalize model", client.finalize_logged_model, model, "READY")
    step("finalize no model", client.finalize_logged_model, "m-" + "0" * 32, "READY")
    step("tag model", client.set_logged_model_tags, model, {"t": "2", "u": "ü"})
    step("delete model tag", client.delete_logged_model_tag, model, "u")
    step("delete model tag again", client.delete_logged_model_tag, model, "u")
    step("log model params", client.log_model_params, model, {"q": "2"})
    step("log input model", client.log_inputs, run, models=[LoggedModelInput(model)])
    step("log output model", client.log_outputs, run, [LoggedModelOutput(bare, step=3)])
    step("log metric of model", client.log_metric, run, "acc", 0.5, 100, 1, model_id=model)
    step("get measured model", client.get_logged_model, model)
    step("get run with inputs", client.get_run, run)
    step("search runs by data", client.search_runs, [experiment], "dataset.digest = 'd1'")
    step("search models", client.search_logged_models, [experiment], "name = 'm'")
    step("search ready models", client.search_logged_models, [experiment], "status = 'READY'")
    step("search models by metric", client.search_logged_models, [experiment], "metrics.acc > 0.1")
    step("search no models", client.search_logged_models, [experiment], "name = 'nobody'")
    step("search models badly", client.search_logged_models, [experiment], "name ~ 'm'")
    step("delete model", client.delete_logged_model, bare)
    step("get deleted model", client.get_logged_model, bare)


def of_endings(step: Callable[..., Any], experiment: str) -> None:
    run = client.create_run(experiment, start_time=4_000, run_name="ending").info.run_id
    step("restore active run", client.restore_run, run)
    step("delete run", client.delete_run, run)
    step("delete run again", client.delete_run, run)
    step("get deleted run", client.get_run, run)
    step("log metric into deleted run", client.log_metric, run, "m", 1.0, 1, 1)
    step("log param into deleted run", client.log_param, run, "p", "1")
    step("log batch into deleted run", client.log_batch, run, (), [Param("w", "1")])
    step("tag deleted run", client.set_tag, run, "t", "1")
    step("update deleted run", client.update_run, run, "FAILED")
    step("search deleted runs", client.search_runs, [experiment], "", ViewType.DELETED_ONLY)
    step("restore run", client.restore_run, run)
    step("get restored run", client.get_run, run)
    step("delete no run", client.delete_run, "0" * 32)
    step("restore no run", client.restore_run, "0" * 32)
    step("delete experiment with runs", client.delete_experiment, experiment)
    step("get run of deleted experiment", client.get_run, run)
    step(
        "search runs of deleted experiment", client.search_runs, [experiment], "run_name = 'ending'"
    )
    step("restore experiment with runs", client.restore_experiment, experiment)
    step("get run of restored experiment", client.get_run, run)
    # Last, because it is no run on every server, and ids are numbered.
    step("create run, key too long", client.create_run, experiment, tags={"k" * 251: "v"})
