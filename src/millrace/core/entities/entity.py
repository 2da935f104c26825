"""What all entities share: frozen, keyword-only, absent fields left out of the JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LifecycleStage = Literal["active", "deleted"]
ViewType = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record. A field whose default is None or () is absent on the wire until it is set.

    `dict(record)` gives its fields by the names that users know: `tags`, not `tag_list`.
    """

    def __iter__(self) -> Iterator[tuple[str, object]]:
        # Not `structs.fields`, which reads annotations anew each time: a third of a millisecond.
        for name in self.__struct_encode_fields__:
            yield name, getattr(self, name)


class KeyValue(Entity, frozen=True, kw_only=True):
    """A param or tag as the wire lists them."""

    key: str
    value: str


def pairs(mapping: Mapping[str, str]) -> tuple[KeyValue, ...]:
    """The wire's list form of a mapping, sorted by key."""
    return tuple(KeyValue(key=key, value=mapping[key]) for key in sorted(mapping))


def mapping(entries: Iterable[KeyValue]) -> dict[str, str]:
    """The mapping that a wire list stands for; of equal keys the last wins."""
    return {entry.key: entry.value for entry in entries}
