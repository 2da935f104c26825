"""The model registry by the stock client, on each database."""

from __future__ import annotations

import json

MISSING = "RESOURCE_DOES_NOT_EXIST"
INVALID = "INVALID_PARAMETER_VALUE"
EXISTS = "RESOURCE_ALREADY_EXISTS"


def test_models(flow):
    assert flow("models") == {
        "name": [True, True],
        "description": ["of *digits*", "of **digits**"],
        "tags": {"team": "a", "k": "v"},
        "taken": EXISTS,
        "old": MISSING,
        "gone": MISSING,
        "bad": INVALID,
    }


def test_versions(flow):
    found = flow("versions")

    assert found["first"] == {
        "name": found["model"],
        "version": "1",
        "stage": "None",
        "source": "s3://bucket/one",
        "run_id": "",
        "status": "READY",
        "description": "first",
        "tags": {"a": "1"},
        "aliases": [],
    }
    assert (found["second"]["version"], found["second"]["tags"]) == ("2", {"k": "v"})
    assert (found["description"], found["uri"]) == ("better", "s3://bucket/one")
    assert (found["gone"], found["third"]) == (MISSING, "3")
    assert (found["outside"], found["of_nobody"]) == (INVALID, MISSING)


def test_stages_and_aliases(flow):
    assert flow("stages_and_aliases") == {
        "latest": {"Archived": "1", "Production": "2", "None": "3"},
        "production": [2],
        "by_alias": ["2", ["champion"]],
        "aliases": {"champion": "2", "other": "3"},
        "left": ["champion"],
        "unknown_alias": INVALID,
        "unknown_stage": INVALID,
    }


def test_copies(flow):
    assert flow("copies") == {"copy": True, "again": "2", "uri": "s3://bucket/m"}


def test_a_logged_model_is_registered(flow):
    found = flow("register_a_logged_model")

    noted = json.loads(found.pop("noted"))
    assert found == {
        "experiment": True,
        "versions": [1, 2],
        "source": True,
        "run": True,
        "tags": {"a": "1"},
        "uri": True,
    }
    assert {(one["name"], int(one["version"])) for one in noted} == {("NAME", 1), ("NAME", 2)}


def test_search(flow):
    assert flow("search") == {
        "models": ["a", "b", "c", "d"],
        "by_tag": ["b", "d"],
        "descending": ["d", "c", "b", "a"],
        "pages": [3, 1],
        "versions": ["b1", "c2", "c1", "d3", "d2", "d1"],
        "by_place": ["c2", "d2"],
        "by_source": ["d3"],
        "latest_of_found": [[3]],
        "bad": INVALID,
    }


def test_prompts(flow):
    assert flow("prompts") == {
        "versions": [1, 2],
        "first": "Say hi.",
        "best": ["Shout hi!", "loud"],
        "message": "first",
        "found": True,
        "no_model": [],
        "taken": EXISTS,
        "missing": None,
    }


def test_a_run_is_registered(flow):
    assert flow("runs_that_are_registered") == {"source": True, "uri": True, "other_run": INVALID}


def test_models_are_logged_and_loaded(flow):
    assert flow("models_that_are_logged_and_loaded") == {
        "registered": "1",
        "of": [True, True],
        "second": ["2", True],
        "by_number": [[11, 12], [21, 22]],
        "by_alias": [11, 12],
        "by_stage": [21, 22],
        "latest": [21, 22],
    }
