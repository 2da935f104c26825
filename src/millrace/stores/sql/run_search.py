"""Searching runs in SQL.

To build and compile a search takes SQLAlchemy as long as a database takes to answer it. So searches
of one shape, which differ in the values that they compare with, share their prepared statements.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from sqlalchemy import and_, bindparam, literal_column, null, or_, select, true

from millrace.core.entities.run import STATUS_NUMBERS
from millrace.core.filters import order as orders
from millrace.core.filters import resolve
from millrace.core.filters.ast import TRUE, Aggregate, And, Entity, Op, comparisons_of, fields_of
from millrace.stores.sql import documents
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import among, walks_apart
from millrace.stores.sql.engine import WALKS
from millrace.stores.sql.experiments import IN_VIEW, LIFECYCLES
from millrace.stores.sql.filters import (
    Held,
    Lifting,
    Shape,
    compile_filter,
    demanded,
    matching,
    without,
)
from millrace.stores.sql.search import (
    NUMBERS,
    RARE,
    Asked,
    Beliefs,
    Found,
    SortBy,
    beyond_position,
    bounding,
    in_stages,
    is_positive,
    page_of,
    stage_of,
    statement,
    up_to_rare,
)
from millrace.stores.sql.transaction import METRIC, PARAM, TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Select, Table
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.entities.entity import ViewType
    from millrace.core.filters.ast import Comparison, Expr, Field
    from millrace.core.filters.order import OrderKey
    from millrace.stores.protocols import Query
    from millrace.stores.sql.engine import Database, Prepared, Row, Session
    from millrace.stores.sql.filters import Matching
    from millrace.stores.sql.statements import Statements

_AGGREGATES = {
    None: (t.series.c.last_value, Shape.VALUE),
    Aggregate.LAST: (t.series.c.last_value, Shape.VALUE),
    Aggregate.FIRST: (t.series.c.first_value, Shape.VALUE),
    Aggregate.MIN: (t.series.c.min_value, Shape.VALUE),
    Aggregate.MAX: (t.series.c.max_value, Shape.VALUE),
    Aggregate.MEAN: (t.series.c.mean, Shape.VALUE),
    Aggregate.COUNT: (t.series.c.count, Shape.INTEGER),
    # NULL where NaNs are all there is; then it counts as NaN.
    Aggregate.MIN_STEP: (t.series.c.min_step, Shape.INTEGER),
    Aggregate.MAX_STEP: (t.series.c.max_step, Shape.INTEGER),
}
_DATASET_COLUMNS = {
    "name": t.datasets.c.name,
    "digest": t.datasets.c.digest,
    "context": t.run_datasets.c.context,
}


class _NotKnownError(Exception):
    """Something has to be asked before the search can be said."""


class RunSource:
    """What a search of runs in some experiments looks at."""

    table: FromClause = t.runs
    id: ColumnElement[int] = t.runs.c.id

    _own: ClassVar[dict[str, Held]] = {
        "run_id": Held(column=t.runs.c.uuid, shape=Shape.TEXT),
        "run_name": Held(column=t.runs.c.name, shape=Shape.TEXT),
        "status": Held(column=t.runs.c.status, shape=Shape.NAMED, names=dict(STATUS_NUMBERS)),
        "user_id": Held(column=t.runs.c.user_id, shape=Shape.TEXT),
        "artifact_uri": Held(column=t.runs.c.artifact_uri, shape=Shape.TEXT),
        "start_time": Held(column=t.runs.c.start_ms, shape=Shape.INTEGER),
        "end_time": Held(column=t.runs.c.end_ms, shape=Shape.INTEGER, is_nullable=True),
        "experiment_id": Held(column=t.runs.c.experiment_id, shape=Shape.DIGITS),
        "lifecycle_stage": Held(
            column=t.runs.c.lifecycle, shape=Shape.NAMED, names=dict(LIFECYCLES)
        ),
    }

    def __init__(
        self, session: Session | None, statements: Statements, experiments: Sequence[int]
    ) -> None:
        self._given = session
        self._statements = statements
        self.experiments: Final = experiments
        self._ids: dict[tuple[int, str], Sequence[int]] = {}
        self._held: dict[tuple[Field, bool], Held | None] = {}

    @property
    def _session(self) -> Session:
        if self._given is None:
            raise _NotKnownError
        return self._given

    def know(self, ids: Mapping[tuple[int, str], Sequence[int]]) -> None:
        """Take ids of names that were looked up already."""
        self._ids.update(ids)

    def ids_of(self, fields: Iterable[Field]) -> tuple[tuple[int, ...], ...]:
        """For each field that has names the ids of its name."""
        return tuple(
            tuple(self.key_ids(KINDS[one.entity], one.key)) for one in fields if one.entity in KINDS
        )

    def key_ids(self, kind: int, name: str) -> Sequence[int]:
        """Ids of that name in the searched experiments."""
        if (kind, name) not in self._ids:
            self._ids[kind, name] = self._found_ids(kind, name)
        return self._ids[kind, name]

    def _found_ids(self, kind: int, name: str) -> list[int]:
        if len(self.experiments) == 1:
            at = (self.experiments[0], kind, name)
            rows = self._session.rows(self._statements.key, at)
        else:
            rows = self._session.select(
                select(t.keys.c.id).where(
                    t.keys.c.experiment_id.in_(self.experiments),
                    t.keys.c.kind == kind,
                    t.keys.c.name == name,
                )
            )
        return [row[0] for row in rows]

    def has_metric(self, name: str) -> bool:
        """Whether any run of the searched experiments has a metric of that very name."""
        return bool(self.key_ids(METRIC, name))

    def held(self, field: Field, *, numeric: bool) -> Held | None:
        """Where *field* is."""
        asked = (field, numeric)
        if asked not in self._held:
            self._held[asked] = self._find(field, numeric=numeric)
        return self._held[asked]

    def is_rare(self, comparison: Comparison, known: Matching, beliefs: Beliefs) -> bool:
        """Whether a comparison leaves few runs."""
        if comparison in known:
            return len(known[comparison]) < RARE
        if not is_positive(comparison):
            return False
        held = self.held(comparison.field, numeric=comparison.numeric)
        if held is None or held.owner is None:
            return held is None
        asked = (tuple(self.experiments), comparison)
        return beliefs.of(asked, lambda: up_to_rare(self._session, comparison, held) < RARE)

    def _find(self, field: Field, *, numeric: bool) -> Held | None:
        match field.entity:
            case Entity.ATTRIBUTE:
                return self._own[field.key]
            case Entity.DATASET:
                column = _DATASET_COLUMNS[field.key]
                return Held(
                    column=column,
                    shape=Shape.TEXT,
                    owner=t.run_datasets.c.run_id,
                    rows=and_(t.datasets.c.id == t.run_datasets.c.dataset_id, column.is_not(None)),
                )
            case Entity.METRIC:
                column, shape = _AGGREGATES[field.aggregate]
                return self._keyed(METRIC, field.key, t.series, column, shape)
            case Entity.PARAM if numeric:
                return self._keyed(PARAM, field.key, t.params, t.params.c.number, Shape.VALUE)
            case Entity.PARAM:
                return self._keyed(PARAM, field.key, t.params, t.params.c.value, Shape.TEXT)
            case Entity.TAG:
                return self._keyed(TAG, field.key, t.tags, t.tags.c.value, Shape.TEXT)

    def _keyed(
        self, kind: int, name: str, table: Table, column: ColumnElement[Any], shape: Shape
    ) -> Held | None:
        ids = self.key_ids(kind, name)
        return _keyed(tuple(ids), table, column, shape) if ids else None


@lru_cache(maxsize=1_000)
def _keyed(ids: tuple[int, ...], table: Table, column: ColumnElement[Any], shape: Shape) -> Held:
    can_be_nan = shape is Shape.INTEGER
    return Held(
        column=column,
        shape=shape,
        is_long=shape is Shape.TEXT,
        is_nullable=can_be_nan,
        owner=table.c.run_id,
        rows=table.c.key_id == ids[0] if len(ids) == 1 else among(table.c.key_id, ids),
    )


_MOST_KEPT: Final = 1_000
"""Shapes differ in the names of metrics, params and tags, which callers choose."""
_MOST_NAMES: Final = 8
# What has names of its own, and an index to walk in order.
KINDS: Final = {Entity.METRIC: METRIC, Entity.PARAM: PARAM, Entity.TAG: TAG}
# So many runs are looked at row by row, which takes as long as to gather about as many.
_LATEST: Final = 4_000
_SLOW_TO_COUNT: Final = {Op.LIKE, Op.ILIKE, Op.RLIKE}
_TIES: Final = (SortBy(t.runs.c.start_ms, False), SortBy(t.runs.c.uuid, True))


_Name = tuple[int, str]
"""Kind and name of a metric, param or tag."""


class RunSearches:
    """Searches of the runs of one database, and their statements by shape."""

    def __init__(self, database: Database, statements: Statements) -> None:
        self._database = database
        self._statements = statements
        self._beliefs = Beliefs()
        self._dialect = database.readers.dialect
        self._kept: dict[Hashable, Prepared | None] = {}
        self._names: dict[tuple[int, int, str], Sequence[int]] = {}
        """Ids of names as they were last seen; a name may go, and come back with another one."""
        self._sufficed: dict[Hashable, bool] = {}
        """Whether the first statement of a search was all that it took, the last time."""

    def walks(self, query: Query) -> bool:
        """Whether an index will probably be walked, see `WALKS`."""
        if not walks_apart(self._dialect):
            return False
        if query.order:
            return query.order[0].field.entity in KINDS
        return any(one.field.entity in KINDS for one in demanded(query.tree))

    def find(self, session: Session, experiment_ids: Sequence[str], query: Query) -> Found:
        """Row ids of a page of the runs that match."""
        experiments = sorted({int(one) for one in experiment_ids})
        if not experiments:
            return Found([], None)
        source = RunSource(session, self._statements, experiments)
        has_beside = walks_apart(self._dialect)
        tree, order = query.tree, query.order
        if any(field.alternative for field in fields_of(tree)):
            tree = resolve(tree, source.has_metric)
        if any(key.field.alternative for key in order):
            order = orders.resolve(order, source.has_metric)
        self._look_up(session, source, [*fields_of(tree), *(key.field for key in order)])
        search = _Search(source, query.view, tree, order, with_documents=has_beside)
        known = search.known(session)
        search.choose_way(known, self._beliefs, query.limit)
        if not known and walks_apart(self._dialect):
            search.choose_latest(self._beliefs)
        if known:
            return in_stages(session, search.asked(known), query.limit, query.after)
        if search.latest and (found := self._among_latest(session, search, query)) is not None:
            self._suffices(search, query, search.way(query.limit), found)
            return found

        def rows(stage: int, values: Mapping[str, Any]) -> Sequence[Row]:
            goes_on = "after_1" in values
            return self._rows(
                session, (search.shape, stage, goes_on), {**search.values, **values},
                lambda: statement(self._dialect, search.asked({}), stage, goes_on=goes_on),
            )  # fmt: skip

        found = page_of(
            rows, query.limit, query.after, is_bounded=bool(search.bounds), has_beside=has_beside
        )
        self._suffices(search, query, NUMBERS, found)
        return found

    def find_at_once(self, experiment_ids: Sequence[str], query: Query) -> Found | None:
        """A page with the documents of its runs by one way there and back, or None.

        That is possible where all is known that a search is made of, and one statement is all that
        it takes: so the last of its shape is what it goes by. It finds nothing where a name has
        another id than was believed.
        """
        names = self._believed(experiment_ids, query)
        if names is None:
            return None
        source = RunSource(None, self._statements, [int(experiment_ids[0])])
        source.know(names)
        search = _Search(source, query.view, query.tree, query.order, with_documents=True)
        try:
            search.choose_way({}, self._beliefs, query.limit)
            search.choose_latest(self._beliefs)
        except _NotKnownError:
            return None
        way = search.way(query.limit)
        goes_on = query.after is not None
        if not self._sufficed.get((search.shape, way, goes_on)):
            return None
        prepared = self._prepared(
            ("at once", search.shape, way, goes_on),
            lambda: self._said_of(search, query, names, goes_on=goes_on),
        )
        if prepared is None:
            return None

        def rows(stage: int, values: Mapping[str, Any]) -> Sequence[Row]:
            if stage != NUMBERS:
                return ()
            given = {**search.values, **values}
            with self._database.reading(once=True) as session:
                return session.found_once(prepared, [given[name] for name in prepared.names])

        found = page_of(
            rows, query.limit, query.after, is_bounded=bool(search.bounds), has_beside=True
        )
        if names and not found.ids:
            return None
        return found if self._suffices(search, query, way, found) else None

    def _said_of(
        self, search: _Search, query: Query, names: Mapping[_Name, Sequence[int]], *, goes_on: bool
    ) -> Select[Any] | None:
        """What is asked of the first stage where each name has the id that is believed."""
        if search.latest:
            asked: Select[Any] | None = search.among_latest(query.limit + 1, goes_on=goes_on)
        else:
            asked = statement(self._dialect, search.asked({}), NUMBERS, goes_on=goes_on)
        if asked is None:
            return None
        experiment = search.experiments[0]
        return asked.where(*(_is_so(experiment, name, ids) for name, ids in names.items()))

    def _suffices(self, search: _Search, query: Query, way: Hashable, found: Found) -> bool:
        """Note, and say, whether one statement gave all of a page."""
        is_whole = found.next is not None or bool(search.bounds)
        if len(self._sufficed) >= _MOST_KEPT:
            self._sufficed.clear()
        suffices = is_whole and all(found.beside)
        self._sufficed[search.shape, way, query.after is not None] = suffices
        return suffices

    def _believed(
        self, experiment_ids: Sequence[str], query: Query
    ) -> dict[_Name, Sequence[int]] | None:
        """The ids of the names in a search, if all are known; None, too, where one statement cannot
        be enough, or names alone do not settle what is meant."""
        if not walks_apart(self._dialect) or len(experiment_ids) != 1:
            return None
        if query.after is not None and stage_of(query.after) != NUMBERS:
            return None
        fields = [*fields_of(query.tree), *(key.field for key in query.order)]
        if any(one.alternative for one in fields):
            return None
        if any(one.op.positive is Op.RLIKE for one in comparisons_of(query.tree)):
            return None
        experiment = int(experiment_ids[0])
        named = {(KINDS[one.entity], one.key) for one in fields if one.entity in KINDS}
        ids = {name: self._names.get((experiment, *name)) for name in named}
        believed = {name: of_name for name, of_name in ids.items() if of_name is not None}
        is_known = len(believed) == len(named) <= _MOST_NAMES
        return believed if is_known else None

    def _among_latest(self, session: Session, search: _Search, query: Query) -> Found | None:
        """The page, if the latest runs fill it; else None, and not tried again for a while.

        To gather all runs that match takes the longer, the more there are. But where few of the
        latest match, or conditions exclude each other, to gather is the quicker way.
        """
        if self._beliefs.known(search.identity) is False:
            return None

        def rows(stage: int, values: Mapping[str, Any]) -> Sequence[Row]:
            if stage != NUMBERS:
                return ()
            goes_on = "after_1" in values
            return self._rows(
                session, (search.shape, search.way(query.limit), goes_on),
                {**search.values, **values},
                lambda: search.among_latest(query.limit + 1, goes_on=goes_on),
            )  # fmt: skip

        found = page_of(rows, query.limit, query.after, is_bounded=False, has_beside=True)
        is_full = found.next is not None
        self._beliefs.note(search.identity, so=is_full)
        return found if is_full else None

    def _rows(
        self,
        session: Session,
        key: Hashable,
        values: Mapping[str, Any],
        build: Callable[[], Select[Any] | None],
    ) -> Sequence[Row]:
        """Rows of a statement that is built once; none where nothing can be found."""
        prepared = self._prepared(key, build)
        if prepared is None:
            return ()
        return session.found(prepared, [values[name] for name in prepared.names])

    def _prepared(self, key: Hashable, build: Callable[[], Select[Any] | None]) -> Prepared | None:
        try:
            return self._kept[key]
        except KeyError:
            query = build()
            prepared = None if query is None else self._database.prepare(query)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = prepared
            return prepared

    def _look_up(self, session: Session, source: RunSource, fields: Sequence[Field]) -> None:
        """Look up the ids of several names in one statement."""
        named = {(KINDS[one.entity], one.key) for one in fields if one.entity in KINDS}
        if len(source.experiments) > 1 or not 0 < len(named) <= _MOST_NAMES:
            return
        experiment = source.experiments[0]
        ids = _ids_of(named, session.rows(*self._names_asked(experiment, named)))
        source.know(ids)
        if len(self._names) >= _MOST_KEPT:
            self._names.clear()
        self._names |= {(experiment, *name): of_name for name, of_name in ids.items()}

    def _names_asked(
        self, experiment: int, named: Collection[_Name]
    ) -> tuple[Prepared, Sequence[Any]]:
        given: dict[str, Any] = {"experiment": experiment}
        for place, (kind, name) in enumerate(named):
            given |= {f"kind_{place}": kind, f"name_{place}": name}
        count = len(named)
        statement = self._prepared(("names", count), lambda: _names(count))
        assert statement is not None  # noqa: S101 - it can always be asked
        return statement, [given[name] for name in statement.names]


def _ids_of(named: Collection[_Name], rows: Sequence[Row]) -> dict[_Name, Sequence[int]]:
    return dict.fromkeys(named, ()) | {(kind, name): (row,) for row, kind, name in rows}


def _is_so(experiment: int, name: _Name, ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether that name has that one id, or none; a database sees to it once for all rows."""
    k = t.keys.c
    seen = select(k.id).where(k.experiment_id == experiment, k.kind == name[0], k.name == name[1])
    return seen.scalar_subquery().is_not_distinct_from(ids[0] if ids else null())


def _names(count: int) -> Select[Any]:
    k = t.keys.c
    either = (
        and_(k.kind == bindparam(f"kind_{place}"), k.name == bindparam(f"name_{place}"))
        for place in range(count)
    )
    of_experiment = k.experiment_id == bindparam("experiment")
    return select(k.id, k.kind, k.name).where(of_experiment, or_(*either))


class _Search:
    """A search with settled names, and the way to its answer."""

    def __init__(
        self,
        source: RunSource,
        view: ViewType,
        tree: Expr,
        order: Sequence[OrderKey],
        *,
        with_documents: bool,
    ) -> None:
        self._source = source
        self._view = view
        self._tree = tree
        self._order = order
        self._lifting = Lifting(tree, source)
        self.bounds: Sequence[Comparison] = ()
        self.with_documents = with_documents
        self.latest = False
        """Whether to look among the latest runs first."""
        self._row_by_row = False
        self._limit: int | None = None

    @property
    def experiments(self) -> Sequence[int]:
        """Where it searches."""
        return self._source.experiments

    @property
    def values(self) -> Mapping[str, Any]:
        """Of the parameters."""
        return self._lifting.values

    @property
    def shape(self) -> Hashable:
        """What its statements depend on."""
        order = [(*_of(key.field), key.ascending) for key in self._order]
        source = self._source
        return (
            tuple(source.experiments), self._view, self._lifting.shape, tuple(order),
            source.ids_of(key.field for key in self._order),
            source.ids_of(fields_of(self._tree)),
            self._row_by_row, self._limit,
        )  # fmt: skip

    def way(self, limit: int) -> Hashable:
        """What its first statement is: among the latest the number of rows is a part of it."""
        return ("latest", limit) if self.latest else NUMBERS

    @property
    def identity(self) -> Hashable:
        """The search but for its order, limit and position."""
        return tuple(self._source.experiments), self._view, self._tree

    def known(self, session: Session) -> Matching:
        """What has to be found before it is asked, see `matching`."""
        if all(one.op.positive is not Op.RLIKE for one in comparisons_of(self._tree)):
            return {}
        scope = scope_of(self._source.experiments, self._view)
        return matching(session, self._tree, self._source, scope)

    def choose_way(self, known: Matching, beliefs: Beliefs, limit: int) -> None:
        """Whether an index is walked in order, looking at row by row: not where few will match."""
        if self._tree == TRUE:
            self._limit = limit + 1
        if not self._order or self._order[0].field.entity not in KINDS:
            return
        needed = list(demanded(self._tree))
        first = self._order[0]
        self.bounds = bounding(self._source, first, [one for one in needed if one not in known])
        others = (one for one in needed if one not in self.bounds)
        self._row_by_row = not any(self._source.is_rare(one, known, beliefs) for one in others)
        if self._row_by_row:
            self._limit = limit + 1

    def choose_latest(self, beliefs: Beliefs) -> None:
        """Whether the latest runs are looked at row by row before all that match are gathered."""
        own, others = _apart(self._tree, {})
        if self._order or others:
            return
        keyed = [one for one in demanded(self._tree) if one.field.entity in KINDS]
        counted = (one for one in keyed if one.op not in _SLOW_TO_COUNT)
        self.latest = bool(own and keyed) and not any(
            self._source.is_rare(one, {}, beliefs) for one in counted
        )

    def among_latest(self, limit: int, *, goes_on: bool) -> Select[Any]:
        """What is asked of the latest runs; parameters as in `statement`."""
        r = t.runs.c
        rows = select(r.id, r.start_ms, r.uuid).where(
            scope_of(self._source.experiments, self._view)
        )
        if goes_on:
            rows = rows.where(beyond_position(_TIES))
        in_order = (r.start_ms.desc(), r.uuid)
        latest = rows.order_by(*in_order).limit(literal_column(str(_LATEST))).subquery("latest")
        tree = self._lifting.lifted(self._tree)
        return (
            select(latest.c.id, documents.beside(latest.c.id), latest.c.start_ms, latest.c.uuid)
            .where(compile_filter(tree, self._source, {}, each=latest.c.id))
            .order_by(latest.c.start_ms.desc(), latest.c.uuid)
            .limit(literal_column(str(limit)))
            .execution_options(**{WALKS: True})
        )

    def asked(self, known: Matching) -> Asked:
        """What is asked, with parameters unless something is *known*."""
        source = self._source
        lifted = (lambda one: one) if known else self._lifting.lifted
        tree = without(self._tree, self.bounds)
        own, others = _apart(tree, known) if self._row_by_row else ([], [tree])

        def where(row: ColumnElement[int], /, *, apart: bool) -> ColumnElement[bool]:
            each = row if self._row_by_row else None
            scope = scope_of(source.experiments, self._view, apart=apart)
            return and_(
                scope, *(compile_filter(lifted(one), source, known, each=each) for one in others)
            )

        def of_walked(row: ColumnElement[int]) -> ColumnElement[bool]:
            return and_(
                true(), *(compile_filter(lifted(one), source, known, each=row) for one in own)
            )

        return Asked(
            source=source, where=where, order=self._order, ties=_TIES,
            bounds=[cast("Comparison", lifted(one)) for one in self.bounds],
            of_walked=of_walked if self._row_by_row else None, limit=self._limit,
            beside=documents.beside(source.id) if self.with_documents else None,
        )  # fmt: skip


def _apart(tree: Expr, known: Matching) -> tuple[list[Expr], list[Expr]]:
    """Conditions on what belongs to a run alone, and the others."""
    terms = tree.terms if isinstance(tree, And) else (tree,)
    own: list[Expr] = []
    others: list[Expr] = []
    for term in terms:
        is_own = all(
            one.field.entity is not Entity.ATTRIBUTE and one not in known
            for one in comparisons_of(term)
        )
        (own if is_own else others).append(term)
    return own, others


def _of(field: Field) -> tuple[Entity, str, Aggregate | None]:
    return field.entity, field.key, field.aggregate


def scope_of(
    experiments: Sequence[int], view: ViewType, *, apart: bool = False
) -> ColumnElement[bool]:
    """The condition on `runs` for those of some experiments in a stage of life.

    *apart*: each is looked up by its id. Without statistics PostgreSQL would rather read all of the
    experiment for each, so it is told something that no index has.
    """
    experiment: Any = t.runs.c.experiment_id
    stage: Any = t.runs.c.lifecycle
    if apart:
        experiment, stage = experiment + literal_column("0"), stage + literal_column("0")
    return and_(*(_one_of(*one) for one in ((experiment, experiments), (stage, IN_VIEW[view]))))


def _one_of(column: Any, values: Sequence[int]) -> ColumnElement[bool]:  # noqa: ANN401 - as SQL goes
    is_one: ColumnElement[bool] = column == values[0]
    return is_one if len(values) == 1 else among(column, values)
