"""More runs than one page of the client holds, with no run skipped or seen twice."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, ViewType
from scenario import new_experiment, scenario

client = MlflowClient()
RUNS = 1_100
# Runs that share each start, so that pages end inside ties.
TIED = 11


@scenario
def many_runs():
    experiment = new_experiment("many")
    runs = [
        client.create_run(experiment, start_time=1_000 + i // TIED, run_name=f"r{i}").info.run_id
        for i in range(RUNS)
    ]
    for i, run in enumerate(runs[:50]):
        client.log_batch(run, [Metric("m", i % 7, 1, 0)], [Param("p", str(i % 5))])
    client.delete_run(runs[-1])
    kept = runs[:-1]
    starts = {run: 1_000 + i // TIED for i, run in enumerate(runs)}

    first = client.search_runs([experiment])
    second = client.search_runs([experiment], page_token=first.token)
    default = [run.info.run_id for run in (*first, *second)]
    by_metric, token = [], None
    while token is not None or not by_metric:
        page = client.search_runs(
            [experiment], max_results=97, order_by=["metrics.m DESC"], page_token=token
        )
        by_metric += [run.info.run_id for run in page]
        token = page.token
    frame = mlflow.search_runs([experiment])
    return {
        "pages": [len(first), len(second), second.token],
        "each_once": sorted(default) == sorted(kept),
        "in_order": default == sorted(kept, key=lambda run: (-starts[run], run)),
        "by_metric_each_once": sorted(by_metric) == sorted(kept),
        "by_metric": [runs.index(run) % 7 for run in by_metric[:9]],
        "frame": [len(frame), len(set(frame["run_id"]))],
        "deleted": len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)),
        "filtered": len(client.search_runs([experiment], "params.p = '3'")),
    }
