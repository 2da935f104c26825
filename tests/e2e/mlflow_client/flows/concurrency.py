"""Many writers at once: threads and processes, into one run and into runs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from scenario import new_experiment, scenario

client = MlflowClient()
WRITERS = 8
POINTS = 16


def write(run: str, writer: int) -> None:
    """Log single metrics, batches, params and tags that no other writer logs; and shared ones."""
    own = MlflowClient()
    for i in range(POINTS):
        if i % 4 == 0:
            own.log_batch(
                run, [Metric(f"batch {writer}", i + j / 10, 100 + i, i) for j in range(10)]
            )
        own.log_metric(run, f"own {writer}", i * 0.5, timestamp=100 + i, step=i)
        own.log_metric(run, "shared", writer, timestamp=100 + i, step=i)
    own.log_batch(run, params=[Param(f"p{writer}.{i}", str(i)) for i in range(20)])
    own.log_param(run, "same for all", "one value")
    own.set_tag(run, f"t{writer}", str(writer))


def found(run: str, writers: int) -> dict:
    """Return what must have come of `write` by writers 0..writers-1, counted on the server."""
    data = client.get_run(run).data
    histories = {key: client.get_metric_history(run, key) for key in data.metrics}
    return {
        "latest": data.metrics,
        "points": {key: len(points) for key, points in histories.items()},
        "shared": sorted([m.step, m.value] for m in histories["shared"])
        == sorted([i, float(writer)] for i in range(POINTS) for writer in range(writers)),
        "own": all(
            [m.value for m in histories[f"own {writer}"]] == [i * 0.5 for i in range(POINTS)]
            for writer in range(writers)
        ),
        "params": data.params
        == {f"p{writer}.{i}": str(i) for writer in range(writers) for i in range(20)}
        | {"same for all": "one value"},
        "tags": [data.tags[f"t{writer}"] for writer in range(writers)],
    }


@scenario
def threads_into_one_run():
    run = client.create_run(new_experiment()).info.run_id
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda writer: write(run, writer), range(WRITERS)))
    return found(run, WRITERS)


@scenario
def threads_with_runs_of_their_own():
    experiment = new_experiment()

    def work(i: int) -> None:
        with mlflow.start_run(experiment_id=experiment, run_name=f"run {i}"):
            mlflow.log_param("i", i)
            for step in range(5):
                mlflow.log_metric("m", i + step / 10, step=step)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(12)))
    runs = client.search_runs([experiment])
    return {
        "names": sorted((run.info.run_name for run in runs), key=lambda name: int(name[4:])),
        "right": all(
            run.info.run_name == f"run {run.data.params['i']}"
            and run.data.metrics == {"m": int(run.data.params["i"]) + 0.4}
            and run.info.status == "FINISHED"
            for run in runs
        ),
    }


@scenario
def processes_into_one_run():
    run = client.create_run(new_experiment()).info.run_id
    children = [subprocess.Popen([sys.executable, __file__, run, str(i)]) for i in range(2)]
    codes = [child.wait(timeout=120) for child in children]
    return {"codes": codes, **found(run, len(children))}


@scenario
def one_name_wanted_by_many():
    """Of several creators of the same experiment exactly one succeeds."""
    name = f"contended-{os.getpid()}-{new_experiment()}"

    def create(_: int) -> str:
        try:
            return MlflowClient().create_experiment(name)
        except mlflow.MlflowException as error:
            return error.error_code

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(create, range(WRITERS)))
    return sorted(outcome for outcome in outcomes if not outcome.isdigit())


@scenario
def one_tag_set_by_many():
    """Whoever comes last wins, and nobody is refused."""
    run = client.create_run(new_experiment()).info.run_id

    def tag(i: int) -> None:
        MlflowClient().set_tag(run, "last writer", str(i))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(tag, range(WRITERS)))
    return client.get_run(run).data.tags["last writer"]


@scenario
def one_param_wanted_by_many():
    """Of several values for one param exactly one is kept, and only its writers succeed."""
    run = client.create_run(new_experiment()).info.run_id

    def log(i: int) -> str | None:
        try:
            MlflowClient().log_param(run, "winner", str(i))
        except mlflow.MlflowException as error:
            return error.error_code
        return None

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(log, range(WRITERS)))
    kept = int(client.get_run(run).data.params["winner"])
    return {"winner_was_told": outcomes[kept] is None, "refused": [o for o in outcomes if o]}


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
