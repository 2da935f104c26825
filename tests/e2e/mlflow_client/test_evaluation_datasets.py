"""Evaluation data sets by the stock client: plain record keeping."""

from __future__ import annotations

MISSING = "RESOURCE_DOES_NOT_EXIST"


def test_records_are_merged_by_their_inputs(flow):
    found = flow("make_and_fill")

    assert found["found"]["name"] == found["name"]
    assert found["found"]["experiments"] == [found["experiment"]]
    assert found["found"]["tags"].items() >= {"purpose": "test", "ü": "ü"}.items()
    assert found["rows"] == [
        ["New?", None, None],
        ["What is 0 + 0?", 0, "easy"],
        *[[f"What is {i} + {i}?", 2 * i, None] for i in range(1, 5)],
    ]
    assert found["digest_is_text"]


def test_tags_links_and_search(flow):
    assert flow("tags_links_and_search") == {
        "in_first": ["one"],
        "in_second": ["one", "two"],
        "by_name": ["two", "one"],
        "by_tag": ["one"],
        "linked": True,
        "tags": {"kind": "b", "more": None},
        "after_delete": ["two"],
        "get_deleted": MISSING,
        "get_unknown": MISSING,
    }
