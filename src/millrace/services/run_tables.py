"""Tables of runs for pages: windows that stay as they were, trees and groups."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.api.run_tables import (
    GroupColumn,
    RunGroups,
    RunKey,
    RunKeys,
    RunTable,
    RunValue,
    RunValues,
    TableColumn,
    TreeColumns,
)
from millrace.core import ids
from millrace.core.errors import InvalidArgument
from millrace.core.filters import RUNS, columns, parse
from millrace.core.filters.ast import Entity, Field
from millrace.core.rules import names
from millrace.core.wire import number
from millrace.stores.protocols import KeysAsked, RunsAsked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from millrace.api.run_tables import (
        FindRunKeys,
        FindRunValues,
        GroupValue,
        OfRuns,
        QueryRunTable,
        RunTree,
    )
    from millrace.core.entities.entity import ViewType
    from millrace.core.filters.columns import Cell, Column, SortKey
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import RunTables as Store
    from millrace.stores.protocols.run_tables import KeyFacts, Row

_MOST_WORDS: Final = 10
_ROWS_KEPT: Final = 2_000_000
_COUNTED: Final = frozenset({"name", "digest", "context"})
_MADE: Final = frozenset({(Entity.ATTRIBUTE, "duration"), (Entity.ATTRIBUTE, "liveness")})


class RunTables:
    """Answers what a page with a table of runs asks."""

    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens
        self._snapshots = _Snapshots()

    def table(self, _ctx: Context, request: QueryRunTable) -> RunTable:
        """A window on a table of runs."""
        asked = asked_runs(request, columns.parse_order(request.order_by, request.maximize))
        shown = columns.parse(request.columns, request.maximize)
        bound = ["run table", *_bound(request)]
        snapshot, cursor, is_renewed = self._snapshot(asked, request, bound)
        head: dict[str, Any] = {
            "runs": len(snapshot.rows),
            "offset": request.offset,
            "cursor": cursor,
            "is_renewed": is_renewed or None,
        }
        window = slice(request.offset, request.offset + request.limit)
        experiments = asked.experiment_ids
        if request.group_by:
            groups = self._groups(experiments, snapshot.rows, request)
            keys = columns.parse(request.group_by, request.maximize)
            part = list(groups.items())[window]
            shown_groups = self._shown_groups(experiments, keys, part, shown)
            return RunTable(total=len(groups), groups=shown_groups, **head)
        rows, total, tree = snapshot.rows[window], len(snapshot.rows), None
        if request.tree is not None:
            rows, total, tree = self._tree(asked, snapshot, request.tree, window)
        cells = self._store.cells(experiments, rows, shown) if shown else []
        return RunTable(
            total=total,
            run_ids=tuple(self._store.ids(rows)),
            columns=tuple(
                TableColumn(name=one.name, values=tuple(values))
                for one, values in zip(shown, cells, strict=True)
            ),
            tree=tree,
            **head,
        )

    def keys(self, _ctx: Context, request: FindRunKeys) -> RunKeys:
        """Keys that the matching runs have."""
        asked = asked_runs(request)
        keys = KeysAsked(
            kind=request.kind,
            prefix=request.prefix,
            contains=request.contains,
            by_coverage=request.order == "coverage",
            limit=request.limit,
            offset=request.offset,
        )
        found, total = self._store.keys(asked, keys)
        runs = len(self._store.ordered(asked).rows)
        return RunKeys(total=total, runs=runs, keys=tuple(map(_key, found)))

    def values(self, _ctx: Context, request: FindRunValues) -> RunValues:
        """The most frequent values of a column."""
        found = self._store.values(
            asked_runs(request), _valued(request.column), prefix=request.prefix, limit=request.limit
        )
        return RunValues(values=tuple(RunValue(value=value, runs=runs) for value, runs in found))

    # --- order ----------------------------------------------------------------------------------

    def _snapshot(
        self, asked: RunsAsked, request: QueryRunTable, bound: list[object]
    ) -> tuple[_Snapshot, str, bool]:
        """The order that the cursor names; a new one without it, or when it is no longer known."""
        held = self._tokens.read(request.cursor, bound)
        if held is not None:
            known = self._snapshots.get(str(held[0]))
            if known is not None:
                return known, request.cursor or "", False
            mark = held[1]
            asked = msgspec.structs.replace(asked, until=mark if isinstance(mark, int) else None)
        found = self._store.ordered(asked)
        rows = list(found.rows)
        if request.within:
            rows = self._within(asked.experiment_ids, rows, request)
        snapshot = _Snapshot(rows)
        name = ids.run_id()
        self._snapshots.put(name, snapshot)
        return snapshot, self._tokens.write((name, found.mark), bound) or "", held is not None

    # --- groups ---------------------------------------------------------------------------------

    def _within(
        self, experiments: Sequence[str], rows: list[Row], request: QueryRunTable
    ) -> list[Row]:
        keys = columns.parse([one.column for one in request.within], request.maximize)
        wanted = tuple(one.value for one in request.within)
        found = self._keys_of_groups(experiments, rows, keys)
        return [row for row, key in zip(rows, found, strict=True) if key == wanted]

    def _groups(
        self, experiments: Sequence[str], rows: Sequence[Row], request: QueryRunTable
    ) -> Mapping[_GroupKey, list[Row]]:
        keys = columns.parse(request.group_by, request.maximize)
        groups: dict[_GroupKey, list[Row]] = {}
        for row, key in zip(rows, self._keys_of_groups(experiments, rows, keys), strict=True):
            groups.setdefault(key, []).append(row)
        return groups

    def _keys_of_groups(
        self, experiments: Sequence[str], rows: Sequence[Row], keys: Sequence[Column]
    ) -> Iterator[_GroupKey]:
        cells = self._store.cells(experiments, rows, keys)
        return zip(*([_word(cell) for cell in column] for column in cells), strict=True)

    def _shown_groups(
        self,
        experiments: Sequence[str],
        keys: Sequence[Column],
        groups: Sequence[tuple[_GroupKey, list[Row]]],
        shown: Sequence[Column],
    ) -> RunGroups:
        rows = [row for _, members in groups for row in members]
        made = []
        cells = self._store.cells(experiments, rows, shown) if shown else []
        for one, values in zip(shown, cells, strict=True):
            at, parts = 0, []
            for _, members in groups:
                parts.append(_statistics(values[at : at + len(members)]))
                at += len(members)
            made.append(
                GroupColumn(
                    name=one.name,
                    count=tuple(count for count, _, _ in parts),
                    mean=tuple(mean for _, mean, _ in parts),
                    std=tuple(std for _, _, std in parts),
                )
            )
        return RunGroups(
            keys=tuple(
                TableColumn(name=one.name, values=tuple(key[place] for key, _ in groups))
                for place, one in enumerate(keys)
            ),
            runs=tuple(len(members) for _, members in groups),
            columns=tuple(made),
        )

    # --- trees ----------------------------------------------------------------------------------

    def _tree(
        self, asked: RunsAsked, snapshot: _Snapshot, tree: RunTree, window: slice
    ) -> tuple[list[Row], int, TreeColumns]:
        """The rows of a window on a tree, how many it has, and how they stand in it."""
        if snapshot.forest is None:
            snapshot.forest = self._forest(asked, snapshot.rows)
        forest = snapshot.forest
        expanded = set(tree.expanded)
        is_open: set[Row] = set()
        if not tree.all and expanded:
            parents = list(forest.children)
            is_open = {
                row for row, name in zip(parents, self._store.ids(parents), strict=True)
                if name in expanded
            }  # fmt: skip
        flat = forest.rows(None if tree.all else is_open)
        part = flat[window]
        placed = TreeColumns(
            depth=tuple(depth for _, depth in part),
            matches=tuple(row in forest.matching for row, _ in part),
            children=tuple(len(forest.children.get(row, ())) for row, _ in part),
            descendants=tuple(forest.below.get(row, 0) for row, _ in part),
        )
        return [row for row, _ in part], len(flat), placed

    def _forest(self, asked: RunsAsked, rows: Sequence[Row]) -> _Forest:
        parents = self._store.parents(asked.experiment_ids)
        matching = set(rows)
        above: dict[Row, Row] = {}
        shown: dict[Row, None] = dict.fromkeys(rows)
        for row in rows:
            at = row
            while at not in above and (parent := parents.get(at)) is not None:
                if _leads_to(at, parent, above):
                    break  # runs that are their own ancestors stand beside each other
                above[at] = parent
                shown.setdefault(parent)
                at = parent
        order: Sequence[Row] = rows
        if len(shown) > len(matching):  # those that do not match have a place in the order, too
            every = msgspec.structs.replace(asked, tree=parse("", RUNS), words=())
            order = [row for row in self._store.ordered(every).rows if row in shown]
        there = set(order)
        children: dict[Row, list[Row]] = {}
        roots: list[Row] = []
        for row in order:
            parent = above.get(row)
            if parent is None or parent not in there:
                roots.append(row)
            else:
                children.setdefault(parent, []).append(row)
        below: dict[Row, int] = {}
        for row in matching:
            at = row
            while (parent := above.get(at)) is not None:
                below[parent] = below.get(parent, 0) + 1
                at = parent
        return _Forest(roots, children, matching, below)


_GroupKey = tuple[str | None, ...]


class _Forest(msgspec.Struct, frozen=True):
    roots: list[Any]
    children: dict[Any, list[Any]]
    matching: set[Any]
    below: dict[Any, int]
    """How many of all runs below a run match."""

    def rows(self, is_open: set[Row] | None) -> list[tuple[Row, int]]:
        """Rows from top to bottom with their depth; None: everything is open."""
        found: list[tuple[Row, int]] = []
        waiting = [(row, 0) for row in reversed(self.roots)]
        while waiting:
            row, depth = waiting.pop()
            found.append((row, depth))
            if row in self.children and (is_open is None or row in is_open):
                waiting += [(child, depth + 1) for child in reversed(self.children[row])]
        return found


def _leads_to(row: Row, at: Row, above: Mapping[Row, Row]) -> bool:
    found: Row | None = at
    while found is not None and found != row:
        found = above.get(found)
    return found is not None


class _Snapshot:
    """An order of runs as it was when it was asked for."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.forest: _Forest | None = None


class _Snapshots:
    """Those that were used last, so many rows in all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, _Snapshot] = OrderedDict()
        self._rows = 0

    def get(self, name: str) -> _Snapshot | None:
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
            return self._held.get(name)

    def put(self, name: str, snapshot: _Snapshot) -> None:
        with self._lock:
            self._held[name] = snapshot
            self._rows += len(snapshot.rows)
            while self._rows > _ROWS_KEPT and len(self._held) > 1:
                self._rows -= len(self._held.popitem(last=False)[1].rows)


def asked_runs(
    request: OfRuns, order: tuple[SortKey, ...] = (), *, view: ViewType | None = None
) -> RunsAsked:
    """Which runs a request is about; *view*: all of that stage, whatever its own is."""
    words = tuple((request.text or "").split())
    if len(words) > _MOST_WORDS:
        raise InvalidArgument(f"'text' holds {len(words)} words; at most {_MOST_WORDS} are sought.")
    return RunsAsked(
        experiment_ids=tuple(names.experiment_id(one) for one in request.experiment_ids),
        tree=parse(request.filter or "", RUNS),
        words=words,
        view=view or request.view or "ACTIVE_ONLY",
        order=order,
    )


def _bound(request: QueryRunTable) -> list[object]:
    within: Sequence[GroupValue] = request.within
    return [
        request.experiment_ids,
        request.filter,
        request.text,
        request.view,
        request.order_by,
        request.maximize,
        [(one.column, one.value) for one in within],
    ]


def _word(cell: Cell) -> str | None:
    """What a group is named by."""
    if isinstance(cell, list):
        return ", ".join(sorted(str(one.get("name", one.get("model_id"))) for one in cell))
    return None if cell is None else str(cell)


def _statistics(cells: Sequence[Cell]) -> tuple[int, float | None, float | None]:
    values = [
        float(cell) for cell in cells if isinstance(cell, int | float) and math.isfinite(cell)
    ]
    if not values:
        return 0, None, None
    mean = fmean(values)
    if len(values) == 1:
        return 1, mean, None
    spread = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return len(values), mean, math.sqrt(spread)


def _key(facts: KeyFacts) -> RunKey:
    kind = "mixed" if facts.numbers else "text"
    return RunKey(
        key=facts.key,
        runs=facts.runs,
        type="number" if facts.numbers == facts.runs and facts.runs else kind,  # type: ignore[arg-type]  # one of the three
        distinct=facts.distinct,
        minimum=None if facts.minimum is None else number(facts.minimum),
        maximum=None if facts.maximum is None else number(facts.maximum),
    )


def _valued(text: str) -> Field:
    """The field whose values are asked for."""
    word, _, key = text.partition(".")
    if word in {"dataset", "datasets"} and key in _COUNTED:
        return Field(Entity.DATASET, key)
    found = columns.column(text).of
    is_made = (found.entity, found.key) in _MADE if isinstance(found, Field) else True
    if isinstance(found, Field) and found.entity is not Entity.METRIC and not is_made:
        return found
    raise InvalidArgument(
        f"Values of {text!r} are not counted: name a param, a tag, an attribute, datasets.name, "
        "datasets.digest or datasets.context."
    )
