"""Searching runs: every operator on every kind of field, orders, frames.

`EXPECTED` and `ORDERS` name the runs of `ROWS` by number.
"""

from __future__ import annotations

import math

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()
_seeded: list = []

# name, start, params, tags, metrics, status; a start of 300 is shared by three runs.
ROWS = [
    (
        "Apple",
        100,
        {"lr": "0.1", "opt": "adam"},
        {"team": "a"},
        {"loss": 0.5, "acc": 0.9},
        "FINISHED",
    ),
    ("apple", 200, {"lr": "0.01", "opt": "Adam"}, {"team": "A"}, {"loss": 0.25}, "FINISHED"),
    ("Banana", 300, {"lr": "10", "opt": "sgd"}, {"team": "b"}, {"loss": math.nan}, "FAILED"),
    (
        "cherry_1",
        300,
        {"lr": "2"},
        {"team": "b", "a b/c": "x"},
        {"loss": 2.0, "acc": 0.9},
        "RUNNING",
    ),
    ("cherry-2", 300, {}, {"other": ""}, {}, "KILLED"),
    (
        "dätte 日",
        400,
        {"lr": "0.1", "p:q r": "1"},
        {"team": "ü"},
        {"loss": -1.0, "m/x y": 3},
        "FINISHED",
    ),
    ("Elder", 500, {"opt": ""}, {"team": "a%b"}, {"loss": 1e-9, "acc": 0.1}, "SCHEDULED"),
]

# (filter, the numbers of the runs it finds)
EXPECTED = [
    ("", [0, 1, 2, 3, 4, 5, 6]),
    # Metrics compare as numbers; a NaN only differs.
    ("metrics.loss = 0.5", [0]),
    ("metric.loss != 0.5", [1, 2, 3, 5, 6]),
    ("metrics.loss > 0.25", [0, 3]),
    ("metrics.loss >= 0.25", [0, 1, 3]),
    ("metrics.loss < .25", [5, 6]),
    ("metrics.loss <= 0.25", [1, 5, 6]),
    ("metrics.loss < 1e-3", [5, 6]),
    ("metrics.loss > -1e0", [0, 1, 3, 6]),
    ("metrics.loss = 2", [3]),
    ("metrics.`m/x y` = 3", [5]),
    ('metrics."m/x y" > 2.5', [5]),
    ("metrics.never > 0", []),
    # Params and tags compare as text; a run without the key never matches, not even !=.
    ("params.lr = '0.1'", [0, 5]),
    ('param.lr = "0.1"', [0, 5]),
    ("parameters.lr != '0.1'", [1, 2, 3]),
    ("parameter.opt = ''", [6]),
    ("params.opt LIKE 'a%'", [0]),
    ("params.opt like '%dam'", [0, 1]),
    ("params.opt ILIKE 'ADAM'", [0, 1]),
    ("params.opt LIKE '_d__'", [0, 1]),
    ("params.lr IS NULL", [4, 6]),
    ("params.lr is not null", [0, 1, 2, 3, 5]),
    ("params.`p:q r` = '1'", [5]),
    ("tags.team = 'a'", [0]),
    ("tag.team != 'a'", [1, 2, 3, 5, 6]),
    ("tags.team ILIKE 'a%'", [0, 1, 6]),
    ("tags.team LIKE '%\\%%'", []),
    ("tags.team = 'ü'", [5]),
    ("tags.team IS NULL", [4]),
    ("tags.`a b/c` = 'x'", [3]),
    ('tags."a b/c" LIKE "x"', [3]),
    ("tags.other = ''", [4]),
    ("tags.mlflow.runName = 'Banana'", [2]),
    ("tags.`mlflow.runName` ILIKE 'BAN%'", [2]),
    # Attributes, with and without a prefix.
    ("attributes.status = 'FINISHED'", [0, 1, 5]),
    ("attribute.status != 'FINISHED'", [2, 3, 4, 6]),
    ("status = 'KILLED'", [4]),
    ("status LIKE 'F%'", [0, 1, 2, 5]),
    ("status = 'finished'", []),
    ("run_name = 'apple'", [1]),
    ("attributes.run_name ILIKE 'apple'", [0, 1]),
    ("attr.run_name LIKE 'cherry%'", [3, 4]),
    ("run.run_name LIKE 'cherry_1'", [3]),
    ("run_name LIKE 'd_tte 日'", [5]),
    ("`run name` = 'Elder'", [6]),
    ("attributes.`Run name` = 'Elder'", [6]),
    ("start_time > 300", [5, 6]),
    ("attributes.start_time >= 300", [2, 3, 4, 5, 6]),
    ("start_time = 300", [2, 3, 4]),
    ("start_time != 300", [0, 1, 5, 6]),
    ("created < 200", [0]),
    ("attributes.Created <= 200", [0, 1]),
    ("end_time > 0", [0, 1, 2, 4, 5]),
    ("user_id = 'unknown'", [0, 1, 2, 3, 4, 5, 6]),
    ("artifact_uri LIKE '%/artifacts'", [0, 1, 2, 3, 4, 5, 6]),
    # Together, and as people write it.
    ("metrics.loss < 1 AND params.lr = '0.1'", [0, 5]),
    ("metrics.loss < 1 and params.lr = '0.1' And tags.team = 'a'", [0]),
    ("   metrics.loss<1   AND   tags.team='a'  ", [0]),
    ("metrics.loss > 0 AND metrics.acc > 0.5 AND start_time < 200", [0]),
    ("tags.team = 'a' AND tags.team = 'b'", []),
]

# What MLflow refuses and we grant: the client sends the text as it is.
WIDER = [
    ("metrics.loss = 2 OR metrics.loss = 0.5", [0, 3]),
    ("NOT status = 'FINISHED'", [2, 3, 4, 6]),
    ("(tags.team = 'a' OR tags.team = 'b') AND metrics.loss > 1", [3]),
    ("metrics.loss BETWEEN 0.25 AND 2", [0, 1, 3]),
    ("metrics.loss IS NULL", [4]),
    ("params.opt IN ('adam', 'sgd')", [0, 2]),
    ("params.opt NOT LIKE 'a%'", [1, 2, 6]),
    ("params.opt RLIKE '^[aA]dam$'", [0, 1]),
    ("params.lr > 1", [2, 3]),
    ("status IN ('FAILED', 'KILLED')", [2, 4]),
    ("run_name IN ('apple')", [1]),
    ("end_time IS NULL", [3, 6]),
]

# (order_by, the numbers in order); a "tie" is a run that only its id sets apart from the next.
ORDERS = [
    ([], [6, 5, "tie", "tie", "tie", 1, 0]),
    (["start_time DESC"], [6, 5, "tie", "tie", "tie", 1, 0]),
    (["start_time"], [0, 1, "tie", "tie", "tie", 5, 6]),
    (["created asc"], [0, 1, "tie", "tie", "tie", 5, 6]),
    # NaN after every number, missing after NaN: in both directions.
    (["metrics.loss ASC"], [5, 6, 1, 0, 3, 2, 4]),
    (["metrics.loss DESC"], [3, 0, 1, 6, 5, 2, 4]),
    (["metrics.acc DESC", "metrics.loss ASC"], [0, 3, 6, 5, 1, 2, 4]),
    (["metrics.`m/x y` DESC"], [5, 6, "tie", "tie", "tie", 1, 0]),
    # Text sorts by its bytes.
    (["params.lr ASC"], [1, 5, 0, 2, 3, 6, 4]),
    (["params.lr DESC"], [3, 2, 5, 0, 1, 6, 4]),
    (["params.opt", "start_time"], [6, 1, 0, 2, "tie", "tie", 5]),
    (["tags.team ASC", "start_time ASC"], [1, 0, 6, "tie", "tie", 5, 4]),
    (["attributes.run_name"], [0, 2, 6, 1, 4, 3, 5]),
    (["run_name DESC"], [5, 3, 4, 1, 6, 2, 0]),
    (["status", "start_time"], [2, 0, 1, 5, 4, 3, 6]),
    (["end_time ASC", "run_name ASC"], [0, 1, 2, 4, 5, 6, 3]),
]

REFUSED = [
    "metrics.loss",
    "metrics.loss > 'a'",
    "metrics.loss LIKE 'a'",
    "METRICS.loss > 1",
    "nonsense.loss > 1",
    "never = 'a'",
    "metrics.loss == 1",
    "metrics.loss <> 1",
    "metrics.loss = 1;",
    "'a' = params.lr",
    "params.lr = adam",
    "start_time > '300'",
    "start_time LIKE '300'",
    "run_id IN ()",
    "   ",
]

REFUSED_ORDERS = ["never", "metrics.loss UPWARDS", "dataset.name", "a, b"]


def seeded() -> tuple[str, list[str]]:
    """Return the experiment that holds ROWS, made once a process, and the ids of its runs."""
    if not _seeded:
        experiment = new_experiment("search")
        runs = []
        for name, start, params, tags, metrics, status in ROWS:
            run = client.create_run(experiment, start_time=start, run_name=name).info.run_id
            client.log_batch(
                run,
                [Metric(key, value, 1, 0) for key, value in metrics.items()],
                [Param(key, value) for key, value in params.items()],
                [RunTag(key, value) for key, value in tags.items()],
            )
            if status in ("FINISHED", "FAILED", "KILLED"):
                client.set_terminated(run, status, end_time=start + len(name))
            elif status != "RUNNING":
                client.update_run(run, status)
            runs.append(run)
        _seeded.extend((experiment, runs))
    return _seeded[0], _seeded[1]


def found(filter_string: str = "", order_by: list[str] | None = None) -> list[int]:
    experiment, runs = seeded()
    got = client.search_runs([experiment], filter_string, order_by=order_by)
    return [runs.index(run.info.run_id) for run in got]


@scenario
def filters():
    return [[query, expected, sorted(found(query))] for query, expected in EXPECTED]


@scenario
def wider_filters():
    return [[query, expected, sorted(found(query))] for query, expected in WIDER]


@scenario
def run_ids():
    _, runs = seeded()
    a, b = runs[1], runs[4]
    return {
        "equal": found(f"run_id = '{a}'"),
        "not_equal": sorted(found(f"attributes.run_id != '{a}'")),
        "in": sorted(found(f"run_id IN ('{a}', '{b}')")),
        "in_with_comma": sorted(found(f"attributes.run_id in ('{a}',)")),
        "not_in": sorted(found(f"run_id NOT IN ('{a}', '{b}')")),
        "like": found(f"run_id LIKE '{a[:12]}%'"),
    }


@scenario
def orders():
    """Runs that tie on every key asked for, and on their start, come in the order of their ids."""
    _, runs = seeded()
    report = []
    for order_by, expected in ORDERS:
        got = found("", order_by)
        ties = iter(
            sorted((i for i in range(len(ROWS)) if i not in expected), key=runs.__getitem__)
        )
        report.append([order_by, [next(ties) if e == "tie" else e for e in expected], got])
    return report


@scenario
def refused():
    experiment, _ = seeded()
    return {
        "filters": {query: refusal(client.search_runs, [experiment], query) for query in REFUSED},
        "orders": {
            order: refusal(client.search_runs, [experiment], order_by=[order])
            for order in REFUSED_ORDERS
        },
        "max_results": [
            refusal(client.search_runs, [experiment], max_results=n)
            for n in (0, -1, 50_001, 50_000)
        ],
        "token": refusal(client.search_runs, [experiment], page_token="garbage"),
        "experiment": refusal(client.search_runs, ["seven"]),
    }


@scenario
def experiments_asked():
    first, runs = seeded()
    second = new_experiment("second")
    other = client.create_run(second, start_time=50).info.run_id
    name = client.get_experiment(second).name

    def count(experiments):
        return len(client.search_runs(experiments))

    return {
        "none": count([]),
        "one": count([second]),
        "two": count([first, second]) - len(runs),
        "unknown": count(["987654321"]),
        "unknown_too": count([second, "987654321"]),
        "by_name": list(mlflow.search_runs(experiment_names=[name])["run_id"]) == [other],
        "unknown_name": len(mlflow.search_runs(experiment_names=[new_name()])),
        "everywhere": len(
            mlflow.search_runs(
                search_all_experiments=True,
                filter_string=f"run_id = '{other}'",
                output_format="list",
            )
        ),
    }


@scenario
def frame():
    experiment, runs = seeded()
    found = mlflow.search_runs([experiment], order_by=["run_name ASC"])
    kiwi = found[found["run_id"] == runs[0]].iloc[0]
    return {
        "order": [runs.index(run) for run in found["run_id"]],
        "columns": sorted(c for c in found.columns if not c.startswith("tags.mlflow")),
        "loss": [None if math.isnan(v) else v for v in found["metrics.loss"]],
        "row": {
            "status": kiwi["status"],
            "lr": kiwi["params.lr"],
            "team": kiwi["tags.team"],
            "start_ms": int(kiwi["start_time"].timestamp() * 1000),
            "artifact_uri": kiwi["artifact_uri"],
        },
        "empty": list(mlflow.search_runs([experiment], "metrics.loss > 99").columns),
        "top": list(mlflow.search_runs([experiment], max_results=2)["metrics.loss"]),
    }
