"""How much a search may ask for, and what a view is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from millrace.core.entities.entity import ViewType

_VIEWS: Final[dict[int, ViewType]] = {1: "ACTIVE_ONLY", 2: "DELETED_ONLY", 3: "ALL"}


def limit(value: int | None, *, default: int, most: int, label: str = "max_results") -> int:
    """How many results at most; absent is *default*."""
    if value is None:
        return default
    if not 1 <= value <= most:
        raise InvalidArgument(
            f"Invalid value {value} for parameter '{label}' supplied: it must be from 1 to {most}."
        )
    return value


def view(value: ViewType | int | None, label: str = "view_type") -> ViewType:
    """A view by name or by wire number; absent is active records only."""
    if value is None:
        return "ACTIVE_ONLY"
    if isinstance(value, str):
        return value
    if value not in _VIEWS:
        known = ", ".join(f"{number} {name}" for number, name in _VIEWS.items())
        raise InvalidArgument(f"Invalid value {value} for parameter '{label}': one of {known}.")
    return _VIEWS[value]
