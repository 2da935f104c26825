from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millrace.client import data
from millrace.client.entities import Dataset as PlainDataset
from millrace.core.entities.dataset import Dataset as StoredDataset
from millrace.core.entities.dataset import DatasetInput
from millrace.core.errors import InvalidArgument

FRAME = pd.DataFrame({"x": [1, 2, 3], "größe": [0.1, 0.2, 0.3], "label": ["a", "b", "a"]})


def test_a_frame_is_described():
    found = data.from_pandas(FRAME, source="s3://b/train.csv", targets="label", name="train")

    assert found.name == "train"
    assert json.loads(found.schema) == {
        "mlflow_colspec": [
            {"name": "x", "type": "long"},
            {"name": "größe", "type": "double"},
            {"name": "label", "type": "string"},
        ]
    }
    assert json.loads(found.profile) == {"num_rows": 3, "num_elements": 9}
    assert (found.source_type, json.loads(found.source)) == ("s3", {"uri": "s3://b/train.csv"})
    assert len(found.digest) <= 36


@pytest.mark.parametrize(
    "other",
    [
        FRAME.assign(x=[1, 2, 4]),
        FRAME.rename(columns={"x": "y"}),
        FRAME.iloc[:2],
        FRAME.astype({"x": "float64"}),
        FRAME[["größe", "x", "label"]],
    ],
)
def test_other_data_has_another_digest(other: pd.DataFrame):
    same = data.from_pandas(FRAME.copy()).digest

    assert data.from_pandas(FRAME).digest == same
    assert data.from_pandas(other).digest != same


def test_a_target_must_be_there():
    with pytest.raises(InvalidArgument, match="'y'"):
        data.from_pandas(FRAME, targets="y")


def test_arrays_are_described():
    x, y = np.arange(6).reshape(2, 3), np.array([0.5, 1.5])

    found = data.from_numpy(x, targets=y)

    assert json.loads(found.schema) == {
        "mlflow_tensorspec": {
            "features": [{"name": "", "dtype": "int64", "shape": [-1, 3]}],
            "targets": [{"name": "", "dtype": "float64", "shape": [-1]}],
        }
    }
    assert json.loads(found.profile) == {"features_shape": [2, 3], "targets_shape": [2]}
    assert found.digest != data.from_numpy(x).digest
    assert found.digest != data.from_numpy(x.reshape(3, 2), targets=y).digest


def test_named_arrays_are_described():
    found = data.from_numpy({"a": np.zeros(2), "b": np.zeros((2, 2))})

    assert json.loads(found.profile) == {"features_shape": {"a": [2], "b": [2, 2]}}


def test_a_file_is_known_by_its_content(tmp_path: Path):
    path, copy = tmp_path / "a.csv", tmp_path / "b.csv"
    for each in (path, copy):
        each.write_bytes(b"x" * 3_000_000)

    found = data.from_file(path)

    assert found.name == "a.csv"
    assert found.digest == data.from_file(copy).digest
    assert data.get_source(found).load() == str(path)
    copy.write_bytes(b"y")
    assert data.from_file(copy).digest != found.digest


@pytest.mark.parametrize(
    ("given", "kind", "fields"),
    [
        ("s3://b/k", "s3", {"uri": "s3://b/k"}),
        ("https://h/x.csv", "http", {"url": "https://h/x.csv"}),
        ("/data/x.csv", "local", {"uri": "/data/x.csv"}),
        ("file:///data/x.csv", "local", {"uri": "file:///data/x.csv"}),
        ("dbfs:/x", "dbfs", {"uri": "dbfs:/x"}),
    ],
)
def test_a_source_has_a_kind(given: str, kind: str, fields: dict):
    source = data.meta("d", "1", given).origin

    assert (source.kind, source.to_dict(), source.uri) == (kind, fields, given)


def test_data_made_by_the_script_comes_from_its_code():
    source = data.meta("d", "1").origin

    assert source.kind == "code"
    assert "mlflow.user" in source.to_dict()["tags"]


def test_a_source_is_found_again_in_what_a_run_holds():
    stored = StoredDataset(name="d", digest="1", source_type="s3", source='{"uri": "s3://b"}')
    plain = PlainDataset("d", "1", "s3", '{"uri": "s3://b"}')

    for held in (stored, plain, DatasetInput(dataset=stored)):
        assert data.get_source(held) == data.Source("s3", {"uri": "s3://b"})


def test_a_source_elsewhere_is_not_loaded():
    with pytest.raises(InvalidArgument, match="not on this machine"):
        data.meta("d", "1", "s3://b/k").origin.load()
    with pytest.raises(InvalidArgument, match="JSON object"):
        data.Source.from_json("s3", "[]")
