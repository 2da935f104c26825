"""The endpoint table as a Markdown reference: a heading for each call, fields in tables."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from millrace.api.openapi import document
from millrace.api.permissions import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millrace.api.endpoint import Endpoint

Schema = dict[str, Any]


def page(endpoints: Iterable[Endpoint[Any, Any]]) -> str:
    """All calls by group, then the types that their fields have."""
    rows = tuple(endpoints)
    schemas: dict[str, Schema] = document(rows)["components"]["schemas"]
    lines: list[str] = []
    for group, members in groupby(rows, key=lambda row: row.group):
        lines += [f"## {group}", ""]
        for row in members:
            lines += _call(row, schemas)
    lines += ["## Types", ""]
    for name in sorted(_nested(rows, schemas)):
        lines += [f"### {name}", "", schemas[name].get("description", ""), ""]
        lines += _fields(schemas[name])
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _call(row: Endpoint[Any, Any], schemas: dict[str, Schema]) -> Iterator[str]:
    request, reply = schemas[row.request.__name__], schemas[row.response.__name__]
    yield from (f"### {row.name}", "", row.summary, "")
    yield from (f"`{row.method} {row.paths[0]}`", "")
    if len(row.paths) > 1:
        yield from ("Also at " + ", ".join(f"`{path}`" for path in row.paths[1:]) + ".", "")
    asked = (f"**{one.permission.name}**. {place(one.on)}." for one in (row.needs, *row.also))
    yield from (f"Needs {' And '.join(asked)}", "")
    if description := request.get("description") if request["properties"] else None:
        yield from (description, "")
    if request["properties"]:
        yield from _fields(request)
    if reply["properties"]:
        yield from ("Answer:", "")
        yield from _fields(reply)
    else:
        yield from ("Answer: `{}`", "")


def _fields(schema: Schema) -> Iterator[str]:
    if "properties" not in schema:
        return
    yield from ("| field | type | |", "|---|---|---|")
    for name, field in schema["properties"].items():
        note = "required" if name in schema["required"] else ""
        if field.get("deprecated"):
            note = "older spelling"
        yield f"| `{name}` | {_type(field)} | {note} |"
    yield ""


def _type(field: Schema) -> str:
    """What a field holds, in words."""
    match field:
        case {"$ref": str(ref)}:
            name = ref.rsplit("/", 1)[1]
            return f"[{name}](#{name.lower()})"
        case {"enum": choices}:
            return " \\| ".join(f"`{choice}`" for choice in choices)
        case {"anyOf": choices}:
            return " or ".join(_type(choice) for choice in choices)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object"}:
            return "object"
        case {"type": kind}:
            return str(kind)
    return "any"


def _nested(rows: tuple[Endpoint[Any, Any], ...], schemas: dict[str, Schema]) -> set[str]:
    """Names of the types that fields refer to, directly or through each other."""
    todo = [schemas[kind.__name__] for row in rows for kind in (row.request, row.response)]
    found: set[str] = set()
    while todo:
        for name in _references(todo.pop()):
            if name not in found:
                found.add(name)
                todo.append(schemas[name])
    return found


def _references(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(ref)}:
            yield ref.rsplit("/", 1)[1]
        case dict():
            for child in node.values():
                yield from _references(child)
        case list() | tuple():
            for child in node:
                yield from _references(child)
