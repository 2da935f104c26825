"""Logged models by the stock client: the record, not the files."""

from __future__ import annotations

import re

MISSING = "RESOURCE_DOES_NOT_EXIST"
INVALID = "INVALID_PARAMETER_VALUE"


def test_a_model_is_pending_until_it_is_finalized(flow):
    found = flow("initialize_and_finalize")

    begun, ready = found["begun"], found["ready"]
    assert re.fullmatch(r"m-[0-9a-f]{32}", begun["model_id"])
    assert begun["status"] == "PENDING"
    assert begun["experiment_id"] == found["experiment"]
    assert begun["source_run_id"] == found["run"]
    assert begun["artifact_location"].endswith(f"/models/{begun['model_id']}/artifacts")
    assert begun["params"] == {"depth": "3", "ünï": "ü"}
    assert begun["tags"]["a"] == "1"
    assert begun["model_type"] == "tree"
    assert ready == begun | {"status": "READY", "updated": ready["updated"]}
    assert ready["updated"] >= begun["updated"] == begun["created"]
    assert found["got"] == ready
    assert found["failed"] == "FAILED"


def test_a_model_elsewhere(flow):
    found = flow("external_model")

    assert found["model"]["status"] == "READY"
    assert found["model"]["params"] == {"p": "1"}
    assert found["model"]["tags"].items() >= {"t": "2", "mlflow.model.isExternal": "true"}.items()
    assert found["model"]["artifact_location"].startswith(found["folder"])


def test_tags_change_and_params_are_added(flow):
    assert flow("tags_and_params") == {
        "tags": {"a": "2", "b": "ü 值"},
        "params": {"p": "1", "q/with space": "zwei", "more": "3"},
        "delete_unknown_tag": MISSING,
    }


def test_metrics_belong_to_run_and_model(flow):
    found = flow("metrics_of_a_model")

    run = found["run"]
    assert found["of_model"] == [
        ["acc", 0.9, 2, 20, run, None, None],
        ["f1", 0.8, 2, 20, run, None, None],
        ["loss", 0.5, 1, 10, run, None, None],
        ["rmse", 3.0, 0, 30, run, "points", found["digest"]],
    ]
    assert found["of_run"] == {"loss": 0.5, "acc": 0.9, "f1": 0.8, "rmse": 3.0, "unrelated": 1.0}
    assert found["inputs"] == [found["model"]]


def test_a_deleted_model_is_gone_and_refusals_carry_their_code(flow):
    assert flow("delete") == {
        "get": MISSING,
        "found": [True],
        "unknown": MISSING,
        "finalize_unknown": MISSING,
        # The client asks for the model first and words the refusal itself.
        "tag_unknown": INVALID,
        "unknown_experiment": MISSING,
        "bad_name": INVALID,
    }


def test_search(flow):
    assert flow("search") == {
        "all": [0, 1, 2, 3],
        "both_experiments": [0, 1, 2, 3, 4],
        "name": [0, 1],
        "name_like": [2, 3],
        "name_ilike": [2, 3],
        "name_not": [2, 3],
        "kind": [2, 3],
        "param": [0],
        "param_not": [2],
        "tag": [0, 3],
        "metric": [0],
        "metric_and_tag": [1],
        "source_run": [0, 1, 2, 3],
        "model_id": [2],
        "ids": [0, 3],
        "by_metric": [0, 1],
        "by_name_then_time": [0, 1, 2, 3],
        "pages": [3, 1],
        "frame": [2, ["forest", "forest"]],
        "bad_filter": INVALID,
    }
