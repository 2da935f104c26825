"""Files scored in chunks: every format in and out, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import millrace.pyfunc
import numpy as np
import pandas as pd
import pytest

from millrace.core.errors import InvalidArgument, MalformedRequest
from millrace.models import batch
from millrace.models.signature import ModelSignature
from millrace.models.types import ColSpec, DataType, Schema

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "code": ["01", "02", "é", "", "5"]})
SIGNATURE = ModelSignature(
    Schema((ColSpec(DataType.double, "x"), ColSpec(DataType.string, "code", required=False)))
)


def double(model_input: pd.DataFrame) -> Any:
    return model_input["x"] * 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> millrace.pyfunc.PyFuncModel:
    folder = tmp_path_factory.mktemp("models") / "double"
    millrace.pyfunc.save_model(
        folder, python_model=double, signature=SIGNATURE, pip_requirements=[]
    )
    return millrace.pyfunc.load_model(folder, trusted=True)


def written(kind: str, folder: Path) -> Path:
    path = folder / f"in.{kind}"
    match kind:
        case "csv":
            FRAME.to_csv(path, index=False)
        case "json":
            path.write_text(json.dumps(FRAME.to_dict("records"), indent=1))
        case "jsonl":
            FRAME.to_json(path, orient="records", lines=True)
        case "parquet":
            FRAME.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_every_format_in_and_out(
    kind: str, rows: int, model: millrace.pyfunc.PyFuncModel, tmp_path: Path
) -> None:
    seen: list[int] = []
    target = tmp_path / f"out.{kind}"

    done = batch.score_file(
        model, str(written(kind, tmp_path)), str(target), rows=rows, progress=seen.append
    )

    match kind:
        case "csv":
            found = pd.read_csv(target)["prediction"].tolist()
        case "json":
            found = json.loads(target.read_text())["predictions"]
        case "jsonl":
            found = [json.loads(line)["prediction"] for line in target.read_text().splitlines()]
        case _:
            found = pd.read_parquet(target)["prediction"].tolist()
    assert found == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert done == seen[-1] == 5
    assert len(seen) == -(-5 // rows)


def test_input_beside_its_predictions(model: millrace.pyfunc.PyFuncModel, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"

    batch.score_file(model, str(written("csv", tmp_path)), str(target), rows=2, keep_input=True)

    found = pd.read_parquet(target)
    assert list(found.columns) == ["x", "code", "prediction"]
    assert found["code"].tolist()[:2] == ["01", "02"]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}},
        {"dataframe_records": [{"x": 1}, {"x": 2}]},
        {"instances": [{"x": 1}, {"x": 2}]},
        {"inputs": {"x": [1, 2]}},
        {"columns": ["x"], "data": [[1], [2]]},
    ],
)
def test_bodies_of_a_server(body: Any, model: millrace.pyfunc.PyFuncModel, tmp_path: Path) -> None:
    source, target = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(json.dumps(body))

    batch.score_file(model, str(source), str(target))

    assert json.loads(target.read_text()) == {"predictions": [2.0, 4.0]}


def test_an_array_larger_than_a_piece(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    records = [{"x": float(at), "text": 'a "[{]}" ' * 20} for at in range(20_000)]
    source.write_text(json.dumps(records))
    assert source.stat().st_size > 3 * batch._PIECE

    frames = list(batch.read(str(source), "json", rows=7_000))

    assert [len(frame) for frame in frames] == [7_000, 7_000, 6_000]
    assert pd.concat(frames).to_dict("records") == records


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("in.json", "[{]", "cannot be read"),
        ("in.json", '[{"x": 1}', "cannot be read"),
        ("in.json", "3", "list of records"),
        ("in.json", "{", "no JSON"),
        ("in.jsonl", '{"x": 1}\n{', "Line 2"),
        ("in.csv", "x\n1\n2,3\n", "cannot be read"),
        ("in.csv", "y\n1\n", "Chunk 1: The input lacks"),
        ("in.csv", "x\na\n", "Chunk 1: Column 'x'"),
        ("in.txt", "", "format of"),
    ],
)
def test_refusals_leave_no_file(
    name: str, text: str, says: str, model: millrace.pyfunc.PyFuncModel, tmp_path: Path
) -> None:
    source, target = tmp_path / name, tmp_path / "out.csv"
    source.write_text(text)

    with pytest.raises((InvalidArgument, MalformedRequest)) as refused:
        batch.score_file(model, str(source), str(target))

    assert says in refused.value.message
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("predictions", "columns"),
    [
        (np.array([1, 2]), ["prediction"]),
        (pd.Series([1, 2], index=[8, 9]), ["prediction"]),
        ([1, 2], ["prediction"]),
        (np.array([[1, 2], [3, 4]]), ["prediction_0", "prediction_1"]),
        (pd.DataFrame({"p": [1, 2]}), ["p"]),
        ([{"p": 1}, {"p": 2}], ["p"]),
        ({"p": np.array([1, 2])}, ["p"]),
    ],
)
def test_predictions_as_a_frame(predictions: Any, columns: list[str]) -> None:
    frame = batch.as_frame(predictions, index=pd.Index([5, 6]))

    assert list(frame.columns) == columns
    assert not frame.isna().any().any()
