"""Data held against a schema: what fits, what is put into form, and what is refused, in words."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from millrace.models.enforcement import SchemaMismatch, conform, enforce, enforce_params
from millrace.models.types import (
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)

NULLABLE = pd.array([1, None], dtype="Int64")

FITS = [
    # kind, values, the type that comes out
    ("double", pd.Series([1.5]), "float64"),
    ("double", pd.Series([1, 2]), "float64"),
    ("double", pd.Series(np.array([1], "float32")), "float64"),
    ("double", pd.Series([1, None, 2.5], dtype=object), "float64"),
    ("double", pd.Series(NULLABLE), "float64"),
    ("float", pd.Series([0.5, None]), "float32"),
    ("float", pd.Series([1, 2]), "float32"),
    ("long", pd.Series([1, 2]), "int64"),
    ("long", pd.Series([1.0, 2.0]), "int64"),
    ("long", pd.Series(np.array([1], "uint8")), "int64"),
    ("long", pd.Series([1, 2], dtype=object), "int64"),
    ("integer", pd.Series([2**31 - 1]), "int32"),
    ("boolean", pd.Series([True]), "bool"),
    ("boolean", pd.Series([True, False], dtype=object), "bool"),
    ("string", pd.Series(["a"]), "str"),
    ("string", pd.Series(["a", None], dtype=object), "object"),
    ("string", pd.Series(["a"], dtype="category"), "str"),
    ("binary", pd.Series([b"a", bytearray(b"b")]), "object"),
    ("binary", pd.Series(["YQ=="]), "object"),
    ("datetime", pd.Series(pd.to_datetime(["2020-01-01"])), "datetime64[ns]"),
    ("datetime", pd.Series(["2020-01-01T10:00:00", "2020-01-02T10:00:00"]), "datetime64[ns]"),
    ("datetime", pd.Series([dt.date(2020, 1, 1)]), "datetime64[ns]"),
    ("datetime", pd.Series(pd.to_datetime(["2020-01-01"]).tz_localize("UTC")), "datetime64[ns]"),
    ("any", pd.Series([object()]), "object"),
]

REFUSED = [
    ("double", pd.Series(["1"]), "expected double, got string ('1' in row 0)"),
    ("double", pd.Series([True]), "expected double, got bool"),
    ("double", pd.Series([1, "x"], dtype=object), "row 1: expected double, got string 'x'"),
    ("double", pd.Series([2**53 + 1]), "expected double, got int64; 9007199254740993 in row 0"),
    ("float", pd.Series([0.1]), "expected float (32 bits), got float64; np.float64(0.1) in row 0"),
    ("long", pd.Series([1.5]), "expected long, got float64; 1.5 in row 0: it is no whole number"),
    ("long", pd.Series([1.0, None]), "got float64 with missing values in row 1"),
    ("long", pd.Series([1e300]), "1e+300 in row 0: it is too large"),
    ("integer", pd.Series([0, 2**31]), "2147483648 in row 1: it is too large"),
    ("boolean", pd.Series([1]), "expected boolean, got int64 (np.int64(1) in row 0)"),
    ("boolean", pd.Series([True, "x"], dtype=object), "row 1: expected boolean, got string 'x'"),
    ("string", pd.Series([1]), "expected string, got int64"),
    ("string", pd.Series(["a", 1], dtype=object), "row 1: expected string, got int 1"),
    ("binary", pd.Series([1]), "expected binary, got int64"),
    ("binary", pd.Series(["%"]), "got string '%', which is no base64"),
    ("datetime", pd.Series([1]), "expected datetime, got int64"),
    ("datetime", pd.Series(["yesterday"]), "row 0: expected datetime, got string 'yesterday'"),
    ("datetime", pd.Series([1], dtype=object), "row 0: expected datetime, got int 1"),
]


@pytest.mark.parametrize(("kind", "values", "dtype"), FITS)
def test_a_column_that_fits_takes_the_form(kind: str, values: pd.Series, dtype: str):
    frame = enforce(pd.DataFrame({"a": values}), Schema((ColSpec(kind, "a"),)))

    assert str(frame["a"].dtype) == dtype
    assert len(frame) == len(values)


@pytest.mark.parametrize(("kind", "values", "why"), REFUSED)
def test_a_column_that_does_not_fit_is_named(kind: str, values: pd.Series, why: str):
    with pytest.raises(SchemaMismatch, match=re.escape(why)) as caught:
        enforce(pd.DataFrame({"a": values}), Schema((ColSpec(kind, "a"),)))

    assert caught.value.message.startswith("Column 'a'")


TWO = Schema((ColSpec("double", "a"), ColSpec("string", "b", required=False)))


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"b": ["x"], "a": [1], "more": [0]}),
        pl.DataFrame({"b": ["x"], "a": [1.0]}),
        pa.table({"b": ["x"], "a": [1.0]}),
        {"a": [1.0], "b": ["x"]},
        {"a": 1.0, "b": "x"},
        [{"a": 1.0, "b": "x"}],
        [[1.0, "x"]],
    ],
    ids=["pandas", "polars", "arrow", "columns", "one row", "rows", "lists"],
)
def test_a_table_comes_in_many_forms(data: object):
    frame = enforce(data, TWO)

    assert frame.to_dict("list") == {"a": [1.0], "b": ["x"]}


def test_an_optional_column_may_be_left_out():
    assert enforce({"a": [1.0]}, TWO).columns.tolist() == ["a"]


def test_what_fits_already_is_not_copied():
    frame = pd.DataFrame({"a": [1.0], "b": ["x"]})

    assert enforce(frame, TWO) is frame


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"b": ["x"]}, "lacks the required columns 'a' (double)"),
        ({"c": [1]}, "others instead: ['c']"),
        ([[1.0]], "Row 0 has 1 values; the signature has 2 columns"),
        (np.zeros((1, 3)), "array with 3 columns; the signature has 2"),
        (np.zeros((1, 2, 2)), "array of 3 dimensions"),
        (7, "is a list; the signature asks for columns"),
        (object(), "is a object; the signature asks for columns"),
        ({"a": [1.0, 2.0], "b": ["x"]}, "do not fit together"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), "column 'a' twice"),
    ],
)
def test_a_table_that_does_not_fit_is_explained(data: object, why: str):
    with pytest.raises(SchemaMismatch, match=re.escape(why)):
        enforce(data, TWO)


def test_columns_without_names_go_by_position():
    schema = Schema((ColSpec("double"), ColSpec("double")))

    assert enforce(np.array([[1, 2]]), schema).to_numpy().tolist() == [[1.0, 2.0]]
    assert enforce(pd.DataFrame({"x": [1], "y": [2], "z": [3]}), schema).columns.tolist() == [
        "x",
        "y",
    ]
    with pytest.raises(SchemaMismatch, match="has 1 columns; the signature has 2"):
        enforce(pd.DataFrame({"x": [1]}), schema)
    assert enforce([1.0, 2.0], Schema((ColSpec("double"),))).shape == (2, 1)


POINT = Object((Property("x", "double"), Property("tags", Array("string"), required=False)))


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        ([1, 2], Array("double"), [1.0, 2.0]),
        (np.array([1]), Array("long"), [1]),
        ({"x": 1}, POINT, {"x": 1.0}),
        ({"x": 1, "tags": None}, POINT, {"x": 1.0, "tags": None}),
        ({"any": 1}, Map("long"), {"any": 1}),
        ("2020-01-01", DataType.datetime, dt.datetime.fromisoformat("2020-01-01")),
    ],
)
def test_a_nested_value_that_fits(value: object, kind: object, read: object):
    assert conform(value, kind, "It") == read


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ("abc", Array("string"), "It: expected array<string>, got string 'abc'"),
        ([1, "x"], Array("long"), "It[1]: expected long, got string 'x'"),
        ({}, POINT, "It: the required property 'x' (double) is missing"),
        ({"x": 1, "y": 2}, POINT, "no property 'y'; it has ['tags', 'x']"),
        ({"x": 1, "tags": [1]}, POINT, "It.tags[0]: expected string, got int 1"),
        ({"k": True}, Map("long"), "It['k']: expected long, got boolean True"),
        (float("nan"), DataType.long, "It: expected long, got double nan"),
        (2**70, DataType.long, "too large for long"),
    ],
)
def test_a_nested_value_that_does_not_fit_is_found(value: object, kind: object, why: str):
    with pytest.raises(SchemaMismatch, match=re.escape(why)):
        conform(value, kind, "It")


def test_rows_of_a_type_hint_stay_rows():
    schema = Schema((ColSpec(POINT),))

    assert enforce([{"x": 1}], schema) == [{"x": 1.0}]
    assert enforce(pd.DataFrame({"x": [1.0]}), schema) == [{"x": 1.0}]
    assert enforce(["a"], Schema((ColSpec("string"),)), by_row=True) == ["a"]
    with pytest.raises(SchemaMismatch, match="Row 1: expected string, got int 1"):
        enforce(["a", 1], Schema((ColSpec("string"),)), by_row=True)


# --- tensors -----------------------------------------------------------------------------------

IMAGE = Schema((TensorSpec("float32", (-1, 2)),))


def test_a_tensor_that_fits():
    same = np.zeros((3, 2), "float32")

    assert enforce(same, IMAGE) is same
    assert enforce(np.zeros((3, 2), "int8"), IMAGE).dtype == np.float32
    assert enforce([[0.1, 2]], IMAGE).dtype == np.float32
    assert enforce(pd.DataFrame(same), IMAGE).shape == (3, 2)
    assert enforce(sparse.csr_matrix(same), IMAGE).format == "csr"
    named = Schema((TensorSpec("int64", (-1,), "a"),))
    assert enforce({"a": [1, 2], "b": 0}, named)["a"].tolist() == [1, 2]
    assert enforce(pd.DataFrame({"a": [1]}), named)["a"].tolist() == [1]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (np.zeros((3, 4), "float32"), "expected the shape (-1, 2), got (3, 4)"),
        (np.zeros((3, 2)), "expected the type float32, got float64, which would be rounded"),
        (np.array([["a", "b"]]), "expected the type float32, got str"),
        (np.array([[True, False]]), "expected the type float32, got bool"),
        ([[1], [1, 2]], "no tensor of float32"),
        (object(), "expected a tensor, got object"),
    ],
)
def test_a_tensor_that_does_not_fit_is_explained(data: object, why: str):
    with pytest.raises(SchemaMismatch, match=re.escape(why)):
        enforce(data, IMAGE)


def test_tensors_by_name_must_be_there():
    named = Schema((TensorSpec("int64", (-1,), "a"),))

    with pytest.raises(SchemaMismatch, match=r"lacks 'a': tensor int64 \(-1,\); it has \['b'\]"):
        enforce({"b": [1]}, named)
    with pytest.raises(SchemaMismatch, match="asks for a mapping of tensors"):
        enforce([1], named)


# --- params ------------------------------------------------------------------------------------

PARAMS = ParamSchema(
    (
        ParamSpec("t", "double", 0.5),
        ParamSpec("n", "long", 1),
        ParamSpec("names", "string", ["a"], (-1,)),
    )
)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, {"t": 0.5, "n": 1, "names": ["a"]}),
        ({"t": 1, "other": 2}, {"t": 1.0, "n": 1, "names": ["a"]}),
        ({"n": np.int32(3), "names": ("x",)}, {"t": 0.5, "n": 3, "names": ["x"]}),
        ({"n": None}, {"t": 0.5, "n": None, "names": ["a"]}),
    ],
)
def test_params_have_their_defaults(given: dict | None, read: dict):
    assert enforce_params(given, PARAMS) == read


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"t": "x"}, "Param 't': expected double, got string 'x'"),
        ({"n": 1.5}, "Param 'n': expected long, got double 1.5"),
        ({"n": True}, "Param 'n': expected long, got boolean True"),
        ({"names": "x"}, "Param 'names': expected array<string>, got string 'x'"),
        ({"names": ["x", 1]}, "Param 'names'[1]: expected string, got int 1"),
    ],
)
def test_a_param_that_does_not_fit_is_named(given: dict, why: str):
    with pytest.raises(SchemaMismatch, match=re.escape(why)):
        enforce_params(given, PARAMS)
