"""A named set of implementations: built-ins first, entry points only for unknown names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class Registry(Generic[T]):
    """Finds an implementation by name.

    Built-ins are `module:attribute` strings, imported when asked for, so that naming a driver costs
    nothing. An unknown name is looked up once among the entry points of *group*.
    """

    def __init__(self, group: str, builtin: Mapping[str, str]) -> None:
        self.group = group
        self._builtin = dict(builtin)
        self._loaded: dict[str, T] = {}

    def find(self, name: str) -> T | None:
        """The implementation called *name*, or None when nobody offers it."""
        if name not in self._loaded:
            found = self._builtin_named(name) or self._entry_point_named(name)
            if found is None:
                return None
            self._loaded[name] = found
        return self._loaded[name]

    def names(self) -> list[str]:
        """All names on offer, plugins included."""
        from importlib.metadata import entry_points  # noqa: PLC0415 - 20 ms, only for listings

        return sorted({*self._builtin, *(point.name for point in entry_points(group=self.group))})

    def _builtin_named(self, name: str) -> T | None:
        if name not in self._builtin:
            return None
        module, _, attribute = self._builtin[name].partition(":")
        return cast("T", getattr(import_module(module), attribute))

    def _entry_point_named(self, name: str) -> T | None:
        from importlib.metadata import entry_points  # noqa: PLC0415 - 20 ms, only for unknown names

        for point in entry_points(group=self.group, name=name):
            return cast("T", point.load())
        return None
