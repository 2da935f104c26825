"""The endpoint table as an OpenAPI 3.1 document.

It describes the canonical form of every call: one path each (the others under `x-also-at`), choices
by name, an optional field absent rather than null. The wire tolerates more.

Source: OpenAPI Specification 3.1.1; its schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace import __version__
from millrace.api.tracking import OfRun
from millrace.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millrace.api.endpoint import Endpoint

Schema = dict[str, Any]

_AT = "#/components/schemas/{name}"
_NUMBER: Final[Schema] = {"$ref": _AT.format(name="Number")}
_FIXED: Final[dict[str, Schema]] = {
    "Number": {
        "description": "A number; those that JSON cannot write are strings.",
        "anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}],
    },
    "Error": {
        "description": "Why a request failed, for programs and for people.",
        "type": "object",
        "properties": {
            "error_code": {"type": "string"},
            "message": {"type": "string"},
            "sqlstate": {"type": "string"},
            "error_class": {"type": "string"},
        },
        "required": ["error_code", "message"],
    },
}
_IDEMPOTENCY_KEY: Final[Schema] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Names this very write: sent again with the same key it happens once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
# Calls that can also answer in a form of their own.
_BINARY: Final = {
    "exportRunTable": "application/vnd.apache.parquet",
    "querySeries": "application/vnd.millrace.series",
    "listenEvents": "text/event-stream",
}
_ALWAYS = (errors.InvalidArgument, errors.PermissionDenied, errors.NotFound)
_WITH_BODY = (errors.TooLarge, errors.UnsupportedMediaType)
_WRITING = (errors.Conflict, errors.KeyReused)
_SERVER_SIDE = (errors.InvalidState, errors.Unavailable)


def document(endpoints: Iterable[Endpoint[Any, Any]], prefix: str = "") -> dict[str, Any]:
    """Describe *endpoints* as served below the static *prefix* ("" or "/something")."""
    rows = tuple(endpoints)
    components = _components(rows)
    paths: dict[str, Schema] = {}
    for row in rows:
        paths.setdefault(row.paths[0], {})[row.method.lower()] = _operation(row, components)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Millrace",
            "version": __version__,
            "summary": "Records of machine-learning experiments, compatible with MLflow.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix or "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(row.group for row in rows)],
        "paths": paths,
        "components": {"schemas": components, "responses": dict(_error_responses())},
    }


def _operation(row: Endpoint[Any, Any], components: dict[str, Schema]) -> Schema:
    fields = components[row.request.__name__]
    in_path = re.findall(r"{(\w+)}", row.path)
    others = [name for name in fields["properties"] if name not in in_path]
    operation: Schema = {
        "operationId": row.name,
        "summary": row.summary,
        "tags": [row.group],
        "parameters": [_parameter(name, "path", fields) for name in in_path],
        "responses": _responses(row),
        "x-needs": {
            "permission": row.needs.permission.name,
            "on": msgspec.to_builtins(row.needs.on),
        },
    }
    if row.also:
        operation["x-needs-also"] = [
            {"permission": one.permission.name, "on": msgspec.to_builtins(one.on)}
            for one in row.also
        ]
    if len(row.paths) > 1:
        operation["x-also-at"] = list(row.paths[1:])
    if row.method == "GET":
        operation["parameters"] += [_parameter(name, "query", fields) for name in others]
    elif others:
        operation["requestBody"] = {
            "required": any(name in others for name in fields["required"]),
            "content": {"application/json": {"schema": _body(row, in_path, components)}},
        }
    if row.writes:
        operation["parameters"].append(_IDEMPOTENCY_KEY)
    if not operation["parameters"]:
        del operation["parameters"]
    return operation


def _parameter(name: str, place: str, fields: Schema) -> Schema:
    schema = dict(fields["properties"][name])
    required = name in fields["required"]
    parameter: Schema = {"name": name, "in": place, "required": required}
    if schema.pop("deprecated", False):
        parameter["deprecated"] = True
    if description := schema.pop("description", None):
        parameter["description"] = description
    return parameter | {"schema": schema}


def _body(row: Endpoint[Any, Any], in_path: list[str], components: dict[str, Schema]) -> Schema:
    name = row.request.__name__
    if in_path:
        whole = components[name]
        rest = {key: value for key, value in whole["properties"].items() if key not in in_path}
        required = [key for key in whole["required"] if key not in in_path]
        name = f"{name}Body"
        components[name] = whole | {"title": name, "properties": rest, "required": required}
    return {"$ref": _AT.format(name=name)}


def _responses(row: Endpoint[Any, Any]) -> Schema:
    kinds = [*_ALWAYS, *_SERVER_SIDE]
    kinds += _WITH_BODY if row.method != "GET" else ()
    kinds += _WRITING if row.writes else ()
    content: Schema = {
        "application/json": {"schema": {"$ref": _AT.format(name=row.response.__name__)}}
    }
    if row.name in _BINARY:
        content[_BINARY[row.name]] = {}
    done: Schema = {"description": "Done.", "content": content}
    failed = {
        str(kind.status): {"$ref": f"#/components/responses/{kind.__name__}"} for kind in kinds
    }
    return {"200": done, **dict(sorted(failed.items()))}


def _error_responses() -> Iterator[tuple[str, Schema]]:
    for kind in (*_ALWAYS, *_WITH_BODY, *_WRITING, *_SERVER_SIDE):
        yield (
            kind.__name__,
            {
                "description": inspect.getdoc(kind),
                "content": {"application/json": {"schema": {"$ref": _AT.format(name="Error")}}},
            },
        )


# --- schemas -----------------------------------------------------------------------------------


def _components(rows: tuple[Endpoint[Any, Any], ...]) -> dict[str, Schema]:
    types = list(dict.fromkeys(kind for row in rows for kind in (row.request, row.response)))
    _, found = msgspec.json.schema_components(types, ref_template=_AT)
    components = {name: _canonical(schema) for name, schema in found.items()} | _FIXED
    requests = {row.request for row in rows}
    for kind in types:
        schema = components[kind.__name__]
        for name, field in schema["properties"].items():
            if kind in requests and field == _NUMBER and name != "value":
                # Only what is logged may be no number: a bound of a window must be one.
                schema["properties"][name] = {"type": "number"}
        if issubclass(kind, OfRun):
            _ask_for_run_id(schema)
        if not kind.__struct_config__.omit_defaults and kind not in requests:
            # This one writes its nulls out.
            components[kind.__name__] = _canonical(found[kind.__name__], nullable=True)
    return dict(sorted(components.items()))


def _ask_for_run_id(schema: Schema) -> None:
    """Of the two spellings of a run's id the document asks for the current one."""
    schema["properties"]["run_id"] = {"type": "string", "minLength": 1}
    schema["properties"]["run_uuid"] |= {"deprecated": True}
    schema["required"] = ["run_id", *schema["required"]]


def _canonical(schema: Schema, *, nullable: bool = False) -> Schema:
    """*schema* in its canonical form: no nulls unless *nullable*, names instead of numbers."""
    plain = {key: value for key, value in schema.items() if key != "additionalProperties"}
    if plain.get("default") in ((), []):
        del plain["default"]  # an empty list is absent
    if isinstance(extra := schema.get("additionalProperties"), dict):
        plain["additionalProperties"] = _canonical(extra, nullable=nullable)
    if "description" in plain:
        plain["description"] = inspect.cleandoc(plain["description"])
    if "properties" in plain:
        fields: Schema = plain["properties"]
        plain["properties"] = {
            name: _canonical(field, nullable=nullable) for name, field in fields.items()
        }
    if isinstance(plain.get("items"), dict):
        plain["items"] = _canonical(plain["items"], nullable=nullable)
    if "anyOf" in plain:
        return _narrowed(plain, nullable=nullable)
    return dict(_NUMBER) if plain.get("type") == "number" else plain


def _narrowed(schema: Schema, *, nullable: bool) -> Schema:
    """A union reduced to what a caller should send and can expect."""
    choices: list[Schema] = schema["anyOf"]
    if not nullable:
        choices = [choice for choice in choices if choice != {"type": "null"}]
    if any("enum" in choice for choice in choices):
        choices = [choice for choice in choices if choice.get("type") != "integer"]
    if {"type": "number"} in choices:
        choices = [choice for choice in choices if choice != {"type": "string"}]
    choices = [_canonical(choice, nullable=nullable) for choice in choices]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if not nullable and rest.get("default", ...) is None:
        del rest["default"]
    return rest | (choices[0] if len(choices) == 1 else {"anyOf": choices})
