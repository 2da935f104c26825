"""Searches of registered models and of their versions: filters, order, pages, prompts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, done, ok, refused
from tests.wire.marks import differs

IS_PROMPT = "tags.`mlflow.prompt.is_prompt`"
PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


def models(api: Api, where: str, *order_by: str, **more: object) -> list[str]:
    query = {"filter": where, "order_by": list(order_by), **more}
    found = ok(api.get("registered-models/search", query))
    return [one["name"] for one in found.get("registered_models", [])]


def versions(api: Api, where: str, *order_by: str, **more: object) -> list[str]:
    query = {"filter": where, "order_by": list(order_by), **more}
    found = ok(api.get("model-versions/search", query))
    return [one["version"] for one in found.get("model_versions", [])]


@pytest.fixture
def names(api: Api) -> list[str]:
    """Four models, `<unique>-a` to `-d`; b and c are of team `x`, d of team `y`."""
    stem = build.unique()
    teams = {"a": None, "b": "x", "c": "x", "d": "y"}
    return [
        build.add_registered(
            api, name=f"{stem}-{mark}", **({"tags": build.items({"team": team})} if team else {})
        )
        for mark, team in teams.items()
    ]


# Models


def test_models_by_name(api: Api, names: list[str]) -> None:
    a, b, c, d = names
    stem = a[:-2]

    assert models(api, f"name = '{b}'") == [b]
    assert models(api, f"name LIKE '{stem}%'") == names
    assert models(api, f"name ILIKE '{stem.upper()}-_'") == names
    assert models(api, f"name LIKE '{stem.upper()}-_'") == []
    assert models(api, f"name IN ('{a}', '{d}', 'nobody')") == [a, d]
    assert models(api, f"name LIKE '{stem}%' AND name != '{c}'") == [a, b, d]
    assert models(api, f"attribute.name = '{b}'") == [b]


def test_models_by_tag(api: Api, names: list[str]) -> None:
    _, b, c, d = names
    among = f"name LIKE '{b[:-2]}%'"

    assert models(api, f"{among} AND tags.team = 'x'") == [b, c]
    assert models(api, f"{among} AND tag.team != 'x'") == [d]
    assert models(api, f"{among} AND tags.team ILIKE 'X'") == [b, c]


def test_the_order_of_models(api: Api, names: list[str]) -> None:
    a, b, c, d = names
    among = f"name LIKE '{a[:-2]}%'"

    assert models(api, among, "name DESC") == [d, c, b, a]
    assert models(api, among, "last_updated_timestamp") == names
    assert models(api, among, "timestamp DESC", "name") == [d, c, b, a]
    ok(api.patch("registered-models/update", {"name": b, "description": "later"}))
    assert models(api, among, "last_updated_timestamp DESC")[0] == b


def test_a_found_model_is_whole(api: Api) -> None:
    name = build.add_registered(api, tags=build.items({"t": "1"}))
    build.add_version(api, name)
    build.point_alias(api, name, "champion", 1)

    found = ok(api.get("registered-models/search", {"filter": f"name = '{name}'"}))

    assert found["registered_models"] == [build.registered(api, name)]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_pages_of_models(api: Api, names: list[str], size: int) -> None:
    query: dict[str, Any] = {"filter": f"name LIKE '{names[0][:-2]}%'", "max_results": size}
    found: list[str] = []
    while True:
        page = ok(api.get("registered-models/search", query))
        found += [one["name"] for one in page.get("registered_models", [])]
        if not page.get("next_page_token"):
            break
        query["page_token"] = page["next_page_token"]

    assert found == names


@differs("MLflow answers an endless row of empty pages")
@pytest.mark.parametrize("size", [0, -1])
def test_no_page_is_empty(api: Api, size: int) -> None:
    refused(api.get("registered-models/search", {"max_results": size}), INVALID, "max_results")


def test_limits_of_pages(api: Api) -> None:
    refused(api.get("registered-models/search", {"max_results": 1_001}), INVALID, "max_results")
    for size in (0, -1, 200_001):
        refused(api.get("model-versions/search", {"max_results": size}), INVALID, "max_results")


@pytest.mark.parametrize("path", ["registered-models/search", "model-versions/search"])
@pytest.mark.parametrize(
    "where",
    ["name", "name ==", "nobody = 'x'", "name = x", "tags.a IS NULL AND", "name = 'a' OR", " ",
     "metrics.a > 1", "params.a = '1'"],
)  # fmt: skip
def test_filters_that_are_refused(api: Api, path: str, where: str) -> None:
    refused(api.get(path, {"filter": where}), INVALID)


@pytest.mark.parametrize("path", ["registered-models/search", "model-versions/search"])
def test_orders_and_tokens_that_are_refused(api: Api, path: str) -> None:
    refused(api.get(path, {"order_by": ["nobody"]}), INVALID)
    refused(api.get(path, {"order_by": ["name SIDEWAYS"]}), INVALID)
    refused(api.get(path, {"page_token": "garbage"}), INVALID)


# Versions


@pytest.fixture
def model(api: Api) -> str:
    """A model with versions 1 to 4, which 2 and 3 of them are tagged and 4 has a run."""
    name = build.add_registered(api)
    build.add_version(api, name, source="s3://bucket/one")
    build.add_version(api, name, tags=build.items({"k": "x"}))
    build.add_version(api, name, tags=build.items({"k": "y"}))
    build.add_version(api, name, source="runs:/r/model", run_id="r")
    return name


def test_versions_by_field(api: Api, model: str) -> None:
    among = f"name = '{model}'"

    assert versions(api, among) == ["4", "3", "2", "1"]
    assert versions(api, f"{among} AND version_number > 2", "version_number") == ["3", "4"]
    assert versions(api, f"{among} AND version_number = '2'") == ["2"]
    assert versions(api, f"{among} AND run_id = 'r'") == ["4"]
    assert versions(api, f"{among} AND run_id IN ('r', 's')") == ["4"]
    assert versions(api, f"{among} AND source_path = 's3://bucket/one'") == ["1"]
    assert versions(api, f"{among} AND source_path LIKE 's3://%'", "version_number") == [
        "1",
        "2",
        "3",
    ]


def test_versions_by_tag(api: Api, model: str) -> None:
    among = f"name = '{model}'"

    assert versions(api, f"{among} AND tags.k = 'x'") == ["2"]
    assert versions(api, f"{among} AND tag.k != 'x'") == ["3"]
    assert versions(api, f"{among} AND tags.k LIKE '%'", "version_number") == ["2", "3"]


def test_the_order_of_versions(api: Api, model: str) -> None:
    among = f"name = '{model}'"
    ok(api.patch("model-versions/update", {"name": model, "version": "2", "description": "d"}))

    assert versions(api, among)[0] == "2"
    assert versions(api, among, "version_number ASC") == ["1", "2", "3", "4"]
    assert versions(api, among, "creation_timestamp", "version_number") == ["1", "2", "3", "4"]
    assert versions(api, among, "name", "version_number DESC") == ["4", "3", "2", "1"]


def test_a_found_version_is_whole(api: Api, model: str) -> None:
    build.point_alias(api, model, "champion", 2)

    found = ok(api.get("model-versions/search", {"filter": f"name = '{model}'"}))

    expected = [build.version(api, model, number) for number in (4, 3, 2, 1)]
    assert found["model_versions"] == expected


@pytest.mark.parametrize("order_by", [[], ["version_number"], ["name", "creation_timestamp DESC"]])
def test_pages_of_versions(api: Api, model: str, order_by: list[str]) -> None:
    query: dict[str, Any] = {"filter": f"name = '{model}'", "order_by": order_by}
    whole = ok(api.get("model-versions/search", query))["model_versions"]
    query["max_results"] = 1
    found = []
    while True:
        page = ok(api.get("model-versions/search", query))
        found += page.get("model_versions", [])
        if not page.get("next_page_token"):
            break
        query["page_token"] = page["next_page_token"]

    assert found == whole


def test_a_token_belongs_to_its_query(api: Api, model: str) -> None:
    page = ok(api.get("model-versions/search", {"filter": f"name = '{model}'", "max_results": 1}))
    token = page["next_page_token"]

    done_elsewhere = api.get("registered-models/search", {"page_token": token})

    refused(done_elsewhere, INVALID, "page_token") if not api.is_mlflow else None


# Prompts


def test_prompts_are_found_only_when_asked_for(api: Api) -> None:
    stem = build.unique()
    plain = build.add_registered(api, name=f"{stem}-a")
    prompt = build.add_registered(api, name=f"{stem}-b", tags=PROMPT)
    denied = [{"key": "mlflow.prompt.is_prompt", "value": "false"}]
    other = build.add_registered(api, name=f"{stem}-c", tags=denied)
    among = f"name LIKE '{stem}%'"

    assert models(api, among) == [plain, other]
    assert models(api, f"{among} AND {IS_PROMPT} != 'true'") == [plain, other]
    assert models(api, f"{among} AND {IS_PROMPT} = 'true'") == [prompt]
    assert models(api, f"{among} AND {IS_PROMPT} = 'false'") == [other]


def test_versions_of_prompts_are_found_only_when_asked_for(api: Api) -> None:
    prompt = build.add_registered(api, tags=PROMPT)
    build.add_version(api, prompt, source="dummy-source", tags=PROMPT)
    among = f"name = '{prompt}'"

    assert versions(api, among) == []
    assert versions(api, f"{among} AND {IS_PROMPT} = 'true'") == ["1"]
    assert versions(api, f"{among} AND {IS_PROMPT} != 'true'") == []


def test_becoming_a_prompt(api: Api) -> None:
    name = build.add_registered(api)
    mark = {"name": name, "key": "mlflow.prompt.is_prompt", "value": "true"}

    done(api.post("registered-models/set-tag", mark))
    assert models(api, f"name = '{name}'") == []
    done(api.delete("registered-models/delete-tag", mark))

    assert models(api, f"name = '{name}'") == [name]
