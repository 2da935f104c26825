"""Evaluation data sets: odd records are refused or kept, and no change undoes another."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from millrace.core.errors import Conflict, InvalidArgument
from millrace.services.platform import Platform
from tests.contract import build
from tests.unit.services.conftest import Call


def new_dataset(call: Call, **fields: object) -> str:
    dataset_id: str = call("createDataset", name="questions", **fields).dataset.dataset_id
    return dataset_id


def put(call: Call, dataset_id: str, *records: object) -> tuple[int, int]:
    done = call("upsertDatasetRecords", dataset_id=dataset_id, records=json.dumps(records))
    return done.inserted_count, done.updated_count


def records_of(call: Call, dataset_id: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        call("getDatasetRecords", dataset_id=dataset_id).records
    )
    return found


@pytest.mark.parametrize(
    "source",
    [
        {"source_type": "TRACE", "source_data": {"trace_id": 5}},
        {"source_type": 7, "source_data": {"trace_id": {"a": 1}}},
        {"source_type": "TRACE", "source_data": {"trace_id": None}},
        {"source_type": "TRACE", "source_data": ["trace_id"]},
        {"source_type": "TRACE", "source_data": "x"},
        {"source_data": 0},
        {},
    ],
    ids=str,
)
def test_a_record_from_an_odd_source_can_be_read_again(call: Call, source: object) -> None:
    """One that could not would take its whole data set with it."""
    dataset = new_dataset(call)

    counts = put(call, dataset, {"inputs": {"q": 1}, "source": source})

    (record,) = records_of(call, dataset)
    assert counts == (1, 0)
    assert record["source"] == (source or None)
    assert record["source_id"] is None


def test_a_record_names_the_trace_that_it_comes_from(call: Call) -> None:
    dataset = new_dataset(call)
    source = {"source_type": "TRACE", "source_data": {"trace_id": "tr-1"}}

    put(call, dataset, {"inputs": {"q": 1}, "source": source})

    (record,) = records_of(call, dataset)
    assert (record["source_id"], record["source_type"]) == ("tr-1", "TRACE")


def test_equal_inputs_are_one_record_in_whatever_order_their_keys_are(call: Call) -> None:
    dataset = new_dataset(call)

    counts = [
        put(call, dataset, {"inputs": inputs}) for inputs in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    ]

    assert counts == [(1, 0), (0, 1)]
    assert len(records_of(call, dataset)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no JSON", "list of objects"),
        ("{}", "list of objects"),
        ("[1]", "list of objects"),
        ('["a"]', "list of objects"),
        ("[{}]", r"records\[0\] has no object 'inputs'"),
        ('[{"inputs": {}}, {"inputs": []}]', r"records\[1\] has no object 'inputs'"),
        ('[{"inputs": {}, "tags": [1]}]', r"'tags' of records\[0\]"),
        ('[{"inputs": {}, "expectations": "x"}]', r"'expectations' of records\[0\]"),
        ('[{"inputs": {}, "source": 1}]', r"'source' of records\[0\]"),
    ],
)
def test_records_that_are_none(call: Call, text: str, told: str) -> None:
    dataset = new_dataset(call)

    with pytest.raises(InvalidArgument, match=told):
        call("upsertDatasetRecords", dataset_id=dataset, records=text)

    assert records_of(call, dataset) == []


@pytest.mark.parametrize("text", ["no JSON", '{"num_records": "many"}', '{"inputs": 3}', "[]"])
def test_an_odd_profile_or_schema_does_not_keep_records_out(call: Call, text: str) -> None:
    dataset = new_dataset(call, profile=text, schema=text)

    put(call, dataset, {"inputs": {"q": 1}})

    found = call("getDataset", dataset_id=dataset).dataset
    assert json.loads(found.profile)["num_records"] == 1
    assert json.loads(found.schema)["inputs"] == {"q": "integer"}


def test_changes_made_at_once_are_all_there(call: Call) -> None:
    """Tags, experiments and records share one stored record; none may overwrite another's part."""
    dataset = new_dataset(call, tags='{"gone": "1"}')
    homes = [call("createExperiment", name=f"e{number}").experiment_id for number in range(6)]

    def change(number: int) -> None:
        tags = json.dumps({f"t{number}": "x"})
        call("setDatasetTags", dataset_id=dataset, tags=tags)
        call("addDatasetToExperiments", dataset_id=dataset, experiment_ids=[homes[number]])
        put(call, dataset, {"inputs": {"q": number}})
        call("deleteDatasetTag", dataset_id=dataset, key="gone")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(change, range(6)))

    found = call("getDataset", dataset_id=dataset).dataset
    assert json.loads(found.tags) == {f"t{number}": "x" for number in range(6)}
    assert sorted(found.experiment_ids) == sorted(homes)
    assert json.loads(found.profile)["num_records"] == 6


def test_a_change_of_what_was_seen_before_another_change_is_refused(platform: Platform) -> None:
    store = platform.stores.evaluation
    seen = store.add_dataset(build.new_dataset()).result()
    store.change_dataset(msgspec.structs.replace(seen, name="b")).result()

    with pytest.raises(Conflict):
        store.change_dataset(msgspec.structs.replace(seen, name="c"), seen=seen).result()

    now = store.dataset(seen.dataset_id)
    assert now is not None
    assert now.name == "b"
    assert (
        store.change_dataset(msgspec.structs.replace(now, name="c"), seen=now).result().name == "c"
    )
