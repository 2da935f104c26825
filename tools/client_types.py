"""The OpenAPI document as TypeScript: what the web UI can ask, and what it gets.

One interface for each schema, one row for each operation. What is optional here is absent on the
wire; a number that JSON cannot write is a string, and the client of the UI turns it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_HEAD = """\
// Derived from docs/reference/openapi.json by `make gen`; never edited.

/** A number; those that JSON cannot write are strings. */
export type Number = number | "NaN" | "Infinity" | "-Infinity"
"""
_PRIMITIVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_REF = "#/components/schemas/"


def module(document: Schema) -> str:
    """The text of `generated.ts` for an OpenAPI *document*."""
    schemas: dict[str, Schema] = document["components"]["schemas"]
    lines = [_HEAD]
    for name, schema in schemas.items():
        if schema.get("type") == "object" and name != "Number":
            lines.extend(_interface(name, schema))
    operations = list(_operations(document["paths"]))
    lines.append("/** What each operation takes and gives. */")
    lines.append("export interface Operations {")
    lines.extend(
        f"  {name}: [{request}, {response}]" for name, _, _, request, response in operations
    )
    lines.extend(("}", ""))
    lines.append("/** Where each operation is. */")
    lines.append("export const OPERATIONS = {")
    lines.extend(f'  {name}: ["{method}", "{path}"],' for name, method, path, _, _ in operations)
    lines.append("} as const satisfies Record<keyof Operations, readonly [string, string]>")
    return "\n".join(lines) + "\n"


def _interface(name: str, schema: Schema) -> Iterator[str]:
    properties: dict[str, Schema] = schema.get("properties", {})
    if not properties:
        yield from (f"export type {name} = Record<string, never>", "")
        return
    required = set(schema.get("required", ()))
    yield from _comment(schema.get("description"), "")
    yield f"export interface {name} {{"
    for key, field in properties.items():
        mark = "" if key in required else "?"
        yield f"  {_key(key)}{mark}: {_type(field)}"
    yield from ("}", "")


def _comment(text: str | None, indent: str) -> Iterator[str]:
    if text:
        words = " ".join(text.partition("\n\n")[0].split()).replace("*/", "* /")
        yield f"{indent}/** {words} */"


def _operations(paths: dict[str, Schema]) -> Iterator[tuple[str, str, str, str, str]]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            name = operation["operationId"]
            response = operation["responses"]["200"]["content"]["application/json"]["schema"]
            yield name, method.upper(), path, _request(operation), _type(response)


def _request(operation: Schema) -> str:
    """All that is to be said, wherever in the request it stands."""
    fields = [
        f"{_key(parameter['name'])}{'' if parameter['required'] else '?'}: "
        f"{_type(parameter['schema'])}"
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "header"
    ]
    parts = [f"{{ {'; '.join(fields)} }}"] if fields else []
    if body := operation.get("requestBody"):
        parts.append(_type(body["content"]["application/json"]["schema"]))
    return " & ".join(parts) or "Record<string, never>"


def _type(schema: Schema) -> str:
    if reference := schema.get("$ref"):
        return str(reference.removeprefix(_REF))
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(choice) for choice in schema["anyOf"]))
    kind = schema.get("type")
    if "prefixItems" in schema:
        return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    if kind == "array":
        items = schema.get("items")
        inner = _type(items) if items else "unknown"
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if kind == "object":
        extra = schema.get("additionalProperties")
        return f"Record<string, {_type(extra) if isinstance(extra, dict) else 'unknown'}>"
    return _PRIMITIVES.get(str(kind), "unknown")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)
