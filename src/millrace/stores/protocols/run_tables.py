"""Tables of runs as pages show them: an order of many runs, and the cells of a few columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millrace.core.entities.entity import ViewType
    from millrace.core.filters.ast import Expr, Field
    from millrace.core.filters.columns import Cell, Column, SortKey

Row: TypeAlias = int | str
"""A run, as its store names it; means nothing anywhere else."""

KeyKind = Literal["metric", "param", "tag"]


class RunsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, and in which order; ties are settled by start time descending, then id.

    `words`: each stands somewhere in the name, the id or a tag, whatever its case. `until`: a
    `Ordered.mark`; runs that are newer than it are left out.
    """

    experiment_ids: tuple[str, ...]
    tree: Expr
    words: tuple[str, ...] = ()
    view: ViewType = "ACTIVE_ONLY"
    order: tuple[SortKey, ...] = ()
    until: int | None = None


class Ordered(msgspec.Struct, frozen=True):
    """All runs that match, in order. `mark`: what is the newest run, where a store knows that."""

    rows: Sequence[Row]
    mark: int | None = None


class KeysAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys of the runs: those that begin with `prefix` and hold `contains`, whatever their
    case, by name, or those that most runs have first."""

    kind: KeyKind
    prefix: str = ""
    contains: str = ""
    by_coverage: bool = False
    limit: int = 100
    offset: int = 0


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs hold under a key.

    `numbers`: how many of `runs` hold a number. `minimum`, `maximum`: of the numbers, NaNs left
    out; of a metric its latest values count. `distinct`: different values.
    """

    key: str
    runs: int
    numbers: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None


class RunTables(Protocol):
    """Reads runs by columns: nothing is looked at that was not asked for."""

    def ordered(self, asked: RunsAsked) -> Ordered:
        """All runs that match."""
        ...

    def cells(
        self, experiment_ids: Sequence[str], rows: Sequence[Row], columns: Sequence[Column]
    ) -> list[list[Cell]]:
        """For each column the cell of each run; None where there is none, or no such run."""
        ...

    def ids(self, rows: Sequence[Row]) -> list[str]:
        """The ids of runs; empty where there is no such run any more."""
        ...

    def parents(self, experiment_ids: Sequence[str]) -> Mapping[Row, Row]:
        """Which run of these experiments is below which, by the tag of its parent."""
        ...

    def keys(self, asked: RunsAsked, keys: KeysAsked) -> tuple[list[KeyFacts], int]:
        """Keys that the matching runs have; and how many there are of that kind and name."""
        ...

    def values(
        self, asked: RunsAsked, field: Field, *, prefix: str, limit: int
    ) -> list[tuple[str, int]]:
        """The most frequent values of a field, each with how many runs hold it; equally frequent
        ones by value. *prefix*: only values that begin with it, whatever their case."""
        ...
