"""Places that clients name, for every kind of store and on every route that takes one.

The operator of this server lets clients name whatever can be named; so what is refused is refused
for the trick in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import pytest

from millrace.api.table import BY_NAME, ENDPOINTS
from millrace.artifacts.open import OPENERS
from tests.services import private_millrace
from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import INVALID, MISSING, ok, refused

PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
# Nobody keeps artifacts in the memory of a server, or reads them from one by its place.
UNNAMED: Final = frozenset({"memory"})

PLACES: Final = {
    "": "/dir/x",
    "file": "file:///dir/x",
    "mlflow-artifacts": "mlflow-artifacts:/dir/x",
    "dbfs": "dbfs:/dir/x",
} | {
    scheme: f"{scheme}://host/dir/x"
    for scheme in OPENERS.names()
    if scheme not in {"file", "mlflow-artifacts", *UNNAMED}
}
"""A place for each scheme that a store is offered for."""

TRICKS: Final = {
    "fragment": "{}#b",
    "parameters": "{};a=1",
    "query": "{}?a=1",
    "carriage return": "{}\r\nX-Header: y",
    "line feed": "{}\ny",
    "NUL": "{}\0.txt",
    "delete": "{}\x7f",
    "up": "{}/../../y",
    "up, encoded": "{}/%2e%2e/%2e%2e/y",
    "up, half encoded": "{}/.%2E/y",
    "up, encoded twice": "{}/%252e%252e/y",
    "up, with an encoded slash": "{}/..%2f..%2fy",
    "up, with backslashes": "{}/..\\..\\y",
}
"""S12: what a place must not hold."""


class Field(NamedTuple):
    """A field of an endpoint that names a place of artifacts."""

    endpoint: str
    field: str


TAKES_A_PLACE: Final = (
    Field("createExperiment", "artifact_location"),
    Field("createModelVersion", "source"),
)
NAMES_SOMETHING_ELSE: Final = {
    Field("createLoggedModel", "source_run_id"): "a run",
    Field("createDataset", "source_type"): "a word",
    Field("createDataset", "source"): "text that clients keep and read",
    Field("announceModelServer", "url"): "an address to be shown; test_targets.py",
    Field("announceModelServer", "model_uri"): "a registered model",
    Field("createWebhook", "url"): "an address to be called; test_webhooks.py",
    Field("updateWebhook", "url"): "an address to be called; test_webhooks.py",
}


@pytest.fixture(scope="module")
def open_minded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server on which any scheme may be named, and folders, too."""
    schemes = ",".join(OPENERS.names())
    with private_millrace(
        tmp_path_factory.mktemp("places"),
        "--allow-local-artifact-locations",
        environment={"MILLRACE_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES": schemes},
    ) as url:
        yield Api(url)


def test_every_field_that_may_name_a_place_is_known_here() -> None:
    """Whoever adds one says what it names, and what keeps it from leading elsewhere."""
    suspects = {
        Field(endpoint.name, field.name)
        for endpoint in ENDPOINTS
        for field in msgspec.structs.fields(endpoint.request)
        if re.search("uri|url|location|source|root|destination|place", field.name)
    }

    assert suspects == {*TAKES_A_PLACE, *NAMES_SOMETHING_ELSE}


def named(api: Api, what: Field, model: str, place: str, path: str, **more: object) -> Reply:
    """The answer to a request that names a place; a version without an owner vouched for it."""
    name = model if what.endpoint == "createModelVersion" else build.unique("e")
    return api.post(path, {"name": name, what.field: place, **more})


@pytest.mark.parametrize("trick", TRICKS)
def test_places_with_a_trick_in_them(open_minded: Api, trick: str) -> None:
    """S12: on each route, under each of its paths, for each kind of store."""
    api = open_minded
    model = build.add_registered(api)
    taken = [
        (what.endpoint, path, place)
        for what in TAKES_A_PLACE
        for path in BY_NAME[what.endpoint].paths
        for scheme, plain in PLACES.items()
        if named(api, what, model, place := TRICKS[trick].format(plain), path).status != 400
    ]

    assert taken == []
    assert "latest_versions" not in build.registered(api, model)


@pytest.mark.parametrize("scheme", PLACES)
def test_the_same_places_without_a_trick(open_minded: Api, scheme: str) -> None:
    made = named(open_minded, TAKES_A_PLACE[0], "", PLACES[scheme], "experiments/create")

    assert made.status == 200, made.text


@pytest.mark.parametrize("scheme", [one for one in PLACES if one])
def test_a_password_is_refused_and_not_repeated(open_minded: Api, scheme: str) -> None:
    place = f"{scheme}://user:hunter2@host/dir"
    model = build.add_registered(open_minded)

    for what in TAKES_A_PLACE:
        path = BY_NAME[what.endpoint].paths[0]
        message = refused(named(open_minded, what, model, place, path), INVALID)
        assert "hunter2" not in message


@pytest.mark.parametrize("scheme", PLACES)
def test_a_version_lies_inside_its_run_or_model(open_minded: Api, scheme: str) -> None:
    """S15: on every kind of store, whichever owner is named, and whatever its tags say."""
    api = open_minded
    experiment = build.add_experiment(api, artifact_location=PLACES[scheme])
    run, other = build.add_run(api, experiment), build.add_run(api, experiment)
    logged = build.add_model(api, experiment)
    model = build.add_registered(api)
    owners = {
        "run_id": (run, build.info(api, run)["artifact_uri"]),
        "model_id": (logged, build.model(api, logged)["info"]["artifact_uri"]),
    }
    elsewhere = build.info(api, other)["artifact_uri"]
    taken = []
    for field, (owner, root) in owners.items():
        above, _, last = root.rpartition("/")
        for source in (
            f"{root}-other/model",
            f"{root}.old",
            f"{above}/{last[:-1]}",
            above,
            PLACES[scheme],
            elsewhere,
            f"{root}/../{last}-other",
            f"{root}/%2e%2e/model",
            f"{root}/./model",
            f"{root}//model",
            # In a file: URI this is decoded once, by everybody, and leads inside.
            f"{root}%2fmodel" if scheme != "file" else f"{root}%2f..%2fmodel",
            root.replace("/dir", "/DIR"),
            root.replace("://host", "://host.example") if "://host" in root else "/etc",
            "s3://another/dir" if scheme != "s3" else "gs://host/dir/x",
        ):
            for tags in ([], PROMPT):
                asked = {"name": model, "source": source, field: owner, "tags": tags}
                if api.post("model-versions/create", asked).status != 400:
                    taken.append((field, source, tags))

    assert taken == []
    assert "latest_versions" not in build.registered(api, model)
    for field, (owner, root) in owners.items():
        made = {"name": model, "source": f"{root}/model", field: owner}
        assert (
            ok(api.post("model-versions/create", made))["model_version"]["source"] == made["source"]
        )


@pytest.mark.parametrize("scheme", [one for one in PLACES if one])
def test_a_scheme_is_one_however_it_is_spelled(open_minded: Api, scheme: str) -> None:
    """S13: capitals change nothing about what may be named where."""
    api = open_minded
    model = build.add_registered(api)
    run = build.add_run(api, build.add_experiment(api, artifact_location="s3://bucket/root"))

    for spelled in (scheme.upper(), scheme.capitalize()):
        place = PLACES[scheme].replace(scheme, spelled, 1)
        asked = {"name": model, "source": place, "run_id": run}
        refused(api.post("model-versions/create", asked), INVALID)
        refused(api.get("model-versions/get", {"name": model, "version": "1"}), MISSING)
