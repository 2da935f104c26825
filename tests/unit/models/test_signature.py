"""Signatures: told from data and hints, and their JSON, which is the field's letter by letter."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from millrace.core.errors import InvalidArgument
from millrace.models.inference import Undecided, schema_of_hint
from millrace.models.signature import ModelSignature, infer_signature
from millrace.models.types import (
    AnyType,
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
    shown,
)


def column(kind: str, name: object = None, *, required: bool = True, **more: object) -> dict:
    named = {} if name is None else {"name": name}
    return {"type": kind, **more, **named, "required": required}


def tensor(dtype: str, *shape: int, name: str | None = None) -> dict:
    named = {} if name is None else {"name": name}
    return {**named, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(shape)}}


LONGS = {"items": {"type": "long"}}
FRAME = pd.DataFrame(
    {
        "b": [True, False],
        "i": np.array([1, 2], "int32"),
        "u8": np.array([1, 2], "uint8"),
        "u32": np.array([1, 2], "uint32"),
        "l": [1, 2],
        "f": np.array([1, 2], "float32"),
        "d": [1.0, 2.0],
        "s": ["a", "b"],
        "y": [b"a", b"b"],
        "t": pd.to_datetime(["2020-01-01", "2020-01-02"]),
    }
)
OF_FRAME = [
    column(kind, name)
    for name, kind in zip(
        FRAME.columns,
        "boolean integer integer long long float double string binary datetime".split(),
        strict=True,
    )
]

DATA = {
    "a frame": (FRAME, OF_FRAME),
    "what may be absent": (
        pd.DataFrame({"d": [1.0, None], "s": ["a", None], "i": pd.array([1, None], dtype="Int64")}),
        [
            column("double", "d", required=False),
            column("string", "s", required=False),
            column("long", "i", required=False),
        ],
    ),
    "categories": (pd.DataFrame({"c": pd.Categorical(["a", "b"])}), [column("string", "c")]),
    "objects in cells": (
        pd.DataFrame({"o": [{"a": 1, "b": "x"}, {"a": 1}]}),
        [
            column(
                "object",
                "o",
                properties={
                    "a": {"type": "long", "required": True},
                    "b": {"type": "string", "required": False},
                },
            )
        ],
    ),
    "lists in cells": (pd.DataFrame({"o": [[1, 2], []]}), [column("array", "o", **LONGS)]),
    "arrays in cells": (pd.DataFrame({"o": [np.array([1])]}), [column("array", "o", **LONGS)]),
    "dates": (pd.DataFrame({"o": [dt.date(2020, 1, 1)]}), [column("datetime", "o")]),
    "numbers as objects": (
        pd.DataFrame({"o": pd.Series([1, 2.5], dtype=object)}),
        [column("double", "o")],
    ),
    "several kinds in a column": (pd.DataFrame({"o": [1, "a"]}), [column("any", "o")]),
    "columns without names": (pd.DataFrame([[1, 2]]), [column("long", 0), column("long", 1)]),
    "a series": (pd.Series([1.0]), [column("double")]),
    "an array": (np.zeros((3, 2)), [tensor("float64", -1, 2)]),
    "an array of text": (np.array(["a", "bc"]), [tensor("str", -1)]),
    "arrays by name": (
        {"a": np.zeros((3, 2)), "b": np.zeros(3, "int8")},
        [tensor("float64", -1, 2, name="a"), tensor("int8", -1, name="b")],
    ),
    "a sparse matrix": (sparse.csr_matrix(np.eye(3)), [tensor("float64", -1, 3)]),
    "a sparse array": (sparse.csc_array(np.eye(3)), [tensor("float64", -1, 3)]),
    "a mapping": ({"a": 1, "b": "x"}, [column("long", "a"), column("string", "b")]),
    "a list": ([1, 2, None], [column("long")]),
    "a list of lists": ([[1, 2], [3]], [column("array", **LONGS)]),
    "a list of mappings": (
        [{"b": 2.5, "a": 1}, {"a": 1}],
        [column("double", "b", required=False), column("long", "a")],
    ),
    "text": ("x", [column("string")]),
    "bytes": (b"x", [column("binary")]),
    "Polars": (
        pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], [2]]}),
        [
            column("double", "a", required=False),
            column("string", "b"),
            column("array", "c", **LONGS),
        ],
    ),
    "Arrow": (
        pa.table({"a": [1, 2], "b": ["x", "y"], "c": pa.array([1.5, 2.5], pa.float32())}),
        [column("long", "a"), column("string", "b"), column("float", "c")],
    ),
}


@pytest.mark.parametrize("case", DATA)
def test_a_schema_is_told_from(case: str):
    data, expected = DATA[case]

    inputs = infer_signature(data).to_dict()["inputs"]

    assert json.loads(inputs) == expected
    assert Schema.from_json(inputs).to_json() == inputs


def test_the_text_is_the_fields_own():
    """Other tools compare signatures as text."""
    frame = pd.DataFrame({"x": [1.0]})

    assert infer_signature(frame, np.zeros((1, 2))).to_dict() == {
        "inputs": '[{"type": "double", "name": "x", "required": true}]',
        "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]',
        "params": None,
    }


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pd.DataFrame(), "without columns"),
        ({}, "empty mapping"),
        ({1: [1]}, "must be text"),
        (np.array(1), "without dimensions"),
        ((1, 2), "tuple"),
        (object(), "object is no type"),
    ],
)
def test_what_says_nothing_is_refused(data: object, why: str):
    with pytest.raises(Undecided, match=why):
        infer_signature(data)


def test_params_have_types_defaults_and_shapes():
    params = {
        "t": 0.5,
        "n": np.int32(3),
        "names": ["a"],
        "w": np.array([1.0, 2.0]),
        "from": dt.datetime.fromisoformat("2020-01-01"),
        "o": {"a": 1, "b": [1]},
    }

    said = infer_signature(params=params).to_dict()["params"]

    assert json.loads(said) == [
        {"name": "t", "default": 0.5, "shape": None, "type": "double"},
        {"name": "n", "default": 3, "shape": None, "type": "integer"},
        {"name": "names", "default": ["a"], "shape": [-1], "type": "string"},
        {"name": "w", "default": [1.0, 2.0], "shape": [-1], "type": "double"},
        {"name": "from", "default": "2020-01-01T00:00:00", "shape": None, "type": "datetime"},
        {
            "name": "o",
            "default": {"a": 1, "b": [1]},
            "shape": None,
            "type": "object",
            "properties": {
                "a": {"type": "long", "required": True},
                "b": {"type": "array", **LONGS, "required": True},
            },
        },
    ]
    assert ParamSchema.from_json(said).to_json() == said


# --- type hints --------------------------------------------------------------------------------


@dataclasses.dataclass
class Message:
    role: str
    content: str | None = None


class Row(TypedDict):
    x: float
    kind: Literal["a", "b"]


MESSAGE = {
    "content": {"type": "string", "required": False},
    "role": {"type": "string", "required": True},
}


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (list[str], column("string")),
        (list[int], column("long")),
        (list[list[float]], column("array", items={"type": "double"})),
        (list[dict[str, bool]], column("map", values={"type": "boolean"})),
        (list[Message], column("object", properties=MESSAGE)),
        (
            list[Row],
            column(
                "object",
                properties={
                    "kind": {"type": "string", "required": True},
                    "x": {"type": "double", "required": True},
                },
            ),
        ),
        (list[Any], column("any")),
        (list[int | str], column("any")),
    ],
)
def test_a_hint_says_what_one_row_is(hint: object, expected: dict):
    assert schema_of_hint(hint).to_dict() == [expected]


@pytest.mark.parametrize("hint", [pd.DataFrame, None, str, dict[str, int], list[dict[int, int]]])
def test_other_hints_say_nothing(hint: object):
    with pytest.raises(Undecided):
        schema_of_hint(hint)


# --- JSON of others ------------------------------------------------------------------------------

types = st.recursive(
    st.sampled_from([*DataType, AnyType()]),
    lambda inner: st.one_of(
        st.builds(Array, inner),
        st.builds(Map, inner),
        st.dictionaries(st.text(min_size=1), st.tuples(inner, st.booleans()), min_size=1).map(
            lambda parts: Object(tuple(Property(name, *part) for name, part in parts.items()))
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), st.tuples(types, st.booleans()), min_size=1))
def test_any_schema_comes_back_as_it_was(columns: dict):
    schema = Schema(tuple(ColSpec(kind, name, must) for name, (kind, must) in columns.items()))

    assert Schema.from_json(schema.to_json()) == schema
    assert all(shown(kind) for kind, _ in columns.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        '[{"type": "decimal"}]',
        '[{"type": "array"}]',
        '[{"type": "object", "properties": {}}]',
        '[{"type": "tensor"}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": ["x"]}}]',
        '[{"type": "long", "name": "a"}, {"type": "long"}]',
        '[{"type": "long", "name": "a"}, {"type": "long", "name": "a"}]',
        '[{"type": "long"}, {"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": []}}]',
        '[{"type": "array", "items": ' * 100 + '{"type": "long"}' + "}" * 100 + "]",
        "[" * 100_000,
    ],
)
def test_a_schema_that_is_none_is_refused(text: str):
    with pytest.raises(InvalidArgument):
        Schema.from_json(text)


def test_a_schema_answers_the_questions_that_scripts_ask():
    schema = Schema((ColSpec("long", "a"), ColSpec("string", "b", required=False)))

    assert schema.input_names() == ["a", "b"]
    assert schema.required_input_names() == ["a"]
    assert schema.optional_input_names() == ["b"]
    assert schema.input_types() == [DataType.long, DataType.string]
    assert (schema.has_input_names(), schema.is_tensor_spec(), len(schema)) == (True, False, 2)
    assert str(schema) == "['a': long (required), 'b': string (optional)]"
    assert TensorSpec(np.dtype("float32"), (-1, 2)).type == np.float32
    assert ParamSpec("n", "long", 1).to_dict()["type"] == "long"


def test_a_signature_is_of_schemas():
    with pytest.raises(InvalidArgument, match="inputs, outputs or params"):
        ModelSignature()
    with pytest.raises(InvalidArgument, match="use infer_signature"):
        ModelSignature([1])
    one = infer_signature([1], ["a"], {"t": 1})
    assert ModelSignature.from_dict(one.to_dict()) == one
    assert len({one, ModelSignature.from_dict(one.to_dict())}) == 1
