"""Tables of runs in SQL: an order in one statement, and cells of the asked keys only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import BigInteger, BindParameter, and_, bindparam, case, func, literal, or_, select

from millrace.core.filters import resolve
from millrace.core.filters.ast import Entity, Field, fields_of, settled
from millrace.core.filters.patterns import folded
from millrace.core.numbers import NAN_KEY, value_of
from millrace.core.tags import PARENT_RUN_ID
from millrace.core.wire import number
from millrace.stores.protocols import KeyFacts, Ordered
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import fold_ascii, like
from millrace.stores.sql.documents import info_of
from millrace.stores.sql.filters import Shape, compile_filter, matching
from millrace.stores.sql.run_search import RunSource, scope_of
from millrace.stores.sql.runs import STATUS_OF
from millrace.stores.sql.transaction import METRIC, PARAM, TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.filters.columns import Cell, Column, SortKey
    from millrace.stores.protocols import KeysAsked, RunsAsked
    from millrace.stores.protocols.run_tables import KeyKind, Row
    from millrace.stores.sql.engine import Database, Session
    from millrace.stores.sql.filters import Held
    from millrace.stores.sql.statements import Statements

_CHUNK: Final = 1_000
# Beyond so many rows the range of a key in its index is read, instead of each row's entry.
_FEW: Final = 4_000

_ids: BindParameter[Any] = bindparam("ids", expanding=True)
_INFO: Final = select(t.runs).where(t.runs.c.id.in_(_ids))
_UUIDS: Final = select(t.runs.c.id, t.runs.c.uuid).where(t.runs.c.id.in_(_ids))
_OF_UUIDS: Final = select(t.runs.c.uuid, t.runs.c.id).where(t.runs.c.uuid.in_(_ids))
_DATASETS: Final = (
    select(
        t.run_datasets.c.run_id, t.datasets.c.name, t.datasets.c.digest, t.run_datasets.c.context
    )
    .join(t.datasets, t.datasets.c.id == t.run_datasets.c.dataset_id)
    .where(t.run_datasets.c.run_id.in_(_ids))
    .order_by(t.run_datasets.c.run_id, t.run_datasets.c.position)
)
_MODELS: Final = (
    select(
        t.run_models.c.run_id,
        t.run_models.c.model_id,
        t.run_models.c.is_output,
        t.run_models.c.step,
        t.logged_models.c.name,
    )
    .outerjoin(t.logged_models, t.logged_models.c.uuid == t.run_models.c.model_id)
    .where(t.run_models.c.run_id.in_(_ids))
    .order_by(t.run_models.c.run_id, t.run_models.c.is_output, t.run_models.c.position)
)

_TABLES: Final[Mapping[Entity, tuple[int, Table]]] = {
    Entity.METRIC: (METRIC, t.series),
    Entity.PARAM: (PARAM, t.params),
    Entity.TAG: (TAG, t.tags),
}
_KINDS: Final[Mapping[KeyKind, tuple[int, Table]]] = {
    "metric": (METRIC, t.series),
    "param": (PARAM, t.params),
    "tag": (TAG, t.tags),
}
_RUNNING: Final = STATUS_OF["RUNNING"]


class SqlRunTables:
    """Reads runs of a database by columns."""

    def __init__(self, database: Database, statements: Statements) -> None:
        self._database = database
        self._statements = statements

    def ordered(self, asked: RunsAsked) -> Ordered:
        """All runs that match, in order."""
        with self._database.reading() as session:
            scene = _Scene(session, self._statements, asked.experiment_ids)
            if not scene.experiments:
                return Ordered(())
            newest = session.select(select(func.max(t.runs.c.id)))[0][0] or 0
            mark = newest if asked.until is None else asked.until
            where = scene.where(asked)
            if asked.until is not None:
                where = and_(where, t.runs.c.id <= asked.until)
            origin, by = _order(scene.source, asked.order)
            query = select(t.runs.c.id).select_from(origin).where(where).order_by(*by)
            return Ordered([row[0] for row in session.select(query)], mark)

    def cells(
        self, experiment_ids: Sequence[str], rows: Sequence[Row], columns: Sequence[Column]
    ) -> list[list[Cell]]:
        """For each column the cell of each run."""
        with self._database.reading() as session:
            scene = _Scene(session, self._statements, experiment_ids)
            places = [one for one in rows if isinstance(one, int)]
            found = _Cells(scene, places).of([one.settled(scene.has_metric) for one in columns])
            return [[column.get(row) for row in rows] for column in found]

    def ids(self, rows: Sequence[Row]) -> list[str]:
        """The ids of runs."""
        with self._database.reading() as session:
            found = {row[0]: row[1] for row in _chunked(session, _UUIDS, rows)}
        return [found.get(row, "") for row in rows]

    def parents(self, experiment_ids: Sequence[str]) -> Mapping[Row, Row]:
        """Which run is below which."""
        with self._database.reading() as session:
            scene = _Scene(session, self._statements, experiment_ids)
            keys = scene.source.key_ids(TAG, PARENT_RUN_ID)
            if not keys:
                return {}
            children = session.select(
                select(t.tags.c.run_id, t.tags.c.value).where(t.tags.c.key_id.in_(keys))
            )
            above = sorted({row[1] for row in children})
            known = {row[0]: row[1] for row in _chunked(session, _OF_UUIDS, above)}
        return {child: known[parent] for child, parent in children if parent in known}

    def keys(self, asked: RunsAsked, keys: KeysAsked) -> tuple[list[KeyFacts], int]:
        """Keys that the matching runs have."""
        with self._database.reading() as session:
            scene = _Scene(session, self._statements, asked.experiment_ids)
            if not scene.experiments:
                return [], 0
            return _Keys(scene, asked, keys).found()

    def values(
        self, asked: RunsAsked, field: Field, *, prefix: str, limit: int
    ) -> list[tuple[str, int]]:
        """The most frequent values of a field."""
        with self._database.reading() as session:
            scene = _Scene(session, self._statements, asked.experiment_ids)
            held = scene.source.held(field, numeric=False) if scene.experiments else None
            if held is None:
                return []
            return _frequent(session, held, scene.where(asked), prefix, limit)


class _Scene:
    """What all questions about some experiments share."""

    def __init__(
        self, session: Session, statements: Statements, experiment_ids: Iterable[str]
    ) -> None:
        self.session = session
        self.experiments = sorted({int(one) for one in experiment_ids})
        self.source = RunSource(session, statements, self.experiments)
        self.has_metric = self.source.has_metric

    def where(self, asked: RunsAsked) -> ColumnElement[bool]:
        """The condition on `runs` for the runs that match."""
        tree = asked.tree
        if any(field.alternative for field in fields_of(tree)):
            tree = resolve(tree, self.has_metric)
        scope = and_(scope_of(self.experiments, asked.view), *map(_holds_word, asked.words))
        known = matching(self.session, tree, self.source, scope)
        return and_(scope, compile_filter(tree, self.source, known))

    def takes_all(self, asked: RunsAsked) -> bool:
        """Whether no run of the experiments is left out."""
        if any(fields_of(asked.tree)) or asked.words or asked.view == "DELETED_ONLY":
            return False
        if asked.view == "ALL":
            return True
        deleted = scope_of(self.experiments, "DELETED_ONLY")
        return not self.session.select(select(t.runs.c.id).where(deleted).limit(1))


def _holds_word(word: str) -> ColumnElement[bool]:
    pattern = f"%{folded(word)}%"
    in_tag = (
        select(t.tags.c.run_id)
        .where(t.tags.c.run_id == t.runs.c.id, like(fold_ascii(t.tags.c.value), pattern))
        .correlate(t.runs)
        .exists()
    )
    return or_(
        like(fold_ascii(t.runs.c.name), pattern), like(t.runs.c.uuid, f"{folded(word)}%"), in_tag
    )


def _chunked(session: Session, query: Any, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a SELECT with `ids`
    for begin in range(0, len(values), _CHUNK):
        yield from session.select(query, ids=list(values[begin : begin + _CHUNK]))


# --- order -------------------------------------------------------------------------------------

_DURATION: Final = t.runs.c.end_ms - t.runs.c.start_ms
_LIVENESS: Final = case(
    (and_(t.runs.c.lost != 0, t.runs.c.status == _RUNNING), literal("lost")), else_=None
)


def _order(source: RunSource, keys: Sequence[SortKey]) -> tuple[FromClause, list[Any]]:
    """Where to select from, and what to sort by: for each key its rank (values, NaN, texts beside
    numbers, nothing), then the values."""
    origin: FromClause = t.runs
    by: list[Any] = []

    def sort(column: Any, key: SortKey) -> None:  # noqa: ANN401 - an SQL expression
        by.append(column if key.ascending else column.desc())

    for key in keys:
        field = settled(key.field, source.has_metric)
        if field.entity is Entity.ATTRIBUTE:
            column, is_nullable = _own(source, field)
            if is_nullable:
                by.append(case((column.is_(None), 1), else_=0))
            sort(column, key)
            continue
        held = source.held(field, numeric=False)
        if held is None:
            continue  # nobody has it
        alias = held.column.table.alias()
        ids = source.key_ids(_TABLES[field.entity][0], field.key)
        of_key = alias.c.key_id == ids[0] if len(ids) == 1 else alias.c.key_id.in_(ids)
        origin = origin.outerjoin(alias, and_(alias.c.run_id == t.runs.c.id, of_key))
        value = alias.c[held.column.name]
        absent = (alias.c.run_id.is_(None), 3)
        if field.entity is Entity.PARAM:
            by.append(case(absent, (alias.c.number.is_(None), 2), else_=0))
            sort(alias.c.number, key)
            text = case((alias.c.number.is_(None), value), else_=literal("", value.type))
            sort(text, key)
            continue
        is_nan = value == NAN_KEY if held.shape is Shape.VALUE else value.is_(None)
        by.append(case(absent, (is_nan, 1), else_=0))
        sort(value, key)
    return origin, [*by, t.runs.c.start_ms.desc(), t.runs.c.uuid]


def _own(source: RunSource, field: Field) -> tuple[Any, bool]:
    """The expression of an attribute, and whether it may be NULL."""
    match field.key:
        case "duration":
            return _DURATION, True
        case "liveness":
            return _LIVENESS, True
        case "experiment_id":
            return t.runs.c.experiment_id, False
    held = source.held(field, numeric=False)
    if held is None:
        raise AssertionError(field)
    if held.shape is Shape.NAMED:
        return case(dict(held.names), value=held.column), False
    return held.column, held.is_nullable


# --- cells -------------------------------------------------------------------------------------


class _Cells:
    """The cells of some runs."""

    _WHOLE: ClassVar[Mapping[str, Any]] = {"datasets": _DATASETS, "models": _MODELS}

    def __init__(self, scene: _Scene, rows: Sequence[int]) -> None:
        self._scene = scene
        self._rows = rows

    def of(self, columns: Sequence[Column]) -> list[dict[Row, Cell]]:
        """For each column the cells of the runs that have one."""
        fields = [one.of for one in columns if isinstance(one.of, Field)]
        own = {one.key for one in fields if one.entity is Entity.ATTRIBUTE}
        found: dict[Field | str, dict[Row, Cell]] = {}
        if own:
            found |= self._attributes(own)
        for entity in _TABLES:
            keyed = [one for one in fields if one.entity is entity]
            if keyed:
                found |= self._keyed(entity, keyed)
        for one in columns:
            if isinstance(one.of, str) and one.of not in found:
                found[one.of] = self._whole(one.of)
        return [found.get(one.of, {}) for one in columns]

    def _attributes(self, names: Iterable[str]) -> dict[Field | str, dict[Row, Cell]]:
        found: dict[Field | str, dict[Row, Cell]] = {
            Field(Entity.ATTRIBUTE, name): {} for name in names
        }
        for row in _chunked(self._scene.session, _INFO, self._rows):
            info = info_of(row)
            for field, cells in found.items():
                key = field.key if isinstance(field, Field) else field
                cells[row[0]] = info.duration if key == "duration" else getattr(info, key)
        return found

    def _keyed(self, entity: Entity, fields: Sequence[Field]) -> dict[Field | str, dict[Row, Cell]]:
        kind, table = _TABLES[entity]
        source = self._scene.source
        found: dict[Field | str, dict[Row, Cell]] = {one: {} for one in fields}
        asked: dict[int, list[tuple[str, Shape, dict[Row, Cell]]]] = {}
        wanted: dict[str, Any] = {}
        for field, cells in found.items():
            held = source.held(field, numeric=False) if isinstance(field, Field) else None
            if held is None or not isinstance(field, Field):
                continue
            wanted[held.column.name] = held.column
            for key in source.key_ids(kind, field.key):
                asked.setdefault(key, []).append((held.column.name, held.shape, cells))
        if not asked:
            return found
        names = list(wanted)
        query = select(table.c.run_id, table.c.key_id, *wanted.values())
        for row in self._entries(query, table, list(asked)):
            for name, shape, cells in asked[row[1]]:
                value = row[2 + names.index(name)]
                cells[row[0]] = _shown(value, shape)
        return found

    def _entries(self, query: Any, table: Table, keys: list[int]) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a SELECT
        of_keys = query.where(table.c.key_id.in_(keys))
        if len(self._rows) <= _FEW:
            yield from _chunked(
                self._scene.session, of_keys.where(table.c.run_id.in_(_ids)), self._rows
            )
            return
        wanted = set(self._rows)
        yield from (row for row in self._scene.session.select(of_keys) if row[0] in wanted)

    def _whole(self, name: str) -> dict[Row, Cell]:
        found: dict[Row, Cell] = {}
        for row in _chunked(self._scene.session, self._WHOLE[name], self._rows):
            held = found.setdefault(row[0], [])
            if isinstance(held, list):
                held.append(_dataset(row) if name == "datasets" else _model(row))
        return found


def _shown(value: Any, shape: Shape) -> Cell:  # noqa: ANN401 - as the column has it
    if shape is Shape.VALUE:
        return number(value_of(value))
    cell: Cell = value
    return cell


def _dataset(row: Sequence[Any]) -> dict[str, object]:
    _, name, digest, context = row
    found: dict[str, object] = {"name": name, "digest": digest}
    return found | {"context": context} if context is not None else found


def _model(row: Sequence[Any]) -> dict[str, object]:
    _, model_id, is_output, step, name = row
    found: dict[str, object] = {"model_id": model_id, "is_output": bool(is_output)}
    if is_output:
        found["step"] = step
    return found | {"name": name} if name is not None else found


# --- keys and values ---------------------------------------------------------------------------


class _Keys:
    """The keys of one kind."""

    def __init__(self, scene: _Scene, asked: RunsAsked, keys: KeysAsked) -> None:
        self._scene = scene
        self._keys = keys
        self._kind, self._table = _KINDS[keys.kind]
        self._where = None if scene.takes_all(asked) else scene.where(asked)

    def found(self) -> tuple[list[KeyFacts], int]:
        """The page that is asked for, and how many keys there are in all."""
        keys = self._keys
        ids = self._ids()
        names = sorted(ids)
        if keys.by_coverage:
            runs = self._runs([one for held in ids.values() for one in held])
            covered = {name: sum(runs.get(one, 0) for one in held) for name, held in ids.items()}
            names.sort(key=lambda name: -covered[name])
        page = names[keys.offset : keys.offset + keys.limit]
        facts = self._facts({name: ids[name] for name in page})
        return [facts.get(one) or _no_runs(one) for one in page], len(names)

    def _ids(self) -> dict[str, list[int]]:
        k = t.keys.c
        query = select(k.id, k.name).where(
            k.experiment_id.in_(self._scene.experiments), k.kind == self._kind
        )
        prefix, within = folded(self._keys.prefix), folded(self._keys.contains)
        found: dict[str, list[int]] = {}
        for key, name in self._scene.session.select(query):
            as_folded = folded(name)
            if as_folded.startswith(prefix) and within in as_folded:
                found.setdefault(name, []).append(key)
        return found

    def _runs(self, ids: Sequence[int]) -> dict[int, int]:
        """How many runs have each key: from the index of keys, or by way of the matching runs."""
        c = self._table.c
        counted = select(c.key_id, func.count()).group_by(c.key_id)
        if self._where is None:
            rows = _chunked(self._scene.session, counted.where(c.key_id.in_(_ids)), ids)
            return {row[0]: row[1] for row in rows}
        query = counted.select_from(t.runs).join(self._table, c.run_id == t.runs.c.id)
        return {row[0]: row[1] for row in self._scene.session.select(query.where(self._where))}

    def _facts(self, ids: Mapping[str, Sequence[int]]) -> dict[str, KeyFacts]:
        """What is held under each name; few ids have more than one, of several experiments."""
        alone = {held[0]: name for name, held in ids.items() if len(held) == 1}
        found = {}
        query = self._facts_of(_ids, apart=True)
        for row in _chunked(self._scene.session, query, list(alone)):
            found[alone[row[-1]]] = self._fact(alone[row[-1]], row)
        for name, held in ids.items():
            if len(held) > 1:
                query = self._facts_of(_ids, apart=False)
                for row in self._scene.session.select(query, ids=list(held)):
                    found[name] = self._fact(name, row)
        return found

    def _facts_of(self, ids: Any, *, apart: bool) -> Any:  # noqa: ANN401 - SQL expressions
        """Runs, distinct values, numbers, least and greatest of keys; each value is looked at once,
        as an index groups them."""
        c = self._table.c
        value = c.last_value if self._table is t.series else c.value
        by = [c.key_id, value] if apart else [value]
        values = select(*by, func.count().label("runs"), func.min(c.run_id).label("sample"))
        values = values.where(c.key_id.in_(ids)).group_by(*by)
        if self._where is not None:
            values = values.select_from(self._table).join(t.runs, t.runs.c.id == c.run_id)
            values = values.where(self._where)
        g = values.subquery("held")
        origin: Any = g
        if self._table is t.series:
            number: Any = case((g.c.last_value != NAN_KEY, g.c.last_value))
            counted: Any = func.sum(g.c.runs)
        elif self._table is t.params:
            # The number stands beside one of the runs that hold the value.
            p = t.params.alias()
            same = [p.c.run_id == g.c.sample, p.c.value == g.c.value, p.c.key_id.in_(ids)]
            if apart:
                same[1:] = [p.c.key_id == g.c.key_id]
            origin = g.join(p, and_(*same))
            number, counted = (
                p.c.number,
                func.sum(case((p.c.number.is_not(None), g.c.runs), else_=0)),
            )
        else:
            number, counted = literal(None, BigInteger()), literal(0)
        found = select(
            func.sum(g.c.runs), func.count(), counted, func.min(number), func.max(number)
        ).select_from(origin)
        return found.add_columns(g.c.key_id).group_by(g.c.key_id) if apart else found

    def _fact(self, name: str, row: Sequence[Any]) -> KeyFacts:
        runs, distinct, numbers, low, high = row[:5]
        return KeyFacts(
            key=name,
            runs=int(runs or 0),
            numbers=int(numbers or 0),
            distinct=distinct,
            minimum=None if low is None else value_of(low),
            maximum=None if high is None else value_of(high),
        )


def _no_runs(name: str) -> KeyFacts:
    return KeyFacts(key=name, runs=0, numbers=0, distinct=0)


def _frequent(
    session: Session, held: Held, where: ColumnElement[bool], prefix: str, limit: int
) -> list[tuple[str, int]]:
    if held.owner is None:
        runs: Any = func.count()
        query = select(held.column, runs).select_from(t.runs).where(where)
    else:
        runs = func.count(held.owner.distinct())
        of_runs = held.owner.in_(select(t.runs.c.id).where(where))
        query = select(held.column, runs).where(held.rows, of_runs)
    column = held.column
    if prefix and held.shape is Shape.TEXT:
        query = query.where(func.substring(fold_ascii(column), 1, len(prefix)) == folded(prefix))
    query = query.where(column.is_not(None)).group_by(column).order_by(runs.desc(), column)
    if held.shape is Shape.TEXT:
        query = query.limit(limit)
    found = [(_word(held, row[0]), row[1]) for row in session.select(query)]
    if held.shape is not Shape.TEXT:  # few words, or numbers: decided about here
        found = [one for one in found if folded(one[0]).startswith(folded(prefix))]
        found.sort(key=lambda one: (-one[1], one[0]))
    return found[:limit]


def _word(held: Held, value: Any) -> str:  # noqa: ANN401 - as the column has it
    return held.names[value] if held.shape is Shape.NAMED else str(value)
