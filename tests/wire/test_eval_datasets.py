"""Evaluation data sets: records travel as JSON text and are merged by their inputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, ok, refused
from tests.wire.marks import differs

ROOT = "/api/3.0/mlflow/datasets"
NO_DATASET = "d-" + "f" * 32


def create(api: Api, **fields: object) -> dict[str, Any]:
    message = {"name": build.unique("data"), **fields}
    return dict(ok(api.post(f"{ROOT}/create", message))["dataset"])


def get(api: Api, dataset: str) -> dict[str, Any]:
    return dict(ok(api.get(f"{ROOT}/{dataset}"))["dataset"])


def upsert(api: Api, dataset: str, *records: object) -> tuple[int, int]:
    """Add or merge records; returns how many were inserted and updated."""
    message = {"records": json.dumps(records)}
    counts = ok(api.post(f"{ROOT}/{dataset}/records", message))
    return counts["inserted_count"], counts["updated_count"]


def records(api: Api, dataset: str, **asked: object) -> list[dict[str, Any]]:
    return list(json.loads(ok(api.get(f"{ROOT}/{dataset}/records", asked))["records"]))


def experiments(api: Api, dataset: str) -> list[str]:
    return list(ok(api.get(f"{ROOT}/{dataset}/experiment-ids")).get("experiment_ids", []))


@pytest.fixture
def dataset(api: Api) -> str:
    return str(create(api)["dataset_id"])


# The data set itself


def test_a_dataset_of_defaults(api: Api) -> None:
    made = create(api)

    assert made["dataset_id"].startswith("d-")
    assert json.loads(made["tags"]) == {}
    assert isinstance(made["digest"], str)
    assert made["created_time"] == made["last_update_time"] > 0
    assert "experiment_ids" not in made
    assert get(api, made["dataset_id"]) == made


def test_a_dataset_with_tags_and_experiments(api: Api, experiment: str) -> None:
    made = create(api, experiment_ids=[experiment], tags=json.dumps({"a": "1", "ü": "x"}))

    assert json.loads(made["tags"]) == {"a": "1", "ü": "x"}
    assert made["experiment_ids"] == [experiment]
    assert experiments(api, made["dataset_id"]) == [experiment]


def test_names_may_repeat(api: Api) -> None:
    name = build.unique("data")

    assert create(api, name=name)["dataset_id"] != create(api, name=name)["dataset_id"]


@differs("tags are a JSON object of strings, told before anything is made")
@pytest.mark.parametrize("tags", ["x", "[]", "5", '{"a": 1}', '{"a": {}}', '{"a": "1", "a": "2"}'])
def test_bad_tags_at_creation(api: Api, tags: str) -> None:
    name = build.unique("data")

    refused(api.post(f"{ROOT}/create", {"name": name, "tags": tags}), INVALID, "tags")

    asked = {"filter_string": f"name = '{name}'"}
    assert ok(api.post(f"{ROOT}/search", asked)) == {}


@differs("a data set belongs to experiments that exist")
@pytest.mark.parametrize(("experiment", "code"), [("987654321", MISSING), ("x", INVALID)])
def test_unknown_experiments_at_creation(api: Api, experiment: str, code: str) -> None:
    message = {"name": build.unique("data"), "experiment_ids": [experiment]}

    refused(api.post(f"{ROOT}/create", message), code, experiment)


def test_a_deleted_dataset_is_gone(api: Api, dataset: str) -> None:
    upsert(api, dataset, {"inputs": {"q": 1}})
    for _ in range(2):
        done(api.delete(f"{ROOT}/{dataset}"))

    refused(api.get(f"{ROOT}/{dataset}"), MISSING, dataset)


# Tags


def set_tags(api: Api, dataset: str, tags: dict[str, object]) -> None:
    ok(api.patch(f"{ROOT}/{dataset}/tags", {"tags": json.dumps(tags)}))


def test_tags_are_set_replaced_and_deleted(api: Api, dataset: str) -> None:
    set_tags(api, dataset, {"a": "1", "b": "2"})
    set_tags(api, dataset, {"a": "3"})
    assert json.loads(get(api, dataset)["tags"]) == {"a": "3", "b": "2"}

    done(api.delete(f"{ROOT}/{dataset}/tags/a"))

    assert json.loads(get(api, dataset)["tags"]) == {"b": "2"}


def test_deleting_an_unknown_tag_is_fine(api: Api, dataset: str) -> None:
    done(api.delete(f"{ROOT}/{dataset}/tags/none"))


@differs("tags that are no JSON object are refused")
@pytest.mark.parametrize("tags", ["x", "[]", "5", '{"a": {}}', '{"a": 1}'])
def test_bad_tags(api: Api, dataset: str, tags: str) -> None:
    refused(api.patch(f"{ROOT}/{dataset}/tags", {"tags": tags}), INVALID, "tags")

    assert json.loads(get(api, dataset)["tags"]) == {}


# Records


def test_a_record_comes_back_whole(api: Api, dataset: str) -> None:
    given = {
        "inputs": {"q": "a", "n": [1, {"x": None}]},
        "expectations": {"e": 1.5},
        "outputs": {"o": True},
        "tags": {"t": "1"},
        "source": {"source_type": "HUMAN", "source_data": {"user": "me"}},
    }
    assert upsert(api, dataset, given) == (1, 0)

    (record,) = records(api, dataset)

    assert record["dataset_record_id"].startswith("dr-")
    assert record["dataset_id"] == dataset
    assert {part: record[part] for part in given} == given
    assert record["source_type"] == "HUMAN"
    assert record["created_time"] == record["last_update_time"] > 0


def test_equal_inputs_are_merged(api: Api, dataset: str) -> None:
    first = {"inputs": {"q": "a", "r": 1}, "expectations": {"e": 1}, "tags": {"t": "1"}}
    again = {"inputs": {"r": 1, "q": "a"}, "expectations": {"e": 2, "f": 3}, "tags": {"u": "2"}}
    assert upsert(api, dataset, first, {"inputs": {"q": "b"}}) == (2, 0)

    assert upsert(api, dataset, again, {"inputs": {"q": "c"}}) == (1, 1)

    merged = next(item for item in records(api, dataset) if item["inputs"] == first["inputs"])
    assert merged["expectations"] == {"e": 2, "f": 3}
    assert merged["tags"] == {"t": "1", "u": "2"}
    assert len(records(api, dataset)) == 3


def test_records_change_the_dataset(api: Api, dataset: str) -> None:
    before = get(api, dataset)
    upsert(api, dataset, {"inputs": {"q": "a"}, "expectations": {"e": 1}})

    after = get(api, dataset)

    assert json.loads(after["profile"])["num_records"] == 1
    schema = json.loads(after["schema"])
    assert schema["inputs"] == {"q": "string"}
    assert schema["expectations"] == {"e": "integer"}
    assert after["digest"] != before["digest"]
    assert after["last_update_time"] >= before["last_update_time"]


def test_no_records_is_an_empty_list(api: Api, dataset: str) -> None:
    assert upsert(api, dataset) == (0, 0)
    assert records(api, dataset) == []


@pytest.mark.parametrize("size", [1, 2, 4, 5, 100])
def test_records_in_pages(api: Api, dataset: str, size: int) -> None:
    for number in range(5):
        upsert(api, dataset, {"inputs": {"q": number}})
    seen: list[int] = []
    token: str | None = ""
    pages = 0
    while token is not None:
        asked = {"max_results": size} | ({"page_token": token} if token else {})
        page = ok(api.get(f"{ROOT}/{dataset}/records", asked))
        seen += [item["inputs"]["q"] for item in json.loads(page["records"])]
        token, pages = page.get("next_page_token"), pages + 1
        assert pages < 10

    assert sorted(seen) == list(range(5))


@differs("records are a JSON list of objects with inputs, and refused whole")
@pytest.mark.parametrize(
    "text", ["x", "{}", "5", "[5]", '[{"inputs": 5}]', '["x"]', "[{}]", "[null]"]
)
def test_bad_records(api: Api, dataset: str, text: str) -> None:
    message = {"records": text}

    refused(api.post(f"{ROOT}/{dataset}/records", message))

    assert records(api, dataset) == []


@differs("MLflow answers 500")
@pytest.mark.parametrize("asked", [{"max_results": -1}, {"max_results": "x"}, {"page_token": "x"}])
def test_bad_pages_of_records(api: Api, dataset: str, asked: dict[str, object]) -> None:
    refused(api.get(f"{ROOT}/{dataset}/records", asked), INVALID, *asked)


def test_records_are_deleted_by_id(api: Api, dataset: str) -> None:
    upsert(api, dataset, {"inputs": {"q": "a"}}, {"inputs": {"q": "b"}})
    first, second = (item["dataset_record_id"] for item in records(api, dataset))
    message = {"dataset_record_ids": [first]}

    counts = [
        ok(api.delete(f"{ROOT}/{dataset}/records", message))["deleted_count"] for _ in range(2)
    ]

    assert counts == [1, 0]
    assert [item["dataset_record_id"] for item in records(api, dataset)] == [second]


def test_records_of_another_dataset_are_not_deleted(api: Api, dataset: str) -> None:
    other = create(api)["dataset_id"]
    upsert(api, other, {"inputs": {"q": "a"}})
    message = {"dataset_record_ids": [records(api, other)[0]["dataset_record_id"]]}

    assert ok(api.delete(f"{ROOT}/{dataset}/records", message))["deleted_count"] == 0

    assert len(records(api, other)) == 1


# Experiments


def test_a_dataset_joins_and_leaves_experiments(api: Api, experiment: str) -> None:
    dataset = create(api, experiment_ids=[experiment])["dataset_id"]
    other = build.add_experiment(api)
    for _ in range(2):
        ok(api.post(f"{ROOT}/{dataset}/add-experiments", {"experiment_ids": [other]}))
    assert sorted(experiments(api, dataset)) == sorted([experiment, other])

    for _ in range(2):
        ok(api.post(f"{ROOT}/{dataset}/remove-experiments", {"experiment_ids": [experiment]}))

    assert experiments(api, dataset) == [other]


def test_joining_an_unknown_experiment(api: Api, dataset: str) -> None:
    message = {"experiment_ids": ["987654321"]}

    refused(api.post(f"{ROOT}/{dataset}/add-experiments", message), MISSING, "987654321")

    assert experiments(api, dataset) == []


def test_leaving_an_unknown_experiment_is_fine(api: Api, dataset: str) -> None:
    ok(api.post(f"{ROOT}/{dataset}/remove-experiments", {"experiment_ids": ["987654321"]}))


# Search


def search(api: Api, **asked: object) -> list[str]:
    found = ok(api.post(f"{ROOT}/search", asked)).get("datasets", [])
    return [item["name"] for item in found]


@pytest.fixture(scope="module")
def shelf(api: Api) -> tuple[str, str]:
    """An experiment with data sets whose names end in 1 (oldest) to 3, and their common start."""
    experiment, start = build.add_experiment(api), build.unique("shelf")
    for number in "123":
        create(
            api,
            name=f"{start}{number}",
            experiment_ids=[experiment],
            tags=json.dumps({"n": number}),
        )
    return experiment, start


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ({"order_by": ["name"]}, "123"),
        ({"order_by": ["name DESC"]}, "321"),
        ({"order_by": ["created_time ASC"]}, "123"),
        ({"order_by": ["created_time DESC"], "max_results": 2}, "32"),
        ({"filter_string": "tags.n = '2'"}, "2"),
        ({"filter_string": "tags.n != '2'", "order_by": ["name"]}, "13"),
        ({"filter_string": "name LIKE '%1'"}, "1"),
        ({"filter_string": "name ILIKE 'SHELF%2'"}, "2"),
        ({"filter_string": "created_time > 0", "order_by": ["name"]}, "123"),
        ({"filter_string": "last_update_time < 5"}, ""),
        ({"filter_string": "name = 'none'"}, ""),
    ],
    ids=str,
)
def test_searches(api: Api, shelf: tuple[str, str], asked: dict[str, object], ends: str) -> None:
    experiment, start = shelf

    assert search(api, experiment_ids=[experiment], **asked) == [start + end for end in ends]


def test_search_by_get(api: Api, shelf: tuple[str, str]) -> None:
    experiment, start = shelf
    asked = {"experiment_ids": experiment, "filter_string": f"name = '{start}1'"}

    found = ok(api.get(f"{ROOT}/search", asked))["datasets"]

    assert [item["name"] for item in found] == [f"{start}1"]


def test_search_in_all_experiments(api: Api, shelf: tuple[str, str]) -> None:
    _, start = shelf

    assert sorted(search(api, filter_string=f"name LIKE '{start}%'")) == [start + n for n in "123"]


def test_search_pages_join(api: Api, shelf: tuple[str, str]) -> None:
    experiment, start = shelf
    message: dict[str, object] = {
        "experiment_ids": [experiment],
        "max_results": 1,
        "order_by": ["name"],
    }
    pages = [ok(api.post(f"{ROOT}/search", message))]
    while token := pages[-1].get("next_page_token"):
        pages.append(ok(api.post(f"{ROOT}/search", message | {"page_token": token})))

    names = [item["name"] for page in pages for item in page.get("datasets", [])]
    assert names == [start + number for number in "123"]


@pytest.mark.parametrize(
    "asked",
    [
        {"filter_string": "bogus = 'x'"},
        {"filter_string": "name = 'a' name = 'b'; x"},
        {"filter_string": "name"},
        {"order_by": ["bogus"]},
        {"order_by": ["name UP"]},
        {"max_results": 0},
        {"max_results": -1},
        {"max_results": 50_001},
        {"page_token": "garbage"},
    ],
    ids=str,
)
def test_bad_searches(api: Api, asked: dict[str, object]) -> None:
    refused(api.post(f"{ROOT}/search", asked))
