"""The endpoint table as a permission matrix: which call needs which permission on what."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.api.endpoint import Admin, Anyone, Results, SignedIn
from millrace.core.entities.access import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.api.endpoint import Endpoint, Locator

LEVELS = (Permission.NONE, Permission.READ, Permission.USE, Permission.EDIT, Permission.MANAGE)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint: the levels on a resource that suffice, and how the resource is found."""

    endpoint: str
    group: str
    suffices: frozenset[Permission]
    on: str


def matrix(endpoints: Iterable[Endpoint[Any, Any]]) -> list[Row]:
    """One row for each resource that an endpoint asks for, in the order of the table."""
    return [
        Row(
            endpoint=endpoint.name,
            group=endpoint.group,
            suffices=frozenset(lvl for lvl in LEVELS if lvl >= needs.permission),
            on=place(needs.on),
        )
        for endpoint in endpoints
        for needs in (endpoint.needs, *endpoint.also)
    ]


def place(locator: Locator) -> str:
    """A sentence, without its full stop, that says what the permission is asked on."""
    text = (inspect.getdoc(locator) or "").split("\n", 1)[0].rstrip(".")
    match locator:
        case Anyone() | SignedIn() | Admin():
            return text
        case Results(of=kind):
            return f"{text} ({kind})"
    named = text.replace("the list field", "the field").replace("the field", f"`{locator.field}`")
    return named if named != text else f"{text}: `{locator.field}`"


def page(endpoints: Iterable[Endpoint[Any, Any]]) -> str:
    """The matrix as a Markdown table."""
    levels = [level.name for level in LEVELS]
    lines = [
        f"| call | {' | '.join(levels)} | on |",
        f"|---|{':-:|' * len(levels)}---|",
    ]
    for row in matrix(endpoints):
        marks = " | ".join("yes" if level in row.suffices else "" for level in LEVELS)
        lines.append(
            f"| [`{row.endpoint}`](endpoints.md#{row.endpoint.lower()}) | {marks} | {row.on} |"
        )
    return "\n".join(lines) + "\n"
