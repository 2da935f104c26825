"""Bodies of `/invocations`: every form, what comes of it, and what is refused in which words."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import (
    InvalidArgument,
    MalformedRequest,
    MillraceError,
    TooLarge,
    UnsupportedMediaType,
)
from millrace.models.signature import ModelSignature, infer_signature
from millrace.models.types import Array, ColSpec, DataType, Schema, TensorSpec
from millrace.serving.answers import encode
from millrace.serving.payload import CSV, JSON, PARQUET, Bodies, Given

DOUBLES = ModelSignature(Schema((ColSpec(DataType.double, "a"), ColSpec(DataType.double, "b"))))
MIXED = ModelSignature(
    Schema(
        (
            ColSpec(DataType.long, "n"),
            ColSpec(DataType.double, "x"),
            ColSpec(DataType.string, "s"),
            ColSpec(DataType.boolean, "ok"),
        )
    )
)
DATED = ModelSignature(
    Schema(
        (
            ColSpec(DataType.datetime, "at"),
            ColSpec(DataType.string, "code"),
            ColSpec(DataType.double, "x", required=False),
        )
    )
)
TENSOR = ModelSignature(Schema((TensorSpec("float32", (-1, 2)),)))
NAMED = ModelSignature(
    Schema((TensorSpec("float64", (-1,), "u"), TensorSpec("int64", (-1, 2), "v")))
)
TEXTS = ModelSignature(Schema((ColSpec(Array(DataType.string), "messages"),)))


def read(
    body: Any, signature: ModelSignature | None = DOUBLES, kind: str = JSON, rows: int = 1000
) -> Given:
    """What a server makes of a body: decoded, and enforced unless that is not needed any more."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = Bodies(signature, max_rows=rows).read(kind, raw)
    if found.is_exact or signature is None:
        return found
    return found._replace(data=signature.enforce(found.data))


@contextlib.contextmanager
def mendable() -> Iterator[None]:
    """No other errors than those that a caller can mend."""
    try:
        yield
    except MillraceError as error:
        if error.status not in {400, 413}:
            raise


TABLE = pd.DataFrame({"a": [1.0, 2.5], "b": [3.0, -4.0]})
SPLIT = {"columns": ["a", "b"], "data": [[1, 3], [2.5, -4]]}
RECORDS = [{"a": 1, "b": 3}, {"a": 2.5, "b": -4.0}]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [7, 8]}},
        {"dataframe_split": {"columns": ["b", "a"], "data": [[3, 1], [-4, 2.5]]}},
        {"dataframe_split": {"columns": ["a", "z", "b"], "data": [[1, 0, 3], [2.5, 0, -4]]}},
        {"dataframe_records": RECORDS},
        {"dataframe_records": [{"b": 3, "a": 1}, {"a": 2.5, "b": -4}]},
        {"instances": RECORDS},
        {"instances": [[1, 3], [2.5, -4]]},
        {"inputs": {"a": [1, 2.5], "b": [3, -4]}},
        {"inputs": RECORDS},
        {"inputs": [[1, 3], [2.5, -4]]},
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_forms_of_a_table(body: dict[str, Any]) -> None:
    found = read(body)

    pd.testing.assert_frame_equal(found.data.reset_index(drop=True), TABLE)
    assert found.rows == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (TABLE.to_csv(index=False).encode(), CSV),
        (b"b,a\r\n3,1\r\n-4,2.5\r\n", f"{CSV}; charset=UTF-8"),
        (TABLE.to_parquet(), PARQUET),
    ],
)
def test_tables_in_other_formats(body: bytes, kind: str) -> None:
    found = read(body, kind=kind)

    pd.testing.assert_frame_equal(found.data, TABLE)


@pytest.mark.parametrize("body", [{"dataframe_split": SPLIT}, {"dataframe_records": RECORDS}])
def test_a_plain_table_needs_no_second_look(body: dict[str, Any]) -> None:
    found = Bodies(DOUBLES, max_rows=10).read(JSON, json.dumps(body).encode())

    assert found.is_exact
    pd.testing.assert_frame_equal(found.data, DOUBLES.enforce(found.data))


def test_columns_of_several_types() -> None:
    rows = [{"n": 1, "x": 0.5, "s": "é", "ok": True}, {"n": -(2**62), "x": 2, "s": "", "ok": False}]

    for body in ({"dataframe_records": rows}, {"instances": [list(row.values()) for row in rows]}):
        found = Bodies(MIXED, max_rows=10).read(JSON, json.dumps(body).encode())

        assert found.is_exact
        pd.testing.assert_frame_equal(found.data, MIXED.enforce(pd.DataFrame(rows)))


def test_absent_numbers() -> None:
    for text in (b"null", b"NaN"):
        found = read(b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, %b]]}}' % text)

        assert math.isnan(found.data.loc[0, "b"])


def test_dates_codes_and_columns_left_out() -> None:
    csv = b"at,code\n2024-01-02T03:04:05,007\n"

    found = read(csv, DATED, CSV).data

    assert found.loc[0, "at"] == pd.Timestamp("2024-01-02 03:04:05")
    assert found.loc[0, "code"] == "007"
    assert list(found.columns) == ["at", "code"]


@pytest.mark.parametrize(
    ("signature", "body", "expected"),
    [
        (TENSOR, {"inputs": [[1, 2], [3, 4]]}, np.array([[1, 2], [3, 4]], "float32")),
        (TENSOR, {"instances": [[1, 2]]}, np.array([[1, 2]], "float32")),
        (None, {"inputs": [[1.5, None]]}, np.array([[1.5, math.nan]])),
        (None, {"instances": [1, 2]}, np.array([1, 2])),
        (None, {"instances": ["a", "b"]}, np.array(["a", "b"])),
    ],
)
def test_one_tensor(signature: ModelSignature | None, body: Any, expected: Any) -> None:
    found = read(body, signature).data

    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("signature", [NAMED, None])
@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"u": [1.0, 2.0], "v": [[1, 2], [3, 4]]}},
        {"instances": [{"u": 1.0, "v": [1, 2]}, {"u": 2.0, "v": [3, 4]}]},
    ],
)
def test_several_tensors(signature: ModelSignature | None, body: Any) -> None:
    found = read(body, signature)

    np.testing.assert_array_equal(found.data["u"], np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found.data["v"], np.array([[1, 2], [3, 4]]))
    assert found.rows == 2


def test_objects_without_a_form_go_to_models_that_take_them() -> None:
    found = Bodies(TEXTS, max_rows=5).read(JSON, b'{"messages": ["hi"], "params": {"t": 1}}')

    assert found.data == {"messages": ["hi"]}
    assert found.params == {"t": 1}


def test_params_and_nothing_to_score() -> None:
    body = {"dataframe_split": SPLIT, "params": {"t": [1]}}

    assert read(body).params == {"t": [1]}
    assert read({"instances": []}, None).rows == 0


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"inputs": [1,]}', "not valid JSON"),
        (b'{"inputs": [1e400]}', "not valid JSON"),
        (b"\xff\xfe", "not valid"),
        (b"[1, 2]", "must be a JSON object with one of the keys"),
        (b'"text"', "it is a string"),
        (b"{}", "exactly one of the keys"),
        (b'{"data": 1}', "it has only ['data']"),
        (b'{"inputs": [], "instances": []}', "it has instances and inputs"),
        (b'{"inputs": [[1, 2]], "params": [1]}', "'params' must be a JSON object; it is a list"),
        (b'{"dataframe_split": []}', "must be an object with 'columns' and 'data'"),
        (b'{"dataframe_split": {"columns": ["a", "b"]}}', "'dataframe_split.data' must be a list"),
        (b'{"dataframe_split": {"columns": "a", "data": []}}', "'dataframe_split.columns' must"),
        (b'{"dataframe_split": {"colums": ["a"], "data": [[1]]}}', "unknown keys ['colums']"),
        (b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [1]]}}', "data[1]' has 1"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}', "a name twice"),
        (
            b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]], "index": [1, 2]}}',
            "has 2 entries for 1 rows",
        ),
        (b'{"dataframe_records": {"a": 1}}', "must be a list of objects; it is an object"),
        (b'{"dataframe_records": [{"a": 1, "b": 2}, 3]}', "'dataframe_records[1]' must be"),
        (b'{"instances": {"a": 1}}', "'instances' must be a list of rows"),
        (b'{"instances": [{"a": 1, "b": 2}, [1, 2]]}', "all objects, or none"),
        (b'{"inputs": {"a": [1, 2], "b": [1]}}', "different lengths"),
        (b'{"inputs": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested deeper"),
        (b'{"inputs": ' + b"[" * 100 + b"1" + b"]" * 100 + b"}", "nested deeper than 64"),
        (b'{"inputs": "' + b"[" * 100 + b'"}', "asks for columns"),
        (b'{"inputs": [[1, "2"]]}', "Column 'b': expected double, got string"),
        (b'{"inputs": [[1, true]]}', "Column 'b': expected double, got bool"),
        (b'{"inputs": [[1, 2, 3]]}', "Row 0 has 3 values; the signature has 2"),
        (b'{"inputs": {"a": [1]}}', "lacks the required columns 'b' (double)"),
        (b'{"dataframe_records": [{"a": 1}]}', "lacks the required columns 'b'"),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1]]}}', "lacks the required columns"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_refused_json_names_what_is_wrong(body: bytes, says: str) -> None:
    with pytest.raises((MalformedRequest, InvalidArgument)) as refused:
        read(body)

    assert says in refused.value.message
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"a,b\n1,x\n", "Column 'b': expected double"),
        (b"a,b\n1,2,3\n", "cannot be read"),
        (b"a,b\n1,2\n1,2,3\n", "cannot be read"),
        (b"1,2\n3,4\n", "lacks the required columns 'a' (double), 'b' (double)"),
        (b'a,b\n"1,2\n', "cannot be read"),
        (b"a,b\n\xff,1\n", "UTF-8"),
        (b"\xff,b\n2,1\n", "UTF-8"),
    ],
)
def test_refused_csv_names_what_is_wrong(body: bytes, says: str) -> None:
    with pytest.raises((MalformedRequest, InvalidArgument)) as refused:
        read(body, kind=CSV)

    assert says in refused.value.message


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" * 100, TABLE.to_parquet()[:-9]])
def test_refused_parquet(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="no Parquet file"):
        read(body, kind=PARQUET)


def test_a_parquet_file_that_swells_is_refused() -> None:
    many = io.BytesIO()
    pd.DataFrame({"a": np.zeros(4_000_000), "b": 1.0}).to_parquet(
        many, compression="zstd", use_dictionary=False, row_group_size=4_000_000
    )
    assert len(many.getvalue()) < 1_000_000

    with pytest.raises(TooLarge, match="when it is unpacked"):
        read(many.getvalue(), kind=PARQUET, rows=10**9)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (None, "missing"),
        ("text/plain", "'text/plain' is not read"),
        ("application/octet-stream", "not read"),
        ("application/x-pickle", "not read"),
        ("application/json; format=pandas-split", "'format=pandas-split' is not understood"),
        ("text/csv; charset=latin-1", "charset=latin-1"),
    ],
)
def test_refused_media_types(kind: str | None, says: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=says):
        Bodies(DOUBLES, max_rows=1).read(kind, b"{}")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"inputs": [[1, 2]] * 11}).encode(), JSON),
        (json.dumps({"dataframe_split": SPLIT | {"data": [[1, 2]] * 11}}).encode(), JSON),
        (b"a,b\n" + b"1,2\n" * 11, CSV),
        (pd.concat([TABLE] * 6).to_parquet(), PARQUET),
    ],
)
def test_too_many_rows(body: bytes, kind: str) -> None:
    with pytest.raises(TooLarge, match="at most 10"):
        read(body, kind=kind, rows=10)


@pytest.mark.fuzz
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["a", "b", "columns", "data", "index"]), inner)
        ),
        max_leaves=20,
    ),
    st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params", "x"]),
    st.sampled_from([DOUBLES, MIXED, DATED, TENSOR, NAMED, TEXTS, None]),
)
def test_whatever_comes_is_read_or_refused(
    value: Any, form: str, signature: ModelSignature | None
) -> None:
    """Never anything but data that conforms, or an error that a caller can mend."""
    with mendable():
        read({form: value}, signature)


@pytest.mark.fuzz
@given(st.binary(max_size=60), st.sampled_from([JSON, CSV, PARQUET]))
def test_whatever_bytes_come_are_read_or_refused(body: bytes, kind: str) -> None:
    with mendable():
        read(body, kind=kind)


# --- predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([1, 2]), [1, 2]),
        (np.array([[0.5, math.nan]]), [[0.5, None]]),
        (np.array([math.inf]), [None]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", 1, None], dtype=object), ["a", 1, None]),
        (np.array([True]), [True]),
        (pd.Series([1.5, math.nan]), [1.5, None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (
            pd.DataFrame({"a": [1, 2], "s": ["x", None]}),
            [{"a": 1, "s": "x"}, {"a": 2, "s": None}],
        ),
        (
            pd.DataFrame({"t": [pd.Timestamp("2024-01-02"), pd.NaT]}),
            [{"t": "2024-01-02T00:00:00"}, {"t": None}],
        ),
        (pd.DataFrame({"l": [np.array([1, 2])]}), [{"l": [1, 2]}]),
        ([1, np.float64(2.5), np.int64(3)], [1, 2.5, 3]),
        ([np.array([1.0]), np.array([2.0, 3.0])], [[1.0], [2.0, 3.0]]),
        ({"p": np.array([0.1])}, {"p": [0.1]}),
        ([{"text": "hi", "score": np.float32(0.5)}], [{"text": "hi", "score": 0.5}]),
        ("text", "text"),
        (np.float64(1.5), 1.5),
        (b"ab", "YWI="),
        (None, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_predictions_as_json(predictions: Any, expected: Any) -> None:
    assert json.loads(encode(predictions)) == {"predictions": expected}


def test_a_signature_that_is_inferred_reads_its_own_example() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", "y"], "c": [1, 2]})
    signature = infer_signature(frame)
    body = {"dataframe_split": json.loads(frame.to_json(orient="split"))}

    pd.testing.assert_frame_equal(read(body, signature).data, frame)
