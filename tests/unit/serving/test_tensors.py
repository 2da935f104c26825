"""The Open Inference Protocol: tensors of every datatype, both ways, and what is refused."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument, MalformedRequest, MillraceError, TooLarge
from millrace.models.signature import ModelSignature, infer_signature
from millrace.models.types import Schema, TensorSpec
from millrace.serving.tensors import Asked, Tensors

FRAME = pd.DataFrame({"a": [1.0, 2.5], "b": [3.0, -4.0]})
COLUMNS = infer_signature(FRAME, np.array([1, 0]))
PAIR = ModelSignature(Schema((TensorSpec("float64", (-1, 2)),)))

SAMPLES = {
    "BOOL": [True, False],
    "UINT8": [0, 255],
    "UINT16": [0, 65535],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "INT8": [-128, 127],
    "INT16": [-(2**15), 2**15 - 1],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "FP16": [0.5, -2.0],
    "FP32": [0.5, -2.0],
    "FP64": [0.1, -1e300],
    "BYTES": ["", "é"],
}


def ask(signature: ModelSignature | None, *inputs: dict[str, Any], **more: Any) -> Asked:
    tensors = Tensors(signature, max_rows=100)
    return tensors.read(json.dumps({"inputs": list(inputs), **more}).encode(), None)


def tensor(
    datatype: str = "FP64", shape: Any = (2,), name: str = "x", **more: Any
) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), **more}


def binary(*parts: tuple[dict[str, Any], bytes], **more: Any) -> tuple[bytes, str]:
    """A body whose tensors are raw, and the header that says where they begin."""
    inputs = [one | {"parameters": {"binary_data_size": len(raw)}} for one, raw in parts]
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head + b"".join(raw for _, raw in parts), str(len(head))


def raw_of(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        texts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    kinds = {"BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
    number = datatype.removeprefix("U").removeprefix("INT")
    kind = kinds.get(datatype) or f"<{'u' if datatype[0] == 'U' else 'i'}{int(number) // 8}"
    return np.array(values, dtype=kind).tobytes()


@pytest.mark.parametrize("datatype", SAMPLES)
def test_every_datatype_goes_in_and_out_as_json_and_as_bytes(datatype: str) -> None:
    values = SAMPLES[datatype]
    tensors = Tensors(None, max_rows=100)
    body, size = binary((tensor(datatype), raw_of(datatype, values)))

    for asked in (ask(None, tensor(datatype, data=values)), tensors.read(body, size)):
        data = asked.given.data
        assert data.tolist() == values

        as_json = json.loads(tensors.write("m", "1", asked, data).body)
        [output] = as_json["outputs"]
        assert output == tensor(datatype, data=values, name="output-0")

        answered = tensors.write("m", "1", asked._replace(as_bytes=True), data)
        assert answered.json_size is not None
        head = json.loads(answered.body[: answered.json_size])
        raw = answered.body[answered.json_size :]
        assert head["outputs"][0]["parameters"] == {"binary_data_size": len(raw)}
        assert raw == raw_of(datatype, values)


def test_columns_as_one_tensor_each_or_as_one_table() -> None:
    each = [
        tensor(name="a", data=[1, 2.5]),
        tensor(name="b", shape=(2, 1), data=[[3.0], [-4]]),
    ]
    table = tensor(shape=(2, 2), data=[1, 3, 2.5, -4])

    for inputs in (each, [table]):
        asked = ask(COLUMNS, *inputs)

        pd.testing.assert_frame_equal(COLUMNS.enforce(asked.given.data), FRAME)
        assert asked.given.rows == 2


def test_flat_and_nested_data_and_absent_numbers() -> None:
    flat = ask(PAIR, tensor(shape=(2, 2), data=[1, 2, 3, None])).given.data
    nested = ask(PAIR, tensor(shape=(2, 2), data=[[1, 2], [3, None]])).given.data

    np.testing.assert_array_equal(flat, nested)
    assert math.isnan(flat[1, 1])


def test_id_parameters_and_outputs_that_are_asked_for() -> None:
    asked = ask(
        None,
        tensor(data=[1, 2]),
        id="q7",
        parameters={"temperature": 0.5, "binary_data_output": True},
        outputs=[{"name": "p", "parameters": {"binary_data": False}}],
    )
    answered = Tensors(None, max_rows=9).write(
        "risk", "3", asked, pd.DataFrame({"p": [0.5, 1.0], "label": ["a", "b"]})
    )

    assert asked.given.params == {"temperature": 0.5}
    assert json.loads(answered.body) == {
        "model_name": "risk",
        "model_version": "3",
        "id": "q7",
        "outputs": [{"name": "p", "datatype": "FP64", "shape": [2], "data": [0.5, 1.0]}],
    }


@pytest.mark.parametrize(
    ("predictions", "outputs"),
    [
        (["a", "b"], [("output-0", "BYTES", [2], ["a", "b"])]),
        (np.float64(2), [("output-0", "FP64", [1], [2.0])]),
        ({"p": [0.5], "n": np.array([1])}, [("p", "FP64", [1], [0.5]), ("n", "INT64", [1], [1])]),
        ([[1, 2], [3]], [("output-0", "BYTES", [2], [[1, 2], [3]])]),
        (np.array([[math.nan, 1]]), [("output-0", "FP64", [1, 2], [None, 1.0])]),
        (pd.Series(["x"]), [("output-0", "BYTES", [1], ["x"])]),
    ],
)
def test_outputs_of_models(predictions: Any, outputs: list[Any]) -> None:
    answered = Tensors(None, max_rows=9).write(
        "m", "1", ask(None, tensor(data=[1, 2])), predictions
    )

    found = json.loads(answered.body)["outputs"]
    assert [
        tuple(one[key] for key in ("name", "datatype", "shape", "data")) for one in found
    ] == outputs


def test_metadata_says_what_the_signature_says() -> None:
    assert Tensors(COLUMNS, max_rows=1).metadata("m", "2", "sklearn") == {
        "name": "m",
        "versions": ["2"],
        "platform": "sklearn",
        "inputs": [
            {"name": "a", "datatype": "FP64", "shape": [-1]},
            {"name": "b", "datatype": "FP64", "shape": [-1]},
        ],
        "outputs": [{"name": "output-0", "datatype": "INT64", "shape": [-1]}],
    }
    assert Tensors(PAIR, max_rows=1).metadata("m", "2", "x")["inputs"] == [
        {"name": "input-0", "datatype": "FP64", "shape": [-1, 2]}
    ]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([], "'inputs' is empty"),
        ([tensor()], "Input 'x' has no 'data'"),
        ([tensor(data=[1])], "has 2 elements, 'data' has 1"),
        ([tensor(shape=(-1,), data=[1])], "lengths of 0 or more"),
        ([tensor(shape=(1,) * 33, data=[1])], "at most 32"),
        ([tensor("FLOAT", data=[1, 2])], "datatype 'FLOAT' is not one of"),
        ([tensor("BF16", data=[1, 2])], "is not one of"),
        ([tensor(data=["1", "2"])], "what is no FP64"),
        ([tensor("INT64", data=[1.5, 2])], "what is no INT64"),
        ([tensor("INT64", data=[None, 2])], "what is no INT64"),
        ([tensor("UINT8", data=[1, 256])], "goes beyond UINT8"),
        ([tensor("BOOL", data=[1, 0])], "what is no BOOL"),
        ([tensor("BYTES", data=["a", 1])], "are strings"),
        ([tensor(shape=(2, 2), data=[[1, 2], [3]])], "different lengths"),
        ([tensor(data=[1, 2]), tensor(data=[1, 2])], "given twice"),
        ([tensor(data=[1, 2], parameters={"binary_data_size": 16})], "binary_data_size 16"),
        ([{"name": "x"}], "not understood"),
        ([tensor(shape="x", data=[1])], "not understood"),
        ([tensor(shape=(101,), data=[0] * 101)], "at most 100"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_refused_requests_name_the_tensor(inputs: Any, says: str) -> None:
    with pytest.raises((MalformedRequest, TooLarge)) as refused:
        ask(None, *inputs)

    assert says in refused.value.message


@pytest.mark.parametrize(
    ("part", "raw", "header", "says"),
    [
        (tensor(), b"\0" * 15, None, "takes 16 bytes; it has 15"),
        (tensor("BYTES", (1,)), b"\5\0\0\0ab", None, "end within an element"),
        (tensor("BYTES", (1,)), b"\5\0", None, "end within the length"),
        (tensor("BYTES", (3,)), b"\0\0\0\0", None, "has 3 elements, its bytes hold 1"),
        (tensor(), b"\0" * 16, "999999", "must be the length of the JSON"),
        (tensor(), b"\0" * 16, "-1", "must be the length of the JSON"),
        (tensor(), b"\0" * 16, "x", "must be the length of the JSON"),
    ],
)
def test_refused_bytes(part: dict[str, Any], raw: bytes, header: str | None, says: str) -> None:
    body, size = binary((part, raw))

    with pytest.raises(MalformedRequest, match=says):
        Tensors(None, max_rows=100).read(body, header or size)


def test_bytes_that_belong_to_nobody_are_refused() -> None:
    body, size = binary((tensor(), b"\0" * 16))

    with pytest.raises(MalformedRequest, match="3 bytes after the JSON belong to no input"):
        Tensors(None, max_rows=100).read(body + b"abc", size)


def test_inputs_that_the_model_does_not_take() -> None:
    with pytest.raises(MalformedRequest, match="different numbers of rows"):
        ask(COLUMNS, tensor(name="a", data=[1, 2]), tensor(name="b", shape=(1,), data=[1]))
    with pytest.raises(MalformedRequest, match="name the columns"):
        ask(COLUMNS, tensor(name="u", data=[1, 2]), tensor(name="v", data=[1, 2]))
    with pytest.raises(InvalidArgument, match="lacks the required columns 'b'"):
        COLUMNS.enforce(ask(COLUMNS, tensor(name="a", data=[1, 2])).given.data)


@pytest.mark.fuzz
@given(st.binary(max_size=80), st.none() | st.integers(-1, 90).map(str))
def test_whatever_bytes_come_are_read_or_refused(body: bytes, header: str | None) -> None:
    with pytest.raises(MillraceError) as refused:
        Tensors(COLUMNS, max_rows=10).read(body, header)

    assert refused.value.status == 400
