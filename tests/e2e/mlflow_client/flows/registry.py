"""The model registry: names, versions, stages, aliases, prompts, searches."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()


class Adder(mlflow.pyfunc.PythonModel):
    """Adds a number to each input."""

    def __init__(self, number: int) -> None:
        self.number = number

    def predict(self, context, model_input, params=None):
        return [one + self.number for one in model_input]


def logged(number: int, **more):
    return mlflow.pyfunc.log_model(
        name="model", python_model=Adder(number), pip_requirements=[], **more
    )


def sum_by(uri: str) -> list[int]:
    return mlflow.pyfunc.load_model(uri).predict([1, 2])


def shape(version) -> dict:
    """Return what a version says of itself."""
    return {
        "name": version.name,
        "version": str(version.version),
        "stage": version.current_stage,
        "source": version.source,
        "run_id": version.run_id,
        "status": version.status,
        "description": version.description,
        "tags": version.tags,
        "aliases": sorted(version.aliases),
    }


def numbers(versions) -> list[int]:
    return [int(one.version) for one in versions]


@scenario
def models():
    name, new = new_name("model"), new_name("model")
    made = client.create_registered_model(name, tags={"team": "a"}, description="of *digits*")
    taken = refusal(client.create_registered_model, name)
    client.set_registered_model_tag(name, "k", "v")
    client.set_registered_model_tag(name, "gone", "v")
    client.delete_registered_model_tag(name, "gone")
    client.update_registered_model(name, "of **digits**")
    client.rename_registered_model(name, new)
    found = client.get_registered_model(new)
    client.delete_registered_model(new)
    return {
        "name": [made.name == name, found.name == new],
        "description": [made.description, found.description],
        "tags": found.tags,
        "taken": taken,
        "old": refusal(client.get_registered_model, name),
        "gone": refusal(client.get_registered_model, new),
        "bad": refusal(client.create_registered_model, "a/b"),
    }


@scenario
def versions():
    name = new_name("model")
    client.create_registered_model(name)
    first = client.create_model_version(
        name, "s3://bucket/one", description="first", tags={"a": "1"}
    )
    second = client.create_model_version(name, "s3://bucket/two")
    client.set_model_version_tag(name, "2", "k", "v")
    client.set_model_version_tag(name, "2", "gone", "v")
    client.delete_model_version_tag(name, "2", "gone")
    client.update_model_version(name, "1", "better")
    got = client.get_model_version(name, "1")
    uri = client.get_model_version_download_uri(name, "1")
    client.delete_model_version(name, "1")
    third = client.create_model_version(name, "s3://bucket/three")
    return {
        "model": name,
        "first": shape(first),
        "second": shape(client.get_model_version(name, second.version)),
        "description": got.description,
        "uri": uri,
        "gone": refusal(client.get_model_version, name, "1"),
        "third": str(third.version),
        "outside": refusal(client.create_model_version, name, "/etc/passwd"),
        "of_nobody": refusal(client.create_model_version, new_name(), "s3://bucket/x"),
    }


@scenario
def stages_and_aliases():
    name = new_name("model")
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, "s3://bucket/m")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "production", archive_existing_versions=True)
    latest = {one.current_stage: str(one.version) for one in client.get_latest_versions(name)}
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "champion", "2")
    client.set_registered_model_alias(name, "other", "3")
    by_alias = client.get_model_version_by_alias(name, "champion")
    aliases = client.get_registered_model(name).aliases
    client.delete_registered_model_alias(name, "other")
    return {
        "latest": latest,
        "production": numbers(client.get_latest_versions(name, ["Production"])),
        "by_alias": [str(by_alias.version), list(by_alias.aliases)],
        "aliases": {alias: str(version) for alias, version in aliases.items()},
        "left": list(client.get_registered_model(name).aliases),
        "unknown_alias": refusal(client.get_model_version_by_alias, name, "nobody"),
        "unknown_stage": refusal(client.transition_model_version_stage, name, "1", "Live"),
    }


@scenario
def copies():
    name, other = new_name("model"), new_name("model")
    client.create_registered_model(name)
    client.create_model_version(name, "s3://bucket/m", tags={"k": "v"})
    copy = client.copy_model_version(f"models:/{name}/1", other)
    again = client.copy_model_version(f"models:/{other}/1", other)
    return {
        "copy": shape(copy)["source"] == f"models:/{name}/1",
        "again": str(again.version),
        "uri": client.get_model_version_download_uri(other, "2"),
    }


@scenario
def register_a_logged_model():
    experiment = mlflow.set_experiment(new_name()).experiment_id
    name = new_name("model")
    with mlflow.start_run() as run:
        logged = mlflow.initialize_logged_model("m")
    mlflow.finalize_logged_model(logged.model_id, "READY")
    made = [
        mlflow.register_model(f"models:/{logged.model_id}", name, tags={"a": "1"}) for _ in range(2)
    ]
    found = client.get_logged_model(logged.model_id)
    return {
        "experiment": experiment == found.experiment_id,
        "versions": numbers(made),
        "source": made[0].source == f"models:/{logged.model_id}",
        "run": made[0].run_id == run.info.run_id,
        "tags": made[0].tags,
        "noted": found.tags["mlflow.modelVersions"].replace(name, "NAME"),
        "uri": client.get_model_version_download_uri(name, "1") == found.artifact_location,
    }


@scenario
def search():
    stem = new_name("model")
    names = [f"{stem}-{mark}" for mark in "abcd"]
    for number, name in enumerate(names):
        client.create_registered_model(name, tags={"team": "x" if number % 2 else "y"})
        for place in range(number):
            client.create_model_version(name, f"s3://bucket/{place}", tags={"place": str(place)})

    def models(where, **more):
        found = client.search_registered_models(f"name LIKE '{stem}%'{where}", **more)
        return [one.name[-1] for one in found]

    def versions(where, **more):
        found = client.search_model_versions(f"name LIKE '{stem}%'{where}", **more)
        return [f"{one.name[-1]}{one.version}" for one in found]

    pages, token = [], None
    while True:
        page = client.search_registered_models(
            f"name LIKE '{stem}%'", max_results=3, page_token=token
        )
        pages.append(len(page))
        token = page.token
        if not token:
            break
    return {
        "models": models(""),
        "by_tag": models(" AND tags.team = 'x'"),
        "descending": models("", order_by=["name DESC"]),
        "pages": pages,
        "versions": versions("", order_by=["name", "version_number DESC"]),
        "by_place": sorted(versions(" AND tags.place = '1'")),
        "by_source": sorted(versions(" AND source_path = 's3://bucket/2'")),
        "latest_of_found": [
            numbers(one.latest_versions)
            for one in client.search_registered_models(f"name = '{names[3]}'")
        ],
        "bad": refusal(client.search_model_versions, "nonsense ="),
    }


@scenario
def prompts():
    name = new_name("prompt")
    first = mlflow.genai.register_prompt(name, "Say {{word}}.", commit_message="first")
    second = mlflow.genai.register_prompt(name, "Shout {{word}}!", tags={"tone": "loud"})
    mlflow.genai.set_prompt_alias(name, alias="best", version=2)
    loaded = mlflow.genai.load_prompt(f"prompts:/{name}/1")
    aliased = mlflow.genai.load_prompt(f"prompts:/{name}@best")
    found = [one.name for one in mlflow.genai.search_prompts(f"name = '{name}'")]
    return {
        "versions": [int(first.version), int(second.version)],
        "first": loaded.format(word="hi"),
        "best": [aliased.format(word="hi"), aliased.tags.get("tone")],
        "message": loaded.commit_message,
        "found": found == [name],
        "no_model": [one.name for one in client.search_registered_models(f"name = '{name}'")],
        "taken": refusal(client.create_registered_model, name),
        "missing": mlflow.genai.load_prompt(f"prompts:/{new_name()}/1", allow_missing=True),
    }


@scenario
def runs_that_are_registered():
    experiment = new_experiment()
    run = client.create_run(experiment).info.run_id
    name = new_name("model")
    client.create_registered_model(name)
    made = client.create_model_version(name, f"runs:/{run}/model", run_id=run)
    return {
        "source": made.source == f"runs:/{run}/model",
        "uri": client.get_model_version_download_uri(name, "1") == f"runs:/{run}/model",
        "other_run": refusal(
            client.create_model_version, name, f"runs:/{run}/model", run_id="0" * 32
        ),
    }


@scenario
def models_that_are_logged_and_loaded():
    mlflow.set_experiment(new_name())
    name = new_name("model")
    with mlflow.start_run() as run:
        first = logged(10, registered_model_name=name)
    with mlflow.start_run() as later:
        second = logged(20)
    made = mlflow.register_model(f"runs:/{later.info.run_id}/model", name)
    client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage(name, "2", "Production")
    return {
        "registered": str(first.registered_model_version),
        "of": [
            client.get_model_version(name, "1").run_id == run.info.run_id,
            made.run_id == later.info.run_id,
        ],
        "second": [str(made.version), made.source == f"models:/{second.model_id}"],
        "by_number": [sum_by(f"models:/{name}/{number}") for number in (1, 2)],
        "by_alias": sum_by(f"models:/{name}@champion"),
        "by_stage": sum_by(f"models:/{name}/Production"),
        "latest": sum_by(f"models:/{name}/latest"),
    }
