"""The Open Inference Protocol (version 2, REST): tensors in, tensors out, as JSON or as raw bytes.

Raw bytes follow the JSON in the same body, as the binary tensor extension has it: the header
`Inference-Header-Content-Length` says where they begin, `binary_data_size` how many belong to each
tensor.

Source: Open Inference Protocol, REST specification; Triton, binary tensor data extension.
"""

# Data is of any library, and so is what models make of it.
# ruff: noqa: ANN401

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from millrace.core.errors import MalformedRequest, TooLarge
from millrace.core.lazy import require
from millrace.models.example import plain
from millrace.models.types import ColSpec, DataType, TensorSpec
from millrace.serving.payload import Given, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.models.signature import ModelSignature
    from millrace.models.types import Schema

HEADER_LENGTH: Final = "inference-header-content-length"
EXTENSIONS: Final = ("binary_tensor_data",)

_NUMPY: Final = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
_DATATYPE: Final = {name: datatype for datatype, name in _NUMPY.items()}
_OF_COLUMN: Final = {
    DataType.boolean: "BOOL",
    DataType.integer: "INT32",
    DataType.long: "INT64",
    DataType.float: "FP32",
    DataType.double: "FP64",
}
# Parameters of a request that are about the request, and none of the model's.
_OWN: Final = frozenset({"binary_data_output", "content_type", "headers"})
_MAX_DIMENSIONS: Final = 32
_SIZE: Final = struct.Struct("<I")


class _Tensor(msgspec.Struct, kw_only=True):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: Any = msgspec.UNSET


class _Wanted(msgspec.Struct, kw_only=True):
    name: str
    parameters: dict[str, Any] | None = None


class _Request(msgspec.Struct, kw_only=True):
    inputs: list[_Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[_Wanted] | None = None


class Asked(NamedTuple):
    """A request for inference: data for the model, and in which form its answer goes out."""

    given: Given
    id: str | None
    wanted: dict[str, bool] | None
    """Outputs by name, and whether each goes out as bytes; None: all of them."""
    as_bytes: bool


class Answered(NamedTuple):
    """The body of an answer; `json_size` is None when all of it is JSON."""

    body: bytes
    json_size: int | None


class Tensors:
    """Reads the requests for inference of one model, and writes their answers."""

    def __init__(self, signature: ModelSignature | None, *, max_rows: int) -> None:
        self._inputs = signature.inputs if signature else None
        self._outputs = signature.outputs if signature else None
        self._max_rows = max_rows

    def read(self, body: bytes, header_length: str | None) -> Asked:
        """Decode *body*; `MalformedRequest` names the tensor that is wrong."""
        size = _json_size(header_length, len(body))
        request = _decoded(bytes(body[:size]))
        if not request.inputs:
            raise MalformedRequest("'inputs' is empty; give at least one tensor.")
        arrays: dict[str, Any] = {}
        rest = memoryview(body)[size:]
        for tensor in request.inputs:
            if tensor.name in arrays:
                raise MalformedRequest(f"Input {tensor.name!r} is given twice.")
            arrays[tensor.name], rest = _array(tensor, rest)
        if len(rest):
            raise MalformedRequest(f"{len(rest)} bytes after the JSON belong to no input.")
        rows = max(len(array) if array.ndim else 1 for array in arrays.values())
        if rows > self._max_rows:
            raise TooLarge(
                f"The request has {rows} rows; at most {self._max_rows} are scored at a time."
            )
        said = request.parameters or {}
        params = {name: value for name, value in said.items() if name not in _OWN}
        as_bytes = bool(said.get("binary_data_output", False))
        wanted = None
        if request.outputs:
            wanted = {
                one.name: bool((one.parameters or {}).get("binary_data", as_bytes))
                for one in request.outputs
            }
        given = Given(self._data(arrays), params or None, rows)
        return Asked(given, request.id, wanted, as_bytes)

    def write(self, name: str, version: str, asked: Asked, predictions: Any) -> Answered:
        """The answer that carries *predictions* of the model *name*."""
        outputs = dict(_named(predictions, self._outputs))
        wanted = asked.wanted or dict.fromkeys(outputs, asked.as_bytes)
        unknown = sorted(set(wanted) - set(outputs))
        if unknown:
            raise MalformedRequest(
                f"The model has no output {unknown[0]!r}; it has {sorted(outputs)}."
            )
        told, blobs = [], []
        for output, is_binary in wanted.items():
            array = outputs[output]
            tensor: dict[str, Any] = {
                "name": output,
                "datatype": _DATATYPE.get(array.dtype.name, "BYTES"),
                "shape": list(array.shape),
            }
            if is_binary:
                blobs.append(_to_bytes(array))
                tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
            else:
                tensor["data"] = plain(array.ravel()) if array.dtype == object else _flat(array)
            told.append(tensor)
        answer: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": told}
        if asked.id is not None:
            answer["id"] = asked.id
        head = msgspec.json.encode(answer)
        return Answered(b"".join([head, *blobs]), len(head) if blobs else None)

    def metadata(self, name: str, version: str, platform: str) -> dict[str, Any]:
        """What the model takes and gives, as the protocol says it."""
        return {
            "name": name,
            "versions": [version],
            "platform": platform,
            "inputs": [_described(one, at, "input") for at, one in enumerate(self._inputs or ())],
            "outputs": [
                _described(one, at, "output") for at, one in enumerate(self._outputs or ())
            ],
        }

    def _data(self, arrays: dict[str, Any]) -> Any:
        schema = self._inputs
        if schema is None:
            return next(iter(arrays.values())) if len(arrays) == 1 else arrays
        if schema.is_tensor_spec():
            return arrays if schema.has_input_names() else _only(arrays, "the model takes one")
        names = set(schema.input_names())
        if schema.has_input_names() and names & set(arrays):
            return _frame(arrays)
        table = _only(arrays, f"name the columns {schema.input_names()[:50]}, or send one tensor")
        return table if table.ndim > 1 or len(schema) == 1 else table.reshape(1, -1)


def _json_size(header_length: str | None, size: int) -> int:
    if header_length is None:
        return size
    if not header_length.isascii() or not header_length.isdigit() or int(header_length) > size:
        raise MalformedRequest(
            f"Inference-Header-Content-Length {header_length[:40]!r} must be the length of the "
            f"JSON, at most the {size} bytes of the body."
        )
    return int(header_length)


def _decoded(head: bytes) -> _Request:
    try:
        return msgspec.json.decode(head, type=_Request)
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"The request for inference is not understood: {error}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        said = parse(head)
    try:
        return msgspec.convert(said, _Request)
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"The request for inference is not understood: {error}.") from None


def _array(tensor: _Tensor, rest: memoryview) -> tuple[Any, memoryview]:
    """The tensor, and the raw bytes that are left for those after it."""
    where, shape = f"Input {tensor.name!r}", tensor.shape
    if tensor.datatype not in _NUMPY and tensor.datatype != "BYTES":
        raise MalformedRequest(
            f"{where}: datatype {tensor.datatype[:40]!r} is not one of {', '.join(_NUMPY)}, BYTES."
        )
    if len(shape) > _MAX_DIMENSIONS or any(length < 0 for length in shape):
        raise MalformedRequest(
            f"{where}: the shape must be at most {_MAX_DIMENSIONS} lengths of 0 or more."
        )
    count = math.prod(shape)
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        if tensor.data is msgspec.UNSET:
            raise MalformedRequest(f"{where} has no 'data'.")
        return _of_json(tensor, count, where), rest
    if not isinstance(size, int) or not 0 <= size <= len(rest):
        raise MalformedRequest(
            f"{where}: binary_data_size {size!r} must be a number of bytes, at most the "
            f"{len(rest)} that are left after the JSON."
        )
    return _of_bytes(tensor, rest[:size], count, where), rest[size:]


def _of_json(tensor: _Tensor, count: int, where: str) -> Any:
    numpy = require("numpy", extra="models")
    try:
        array = numpy.asarray(tensor.data, dtype=object if tensor.datatype == "BYTES" else None)
    except (ValueError, OverflowError):
        raise MalformedRequest(f"{where}: 'data' has rows of different lengths.") from None
    if array.size != count:
        raise MalformedRequest(
            f"{where}: the shape {tensor.shape} has {count} elements, 'data' has {array.size}."
        )
    array = array.reshape(tensor.shape)
    if tensor.datatype == "BYTES":
        if not all(isinstance(one, str) for one in array.flat):
            raise MalformedRequest(f"{where}: the elements of a BYTES tensor are strings.")
        return array
    wanted = numpy.dtype(_NUMPY[tensor.datatype])
    array = _numbers(array, tensor, where)
    fits = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}[wanted.kind]
    if count and array.dtype.kind not in fits:
        raise _wrong_elements(tensor, where)
    if wanted.kind in "iu" and count:
        limits = numpy.iinfo(wanted)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise MalformedRequest(f"{where}: 'data' goes beyond {tensor.datatype}.")
    return array.astype(wanted)


def _numbers(array: Any, tensor: _Tensor, where: str) -> Any:
    """*array* without what numpy cannot tell: null among numbers, integers beyond 2**63."""
    if array.dtype == object and tensor.datatype.startswith("FP"):
        if not all(one is None or isinstance(one, float | int) for one in array.flat):
            raise _wrong_elements(tensor, where)
        return array.astype("float64")
    if array.dtype.kind == "f" and tensor.datatype.startswith("UINT"):
        numpy = require("numpy", extra="models")
        exact = numpy.asarray(tensor.data, dtype=object).reshape(tensor.shape)
        if all(isinstance(one, int) and 0 <= one < 2**64 for one in exact.flat):
            return exact.astype("uint64")
    return array


def _wrong_elements(tensor: _Tensor, where: str) -> MalformedRequest:
    return MalformedRequest(f"{where}: 'data' holds what is no {tensor.datatype}.")


def _of_bytes(tensor: _Tensor, raw: memoryview, count: int, where: str) -> Any:
    numpy = require("numpy", extra="models")
    if tensor.datatype != "BYTES":
        wanted = numpy.dtype(_NUMPY[tensor.datatype]).newbyteorder("<")
        if len(raw) != count * wanted.itemsize:
            raise MalformedRequest(
                f"{where}: the shape {tensor.shape} of {tensor.datatype} takes "
                f"{count * wanted.itemsize} bytes; it has {len(raw)}."
            )
        # A copy: models may write into what they get.
        return (
            numpy.frombuffer(raw, dtype=wanted)
            .astype(wanted.newbyteorder("="))
            .reshape(tensor.shape)
        )
    elements: list[Any] = []
    at = 0
    while at < len(raw):
        if at + _SIZE.size > len(raw):
            raise MalformedRequest(f"{where}: its bytes end within the length of an element.")
        (length,) = _SIZE.unpack_from(raw, at)
        at += _SIZE.size
        if at + length > len(raw):
            raise MalformedRequest(f"{where}: its bytes end within an element.")
        element = bytes(raw[at : at + length])
        try:
            elements.append(element.decode())
        except UnicodeDecodeError:
            elements.append(element)
        at += length
    if len(elements) != count:
        raise MalformedRequest(
            f"{where}: the shape {tensor.shape} has {count} elements, its bytes hold "
            f"{len(elements)}."
        )
    array = numpy.empty(count, dtype=object)
    array[:] = elements
    return array.reshape(tensor.shape)


def _only(arrays: dict[str, Any], why: str) -> Any:
    if len(arrays) > 1:
        raise MalformedRequest(f"There are {len(arrays)} inputs, {sorted(arrays)[:50]}; {why}.")
    return next(iter(arrays.values()))


def _frame(arrays: dict[str, Any]) -> Any:
    """One column for each tensor; a tensor of several dimensions gives a list for each row."""
    pandas = require("pandas", extra="models")
    rows = {len(array) if array.ndim else 1 for array in arrays.values()}
    if len(rows) > 1:
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        raise MalformedRequest(f"The inputs have different numbers of rows: {shapes}.")
    columns: dict[str, Any] = {}
    for name, array in arrays.items():
        if array.size == max(rows):
            columns[name] = array.ravel()
        else:
            columns[name] = list(array.tolist())
    return pandas.DataFrame(columns)


# --- answers -------------------------------------------------------------------------------------


def _named(predictions: Any, schema: Schema | None) -> Iterable[tuple[str, Any]]:
    """The outputs of a model by name: columns of a frame, items of a mapping, or all as one."""
    numpy = require("numpy", extra="models")
    if hasattr(predictions, "columns") and hasattr(predictions, "__getitem__"):
        for name in predictions.columns:
            column = predictions[name]
            yield str(name), _typed(numpy.asarray(column))
    elif isinstance(predictions, dict):
        for name, value in predictions.items():
            yield str(name), _typed(numpy.asarray(value))
    else:
        first = schema.input_names()[0] if schema and schema.has_input_names() else None
        if hasattr(predictions, "toarray"):
            predictions = predictions.toarray()
        if hasattr(predictions, "detach"):
            predictions = predictions.detach().cpu().numpy()
        try:
            array = _typed(numpy.asarray(predictions))
        except ValueError:  # rows of different lengths: each is an element
            array = numpy.empty(len(predictions), dtype=object)
            array[:] = predictions
        yield first if isinstance(first, str) else "output-0", array


def _typed(array: Any) -> Any:
    """*array* with a type that the protocol has; what it has none for becomes objects."""
    if array.dtype.name in _DATATYPE:
        return array if array.ndim else array.reshape(1)
    return array.astype(object) if array.ndim else array.astype(object).reshape(1)


def _flat(array: Any) -> list[Any]:
    cells: list[Any] = array.ravel().tolist()
    return cells


def _to_bytes(array: Any) -> bytes:
    if array.dtype != object:
        raw: bytes = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        return raw
    parts = []
    for one in array.flat:
        element = one if isinstance(one, bytes) else _text(one).encode()
        parts += [_SIZE.pack(len(element)), element]
    return b"".join(parts)


def _text(one: Any) -> str:
    said = plain(one)
    return said if isinstance(said, str) else msgspec.json.encode(said).decode()


def _described(spec: ColSpec | TensorSpec, at: int, role: str) -> dict[str, Any]:
    name = f"{role}-{at}" if spec.name is None else str(spec.name)
    if isinstance(spec, TensorSpec):
        datatype = _DATATYPE.get(str(spec.type.name), "BYTES")
        return {"name": name, "datatype": datatype, "shape": list(spec.shape)}
    kind = spec.type if isinstance(spec.type, DataType) else None
    datatype = _OF_COLUMN.get(kind, "BYTES") if kind else "BYTES"
    return {"name": name, "datatype": datatype, "shape": [-1]}
