"""A served model as an OpenAPI document: what it takes, what it gives, with the stored example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from millrace import __version__
from millrace.models.types import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    Schema,
    TensorSpec,
    Type,
)
from millrace.serving.payload import CSV, JSON, PARQUET

if TYPE_CHECKING:
    from millrace.serving.scoring import Model

_SCALARS: Final[dict[DataType, dict[str, Any]]] = {
    DataType.boolean: {"type": "boolean"},
    DataType.integer: {"type": "integer", "format": "int32"},
    DataType.long: {"type": "integer", "format": "int64"},
    DataType.float: {"type": "number", "format": "float"},
    DataType.double: {"type": "number", "format": "double"},
    DataType.string: {"type": "string"},
    DataType.binary: {"type": "string", "contentEncoding": "base64"},
    DataType.datetime: {"type": "string", "format": "date-time"},
}
_ERRORS: Final = {
    "400": "The body is not understood, or does not fit the signature; the message names what.",
    "413": "More bytes or rows than the server takes at a time.",
    "415": "The Content-Type is not one of those above.",
    "429": "Too many requests wait already.",
    "503": "The model is being loaded, or its process ended; try again.",
    "504": "The model did not answer in time.",
}


def document(model: Model, name: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a server of *model*."""
    signature = model.signature
    inputs = signature.inputs if signature else None
    outputs = signature.outputs if signature else None
    params = signature.params if signature else None
    body: dict[str, Any] = {"schema": _body(inputs, params)}
    if model.example is not None:
        body["example"] = model.example
    table = {"schema": {"type": "string", "description": "A table with a header row."}}
    invoke = {
        "operationId": "invoke",
        "summary": "Score rows.",
        "requestBody": {
            "required": True,
            "content": {
                JSON: body,
                CSV: table,
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {
                "description": "Predictions, in the order of the rows.",
                "content": {JSON: {"schema": _answer(outputs)}},
            },
            **{
                status: {
                    "description": said,
                    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
                for status, said in _ERRORS.items()
            },
        },
    }
    probe = {"200": {"description": "It is."}, "503": {"description": "It is not, yet."}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Model {name}", "version": __version__},
        "paths": {
            "/invocations": {"post": invoke},
            "/ping": {"get": {"summary": "Is a model process ready?", "responses": probe}},
            "/health": {"get": {"summary": "Is a model process ready?", "responses": probe}},
            "/version": {
                "get": {
                    "summary": "The version of the server.",
                    "responses": {"200": {"description": "The number."}},
                }
            },
        },
        "components": {"schemas": {"Error": _ERROR}},
    }


_ERROR: Final = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
}


def _body(inputs: Schema | None, params: ParamSchema | None) -> dict[str, Any]:
    """One of the forms that a JSON body may have."""
    forms: dict[str, dict[str, Any]] = {}
    columns = inputs.columns if inputs is not None else ()
    if columns and all(isinstance(one.name, str) for one in columns):
        record = _record(columns)
        names = [one.name for one in columns]
        forms["dataframe_split"] = {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": {"enum": names}},
                "data": {"type": "array", "items": {"type": "array"}},
                "index": {"type": "array"},
            },
        }
        forms["dataframe_records"] = {"type": "array", "items": record}
        forms["instances"] = {"type": "array", "items": record}
        forms["inputs"] = {
            "type": "object",
            "properties": {
                str(one.name): {"type": "array", "items": _of(one.type)} for one in columns
            },
        }
    elif inputs is not None and inputs.is_tensor_spec():
        tensors = inputs.tensors
        if inputs.has_input_names():
            forms["inputs"] = {
                "type": "object",
                "required": [str(one.name) for one in tensors],
                "properties": {str(one.name): _tensor(one) for one in tensors},
            }
            forms["instances"] = {"type": "array", "items": {"type": "object"}}
        else:
            forms["inputs"] = forms["instances"] = _tensor(tensors[0])
    elif columns:
        items = {"type": "array", "items": _of(columns[0].type)}
        forms["inputs"] = forms["instances"] = items
    else:
        forms["dataframe_split"] = {"type": "object"}
        forms["dataframe_records"] = forms["instances"] = {"type": "array"}
        forms["inputs"] = {}
    said = {} if params is None else {"params": _params(params)}
    return {
        "oneOf": [
            {"type": "object", "required": [form], "properties": {form: schema, **said}}
            for form, schema in forms.items()
        ]
    }


def _params(params: ParamSchema) -> dict[str, Any]:
    properties = {}
    for one in params:
        kind = _of(one.dtype)
        said = kind if one.shape is None else {"type": "array", "items": kind}
        is_plain = isinstance(one.default, (str, int, float, bool, list, dict))
        properties[one.name] = {**said, "default": one.default} if is_plain else said
    return {"type": "object", "properties": properties}


def _answer(outputs: Schema | None) -> dict[str, Any]:
    predictions: dict[str, Any] = {}
    if outputs is not None and outputs.is_tensor_spec() and not outputs.has_input_names():
        predictions = _tensor(outputs.tensors[0])
    elif outputs is not None and outputs.columns and outputs.has_input_names():
        predictions = {"type": "array", "items": _record(outputs.columns)}
    elif outputs is not None and outputs.columns:
        predictions = {"type": "array", "items": _of(outputs.columns[0].type)}
    return {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": predictions},
    }


def _record(columns: tuple[ColSpec, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [str(one.name) for one in columns if one.required],
        "properties": {str(one.name): _of(one.type) for one in columns},
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
    said: dict[str, Any] = {"type": kinds.get(spec.type.kind, "string")}
    for length in reversed(spec.shape):
        said = {"type": "array", "items": said}
        if length >= 0:
            said |= {"minItems": length, "maxItems": length}
    return said


def _of(kind: Type) -> dict[str, Any]:
    match kind:
        case DataType():
            return _SCALARS[kind]
        case Array():
            return {"type": "array", "items": _of(kind.items)}
        case Map():
            return {"type": "object", "additionalProperties": _of(kind.values)}
        case Object():
            return {
                "type": "object",
                "required": [one.name for one in kind.properties if one.required],
                "properties": {one.name: _of(one.type) for one in kind.properties},
            }
        case AnyType():
            return {}
