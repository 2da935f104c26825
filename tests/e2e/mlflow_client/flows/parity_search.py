"""The same two hundred runs and the same questions, for any two servers to answer alike.

Runs are told apart by a label that does not depend on the server. Runs that only their ids could
order are equal in everything else, and labelled by the order of their ids.
"""

from __future__ import annotations

import itertools
import math
import random
from concurrent.futures import ThreadPoolExecutor

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from scenario import new_experiment, scenario

client = MlflowClient()
# The client passes filters and orders on as they are, and takes long to read two hundred runs.
line = requests.Session()
SEARCH = f"{mlflow.get_tracking_uri()}/api/2.0/mlflow/runs/search"
RUNS = 170
CLONES = 3
STATUSES = ("FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED")

FILTERS = [
    "",
    "metrics.loss < 0.5",
    "metrics.loss <= 0.5",
    "metrics.loss > 0.5",
    "metrics.loss >= 0.5",
    "metrics.loss = 0.5",
    "metrics.loss != 0.5",
    "metric.loss > -1",
    "metrics.loss > 1e-2 AND metrics.loss < 9.5e-1",
    "metrics.rare > 0",
    "metrics.rare != 3",
    "metrics.nowhere = 1",
    "metrics.wild > 0",
    "metrics.wild < 0",
    "metrics.wild != 0",
    "metrics.`val/f1 score` >= 0.25",
    'metrics."val/f1 score" < 0.75',
    "metrics.loss = 5e-1",
    "metrics.loss=.5",
    "metrics.loss < +0.5",
    "metrics.step_wise = 3",
    "params.opt = 'adam'",
    "params.opt != 'adam'",
    "param.opt = 'Adam'",
    "parameters.opt = 'sgd'",
    "parameter.opt LIKE 'a%'",
    "params.opt LIKE '%d%'",
    "params.opt LIKE '_d_m'",
    "params.opt LIKE 'adam'",
    "params.opt ILIKE 'ADAM'",
    "params.opt ilike '%D%'",
    "params.opt LIKE '%%'",
    "params.opt LIKE ''",
    "params.opt IS NULL",
    "params.opt IS NOT NULL",
    "params.opt is Null",
    "params.lr = '0.1'",
    'params.lr = "0.1"',
    "params.lr LIKE '0.%'",
    "params.lr != '0.1' AND params.opt IS NOT NULL",
    "params.`a key/with.all-of:it` = 'x'",
    'params."a key/with.all-of:it" != "x"',
    "params.text = 'it''s'",
    'params.text = "it\'s"',
    "params.text LIKE '%\"%'",
    "params.text LIKE '%\\%'",
    "params.text LIKE 'ü%'",
    "params.text ILIKE 'Ü%'",
    "params.text = ''",
    "tags.team = 'vision'",
    "tag.team != 'vision'",
    "tags.team ILIKE 'VIS%'",
    "tags.team LIKE 'vis_on'",
    "tags.team IS NULL",
    "tags.team IS NOT NULL",
    "tags.team IS NULL AND params.opt IS NULL",
    "tags.a.b.c = '1'",
    "tags.`a.b.c` = '1'",
    "tags.mlflow.runName LIKE 'run 1%'",
    "tags.nothing IS NULL",
    "tags.nothing = ''",
    "status = 'FINISHED'",
    "attributes.status != 'FINISHED'",
    "attribute.status LIKE '%ED'",
    "attr.status ILIKE 'fin%'",
    "run.status = 'RUNNING'",
    "status = 'running'",
    "run_name = 'run 17'",
    "run_name != 'run 17'",
    "run_name LIKE 'run 1_'",
    "attributes.run_name ILIKE 'RUN 2%'",
    "`run name` = 'run 17'",
    "attributes.`Run name` = 'run 17'",
    "`Run Name` LIKE '%9'",
    'attributes."run name" = "run 17"',
    "start_time > 50000",
    "start_time >= 50000 AND start_time < 51000",
    "created <= 20000",
    "Created = 50000",
    "start_time != 50000",
    "end_time > 0",
    "end_time < 30500",
    "attributes.end_time != 30500",
    "user_id = 'unknown'",
    "user_id != 'unknown'",
    "artifact_uri LIKE '%artifacts'",
    "dataset.name = 'data 1'",
    "datasets.name LIKE 'data %'",
    "dataset.name ILIKE 'DATA 1'",
    "dataset.name != 'data 1'",
    "dataset.digest = 'd2'",
    "dataset.context = 'train'",
    "dataset.context != 'train'",
    "dataset.name IN ('data 1', 'data 2')",
    "dataset.name NOT IN ('data 1')",
    "dataset.context IN ('train', 'test')",
    "dataset.name = 'data 1' AND dataset.context = 'test'",
    "metrics.loss < 0.5 AND params.opt = 'adam' AND tags.team = 'vision' AND status = 'FINISHED'",
    "  metrics.loss<0.5   and\tparams.opt='adam'\n",
]

# Text at the edge of the language: whether it is refused, and what it finds, is compared.
ODDITIES = [
    "   ",
    "metrics.loss",
    "metrics.loss <",
    "metrics.loss < 0.5 AND",
    "AND metrics.loss < 0.5",
    "metrics.loss < 0.5 params.opt = 'adam'",
    "metrics.loss < 0.5 OR metrics.loss > 0.9",
    "NOT status = 'FINISHED'",
    "(status = 'FINISHED')",
    "status = 'FINISHED';",
    "status == 'FINISHED'",
    "status <> 'FINISHED'",
    "status = FINISHED",
    "status > 'A'",
    "status IN ('FINISHED')",
    "status IS NULL",
    "run_id IN ()",
    "run_id IN ('a' 'b')",
    "run_id NOT IN ('a', 'b',)",
    "run_name IN ('run 17')",
    "params.lr > '0.1'",
    "params.lr = 0.1",
    "params.lr IN ('0.1')",
    "tags.team = vision",
    "tags.team < 'vision'",
    "metrics.loss = '0.5'",
    "metrics.loss LIKE '0.5'",
    "metrics.loss IS NULL",
    "metrics.loss = NaN",
    "metrics.loss < inf",
    "metrics.loss BETWEEN 0 AND 1",
    "metrics.a b = 1",
    "metrics.val/f1 > 1",
    "METRICS.loss < 0.5",
    "Params.opt = 'adam'",
    "nonsense.key = 'a'",
    "never = 'a'",
    "lifecycle_stage = 'active'",
    "experiment_id = '0'",
    "start_time = '50000'",
    "start_time LIKE '5%'",
    "start_time IS NOT NULL",
    "start_time IN (50000)",
    "'adam' = params.opt",
    "params.opt = params.lr",
    "dataset.profile = 'a'",
    "dataset.name > 'a'",
    "params.opt = 'adam",
    "params.`opt = 'adam'",
    "params. = 'a'",
    "metrics.loss < 0.5 AND AND params.opt = 'adam'",
    "metrics.loss < 0.5 , params.opt = 'adam'",
    "metrics.loss < 5 -- a comment",
    "params.opt NOT LIKE 'a%'",
    "params.opt RLIKE 'a.*'",
]

ORDERS = [
    [],
    ["start_time ASC"],
    ["attributes.start_time DESC"],
    ["created"],
    ["end_time"],
    ["end_time DESC"],
    ["status", "start_time ASC"],
    ["run_name"],
    ["attribute.run_name DESC"],
    ["user_id", "run_name"],
    ["metrics.loss"],
    ["metrics.loss DESC"],
    ["metrics.loss asc", "metrics.rare desc"],
    ["metrics.rare", "metrics.loss DESC"],
    ["metric.wild"],
    ["metrics.wild DESC"],
    ["metrics.`val/f1 score` DESC"],
    ['metrics."val/f1 score"'],
    ["metrics.nowhere"],
    ["params.lr"],
    ["parameter.lr DESC"],
    ["params.opt", "params.lr DESC"],
    ["param.text"],
    ["params.text DESC"],
    ["params.`a key/with.all-of:it` DESC", "run_name"],
    ["tags.team"],
    ["tag.team DESC", "metrics.loss"],
    ["tags.mlflow.runName DESC"],
    ["tags.nothing", "run_name ASC"],
]

ODD_ORDERS = [
    ["never"],
    ["metrics.loss UP"],
    ["metrics.loss DESC DESC"],
    ["metrics.loss, params.lr"],
    [""],
    ["dataset.name"],
    ["experiment_id"],
    ["lifecycle_stage"],
    ["`Run name`"],
    ["metrics.loss", "metrics.loss DESC"],
    ["METRICS.loss"],
    ["metrics.loss\tDESC"],
]


def rows() -> list[dict]:
    """Return what each run is made of; runs with a "clone" differ by that number alone."""
    chance = random.Random(11)
    lrs = ("0.1", "0.01", "1e-3", "10", "2", "")
    texts = ("it's", 'say "hi"', "back\\slash", "100%", "ü ö", "Über", "", "日本", "zz")
    made = []
    for i in range(RUNS):
        metrics: dict[str, float] = {}
        if chance.random() < 0.8:
            metrics["loss"] = chance.choice(
                (0.5, chance.random(), round(chance.random(), 1), math.nan)
            )
        if chance.random() < 0.15:
            metrics["rare"] = chance.randrange(6)
        if chance.random() < 0.4:
            metrics["wild"] = chance.choice((math.nan, 0.0, -1e300, 1e300, 5e-324, -2.0))
        if chance.random() < 0.5:
            metrics["val/f1 score"] = chance.random()
        params = {"text": chance.choice(texts)} if chance.random() < 0.6 else {}
        if chance.random() < 0.7:
            params["opt"] = chance.choice(("adam", "Adam", "sgd", "ADAM"))
        if chance.random() < 0.7:
            params["lr"] = chance.choice(lrs)
        if i % 10 == 0:
            params["a key/with.all-of:it"] = chance.choice(("x", "y"))
        tags = {"a.b.c": "1"} if i % 7 == 0 else {}
        if chance.random() < 0.7:
            tags["team"] = chance.choice(("vision", "Vision", "speech", "vis%on"))
        data = (f"data {i % 4}", f"d{i % 3}", chance.choice(("train", "test", "eval")))
        made.append(
            {
                "label": i,
                "start": i * 1_000,
                "metrics": metrics,
                "params": params,
                "tags": tags,
                "status": chance.choice(STATUSES),
                "data": data if chance.random() < 0.3 else None,
            }
        )
    groups = chance.sample(made, 10)
    return made + [row | {"clone": n} for row in groups for n in range(1, CLONES + 1)]


def seed(experiment: str, row: dict) -> str:
    """Make the run of *row*; return its id."""
    name = f"run {row['label']}"
    run = client.create_run(experiment, start_time=row["start"], run_name=name).info.run_id
    steps = [Metric("step_wise", value, 1, value) for value in (1, 2, 3)]
    client.log_batch(
        run,
        [Metric(key, value, 1, 0) for key, value in row["metrics"].items()] + steps,
        [Param(key, value) for key, value in row["params"].items()],
        [RunTag(key, value) for key, value in row["tags"].items()],
    )
    if row["data"]:
        name, digest, context = row["data"]
        data = Dataset(name=name, digest=digest, source_type="code", source="{}")
        client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", context)])])
    if row["status"] in ("FINISHED", "FAILED", "KILLED"):
        client.set_terminated(run, row["status"], end_time=row["start"] + 500)
    elif row["status"] == "SCHEDULED":
        client.update_run(run, "SCHEDULED")
    return run


def labels(table: list[dict], runs: list[str]) -> dict[str, str]:
    """Return a label for each run id: the row's number and, among equals, the rank of the id."""
    named: dict[str, str] = {}
    ordered = sorted(zip(runs, table, strict=True), key=lambda pair: (pair[1]["label"], pair[0]))
    for label, group in itertools.groupby(ordered, key=lambda pair: pair[1]["label"]):
        named |= {run: f"{label}.{rank}" for rank, (run, _) in enumerate(group)}
    return named


@scenario
def search():
    experiment = new_experiment("parity")
    table = rows()
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda row: seed(experiment, row), table))
    label = labels(table, runs)
    deleted = [run for run in runs if label[run] in ("3.0", "30.0", "60.0")]
    for run in deleted:
        client.delete_run(run)

    def ask(**query):
        found = line.post(SEARCH, json={"experiment_ids": [experiment], **query}).json()
        if "error_code" in found:
            return found["error_code"], None
        runs = found.get("runs", [])
        return [label[run["info"]["run_id"]] for run in runs], found.get("next_page_token")

    def find(query="", order_by=(), view="ACTIVE_ONLY"):
        return ask(filter=query, order_by=list(order_by), run_view_type=view, max_results=1_000)[0]

    def paged(order_by):
        pages, token = [], ""
        while token is not None:
            page, token = ask(order_by=order_by, max_results=17, page_token=token)
            pages.append(page)
        return pages

    answers = {f"where {query!r}": find(query) for query in ODDITIES}
    for query, order in zip(FILTERS, itertools.cycle(ORDERS), strict=False):
        answers[f"where {query!r} order {order}"] = find(query, order)
    for order in ORDERS + ODD_ORDERS:
        # Half of the runs: reading all of them takes MLflow long, and shows no more.
        answers[f"order {order}"] = find(f"start_time < {RUNS * 500}", order)
    for order in ORDERS[::7]:
        answers[f"paged {order}"] = paged(order)
    answers["deleted"] = find(view="DELETED_ONLY")
    answers["all"] = find(order_by=["metrics.loss"], view="ALL")
    return answers
