"""Searches of the registry in SQL.

To build and compile a search takes SQLAlchemy several times as long as SQLite takes to answer it.
So searches of one shape, which differ in the texts that they look for, share one prepared
statement.
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec.structs import replace
from sqlalchemy import and_, bindparam, literal_column, select

from millrace.core.filters.ast import And, Comparison, Entity, Not, Op, Or
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import LikeTexts
from millrace.stores.sql.filters import Held, Shape, compile_filter, demanded, matching
from millrace.stores.sql.registry_rows import RARE, STAGE_NUMBERS, RegistryStatements
from millrace.stores.sql.search import Found, SortBy, bounding, find, found_by, one_query

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.filters.ast import Expr, Field
    from millrace.stores.protocols import Query
    from millrace.stores.sql.engine import Database, Prepared, Session

_m, _v = t.registered_models.c, t.model_versions.c
_NAME = (Entity.ATTRIBUTE, "name")
# Empty where nothing is named.
_NAMED = {(Entity.ATTRIBUTE, "run_id"): _v.run_uuid, (Entity.ATTRIBUTE, "model_id"): _v.logged_uuid}
_MOST_KEPT: Final = 500
"""Shapes differ in the keys of tags, which callers choose."""
_SHARED: Final = {Op.EQ, Op.LIKE, Op.GT, Op.GE, Op.LT, Op.LE}


_USED = (
    select(
        _v.id.label("version_id"), t.datasets.c.name, t.datasets.c.digest, t.run_datasets.c.context
    )
    .join(t.runs, t.runs.c.uuid == _v.run_uuid)
    .join(t.run_datasets, t.run_datasets.c.run_id == t.runs.c.id)
    .join(t.datasets, t.datasets.c.id == t.run_datasets.c.dataset_id)
    .subquery("used")
)


class RegistrySearches:
    """Searches of one database, and their statements by shape."""

    def __init__(self, database: Database, statements: RegistryStatements) -> None:
        self._database = database
        self._rare = statements.rare
        self._kept: dict[Hashable, Prepared] = {}

    def find(
        self,
        session: Session,
        source: ModelSource | VersionSource,
        query: Query,
        ties: list[SortBy],
        prompts: bool | None,  # noqa: FBT001 - as it was asked
    ) -> Found:
        """One page of what matches *query*."""
        needed = list(demanded(query.tree))
        by_name = any(_names(one) for one in needed)
        tagged = [one for one in needed if one.field.entity is Entity.TAG]
        # Which index is walked: by the name, from a rare tag, or in order?
        is_narrow = by_name or any(self._is_rare(session, source, one) for one in tagged)
        each = source.id if by_name or not is_narrow else None
        column = source.table.c.is_prompt
        kind = _kind(column + 0 if is_narrow else column, prompts)
        met: list[Comparison] = []
        shape = _shape(query.tree, met)
        if _is_shared(source, query, met):
            key = (
                type(source), prompts, is_narrow, shape, query.limit,
                tuple((one.field.key, one.ascending) for one in query.order),
                None if query.after is None else len(query.after),
            )  # fmt: skip
            kept = self._kept.get(key)
            if kept is None:
                tree, hints = _with_parameters(query.tree, source)
                condition = compile_filter(tree, source, {}, each=each)
                kept = self._keep(key, _statement(source, query, ties, [kind, *hints, condition]))
            given = _texts(met)
            given.update((f"after_{place}", one) for place, one in enumerate(query.after or ()))
            rows = session.rows(kept, [given[name] for name in kept.names])
            return found_by(rows, query.limit)
        known = matching(session, query.tree, source, kind)
        unknown = [one for one in needed if one not in known]
        where = and_(
            kind,
            *(hint for one in needed for hint in _hints(source, one, *_range(one))),
            compile_filter(query.tree, source, known, each=each),
        )
        return find(
            session, source, where,
            order=query.order, ties=ties, limit=query.limit, after=query.after,
            bounds=bounding(source, query.order[0], unknown) if query.order else (),
            beside=source.table.c.document,
        )  # fmt: skip

    def _keep(self, key: Hashable, statement: Select[Any]) -> Prepared:
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        kept = self._kept[key] = self._database.prepare(statement)
        return kept

    def _is_rare(
        self, session: Session, source: ModelSource | VersionSource, tag: Comparison
    ) -> bool:
        """Whether few records have that tag with that value."""
        if tag.op is not Op.EQ:
            return False
        statement = self._rare[source.tags]
        row = session.row(statement, (tag.field.key, tag.value))
        return row is not None and int(row[0]) < RARE


def _statement(
    source: ModelSource | VersionSource,
    query: Query,
    ties: list[SortBy],
    conditions: list[ColumnElement[bool]],
) -> Select[Any]:
    """The statement that all searches of the shape of *query* share."""
    after: list[Any] | None = None
    if query.after is not None:
        after = [bindparam(f"after_{place}") for place in range(1, len(query.after))]
    return one_query(
        source, and_(*conditions),
        order=query.order, ties=ties, limit=query.limit, after=after,
        beside=source.table.c.document,
    )  # fmt: skip


def _shape(tree: Expr, met: list[Comparison]) -> Hashable:
    """What *tree* is but for the values; its comparisons in order go to *met*."""
    match tree:
        case And(terms=terms) | Or(terms=terms):
            return (type(tree), *(_shape(term, met) for term in terms))
        case Not(term=term):
            return (Not, _shape(term, met))
        case Comparison(field=field, op=op):
            met.append(tree)
            return (field.entity, field.key, op, _range(tree)[0] != "")


def _is_shared(
    source: ModelSource | VersionSource, query: Query, met: Sequence[Comparison]
) -> bool:
    """Whether its values can be parameters: plain texts, in an order that has one stage."""
    return all(one.field.entity is Entity.ATTRIBUTE for one in query.order) and all(
        one.op.positive in _SHARED
        and isinstance(one.value, str)
        and source.held(one.field, numeric=False).shape is Shape.TEXT
        for one in met
    )


def _texts(met: Sequence[Comparison]) -> dict[str, Any]:
    """Values of the parameters that `_with_parameters` makes."""
    given: dict[str, Any] = {}
    for place, one in enumerate(met):
        given[f"from_{place}"], given[f"to_{place}"] = _range(one)
        given[f"is_{place}"] = one.value
        if one.op.positive is Op.LIKE:
            given[f"like_{place}"], given[f"glob_{place}"] = LikeTexts.of(str(one.value))
    return given


def _with_parameters(
    tree: Expr, source: ModelSource | VersionSource
) -> tuple[Expr, list[ColumnElement[bool]]]:
    """The tree with parameters for values, and the hints that it gives."""
    needed = list(demanded(tree))
    hints: list[ColumnElement[bool]] = []
    places = count()

    def lifted(term: Expr) -> Expr:
        match term:
            case And(terms=terms):
                return And(tuple(map(lifted, terms)))
            case Or(terms=terms):
                return Or(tuple(map(lifted, terms)))
            case Not(term=inner):
                return Not(lifted(inner))
            case Comparison(op=op):
                place = next(places)
                if term in needed:
                    low: Any = bindparam(f"from_{place}")
                    hints.extend(_hints(source, term, low, bindparam(f"to_{place}")))
                parameter: Any = bindparam(f"is_{place}")
                if op.positive is Op.LIKE:
                    parameter = LikeTexts(bindparam(f"like_{place}"), bindparam(f"glob_{place}"))
                return replace(term, value=parameter)

    return lifted(tree), hints


def _names(one: Comparison) -> bool:
    return (one.field.entity, one.field.key) == _NAME


def _range(one: Comparison) -> tuple[str, str]:
    """The range of texts that a comparison leaves: those that begin as the text, or pattern."""
    text = one.value if isinstance(one.value, str) else ""
    fixed = re.split("[%_]", text, maxsplit=1)[0] if one.op is Op.LIKE else text
    return fixed, f"{fixed}\U0010ffff"


def _hints(
    source: ModelSource | VersionSource,
    one: Comparison,
    low: Any,  # noqa: ANN401 - a text, or a parameter for it
    high: Any,  # noqa: ANN401 - as above
) -> Iterator[ColumnElement[bool]]:
    """What a database does not see by itself of a comparison that every match satisfies."""
    if _range(one)[0] == "":
        return
    if one.op is Op.LIKE and _names(one):
        # What an index can seek to.
        yield source.table.c.name >= low
        yield source.table.c.name < high
    named = _NAMED.get((one.field.entity, one.field.key))
    if one.op is Op.EQ and named is not None and source.table is t.model_versions:
        # SQLite's index of what is named holds what is searched for.
        yield named != literal_column("''")


def _kind(column: Any, wanted: bool | None) -> Any:  # noqa: ANN401, FBT001 - a column, a condition
    """The records of one kind. "Any kind" names both, so that an index may be used all the same."""
    both: list[Any] = [literal_column("0"), literal_column("1")]
    return column.in_(both) if wanted is None else column == both[int(wanted)]


def _tag(value: ColumnElement[Any], owner: ColumnElement[Any], rows: ColumnElement[bool]) -> Held:
    return Held(column=value, shape=Shape.TEXT, is_long=True, owner=owner, rows=rows)


class ModelSource:
    """What a search of registered models looks at."""

    table: FromClause = t.registered_models
    tags: str = t.registered_model_tags.name
    id: ColumnElement[int] = _m.id

    _own: ClassVar[dict[str, Held]] = {
        "name": Held(column=_m.name, shape=Shape.TEXT),
        "creation_timestamp": Held(column=_m.created_ms, shape=Shape.INTEGER),
        "last_updated_timestamp": Held(column=_m.updated_ms, shape=Shape.INTEGER),
    }

    def held(self, field: Field, *, numeric: bool) -> Held:  # noqa: ARG002 - by the protocol
        """Where *field* is."""
        if field.entity is Entity.TAG:
            tags = t.registered_model_tags.c
            return _tag(tags.value, tags.model_id, tags.key == field.key)
        return self._own[field.key]


class VersionSource:
    """What a search of model versions looks at."""

    table: FromClause = t.model_versions
    tags: str = t.model_version_tags.name
    id: ColumnElement[int] = _v.id

    _own: ClassVar[dict[str, Held]] = {
        "name": Held(column=_v.name, shape=Shape.TEXT),
        "version_number": Held(column=_v.version, shape=Shape.INTEGER),
        "run_id": Held(column=_v.run_uuid, shape=Shape.TEXT),
        "source_path": Held(column=_v.source, shape=Shape.TEXT),
        "model_id": Held(column=_v.logged_uuid, shape=Shape.TEXT),
        "current_stage": Held(
            column=_v.stage, shape=Shape.NAMED, names=dict(enumerate(STAGE_NUMBERS))
        ),
        "creation_timestamp": Held(column=_v.created_ms, shape=Shape.INTEGER),
        "last_updated_timestamp": Held(column=_v.updated_ms, shape=Shape.INTEGER),
    }

    def held(self, field: Field, *, numeric: bool) -> Held:  # noqa: ARG002 - by the protocol
        """Where *field* is."""
        if field.entity is Entity.TAG:
            tags = t.model_version_tags.c
            return _tag(tags.value, tags.version_id, tags.key == field.key)
        if field.entity is Entity.DATASET:
            # One row for each version whose run read the data set.
            used = _USED.c
            return Held(
                column=used[field.key],
                shape=Shape.TEXT,
                owner=used.version_id,
                rows=used[field.key].is_not(None),
            )
        return self._own[field.key]
