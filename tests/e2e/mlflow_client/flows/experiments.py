"""Experiments: found or created, tagged, renamed, deleted, restored, searched."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from mlflow.entities import ViewType
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()


@scenario
def set_new_experiment():
    name = new_name()
    experiment = mlflow.set_experiment(name)
    return {"name": name, "experiment": dict(experiment)}


@scenario
def set_existing_experiment():
    name = new_name()
    made = client.create_experiment(name)
    return {"made": made, "by_name": mlflow.set_experiment(name).experiment_id}


@scenario
def set_experiment_by_id():
    made = new_experiment()
    return {"made": made, "by_id": mlflow.set_experiment(experiment_id=made).experiment_id}


@scenario
def default_experiment():
    experiment = client.get_experiment("0")
    return {"name": experiment.name, "id": client.get_experiment_by_name("Default").experiment_id}


@scenario
def create_with_everything():
    name = new_name("späße 试验 🚀")
    tags = {"team": "vision", "ünï/cödé key": "wert ✓\nzweite Zeile", "empty": ""}
    made = client.create_experiment(name, artifact_location="s3://bucket/some/where", tags=tags)
    experiment = client.get_experiment(made)
    same = client.get_experiment_by_name(name)
    return {"name": name, "tags": tags, "by_id": dict(experiment), "by_name": dict(same)}


@scenario
def default_artifact_location():
    made = new_experiment()
    run = client.create_run(made)
    location = client.get_experiment(made).artifact_location
    return {"id": made, "run_id": run.info.run_id, "at": location, "run_at": run.info.artifact_uri}


@scenario
def rename_and_tags():
    made = new_experiment()
    before = client.get_experiment(made)
    name = new_name("renamed")
    client.rename_experiment(made, name)
    client.set_experiment_tag(made, "stage", "first")
    client.set_experiment_tag(made, "stage", "second")
    client.set_experiment_tag(made, "other", 17)
    client.set_experiment_tag(made, "gone", "x")
    client.delete_experiment_tag(made, "gone")
    after = client.get_experiment(made)
    return {
        "wanted": name,
        "old_name_found": client.get_experiment_by_name(before.name) is not None,
        "after": dict(after),
        "time_moved": after.last_update_time >= before.last_update_time,
        "created_kept": after.creation_time == before.creation_time,
    }


@scenario
def fluent_tags():
    mlflow.set_experiment(new_name())
    mlflow.set_experiment_tag("one", "1")
    mlflow.set_experiment_tags({"two": "2", "three": "3"})
    made = mlflow.get_experiment(mlflow.set_experiment(new_name()).experiment_id)
    previous = mlflow.search_experiments(
        filter_string="tags.one = '1'", order_by=["creation_time DESC"], max_results=1
    )
    return {"tags": previous[0].tags, "fresh": made.tags}


@scenario
def delete_and_restore():
    made = new_experiment()
    run = client.create_run(made).info.run_id
    client.delete_experiment(made)
    gone = client.get_experiment(made)
    gone_run = client.get_run(run).info.lifecycle_stage
    listed = [
        made in {e.experiment_id for e in client.search_experiments(view_type=view)}
        for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
    ]
    client.restore_experiment(made)
    back = client.get_experiment(made)
    return {
        "deleted": gone.lifecycle_stage,
        "deleted_run": gone_run,
        "listed_active_deleted_all": listed,
        "restored": back.lifecycle_stage,
        "restored_run": client.get_run(run).info.lifecycle_stage,
        "name_kept": back.name == gone.name,
    }


@scenario
def refusals():
    name = new_name()
    made = client.create_experiment(name)
    other = new_experiment()
    deleted = new_experiment()
    deleted_name = client.get_experiment(deleted).name
    client.delete_experiment(deleted)
    return {
        "create_taken_name": refusal(client.create_experiment, name),
        "create_name_of_deleted": refusal(client.create_experiment, deleted_name),
        "create_long_name": refusal(client.create_experiment, "n" * 501),
        "create_runs_location": refusal(client.create_experiment, new_name(), "runs:/a/b"),
        "create_fragment_location": refusal(client.create_experiment, new_name(), "s3://b/p#f"),
        "get_unknown": refusal(client.get_experiment, "987654321"),
        "get_not_a_number": refusal(client.get_experiment, "seven"),
        "by_unknown_name": client.get_experiment_by_name(new_name()),
        "rename_unknown": refusal(client.rename_experiment, "987654321", new_name()),
        "delete_unknown": refusal(client.delete_experiment, "987654321"),
        "delete_twice": refusal(client.delete_experiment, deleted),
        "restore_active": refusal(client.restore_experiment, made),
        "tag_deleted": refusal(client.set_experiment_tag, deleted, "a", "b"),
        "tag_unknown": refusal(client.set_experiment_tag, "987654321", "a", "b"),
        "tag_long_key": refusal(client.set_experiment_tag, made, "k" * 251, "b"),
        "tag_long_value": refusal(client.set_experiment_tag, made, "k", "v" * 20_001),
        "tag_longest_value": refusal(client.set_experiment_tag, made, "k", "v" * 20_000),
        "delete_tag_unknown": refusal(client.delete_experiment_tag, other, "nope"),
        "run_in_deleted": refusal(client.create_run, deleted),
        "run_in_unknown": refusal(client.create_run, "987654321"),
        "set_deleted": refusal(mlflow.set_experiment, deleted_name),
        "search_bad_filter": refusal(client.search_experiments, filter_string="nonsense"),
        "search_bad_order": refusal(client.search_experiments, order_by=["nonsense"]),
    }


@scenario
def search():
    mark = new_name("mark")
    made = {}
    for name, tags in (
        ("Alpha", {"team": "vision", "size": "10"}),
        ("alpine", {"team": "Vision"}),
        ("beta_1", {"team": "speech", "odd key/x": "yes"}),
        ("beta-2", {}),
    ):
        made[f"{name} {mark}"] = client.create_experiment(
            f"{name} {mark}", tags={"m": mark, **tags}
        )
    short = {name: name.split()[0] for name in made}
    ids = dict(zip(short.values(), made.values(), strict=True))

    def find(filter_string, order_by=("name ASC",)):
        found = client.search_experiments(
            filter_string=f"tags.m = '{mark}'" + (f" AND {filter_string}" if filter_string else ""),
            order_by=list(order_by),
        )
        return [short[e.name] for e in found]

    now = client.get_experiment(ids["beta-2"]).creation_time
    return {
        "all": find(""),
        "like": find("name LIKE 'al%'"),
        "ilike": find("name ILIKE 'AL%'"),
        "underscore": find("attribute.name LIKE 'beta_1%'"),
        "equal": find(f"name = 'Alpha {mark}'"),
        "not_equal": find(f"attribute.name != 'Alpha {mark}'"),
        "id": find(f"experiment_id = '{ids['alpine']}'"),
        "ids": find(f"experiment_id IN ('{ids['alpine']}', '{ids['beta_1']}')"),
        "not_ids": find(f"experiment_id NOT IN ('{ids['alpine']}', '{ids['beta_1']}')"),
        "tag": find("tags.team = 'vision'"),
        "tag_not": find("tag.team != 'vision'"),
        "tag_ilike": find("tags.team ILIKE 'VIS%'"),
        "tag_null": find("tags.team IS NULL"),
        "tag_not_null": find("tags.team IS NOT NULL"),
        "odd_key": find("tags.`odd key/x` = 'yes'"),
        "created_until": find(f"creation_time <= {now}"),
        "created_after": find(f"creation_time > {now + 10_000}"),
        "two": find("tags.team = 'vision' and tags.size = '10'"),
        "by_name_down": find("", ["name DESC"]),
        "by_id": find("", ["experiment_id"]),
        "by_created_then_name": find("", ["creation_time ASC", "name ASC"]),
        "default_order": [
            [-e.creation_time, int(e.experiment_id)]
            for e in client.search_experiments(filter_string=f"tags.m = '{mark}'")
        ],
    }


@scenario
def search_in_pages():
    mark = new_name("page")
    made = [client.create_experiment(f"{mark}-{i:02}", tags={"m": mark}) for i in range(7)]
    pages, token = [], None
    while True:
        page = client.search_experiments(
            max_results=3, filter_string=f"tags.m = '{mark}'", order_by=["name"], page_token=token
        )
        pages.append([made.index(e.experiment_id) for e in page])
        token = page.token
        if not token:
            break
    everything = mlflow.search_experiments(filter_string=f"tags.m = '{mark}'", order_by=["name"])
    return {"pages": pages, "everything": [made.index(e.experiment_id) for e in everything]}
