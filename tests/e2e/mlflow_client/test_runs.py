"""Runs by the stock client: from start to end, and everything one may say of them."""

from __future__ import annotations

import re

import pytest

MISSING = "RESOURCE_DOES_NOT_EXIST"
INVALID = "INVALID_PARAMETER_VALUE"


def test_a_run_is_running_inside_its_block_and_finished_after_it(flow):
    found = flow("with_block")

    started, after = found["started"], found["after"]
    assert re.fullmatch(r"[0-9a-f]{32}", started["run_id"])
    assert re.fullmatch(r"\w+-\w+-\d+", started["run_name"])
    assert started["experiment_id"] == found["experiment"]
    assert (started["status"], started["end_time"]) == ("RUNNING", None)
    assert found["inside"] == started
    assert after["status"] == "FINISHED"
    assert after["end_time"] >= started["start_time"] > 0
    assert {**after, "status": "RUNNING", "end_time": None} == started
    assert found["tags"]["mlflow.user"] == started["user_id"]
    assert found["tags"]["mlflow.runName"] == started["run_name"]
    assert found["tags"]["mlflow.source.type"] == "LOCAL"
    assert found["last_active"] == started["run_id"]


def test_name_tags_and_description_given_at_the_start(flow):
    found = flow("start_run_with_everything")

    assert found["name"] == "näme 名前"
    assert (
        found["tags"].items()
        >= {
            "a": "1",
            "b/c d": "ü",
            "n": "5",
            "mlflow.runName": "näme 名前",
            "mlflow.note.content": "What\nit is",
        }.items()
    )


def test_an_exception_fails_the_run_and_keeps_what_it_logged(flow):
    found = flow("body_that_raises")

    assert found["status"] == "FAILED"
    assert found["end_time"] > 0
    assert found["data"] == {"seen": "0.5"}


def test_every_status_may_be_set(flow):
    states = ["RUNNING", "KILLED", "SCHEDULED", "FAILED", "FINISHED", "RUNNING"]

    assert flow("every_status") == states


def test_ending_a_run_by_hand(flow):
    assert flow("ended_by_hand") == {"status": "KILLED", "active": None}


def test_resuming_a_run_adds_to_it(flow):
    assert flow("resume") == {
        "same": True,
        "during": "RUNNING",
        "status": "FINISHED",
        "name": "kept",
        "params": {"a": "1", "b": "2"},
        "metric": {"m": 2.0},
        "start_kept": True,
        "ended_later": True,
    }


def test_nested_runs_know_their_parents(flow):
    found = flow("nested")

    assert found["found"] == found["children"]
    assert found["parents"] == 1
    assert found["parent_of_grandchild"] == found["children"][-1]
    assert found["no_parent"] is None
    assert found["statuses"] == ["FINISHED"]


def test_runs_made_by_the_client(flow):
    found = flow("create_run_by_client")

    plain, told = found["plain"], found["told"]
    assert plain["info"]["status"] == "RUNNING"
    assert plain["info"]["start_time"] > 1_600_000_000_000
    assert plain["tags"] == {"mlflow.runName": plain["info"]["run_name"]}
    assert (
        told["info"].items()
        >= {
            "run_name": "told",
            "start_time": 1_234,
            "end_time": 5_678,
            "status": "KILLED",
        }.items()
    )
    assert told["tags"] == {"k": "v", "mlflow.runName": "told"}
    assert found["by_tag"] == "by tag"
    assert found["clash"] == INVALID


def test_a_name_and_its_tag_are_one(flow):
    assert flow("rename") == [["second", "second"], ["third", "third"], ["third", "third"]]


def test_deleting_hides_a_run_and_forbids_writing(flow):
    found = flow("delete_and_restore")

    assert found["deleted"] == "deleted"
    assert found["deleted_metrics"] == {"m": 1.5}
    assert found["listed_active_deleted_all"] == [0, 1, 1]
    for attempt in "log_metric log_param set_tag delete_tag log_batch set_terminated".split():
        assert found["writes"][attempt] == INVALID, attempt
    assert found["writes"]["start_run"] is not None
    assert found["writes"]["delete_again"] is None


def test_restoring_a_run_allows_writing_again(flow):
    found = flow("delete_and_restore")

    assert found["restored"] == "active"
    assert found["restore_again"] is None
    assert found["after"] == {"p": "v"}


def test_an_unknown_run_does_not_exist_for_any_call(flow):
    found = flow("unknown_run")

    assert found == dict.fromkeys(found, MISSING)
    assert len(found) == 12


def test_params_are_text_and_never_change(flow):
    found = flow("params")

    assert found["returned"] == 0.1
    assert found["params"] == {
        "number": "0.1",
        "int": "3",
        "none": "None",
        "bool": "True",
        "list": "[1, 'a']",
        "empty": "",
        "ключ/with space-and.dot:x": "значение 值 🎉 \"quoted\" 'single' \\ \n\t end",
        "Number": "another case, another key",
    }
    assert found["many"]
    assert found["clash"] == INVALID
    assert found["batch_clash"] == INVALID
    assert found["repeated_in_batch"] == INVALID


def test_the_longest_keys_and_values(flow):
    assert flow("long_values") == {
        "param": True,
        "tag": True,
        "keys": [250, 250, 250],
        "long_param_key": INVALID,
        "long_tag_key": INVALID,
        "long_metric_key": INVALID,
    }


def test_tags_change_and_go(flow):
    assert flow("tags") == {
        "tags": {
            "state": "newer",
            "a": "1",
            "b": "zwei",
            "日本語": "タグ",
            "empty": "",
            "twice": "2",
        },
        "note": "# A note\n\nwith *markdown*",
        "missing": MISSING,
    }


@pytest.mark.parametrize("kind", ["metric", "param", "tag"])
def test_keys_that_read_like_other_paths_are_refused(flow, kind):
    found = flow("bad_keys")

    assert found[f"bad_{kind}"] == dict.fromkeys(found[f"bad_{kind}"], INVALID)
    assert found[f"good_{kind}"] == [None] * 6
    assert found["kept"][0] == found["kept"][1]


def test_no_server_is_an_error_not_a_hang(flow):
    assert flow("no_server") is not None
