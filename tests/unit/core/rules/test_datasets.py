"""Data sets: limits of inputs, and how evaluation data sets follow their records."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.entities.dataset import Dataset, EvaluationDataset, EvaluationRecord
from millrace.core.errors import InvalidArgument
from millrace.core.rules import datasets, limits
from millrace.core.rules.datasets import described, merged

LIMITS = {
    "name": limits.DATASET_NAME_LENGTH,
    "digest": limits.DATASET_DIGEST_LENGTH,
    "source": limits.DATASET_SOURCE_LENGTH,
    "schema": limits.DATASET_SCHEMA_LENGTH,
    "profile": limits.DATASET_PROFILE_LENGTH,
}


def new_dataset(**fields: Any) -> EvaluationDataset:
    known = {"dataset_id": "d-1", "name": "n", "digest": "0", "created_time": 1}
    return EvaluationDataset(**known | {"last_update_time": 10} | fields)


def record(inputs: object, **fields: Any) -> EvaluationRecord:
    texts = {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in fields.items()
    }
    known = {"dataset_record_id": "dr-1", "dataset_id": "d-1", "created_time": 1}
    known |= {"last_update_time": 1, "inputs": json.dumps(inputs)}
    return EvaluationRecord(**known | texts)


@pytest.mark.parametrize(("field", "limit"), LIMITS.items())
def test_each_field_of_an_input_has_its_limit(field: str, limit: int) -> None:
    whole = Dataset(name="n", digest="d", source="s")
    fits = msgspec.structs.replace(whole, **{field: "ü" * limit})
    too_long = msgspec.structs.replace(whole, **{field: "ü" * limit + "!"})

    assert datasets.dataset(fits) is fits
    with pytest.raises(InvalidArgument, match=f"dataset.{field}.* {limit} .* has {limit + 1}"):
        datasets.dataset(too_long)


def test_absent_fields_of_an_input_are_within_every_limit() -> None:
    bare = Dataset(name="", digest="")

    assert datasets.dataset(bare) is bare


def test_a_tag_of_an_input_has_limits() -> None:
    key, value = "k" * limits.INPUT_TAG_KEY_LENGTH, "v" * limits.INPUT_TAG_VALUE_LENGTH

    found = datasets.input_tag(key, value)

    assert (found.key, found.value) == (key, value)
    assert datasets.input_tag("k", None).value == ""
    for bad in ((key + "k", value), (key, value + "v")):
        with pytest.raises(InvalidArgument):
            datasets.input_tag(*bad)


# --- records of one and the same inputs ----------------------------------------------------------


def test_what_is_given_replaces_and_what_is_not_stays() -> None:
    old = record({"q": 1}, outputs={"a": 1}, source={"x": 1}, source_id="s1", created_by="ada")
    new = record({"q": 1}, outputs={"b": 2}, dataset_record_id="dr-2", created_by="bob")
    new = msgspec.structs.replace(new, created_time=9, last_update_time=9, last_updated_by="bob")

    found = merged(old, new)

    assert json.loads(found.outputs or "") == {"b": 2}
    assert (found.source, found.source_id) == (old.source, "s1")
    assert (found.dataset_record_id, found.created_time, found.created_by) == ("dr-1", 1, "ada")
    assert (found.last_update_time, found.last_updated_by) == (9, "bob")


@pytest.mark.parametrize("field", ["expectations", "tags"])
def test_keys_of_expectations_and_tags_join(field: str) -> None:
    old, new = record({}, **{field: {"a": 1, "b": 1}}), record({}, **{field: {"b": 2, "c": 3}})

    assert json.loads(getattr(merged(old, new), field)) == {"a": 1, "b": 2, "c": 3}
    assert json.loads(getattr(merged(record({}), new), field)) == {"b": 2, "c": 3}
    assert getattr(merged(old, record({})), field) == getattr(old, field)


# --- what a data set says of its records ---------------------------------------------------------


def test_a_data_set_counts_its_records_and_names_their_fields() -> None:
    values = {"t": True, "i": 1, "f": 1.5, "s": "", "a": [], "o": {}, "n": None}
    kinds = {"t": "boolean", "i": "integer", "f": "float", "s": "string", "a": "array"}
    kinds |= {"o": "object", "n": "null"}
    records = [record(values, outputs={"y": 1}, last_update_time=50), record({"z": 1})]

    found = described(new_dataset(), records, added=2)

    assert json.loads(found.profile or "") == {"num_records": 2}
    schema = json.loads(found.schema or "")
    assert schema["inputs"] == kinds | {"z": "integer"}
    assert schema["outputs"] == {"y": "integer"}
    assert found.last_update_time == 50


def test_a_description_goes_on_from_the_one_before() -> None:
    first = described(new_dataset(profile='{"mine": 1}'), [record({"a": 1})], added=1)
    second = described(first, [record({"b": "x"}), record({"a": "now text"})], added=2)
    third = described(second, (), added=-3)

    assert json.loads(second.profile or "") == {"mine": 1, "num_records": 3}
    assert json.loads(second.schema or "")["inputs"] == {"a": "string", "b": "string"}
    assert json.loads(third.profile or "")["num_records"] == 0
    assert third.last_update_time == 10
    assert len({new_dataset().digest, first.digest, second.digest, third.digest}) == 4


@pytest.mark.parametrize(
    "text",
    [
        "no JSON", "[]", "3", "null", '"x"', "", '{"num_records": "many"}', '{"num_records": null}',
        '{"num_records": [1]}', '{"num_records": 1e300}', '{"num_records": true}', '{"inputs": 3}',
        '{"inputs": ["a"]}', '{"inputs": null, "outputs": "x"}',
    ],
)  # fmt: skip
def test_odd_descriptions_are_begun_anew(text: str) -> None:
    """Schema and profile may hold any text of a client's; records must still go in."""
    found = described(new_dataset(profile=text, schema=text), [record({"a": 1})], added=1)

    assert json.loads(found.profile or "")["num_records"] == 1
    assert json.loads(found.schema or "")["inputs"] == {"a": "integer"}


@given(rows=st.lists(st.dictionaries(st.text(max_size=2), st.integers(0, 3)), max_size=4))
def test_other_contents_have_another_digest(rows: list[dict[str, int]]) -> None:
    records = [record(row) for row in rows]
    found = described(new_dataset(), records, added=len(rows))
    more = described(new_dataset(), [*records, record({"new": 1})], added=len(rows) + 1)

    assert 1 <= len(found.digest) <= limits.DATASET_DIGEST_LENGTH
    assert found.digest != more.digest
