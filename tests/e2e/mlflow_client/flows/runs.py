"""Runs: started, ended, resumed, nested, renamed, deleted, restored; their params and tags."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Param, RunTag, ViewType
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()


@scenario
def with_block():
    experiment = mlflow.set_experiment(new_name()).experiment_id
    with mlflow.start_run() as run:
        inside = client.get_run(run.info.run_id)
        assert mlflow.active_run().info.run_id == run.info.run_id
    after = client.get_run(run.info.run_id)
    return {
        "experiment": experiment,
        "started": dict(run.info),
        "inside": dict(inside.info),
        "after": dict(after.info),
        "tags": after.data.tags,
        "last_active": mlflow.last_active_run().info.run_id,
    }


@scenario
def start_run_with_everything():
    mlflow.set_experiment(new_name())
    with mlflow.start_run(
        run_name="näme 名前", tags={"a": "1", "b/c d": "ü", "n": "5"}, description="What\nit is"
    ) as run:
        pass
    found = client.get_run(run.info.run_id)
    return {"name": found.info.run_name, "tags": found.data.tags}


@scenario
def body_that_raises():
    mlflow.set_experiment(new_name())
    try:
        with mlflow.start_run() as run:
            mlflow.log_param("seen", 1 / 2)
            mlflow.log_param("unseen", 1 / 0)
    except ZeroDivisionError:
        pass
    found = client.get_run(run.info.run_id)
    return {"status": found.info.status, "end_time": found.info.end_time, "data": found.data.params}


@scenario
def ended_by_hand():
    mlflow.set_experiment(new_name())
    run = mlflow.start_run()
    mlflow.end_run(status="KILLED")
    return {"status": client.get_run(run.info.run_id).info.status, "active": mlflow.active_run()}


@scenario
def every_status():
    experiment = new_experiment()
    with mlflow.start_run(experiment_id=experiment) as run:
        pass
    states = [run.info.status]
    for status in ("KILLED", "SCHEDULED", "FAILED", "FINISHED", "RUNNING"):
        client.update_run(run.info.run_id, status=status)
        states.append(client.get_run(run.info.run_id).info.status)
    return states


@scenario
def resume():
    mlflow.set_experiment(new_name())
    with mlflow.start_run(run_name="kept") as first:
        mlflow.log_param("a", 1)
        mlflow.log_metric("m", 1.0, step=1)
    ended = client.get_run(first.info.run_id).info.end_time
    with mlflow.start_run(run_id=first.info.run_id) as second:
        during = client.get_run(first.info.run_id).info.status
        mlflow.log_param("b", 2)
        mlflow.log_metric("m", 2.0, step=2)
    run = client.get_run(first.info.run_id)
    return {
        "same": first.info.run_id == second.info.run_id,
        "during": during,
        "status": run.info.status,
        "name": run.info.run_name,
        "params": run.data.params,
        "metric": run.data.metrics,
        "start_kept": run.info.start_time == first.info.start_time,
        "ended_later": run.info.end_time >= ended,
    }


@scenario
def nested():
    experiment = mlflow.set_experiment(new_name()).experiment_id
    children = []
    with mlflow.start_run(run_name="parent") as parent:
        for i in range(3):
            with mlflow.start_run(run_name=f"child {i}", nested=True) as child:
                mlflow.log_param("i", i)
                children.append(child.info.run_id)
                if i == 2:
                    with mlflow.start_run(run_name="grandchild", nested=True) as grandchild:
                        mlflow.log_metric("deep", 1)
    found = client.search_runs(
        [experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["params.i"]
    )
    of = client.get_parent_run(grandchild.info.run_id)
    return {
        "children": children,
        "found": [run.info.run_id for run in found],
        "parents": len(client.search_runs([experiment], "tags.mlflow.parentRunId IS NULL")),
        "parent_of_grandchild": of.info.run_id,
        "no_parent": client.get_parent_run(parent.info.run_id),
        "statuses": sorted({r.info.status for r in client.search_runs([experiment])}),
    }


@scenario
def create_run_by_client():
    experiment = new_experiment()
    plain = client.create_run(experiment)
    told = client.create_run(experiment, start_time=1_234, tags={"k": "v"}, run_name="told")
    by_tag = client.create_run(experiment, tags={"mlflow.runName": "by tag"})
    client.set_terminated(told.info.run_id, status="KILLED", end_time=5_678)
    return {
        "plain": {"info": dict(plain.info), "tags": plain.data.tags},
        "told": {"info": dict(client.get_run(told.info.run_id).info), "tags": told.data.tags},
        "by_tag": by_tag.info.run_name,
        "clash": refusal(
            client.create_run, experiment, tags={"mlflow.runName": "one"}, run_name="two"
        ),
    }


@scenario
def rename():
    run = client.create_run(new_experiment(), run_name="first").info.run_id
    names = []

    def note():
        found = client.get_run(run)
        names.append([found.info.run_name, found.data.tags.get("mlflow.runName")])

    client.update_run(run, name="second")
    note()
    client.set_tag(run, "mlflow.runName", "third")
    note()
    client.update_run(run, status="FINISHED")
    note()
    return names


@scenario
def delete_and_restore():
    experiment = new_experiment()
    run = client.create_run(experiment).info.run_id
    client.log_metric(run, "m", 1.5, timestamp=10, step=0)
    client.delete_run(run)
    deleted = client.get_run(run)
    listed = [
        len(client.search_runs([experiment], run_view_type=view))
        for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
    ]
    writes = {
        "log_metric": refusal(client.log_metric, run, "m", 2.0),
        "log_param": refusal(client.log_param, run, "p", "v"),
        "set_tag": refusal(client.set_tag, run, "t", "v"),
        "delete_tag": refusal(client.delete_tag, run, "mlflow.runName"),
        "log_batch": refusal(client.log_batch, run, tags=[RunTag("t", "v")]),
        "set_terminated": refusal(client.set_terminated, run),
        "start_run": refusal(mlflow.start_run, run_id=run),
        "delete_again": refusal(client.delete_run, run),
    }
    client.restore_run(run)
    restored = client.get_run(run)
    again = refusal(client.restore_run, run)
    client.log_param(run, "p", "v")
    return {
        "deleted": deleted.info.lifecycle_stage,
        "deleted_metrics": deleted.data.metrics,
        "listed_active_deleted_all": listed,
        "writes": writes,
        "restored": restored.info.lifecycle_stage,
        "restore_again": again,
        "after": client.get_run(run).data.params,
    }


@scenario
def unknown_run():
    nobody = "0" * 32
    run = client.create_run(new_experiment()).info.run_id
    return {
        "get": refusal(client.get_run, nobody),
        "upper_case": refusal(client.get_run, run.upper().replace("0", "F") + "X"),
        "log_metric": refusal(client.log_metric, nobody, "m", 1.0),
        "log_param": refusal(client.log_param, nobody, "p", "v"),
        "log_batch": refusal(client.log_batch, nobody, params=[Param("p", "v")]),
        "set_tag": refusal(client.set_tag, nobody, "t", "v"),
        "delete_tag": refusal(client.delete_tag, nobody, "t"),
        "delete": refusal(client.delete_run, nobody),
        "restore": refusal(client.restore_run, nobody),
        "terminate": refusal(client.set_terminated, nobody),
        "resume": refusal(mlflow.start_run, run_id=nobody),
        "delete_tag_unknown": refusal(client.delete_tag, run, "nope"),
    }


@scenario
def params():
    mlflow.set_experiment(new_name())
    with mlflow.start_run() as run:
        returned = mlflow.log_param("number", 0.1)
        mlflow.log_params({"int": 3, "none": None, "bool": True, "list": [1, "a"], "empty": ""})
        mlflow.log_param(
            "ключ/with space-and.dot:x", "значение 值 🎉 \"quoted\" 'single' \\ \n\t end"
        )
        mlflow.log_param("Number", "another case, another key")
        mlflow.log_param("number", 0.1)
        mlflow.log_params({f"many/{i:03}": i for i in range(250)})
        clash = refusal(mlflow.log_param, "number", 0.2)
        batch_clash = refusal(mlflow.log_params, {"fresh": 1, "int": 4})
        repeated = refusal(
            client.log_batch, run.info.run_id, params=[Param("twice", "1"), Param("twice", "2")]
        )
    found = client.get_run(run.info.run_id).data.params
    many = {key: found.pop(key) for key in list(found) if key.startswith("many/")}
    return {
        "returned": returned,
        "params": found,
        "many": many == {f"many/{i:03}": str(i) for i in range(250)},
        "clash": clash,
        "batch_clash": batch_clash,
        "repeated_in_batch": repeated,
    }


@scenario
def long_values():
    run = client.create_run(new_experiment()).info.run_id
    client.log_param(run, "param", "p" * 6_000)
    client.set_tag(run, "tag", "t" * 8_000)
    client.set_tag(run, "k" * 250, "longest key")
    client.log_param(run, "k" * 250, "longest key")
    client.log_metric(run, "k" * 250, 1.0)
    data = client.get_run(run).data
    return {
        "param": data.params["param"] == "p" * 6_000,
        "tag": data.tags["tag"] == "t" * 8_000,
        "keys": [len(max(d, key=len)) for d in (data.params, data.tags, data.metrics)],
        "long_param_key": refusal(client.log_param, run, "k" * 251, "v"),
        "long_tag_key": refusal(client.set_tag, run, "k" * 251, "v"),
        "long_metric_key": refusal(client.log_metric, run, "k" * 251, 1.0),
    }


@scenario
def tags():
    mlflow.set_experiment(new_name())
    with mlflow.start_run() as run:
        mlflow.set_tag("state", "new")
        mlflow.set_tag("state", "newer")
        mlflow.set_tags({"a": 1, "b": "zwei", "日本語": "タグ", "empty": ""})
        mlflow.set_tag("gone", "soon")
        mlflow.delete_tag("gone")
        mlflow.set_tag("mlflow.note.content", "# A note\n\nwith *markdown*")
        client.log_batch(run.info.run_id, tags=[RunTag("twice", "1"), RunTag("twice", "2")])
        missing = refusal(mlflow.delete_tag, "never")
    found = client.get_run(run.info.run_id).data.tags
    ours = {key: value for key, value in found.items() if not key.startswith("mlflow.")}
    return {"tags": ours, "note": found["mlflow.note.content"], "missing": missing}


@scenario
def bad_keys():
    run = client.create_run(new_experiment()).info.run_id
    bad = {"empty": "", "dollar": "a$b", "up": "../a", "root": "/a", "double": "a//b", "tail": "a/"}
    good = {
        "dots": "a.b",
        "slash": "a/b",
        "colon": "a:b",
        "space": "a b",
        "dash": "a-b_c",
        "ü": "ü",
    }
    return {
        "bad_metric": {n: refusal(client.log_metric, run, key, 1.0) for n, key in bad.items()},
        "bad_param": {n: refusal(client.log_param, run, key, "v") for n, key in bad.items()},
        "bad_tag": {n: refusal(client.set_tag, run, key, "v") for n, key in bad.items()},
        "good_metric": [refusal(client.log_metric, run, key, 1.0) for key in good.values()],
        "good_param": [refusal(client.log_param, run, key, "v") for key in good.values()],
        "good_tag": [refusal(client.set_tag, run, key, "v") for key in good.values()],
        "kept": [sorted(client.get_run(run).data.metrics), sorted(good.values())],
    }


@scenario
def no_server():
    nowhere = MlflowClient(tracking_uri="http://127.0.0.1:9")
    return refusal(nowhere.get_run, "0" * 32)
