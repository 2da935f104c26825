from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from millrace.client import tables
from millrace.client.tables import Table
from millrace.core.errors import InvalidArgument


def same(cell: object) -> object:
    return cell


def through(data: object, artifact_file: str) -> Table:
    """*data* after it was written and read."""
    table = tables.of(data, same)
    return tables.read(tables.written(table, artifact_file), artifact_file)


@pytest.mark.parametrize("name", ["t.json", "a/t.parquet"])
@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2], "b": ["x", "é"]},
        {"a": (1, 2), "b": pd.Series(["x", "é"])},
        {"a": np.array([1, 2]), "b": ["x", "é"]},
        pd.DataFrame({"a": [1, 2], "b": ["x", "é"]}, index=[7, 9]),
    ],
)
def test_columns_come_back(data: object, name: str):
    assert through(data, name) == Table(("a", "b"), [[1, "x"], [2, "é"]])


def test_json_is_what_viewers_of_the_field_read():
    table = tables.of({"a": [1, 2], "b": ["x", None]}, same)

    assert json.loads(tables.written(table, "t.json")) == {
        "columns": ["a", "b"],
        "data": [[1, "x"], [2, None]],
    }


def test_scalars_and_uneven_columns_make_one_row():
    assert through({"a": 1, "b": "x"}, "t.json").data == [[1, "x"]]
    assert through({"a": [1, 2], "b": [1]}, "t.json").data == [[[1, 2], [1]]]
    assert through({"a": [1], "b": 2}, "t.json").data == [[[1], 2]]
    assert through({}, "t.json") == Table((), [])
    assert through({"a": []}, "t.json") == Table(("a",), [])


def test_odd_cells_in_json():
    frame = pd.DataFrame(
        {
            "time": [pd.Timestamp("2020-01-01")],
            "nan": [float("nan")],
            "inf": [float("inf")],
            "dict": [{"a": np.int64(1)}],
            "array": [np.arange(2)],
            "exact": [0.1 + 0.2],
            "none": [pd.NA],
        }
    )

    assert through(frame, "t.json").data == [
        ["2020-01-01T00:00:00.000", None, None, {"a": 1}, [0, 1], 0.1 + 0.2, None]
    ]


def test_rows_are_added_and_columns_joined():
    first = Table(("a", "b"), [[1, "x"]])

    joined = first.joined(Table(("c", "a"), [[1.5, 2]]))

    assert joined == Table(("a", "b", "c"), [[1, "x", None], [2, None, 1.5]])


@pytest.mark.parametrize("name", ["t.csv", "t", "t.json/x"])
def test_other_formats_are_refused(name: str):
    with pytest.raises(InvalidArgument, match="a table is kept as"):
        tables.suffix(name)


def test_what_is_no_table_is_refused():
    with pytest.raises(InvalidArgument, match="'list' is no table"):
        tables.of([1], same)
    with pytest.raises(InvalidArgument, match="same name"):
        tables.of(pd.DataFrame([[1, 2]], columns=["a", "a"]), same)
    with pytest.raises(InvalidArgument, match="cannot be kept as Parquet"):
        through({"a": [1, "x", {"y": 2}]}, "t.parquet")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"columns": 3, "data": []}', b'{"columns": ["a"], "data": [[]]}']
)
def test_a_file_that_holds_no_table_is_named(body: bytes):
    with pytest.raises(InvalidArgument, match=r"'t\.json'"):
        tables.read(body, "t.json")
    with pytest.raises(InvalidArgument, match=r"'t\.parquet' is no Parquet"):
        tables.read(body, "t.parquet")


def test_a_table_of_the_stock_client_is_read():
    body = b'{"columns":["a","b"],"index":[0,1],"data":[[1,"x\\/y"],[2,null]]}'

    assert tables.read(body, "t.json") == Table(("a", "b"), [[1, "x/y"], [2, None]])
