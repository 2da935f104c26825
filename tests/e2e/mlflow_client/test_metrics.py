"""Metrics by the stock client: values, batches, histories, asynchronous logging."""

from __future__ import annotations

import pytest

INVALID = "INVALID_PARAMETER_VALUE"


def test_the_latest_step_is_shown_and_the_history_kept(flow):
    found = flow("fluent")

    assert found["metrics"] == {
        "loss": 0.75,
        "acc": 1.0,
        "f1/macro avg": 0.1 + 0.2,
        "neg": -1e-300,
        "ünï code.x:y-z": 1.5,
    }
    # By timestamp: the one that was told a time of long ago comes first.
    assert [[value, step] for value, _, step in found["loss"]] == [[0.75, 2], [0.5, 0], [0.25, 1]]
    assert found["acc"] == 7
    assert found["negative_step"] == -3
    assert found["stamped_now"]


def test_numbers_come_back_exactly(flow):
    found = flow("exact_numbers")

    assert found["got"] == found["sent"]
    assert found["far"] == [[1.0, 4_102_444_800_000, 2**53 + 1]]
    assert found["farther"] == [[1.0, 2**53 + 1, -(2**63)]]


def test_nan_is_kept_and_loses_against_a_number_of_the_same_moment(flow):
    assert flow("not_a_number") == {
        "latest": {
            "nan": "nan",
            "nan batch": "nan",
            "number then nan": 5.0,
            "nan then number": 5.0,
            "later nan": "nan",
        },
        "histories": {
            "nan": 1,
            "nan batch": 1,
            "number then nan": 2,
            "nan then number": 2,
            "later nan": 2,
        },
        "is_nan": True,
    }


@pytest.mark.differs("MLflow replaces an infinity by the largest double")
def test_infinities_are_kept(flow):
    found = flow("infinities")

    infinity = float("inf")
    assert found["latest"] == {"up": infinity, "down": -infinity, "up batch": infinity}
    assert found["history"] == [[infinity, 1, 0]]


def test_latest_is_by_step_then_timestamp_then_value(flow):
    latest = {"step wins": 1.0, "timestamp breaks": 0.5, "value breaks": 4.0, "negative steps": 1.0}

    assert flow("latest_value") == [latest, latest]


def test_history_is_in_order_and_without_repeats(flow):
    assert flow("history_order_and_repeats") == {
        "history": [[1.0, 10, 9], [7.0, 20, 4], [0.5, 20, 5], [2.0, 20, 5], [3.0, 30, 1]],
        "unknown_key": [],
    }


def test_refused_values(flow):
    found = flow("refused_values")

    assert found["negative_timestamp"] == INVALID
    assert found["zero_timestamp"] is None
    assert found["numeric_text"] is None
    assert found["kept"] == {"zero": 1.0, "text": 2.5}


def test_a_large_batch_is_split_and_nothing_lost(flow):
    found = flow("batch_of_everything")

    assert found == {
        "latest": {f"m{i}": 2490.0 + i for i in range(10)},
        "points": [250] * 10,
        "params": True,
        "tags": True,
    }
    assert flow.calls("batch_of_everything").count("POST runs/log-batch 200") == 3


def test_a_batch_is_all_or_nothing(flow):
    assert flow("batch_is_all_or_nothing") == {
        "code": INVALID,
        "same_value": None,
        "metrics": {},
        "params": {"lr": "0.1", "other": "2"},
        "tag": None,
    }


def test_a_long_history_comes_in_pages(flow):
    assert flow("history_in_pages") == {"all": True, "count": 26_000}
    assert flow.calls("history_in_pages").count("GET metrics/get-history 200") == 2


def test_asynchronous_logging_loses_nothing(flow):
    assert flow("asynchronous") == {
        "metrics": {"a": 199.0, "b": 1.0, "c": 2.0},
        "a": True,
        "params": 121,
        "tags": ["1", "2", "3"],
    }


def test_asynchronous_logging_by_setting(flow):
    assert flow("asynchronous_by_setting") == {
        "status": "FINISHED",
        "points": 100,
        "metrics": {"m": 49.5},
        "params": {"p": "v"},
    }


def test_asynchronous_refusals_reach_the_one_who_waits(flow):
    found = flow("asynchronous_refusal")

    assert found["code"] is not None
    assert found["params"] == {"p": "1"}


def test_system_metrics_arrive_while_the_run_is_going(flow):
    found = flow("system_metrics")

    assert found["status"] == "FINISHED"
    assert {
        "system/cpu_utilization_percentage",
        "system/disk_usage_percentage",
        "system/network_receive_megabytes",
        "system/system_memory_usage_megabytes",
    } <= set(found["keys"])
    steps = [step for _, _, step in found["cpu"]]
    assert steps == list(range(len(steps)))
    assert len(steps) > 1
