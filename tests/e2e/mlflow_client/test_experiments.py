"""Experiments by the stock client: made, found, tagged, renamed, deleted, restored, searched."""

from __future__ import annotations

import pytest

MISSING = "RESOURCE_DOES_NOT_EXIST"
INVALID = "INVALID_PARAMETER_VALUE"
TAKEN = "RESOURCE_ALREADY_EXISTS"


def test_a_new_name_makes_an_experiment(flow):
    found = flow("set_new_experiment")

    assert found["experiment"]["name"] == found["name"]
    assert found["experiment"]["lifecycle_stage"] == "active"
    assert found["experiment"]["tags"] == {}
    assert flow.calls("set_new_experiment") == [
        "GET experiments/get-by-name 404",
        "POST experiments/create 200",
        "GET experiments/get 200",
    ]


def test_a_known_name_finds_its_experiment(flow):
    found = flow("set_existing_experiment")

    assert found["by_name"] == found["made"]
    assert flow.calls("set_existing_experiment")[1:] == ["GET experiments/get-by-name 200"]


def test_an_id_finds_its_experiment(flow):
    found = flow("set_experiment_by_id")

    assert found["by_id"] == found["made"]


def test_there_is_a_default_experiment(flow):
    assert flow("default_experiment") == {"name": "Default", "id": "0"}


def test_everything_given_at_creation_comes_back(flow):
    found = flow("create_with_everything")

    assert found["by_id"]["name"] == found["name"]
    assert found["by_id"]["tags"] == found["tags"]
    assert found["by_id"]["artifact_location"] == "s3://bucket/some/where"
    assert found["by_id"]["creation_time"] == found["by_id"]["last_update_time"] > 0
    assert found["by_name"] == found["by_id"]


def test_artifacts_of_a_run_lie_below_those_of_its_experiment(flow):
    found = flow("default_artifact_location")

    assert found["at"].endswith(f"/{found['id']}")
    assert found["run_at"] == f"{found['at']}/{found['run_id']}/artifacts"


def test_renaming_and_tagging(flow):
    found = flow("rename_and_tags")

    assert found["after"]["name"] == found["wanted"]
    assert found["after"]["tags"] == {"stage": "second", "other": "17"}
    assert not found["old_name_found"]
    assert found["time_moved"]
    assert found["created_kept"]


def test_tags_of_the_active_experiment(flow):
    assert flow("fluent_tags") == {"tags": {"one": "1", "two": "2", "three": "3"}, "fresh": {}}


def test_deleting_and_restoring_takes_the_runs_along(flow):
    assert flow("delete_and_restore") == {
        "deleted": "deleted",
        "deleted_run": "deleted",
        "listed_active_deleted_all": [False, True, True],
        "restored": "active",
        "restored_run": "active",
        "name_kept": True,
    }


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        ("create_taken_name", TAKEN),
        ("create_name_of_deleted", TAKEN),
        ("create_long_name", INVALID),
        ("create_runs_location", INVALID),
        ("create_fragment_location", INVALID),
        ("get_unknown", MISSING),
        ("get_not_a_number", INVALID),
        ("by_unknown_name", None),
        ("rename_unknown", MISSING),
        ("delete_unknown", MISSING),
        ("delete_twice", MISSING),
        ("restore_active", MISSING),
        ("tag_deleted", INVALID),
        ("tag_unknown", MISSING),
        ("tag_long_key", INVALID),
        ("tag_long_value", INVALID),
        ("tag_longest_value", None),
        ("delete_tag_unknown", MISSING),
        ("run_in_deleted", INVALID),
        ("run_in_unknown", MISSING),
        ("set_deleted", INVALID),
        ("search_bad_filter", INVALID),
        ("search_bad_order", INVALID),
    ],
)
def test_refusals_carry_their_code(flow, attempt, code):
    assert flow("refusals")[attempt] == code


def test_search(flow):
    found = flow("search")

    default_order = found.pop("default_order")
    assert default_order == sorted(default_order)
    assert found == {
        "all": ["Alpha", "alpine", "beta-2", "beta_1"],
        "like": ["alpine"],
        "ilike": ["Alpha", "alpine"],
        "underscore": ["beta_1"],
        "equal": ["Alpha"],
        "not_equal": ["alpine", "beta-2", "beta_1"],
        "id": ["alpine"],
        "ids": ["alpine", "beta_1"],
        "not_ids": ["Alpha", "beta-2"],
        "tag": ["Alpha"],
        "tag_not": ["alpine", "beta_1"],
        "tag_ilike": ["Alpha", "alpine"],
        "tag_null": ["beta-2"],
        "tag_not_null": ["Alpha", "alpine", "beta_1"],
        "odd_key": ["beta_1"],
        "created_until": ["Alpha", "alpine", "beta-2", "beta_1"],
        "created_after": [],
        "two": ["Alpha"],
        "by_name_down": ["beta_1", "beta-2", "alpine", "Alpha"],
        "by_id": ["Alpha", "alpine", "beta_1", "beta-2"],
        "by_created_then_name": ["Alpha", "alpine", "beta_1", "beta-2"],
    }


def test_pages(flow):
    assert flow("search_in_pages") == {
        "pages": [[0, 1, 2], [3, 4, 5], [6]],
        "everything": [0, 1, 2, 3, 4, 5, 6],
    }
