"""What a folder of files has no place for, and what lets several files change at once.

One log in the root holds both. A commit is a frame in it: first it is written there, then the files
follow, then a mark says that they did. Whoever takes the lock and misses the mark makes the changes
again, so a process that dies in between leaves a commit wholly or not at all.

Rows of tables are nowhere else. A table is a dictionary in memory, and the sum of all frames: what
is changed in it during a write becomes part of the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from millrace.files.frames import FrameLog
from millrace.stores.file.changes import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_REWRITE_BYTES: Final = 4 * 1024 * 1024
_MISSING: Final = object()


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of a table is like this now; without a value it is gone."""

    table: str
    key: bytes
    value: bytes | None = None


class Commit(msgspec.Struct, frozen=True, tag="commit", omit_defaults=True):
    """What is true from now on, and what the files must become."""

    rows: tuple[Row, ...] = ()
    changes: tuple[Change, ...] = ()


class Made(msgspec.Struct, frozen=True, tag="made"):
    """The files have followed the commit before this."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Commit | Made).decode


class Codec(msgspec.Struct, frozen=True):
    """How values become bytes, and how they are read again."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]

    @classmethod
    def of(cls, kind: Any) -> Codec:  # noqa: ANN401 - a type
        """The codec of a type that msgspec knows."""
        return cls(_encode, msgspec.msgpack.Decoder(kind).decode)


class Kept(Protocol):
    """A collection whose rows the journal keeps."""

    def row(self, key: Any) -> object:  # noqa: ANN401 - keys of any table
        """The value under *key*, or `_MISSING`."""
        ...

    def put_row(self, key: Any, value: Any) -> None:  # noqa: ANN401
        """Let *key* have *value*, or with `_MISSING` not be there; nothing is noted."""
        ...

    def rows(self) -> Iterable[tuple[Any, Any]]:
        """All keys and values."""
        ...


class Journal:
    """The log of one place, and the tables that it holds."""

    def __init__(self, path: str, *, durable: bool) -> None:
        self._log = FrameLog(path)
        self._durable = durable
        self._tables: dict[str, tuple[Kept, Codec, Codec]] = {}
        self._before: dict[tuple[str, Any], object] = {}
        self._unread: list[Row] = []
        self._kept_bytes = 0
        self.unmade: tuple[Change, ...] = ()
        """Changes of the last commit, while nothing says that the files have followed."""

    def keep(self, name: str, table: Kept, keys: Codec, values: Codec) -> None:
        """Keep *table* under *name*; rows that are in the log already come into it."""
        self._tables[name] = (table, keys, values)
        unread, self._unread = self._unread, []
        for row in unread:
            self._take_in(row)

    def table(self, name: str, of: Any, by: Any = str) -> Table[Any, Any]:  # noqa: ANN401 - types
        """A dictionary kept under *name*."""
        table: Table[Any, Any] = Table(self, name)
        self.keep(name, table, Codec.of(by), Codec.of(of))
        return table

    def names(self, name: str) -> Names:
        """A set kept under *name*."""
        names = Names(self, name)
        self.keep(name, names, Codec.of(str), Codec.of(None))
        return names

    def sequel(self, name: str, of: type[V]) -> Sequel[V]:
        """A list kept under *name*."""
        sequel: Sequel[V] = Sequel(self, name)
        self.keep(name, sequel, Codec.of(int), Codec.of(of))
        return sequel

    def shelves(self, name: str, of: type[V]) -> Shelves[V]:
        """Dictionaries by name, kept under *name*."""
        shelves: Shelves[V] = Shelves(self, name)
        self.keep(name, shelves, Codec.of(tuple[str, str]), Codec.of(of))
        return shelves

    def touch(self, name: str, key: Any) -> None:  # noqa: ANN401 - keys of any table
        """A row is about to change, in the commit to come."""
        self._before.setdefault((name, key), self._tables[name][0].row(key))

    def undo(self) -> None:
        """Take back what was changed since the last commit."""
        for (name, key), value in self._before.items():
            self._tables[name][0].put_row(key, value)
        self._before.clear()

    def refresh(self) -> None:
        """Take in what others have written."""
        if not self._log.has_more():
            return
        is_other, frames = self._log.read()
        if is_other:
            for table, _, _ in self._tables.values():
                for key, _ in list(table.rows()):
                    table.put_row(key, _MISSING)
            self._unread.clear()
            self.unmade = ()
        for frame in frames:
            match _decode(frame):
                case Commit(rows=rows, changes=changes):
                    for row in rows:
                        self._take_in(row)
                    self.unmade = changes
                case Made():
                    self.unmade = ()

    def _take_in(self, row: Row) -> None:
        known = self._tables.get(row.table)
        if known is None:  # of a table that is opened later, or that a newer release has
            self._unread.append(row)
            return
        table, keys, values = known
        value = _MISSING if row.value is None else values.decode(row.value)
        table.put_row(keys.decode(row.key), value)

    def pending(self) -> list[Row]:
        """The rows that were changed since the last commit."""
        return [self._row(name, key) for name, key in self._before]

    def _row(self, name: str, key: Any) -> Row:  # noqa: ANN401 - keys of any table
        table, keys, values = self._tables[name]
        value = table.row(key)
        return Row(name, keys.encode(key), None if value is _MISSING else values.encode(value))

    def settle(self) -> None:
        """What was changed is written."""
        self._before.clear()

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> None:
        """Append a commit."""
        commit = Commit(rows=tuple(rows), changes=tuple(changes))
        self._log.append(_encode(commit), durable=self._durable)
        self.unmade = commit.changes

    def mark_made(self) -> None:
        """The files have followed. Not waited for: at worst the changes are made again."""
        self._log.append(_encode(Made()), durable=False)
        self.unmade = ()

    def is_long(self) -> bool:
        """Whether it is worth rewriting, because much of it is history."""
        return self._log.size > max(_REWRITE_BYTES, 2 * self._kept_bytes)

    def rewrite(self) -> None:
        """Keep what is true and no history. The caller holds the lock; nothing is unmade."""
        rows = [
            self._row(name, key)
            for name, (table, _, _) in self._tables.items()
            for key, _ in table.rows()
        ]
        frames = (_encode(Commit(rows=(row,))) for row in [*rows, *self._unread])
        self._log.rewrite(frames, durable=self._durable)
        self._kept_bytes = self._log.size


class Table(dict[K, V]):
    """A dictionary that a journal keeps."""

    def __init__(self, journal: Journal, name: str) -> None:
        super().__init__()
        self._journal = journal
        self._name = name

    def row(self, key: K) -> object:
        """See `Kept`."""
        return self.get(key, _MISSING)

    def put_row(self, key: K, value: object) -> None:
        """See `Kept`."""
        if value is _MISSING:
            super().pop(key, None)
        else:
            super().__setitem__(key, value)  # type: ignore[assignment]  # what was a value of it

    def rows(self) -> Iterable[tuple[K, V]]:
        """See `Kept`."""
        return self.items()

    def __setitem__(self, key: K, value: V) -> None:
        self._journal.touch(self._name, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self._journal.touch(self._name, key)
        super().__delitem__(key)

    def pop(self, key: K, *default: Any) -> Any:  # noqa: ANN401 - as a dictionary's
        """Remove a row and return its value."""
        self._journal.touch(self._name, key)
        return super().pop(key, *default)

    def setdefault(self, key: K, default: V) -> V:
        """The value of a row, which is made when there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, other: Mapping[K, V]) -> None:  # type: ignore[override]  # no other form is used
        """Set many rows."""
        for key, value in other.items():
            self[key] = value

    def __ior__(self, other: Mapping[K, V]) -> Table[K, V]:  # type: ignore[override,misc]
        self.update(other)
        return self


class Names(set[str]):
    """A set that a journal keeps."""

    def __init__(self, journal: Journal, name: str) -> None:
        super().__init__()
        self._journal = journal
        self._name = name

    def row(self, key: str) -> object:
        """See `Kept`."""
        return None if key in self else _MISSING

    def put_row(self, key: str, value: object) -> None:
        """See `Kept`."""
        if value is _MISSING:
            super().discard(key)
        else:
            super().add(key)

    def rows(self) -> Iterable[tuple[str, None]]:
        """See `Kept`."""
        return [(key, None) for key in self]

    def add(self, key: str) -> None:
        """Put a name in."""
        self._journal.touch(self._name, key)
        super().add(key)

    def discard(self, key: str) -> None:  # type: ignore[override]  # only names are in it
        """Take a name out."""
        self._journal.touch(self._name, key)
        super().discard(key)


class Sequel(list[V]):
    """A list that a journal keeps, and that only grows."""

    def __init__(self, journal: Journal, name: str) -> None:
        super().__init__()
        self._journal = journal
        self._name = name

    def row(self, key: int) -> object:
        """See `Kept`."""
        return self[key] if key < len(self) else _MISSING

    def put_row(self, key: int, value: object) -> None:
        """See `Kept`."""
        if value is _MISSING:
            del self[key:]
        elif key < len(self):
            self[key] = value  # type: ignore[assignment]  # what was an item of it
        else:
            super().append(value)  # type: ignore[arg-type]  # as above

    def rows(self) -> Iterable[tuple[int, V]]:
        """See `Kept`."""
        return enumerate(self)

    def append(self, item: V) -> None:
        """Put an item at the end."""
        self._journal.touch(self._name, len(self))
        super().append(item)


class Shelf(dict[str, V]):
    """One of the dictionaries in `Shelves`."""

    def __init__(self, shelves: Shelves[V], name: str) -> None:
        super().__init__()
        self._shelves = shelves
        self._name = name

    def __setitem__(self, key: str, value: V) -> None:
        self._shelves.touch(self._name, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._shelves.touch(self._name, key)
        super().__delitem__(key)

    def put_row(self, key: str, value: object) -> None:
        """See `Kept`."""
        if value is _MISSING:
            super().pop(key, None)
        else:
            super().__setitem__(key, value)  # type: ignore[assignment]  # what was a value of it


class Shelves(dict[str, dict[str, V]]):
    """Dictionaries by name whose items a journal keeps; a name without any has an empty one."""

    def __init__(self, journal: Journal, name: str) -> None:
        super().__init__()
        self._journal = journal
        self._name = name

    def touch(self, name: str, key: str) -> None:
        """An item is about to change."""
        self._journal.touch(self._name, (name, key))

    def __missing__(self, name: str) -> dict[str, V]:
        shelf: Shelf[V] = Shelf(self, name)
        super().__setitem__(name, shelf)
        return shelf

    def __setitem__(self, name: str, items: dict[str, V]) -> None:
        self.pop(name)
        for key, value in items.items():
            self[name][key] = value

    def pop(self, name: str, *_default: object) -> dict[str, V]:
        """Remove all items of a name."""
        for key in self.get(name, {}):
            self.touch(name, key)
        return super().pop(name, {})

    def row(self, key: tuple[str, str]) -> object:
        """See `Kept`."""
        return self.get(key[0], {}).get(key[1], _MISSING)

    def put_row(self, key: tuple[str, str], value: object) -> None:
        """See `Kept`."""
        shelf = self[key[0]]
        assert isinstance(shelf, Shelf)  # noqa: S101 - all of them are
        shelf.put_row(key[1], value)

    def rows(self) -> Iterable[tuple[tuple[str, str], V]]:
        """See `Kept`."""
        return [((name, key), value) for name, held in self.items() for key, value in held.items()]
