"""Data sets and models a run used and made, by the stock client."""

from __future__ import annotations

INVALID = "INVALID_PARAMETER_VALUE"


def test_data_sets_come_back_with_schema_profile_and_context(flow):
    found = flow("pandas_and_numpy")

    by_name = {entry["name"]: entry for entry in found["found"]}
    assert sorted([e["name"], e["digest"]] for e in found["found"]) == sorted(found["sent"])
    assert by_name["train"]["tags"] == {"mlflow.data.context": "training"}
    assert by_name["matrix"]["tags"] == {
        "mlflow.data.context": "évaluation",
        "split": "0.2",
        "note": "ü",
    }
    columns = [column["name"] for column in found["schema"]["mlflow_colspec"]]
    assert columns == ["x", "größe", "label"]
    assert found["profile"] == {"num_rows": 3, "num_elements": 9}
    assert by_name["train"]["source_type"] == "s3"
    assert found["source"] == {"uri": "s3://b/train.csv"}


def test_several_data_sets_in_one_call(flow):
    found = {entry["name"]: entry["tags"] for entry in flow("several_at_once")}

    assert found == {
        "a": {"mlflow.data.context": "train", "t": "1"},
        "b": {"mlflow.data.context": "eval"},
        "c": {},
    }


def test_runs_are_found_by_their_data(flow):
    assert flow("shared_between_runs") == {
        "contexts": ["train", "test", "train"],
        "by_name": ["first", "second"],
        "by_digest": ["third"],
        "by_context": ["first", "third"],
        "by_name_like": ["third"],
        "by_names": ["first", "second", "third"],
        "not_names": ["third"],
        "name_and_context": ["second"],
        "nothing": [],
    }


def test_models_used_and_made(flow):
    found = flow("models_in_and_out")

    assert found["inputs"] == [found["used"]]
    assert found["outputs"] == found["made"]
    assert found["listed_outputs"] == found["made"]


def test_refusals(flow):
    assert flow("refusals") == {
        "long_name": INVALID,
        "long_digest": INVALID,
        "longest": None,
        "unknown_run": "RESOURCE_DOES_NOT_EXIST",
        "deleted_run": INVALID,
        "count": 1,
    }
