"""Metrics: single, in batches, split, asynchronous; history, the latest value; odd numbers."""

from __future__ import annotations

import math
import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()


def history(run: str, key: str) -> list[list[float]]:
    """Return [value, timestamp, step] of each point, as the server orders them."""
    return [[m.value, m.timestamp, m.step] for m in client.get_metric_history(run, key)]


@scenario
def fluent():
    mlflow.set_experiment(new_name())
    before = int(time.time() * 1000)
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5)
        mlflow.log_metric("loss", 0.25, step=1)
        mlflow.log_metric("loss", 0.75, step=2, timestamp=1_000)
        mlflow.log_metrics({"acc": 1, "f1/macro avg": 0.1 + 0.2, "neg": -1e-300}, step=7)
        mlflow.log_metric("ünï code.x:y-z", 1.5, step=-3)
    run_id = run.info.run_id
    data = client.get_run(run_id).data
    stamped = history(run_id, "loss")
    return {
        "metrics": data.metrics,
        "loss": stamped,
        "acc": history(run_id, "acc")[0][2],
        "negative_step": history(run_id, "ünï code.x:y-z")[0][2],
        "stamped_now": all(before <= point[1] <= before + 60_000 for point in stamped[1:]),
    }


@scenario
def exact_numbers():
    """Doubles and 64-bit integers come back bit by bit."""
    run = client.create_run(new_experiment()).info.run_id
    values = [0.1, -0.0, 1e308, 5e-324, 2**53 + 1, 1 / 3, math.pi, -1.7976931348623157e308]
    client.log_batch(run, [Metric("v", value, i, i) for i, value in enumerate(values)])
    client.log_metric(run, "far", 1.0, timestamp=4_102_444_800_000, step=2**53 + 1)
    client.log_metric(run, "farther", 1.0, timestamp=2**53 + 1, step=-(2**63))
    return {
        "sent": [float(value) for value in values],
        "got": [point[0] for point in history(run, "v")],
        "far": history(run, "far"),
        "farther": history(run, "farther"),
    }


@scenario
def not_a_number():
    run = client.create_run(new_experiment()).info.run_id
    client.log_metric(run, "nan", math.nan, timestamp=5, step=1)
    client.log_batch(run, [Metric("nan batch", math.nan, 6, 0)])
    client.log_metric(run, "number then nan", 5.0, timestamp=1, step=0)
    client.log_metric(run, "number then nan", math.nan, timestamp=1, step=0)
    client.log_metric(run, "nan then number", math.nan, timestamp=1, step=0)
    client.log_metric(run, "nan then number", 5.0, timestamp=1, step=0)
    client.log_metric(run, "later nan", 5.0, timestamp=1, step=0)
    client.log_metric(run, "later nan", math.nan, timestamp=2, step=1)
    latest = client.get_run(run).data.metrics
    return {
        "latest": {key: "nan" if math.isnan(value) else value for key, value in latest.items()},
        "histories": {key: len(history(run, key)) for key in latest},
        "is_nan": math.isnan(history(run, "nan")[0][0]),
    }


@scenario
def infinities():
    run = client.create_run(new_experiment()).info.run_id
    client.log_metric(run, "up", math.inf, timestamp=1, step=0)
    client.log_metric(run, "down", -math.inf, timestamp=1, step=0)
    client.log_batch(run, [Metric("up batch", math.inf, 1, 0)])
    return {"latest": client.get_run(run).data.metrics, "history": history(run, "up")}


@scenario
def latest_value():
    """Greatest step; then greatest timestamp; then greatest value: in whatever order they come."""
    run = client.create_run(new_experiment()).info.run_id
    points = {
        "step wins": [(1.0, 100, 5), (9.0, 999, 4)],
        "timestamp breaks": [(1.0, 100, 5), (0.5, 101, 5), (9.0, 99, 5)],
        "value breaks": [(3.0, 7, 0), (4.0, 7, 0), (2.0, 7, 0)],
        "negative steps": [(1.0, 1, -5), (2.0, 1, -7)],
    }
    for key, series in points.items():
        for value, timestamp, step in series:
            client.log_metric(run, key, value, timestamp=timestamp, step=step)
    batched = client.create_run(new_experiment()).info.run_id
    client.log_batch(
        batched, [Metric(k, *point) for k, series in points.items() for point in series]
    )
    return [client.get_run(run).data.metrics, client.get_run(batched).data.metrics]


@scenario
def history_order_and_repeats():
    run = client.create_run(new_experiment()).info.run_id
    points = [(3.0, 30, 1), (1.0, 10, 9), (2.0, 20, 5), (0.5, 20, 5), (7.0, 20, 4), (1.0, 10, 9)]
    for value, timestamp, step in points:
        client.log_metric(run, "m", value, timestamp=timestamp, step=step)
    client.log_batch(run, [Metric("m", *point) for point in points])
    return {
        "history": history(run, "m"),
        "unknown_key": history(run, "never logged"),
    }


@scenario
def refused_values():
    run = client.create_run(new_experiment()).info.run_id
    return {
        "negative_timestamp": refusal(client.log_metric, run, "m", 1.0, timestamp=-1),
        "zero_timestamp": refusal(client.log_batch, run, [Metric("zero", 1.0, 0, 0)]),
        "numeric_text": refusal(client.log_metric, run, "text", "2.5"),
        "kept": client.get_run(run).data.metrics,
    }


@scenario
def batch_of_everything():
    run = client.create_run(new_experiment()).info.run_id
    client.log_batch(
        run,
        metrics=[Metric(f"m{i % 10}", i, 1_000 + i, i) for i in range(2_500)],
        params=[Param(f"p{i}", str(i)) for i in range(250)],
        tags=[RunTag(f"t{i}", str(i)) for i in range(250)],
    )
    run_data = client.get_run(run).data
    return {
        "latest": run_data.metrics,
        "points": [len(history(run, f"m{i}")) for i in range(10)],
        "params": run_data.params == {f"p{i}": str(i) for i in range(250)},
        "tags": {f"t{i}": str(i) for i in range(250)}.items() <= run_data.tags.items(),
    }


@scenario
def batch_is_all_or_nothing():
    run = client.create_run(new_experiment()).info.run_id
    client.log_param(run, "lr", "0.1")
    code = refusal(
        client.log_batch,
        run,
        metrics=[Metric("m", 1.0, 1, 0)],
        params=[Param("new", "1"), Param("lr", "0.2")],
        tags=[RunTag("t", "1")],
    )
    same = refusal(client.log_batch, run, params=[Param("lr", "0.1"), Param("other", "2")])
    data = client.get_run(run).data
    return {
        "code": code,
        "same_value": same,
        "metrics": data.metrics,
        "params": data.params,
        "tag": data.tags.get("t"),
    }


@scenario
def history_in_pages():
    """One page of the client's is 25 000 points."""
    run = client.create_run(new_experiment()).info.run_id
    total = 26_000
    client.log_batch(run, [Metric("long", i / 7, 1_000 + i // 3, i) for i in range(total)])
    got = history(run, "long")
    return {"all": got == [[i / 7, 1_000 + i // 3, i] for i in range(total)], "count": len(got)}


@scenario
def asynchronous():
    mlflow.set_experiment(new_name())
    with mlflow.start_run() as run:
        futures = [
            mlflow.log_metric("a", i, step=i, timestamp=100 + i, synchronous=False)
            for i in range(200)
        ]
        mlflow.log_metrics({"b": 1.0, "c": 2.0}, step=3, synchronous=False)
        mlflow.log_params({f"p{i}": i for i in range(120)}, synchronous=False)
        mlflow.log_param("one", 1, synchronous=False)
        mlflow.set_tags({"t1": "1", "t2": "2"}, synchronous=False)
        mlflow.set_tag("t3", "3", synchronous=False)
        for future in futures:
            future.wait()
        mlflow.flush_async_logging()
    data = client.get_run(run.info.run_id).data
    return {
        "metrics": data.metrics,
        "a": history(run.info.run_id, "a") == [[float(i), 100 + i, i] for i in range(200)],
        "params": len(data.params),
        "tags": [data.tags.get(f"t{i}") for i in (1, 2, 3)],
    }


@scenario
def asynchronous_by_setting():
    mlflow.set_experiment(new_name())
    mlflow.config.enable_async_logging(True)
    try:
        with mlflow.start_run() as run:
            for i in range(100):
                mlflow.log_metric("m", i * 0.5, step=i)
            mlflow.log_param("p", "v")
        mlflow.flush_async_logging()
    finally:
        mlflow.config.enable_async_logging(False)
    found = client.get_run(run.info.run_id)
    return {
        "status": found.info.status,
        "points": len(client.get_metric_history(run.info.run_id, "m")),
        "metrics": found.data.metrics,
        "params": found.data.params,
    }


@scenario
def asynchronous_refusal():
    run = client.create_run(new_experiment()).info.run_id
    client.log_param(run, "p", "1")
    operation = client.log_param(run, "p", "2", synchronous=False)
    code = refusal(operation.wait) if operation is not None else "no operation"
    return {"code": code, "params": client.get_run(run).data.params}


@scenario
def system_metrics():
    """Two samples, a tenth of a second apart, of the machine's load."""
    mlflow.set_experiment(new_name())
    mlflow.set_system_metrics_sampling_interval(0.1)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        run_id = run.info.run_id
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if len(client.get_metric_history(run_id, "system/cpu_utilization_percentage")) > 1:
                break
            time.sleep(0.1)
    found = client.get_run(run_id)
    return {
        "status": found.info.status,
        "keys": sorted(found.data.metrics),
        "cpu": history(run_id, "system/cpu_utilization_percentage"),
    }
