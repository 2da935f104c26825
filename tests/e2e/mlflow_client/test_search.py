"""Searching runs by the stock client: the tables stand in flows/search.py."""

from __future__ import annotations

import pytest

INVALID = "INVALID_PARAMETER_VALUE"


def test_every_filter_finds_its_runs(flow):
    rows = flow("filters")

    assert {query: got for query, _, got in rows} == {query: want for query, want, _ in rows}
    assert len(rows) > 50


@pytest.mark.differs("MLflow's language has no OR, NOT, parentheses, BETWEEN and numeric params")
def test_a_wider_language_reaches_the_server_through_the_client(flow):
    rows = flow("wider_filters")

    assert {query: got for query, _, got in rows} == {query: want for query, want, _ in rows}


def test_every_order_puts_ties_and_missing_values_where_they_belong(flow):
    rows = flow("orders")

    assert {str(order): got for order, _, got in rows} == {
        str(order): want for order, want, _ in rows
    }
    assert len(rows) > 15


def test_run_ids(flow):
    assert flow("run_ids") == {
        "equal": [1],
        "not_equal": [0, 2, 3, 4, 5, 6],
        "in": [1, 4],
        "in_with_comma": [1],
        "not_in": [0, 2, 3, 5, 6],
        "like": [1],
    }


def test_what_is_no_filter_is_refused(flow):
    found = flow("refused")

    assert found["filters"] == dict.fromkeys(found["filters"], INVALID)
    assert found["orders"] == dict.fromkeys(found["orders"], INVALID)
    assert found["max_results"] == [INVALID, INVALID, INVALID, None]
    assert found["token"] == INVALID
    assert found["experiment"] == INVALID


def test_only_the_experiments_asked_for_are_searched(flow):
    assert flow("experiments_asked") == {
        "none": 0,
        "one": 1,
        "two": 1,
        "unknown": 0,
        "unknown_too": 1,
        "by_name": True,
        "unknown_name": 0,
        "everywhere": 1,
    }


def test_a_frame_has_a_column_per_key(flow):
    found = flow("frame")

    assert found["order"] == [0, 2, 6, 1, 4, 3, 5]
    assert found["columns"] == [
        "artifact_uri",
        "end_time",
        "experiment_id",
        "metrics.acc",
        "metrics.loss",
        "metrics.m/x y",
        "params.lr",
        "params.opt",
        "params.p:q r",
        "run_id",
        "start_time",
        "status",
        "tags.a b/c",
        "tags.other",
        "tags.team",
    ]
    assert found["loss"] == [0.5, None, 1e-9, 0.25, None, 2.0, -1.0]
    assert found["row"].pop("artifact_uri").endswith("/artifacts")
    assert found["row"] == {"status": "FINISHED", "lr": "0.1", "team": "a", "start_ms": 100}
    assert "metrics.loss" not in found["empty"]
    assert found["top"] == [1e-9, -1.0]
