"""The canonical form of audit entries: anybody can write it again and come to the same hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import chain
from millrace.core.entities.audit import Act
from millrace.core.entities.entity import pairs
from millrace.core.entities.experiment import Experiment

ACT = Act(action="thing.change", actor="ada", at_ms=5)

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def linked(before: Any = None, after: Any = None, **act: Any) -> Any:
    made = Act(**{"action": "a", "actor": "ada", "at_ms": 5} | act)
    link = chain.linked(made, "thing", "1", before=before, after=after, previous=None)
    return link, chain.entry_of(link.text)


@given(st.dictionaries(st.text(min_size=1), plain, max_size=4), st.text())
def test_other_json_libraries_write_the_same_text(after: dict[str, Any], reason: str) -> None:
    link, _ = linked(after=after, reason=reason)

    again = json.dumps(
        json.loads(link.text), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert again.encode() == link.text
    assert link.hash == hashlib.sha256(bytes(32) + link.text).digest()


def test_each_hash_takes_in_the_one_before() -> None:
    first = chain.linked(ACT, "thing", "1", before=None, after=None, previous=None)
    second = chain.linked(ACT, "thing", "1", before=None, after=None, previous=first)

    assert (first.seq, second.seq) == (1, 2)
    assert second.hash == hashlib.sha256(first.hash + second.text).digest()


def test_only_what_differs_is_told() -> None:
    before = {"name": "a", "tags": {"x": "1", "y": "2"}, "n": 1}
    after = {"name": "b", "tags": {"x": "1", "z": "3"}, "n": 1}
    _, entry = linked(before, after)

    assert entry.changes == {
        "name": ("a", "b"),
        "tags.y": ("2", None),
        "tags.z": (None, "3"),
    }


def test_pairs_count_as_a_mapping() -> None:
    experiment = Experiment(
        experiment_id="1",
        name="e",
        artifact_location="s3://b",
        lifecycle_stage="active",
        tag_list=pairs({"team": "risk"}),
    )

    assert chain.flat(experiment) == {
        "experiment_id": "1",
        "name": "e",
        "artifact_location": "s3://b",
        "lifecycle_stage": "active",
        "tags.team": "risk",
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (2**53 - 1, 2**53 - 1),
        (True, True),
        ([1, 0.5, {"a": 1e300}], [1, "0.5", {"a": "1e+300"}]),
    ],
)
def test_numbers_that_readers_disagree_about_are_text(value: Any, told: Any) -> None:
    assert chain.flat({"x": value}) == {"x": told}


def test_a_long_text_is_told_by_its_digest() -> None:
    text = "x" * (chain.LONGEST_VALUE + 1)
    _, entry = linked(after={"short": text[1:], "long": text})

    digest = hashlib.sha256(text.encode()).hexdigest()
    assert entry.changes["short"] == (None, text[1:])
    assert entry.changes["long"] == (None, f"sha256:{digest} (1001 characters)")


def test_a_very_long_id_is_told_by_its_digest() -> None:
    link = chain.linked(ACT, "thing", "i" * 600, before=None, after=None, previous=None)

    assert chain.entry_of(link.text).id.endswith("(600 characters)")
