"""The model registry in SQL: the store, and its searches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec
from sqlalchemy import and_, literal_column, select

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.registry import Comment, Manifest, ModelVersion, RegisteredModel
from millrace.core.filters.ast import Entity, Op
from millrace.core.pages import Page
from millrace.stores import guarding
from millrace.stores.sql import registry_notes as notes
from millrace.stores.sql import tables as t
from millrace.stores.sql.approvals import SqlApprovals
from millrace.stores.sql.filters import Held, Shape, compile_filter, demanded, matching
from millrace.stores.sql.registry_rows import RARE, STAGE_NUMBERS, RegistryRows, RegistryStatements
from millrace.stores.sql.search import Found, SortBy, find

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from typing import TypeVar

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.registry import (
        Move,
        NewVersion,
        RegisteredModelChange,
        Stage,
        VersionChange,
    )
    from millrace.core.filters.ast import Comparison, Field
    from millrace.core.pages import Position
    from millrace.stores.protocols import Query
    from millrace.stores.sql.approvals import SqlBooks
    from millrace.stores.sql.engine import Database, Prepared, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

    T = TypeVar("T")

_m, _v = t.registered_models.c, t.model_versions.c
_NAME = (Entity.ATTRIBUTE, "name")
_CHUNK = 1_000
_MOVED = cast("type[ModelVersion | None]", ModelVersion | None)


_USED = (
    select(
        _v.id.label("version_id"), t.datasets.c.name, t.datasets.c.digest, t.run_datasets.c.context
    )
    .join(t.runs, t.runs.c.uuid == _v.run_uuid)
    .join(t.run_datasets, t.run_datasets.c.run_id == t.runs.c.id)
    .join(t.datasets, t.datasets.c.id == t.run_datasets.c.dataset_id)
    .subquery("used")
)


# Empty where nothing is named.
_NAMED = {(Entity.ATTRIBUTE, "run_id"): _v.run_uuid, (Entity.ATTRIBUTE, "model_id"): _v.logged_uuid}


class SqlRegistry:
    """The registered models of one database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer
        self._statements = RegistryStatements(database)
        self.approvals = SqlApprovals(database, writer, self._statements)

    def _write(self, trail: Trail, kind: type[T], change: Callable[[RegistryRows], T]) -> Future[T]:
        statements = self._statements

        def apply(tx: Transaction) -> T:
            return tx.once(trail, kind, lambda: change(RegistryRows(tx, statements, trail)))

        return self._writer.submit(apply, savepoint=False)

    def _document(self, statement: Prepared, *values: object) -> msgspec.Raw | None:
        with self._database.reading() as session:
            row = session.row(statement, values)
        return None if row is None else msgspec.Raw(row[0])

    # --- models ---------------------------------------------------------------------------------

    def add_registered_model(
        self, model: RegisteredModel, *, trail: Trail = NO_TRAIL
    ) -> Future[RegisteredModel]:
        """Record a model with its tags."""
        return self._write(trail, RegisteredModel, lambda rows: rows.add_model(model))

    def registered_model(self, name: str) -> msgspec.Raw | None:
        """The model as wire JSON."""
        return self._document(self._statements.model_document, name)

    def change_registered_model(
        self, name: str, change: RegisteredModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RegisteredModel]:
        """Change a model."""
        new_name = change.name
        if new_name is None or new_name == name:
            return self._write(trail, RegisteredModel, lambda rows: rows.change_model(name, change))

        def rename(books: SqlBooks) -> RegisteredModel:
            guarding.check_rename(books, name, new_name)
            changed = books.rows.change_model(name, change)
            guarding.gone(books, name, new_name)
            return changed

        return self.approvals.write(trail, RegisteredModel, rename)

    def delete_registered_model(self, name: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a model with everything of it."""

        def remove(books: SqlBooks) -> None:
            guarding.check_model_may_go(books, name)
            books.rows.delete_model(name)
            guarding.gone(books, name)

        return self.approvals.write(trail, type(None), remove)

    def find_registered_models(
        self, query: Query, *, prompts: bool | None = None
    ) -> Page[msgspec.Raw]:
        """Matching models, one page."""
        ties = [SortBy(_m.name, True)]
        with self._database.reading() as session:
            found = self._find(session, ModelSource(), query, ties, prompts)
        return Page(tuple(map(msgspec.Raw, found.beside)), found.next)

    # --- versions -------------------------------------------------------------------------------

    def add_version(self, version: NewVersion, *, trail: Trail = NO_TRAIL) -> Future[ModelVersion]:
        """Record a version under the next number."""
        return self._write(trail, ModelVersion, lambda rows: rows.add_version(version))

    def version(self, name: str, version: int) -> msgspec.Raw | None:
        """The version as wire JSON."""
        with self._database.reading() as session:
            row = session.row(self._statements.version, (name, version))
        return None if row is None else msgspec.Raw(row[1])

    def latest_versions(self, name: str, stages: Sequence[Stage]) -> list[msgspec.Raw] | None:
        """The highest version of each of *stages*."""
        with self._database.reading() as session:
            model = session.row(self._statements.model, (name,))
            if model is None:
                return None
            asked = [(model[0], STAGE_NUMBERS[stage]) for stage in stages]
            latest = self._statements.latest_in_stage
            found = [session.row(latest, (*values, *values)) for values in asked]
        in_order = sorted((row for row in found if row is not None), key=lambda row: row[1])
        return [msgspec.Raw(row[0]) for row in in_order]

    def highest_version(self, name: str) -> msgspec.Raw | None:
        """The version with the greatest number."""
        return self._document(self._statements.highest, name, name)

    def version_at(self, name: str, alias: str) -> msgspec.Raw | None:
        """The version that the alias points at."""
        return self._document(self._statements.aliased, name, alias)

    def location(self, name: str, version: int) -> str | None:
        """Where the files of a version are."""
        with self._database.reading() as session:
            row = session.row(self._statements.location, (name, version))
        return None if row is None else row[0]

    def change_version(
        self, name: str, version: int, change: VersionChange, *, trail: Trail = NO_TRAIL
    ) -> Future[ModelVersion]:
        """Change a version."""
        return self._write(
            trail, ModelVersion, lambda rows: rows.change_version(name, version, change)
        )

    def move(self, move: Move, *, trail: Trail = NO_TRAIL) -> Future[ModelVersion | None]:
        """Put a version into a stage, or an alias on a version."""
        return self.approvals.write(trail, _MOVED, lambda books: guarding.move(books, move))

    def delete_version(
        self, name: str, version: int, *, at_ms: int, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Delete a version with its tags and aliases."""

        def remove(books: SqlBooks) -> None:
            guarding.check_version_may_go(books, name, version)
            books.rows.delete_version(name, version, at_ms)

        return self.approvals.write(trail, type(None), remove)

    def find_versions(self, query: Query, *, prompts: bool | None = None) -> Page[msgspec.Raw]:
        """Matching versions, one page."""
        ties = [SortBy(_v.updated_ms, False), SortBy(_v.name, True), SortBy(_v.version, False)]
        with self._database.reading() as session:
            found = self._find(session, VersionSource(), query, ties, prompts)
        return Page(tuple(map(msgspec.Raw, found.beside)), found.next)

    def _find(
        self,
        session: Session,
        source: ModelSource | VersionSource,
        query: Query,
        ties: list[SortBy],
        prompts: bool | None,  # noqa: FBT001 - as it was asked
    ) -> Found:
        needed = list(demanded(query.tree))
        names = [one for one in needed if (one.field.entity, one.field.key) == _NAME]
        tagged = [one for one in needed if one.field.entity is Entity.TAG]
        # Which index is walked: by the name, from a rare tag, or in order?
        is_narrow = bool(names) or any(self._is_rare(session, source, one) for one in tagged)
        column = source.table.c.is_prompt
        kind = _kind(column + 0 if is_narrow else column, prompts)
        known = matching(session, query.tree, source, kind)
        where = and_(
            kind,
            *(_prefix(source, one) for one in names if one.op is Op.LIKE),
            *(_named(source, one) for one in needed if one.op is Op.EQ and one.value != ""),
            compile_filter(query.tree, source, known, row_by_row=bool(names or not is_narrow)),
        )
        return find(
            session, source, where,
            order=query.order, ties=ties, limit=query.limit, after=query.after,
            demanded=[one for one in needed if one not in known],
            beside=source.table.c.document,
        )  # fmt: skip

    def _is_rare(
        self, session: Session, source: ModelSource | VersionSource, tag: Comparison
    ) -> bool:
        """Whether few records have that tag with that value."""
        if tag.op is not Op.EQ:
            return False
        statement = self._statements.rare[source.tags]
        row = session.row(statement, (tag.field.key, tag.value))
        return row is not None and int(row[0]) < RARE

    def versions_from(
        self, *, run_ids: Sequence[str] = (), model_ids: Sequence[str] = ()
    ) -> dict[str, list[tuple[str, str]]]:
        """Versions that come from these runs and logged models."""
        found: dict[str, list[tuple[str, str]]] = {}
        with self._database.reading() as session:
            for column, asked in ((_v.run_uuid, run_ids), (_v.logged_uuid, model_ids)):
                for begin in range(0, len(asked), _CHUNK):
                    query = (
                        select(column, _v.name, _v.version)
                        .where(column.in_(list(asked[begin : begin + _CHUNK])), column != "")
                        .order_by(_v.name, _v.version)
                    )
                    for origin, name, version in session.select(query):
                        found.setdefault(origin, []).append((name, str(version)))
        return found

    def parent(self, name: str, version: int) -> tuple[str, str] | None:
        """The version that this one is a copy of, if it is still there."""
        with self._database.reading() as session:
            return notes.parent(session, name, version)

    def children(self, name: str, version: int) -> list[tuple[str, str]]:
        """The versions that are copies of this one."""
        with self._database.reading() as session:
            return notes.children(session, name, version)

    # --- manifests ------------------------------------------------------------------------------

    def manifest(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version."""
        with self._database.reading() as session:
            return notes.manifest(session, name, version)

    def pending_manifests(self, limit: int) -> list[tuple[str, int]]:
        """Some versions whose manifest is PENDING, the oldest first."""
        with self._database.reading() as session:
            return notes.pending_manifests(session, limit)

    def settle_manifest(
        self, name: str, version: int, manifest: Manifest, *, trail: Trail = NO_TRAIL
    ) -> Future[Manifest]:
        """Record the manifest of a version, unless one is recorded."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, Manifest, lambda: notes.settle_manifest(tx, name, version, manifest, trail)
            ),
            savepoint=False,
        )

    # --- comments -------------------------------------------------------------------------------

    def add_comment(self, comment: Comment, *, trail: Trail = NO_TRAIL) -> Future[Comment]:
        """Record a comment."""
        return self._writer.submit(
            lambda tx: tx.once(trail, Comment, lambda: notes.add_comment(tx, comment, trail)),
            savepoint=False,
        )

    def comment(self, name: str, comment_id: str) -> Comment | None:
        """A comment on a model or on one of its versions."""
        with self._database.reading() as session:
            return notes.comment(session, name, comment_id)

    def change_comment(
        self, name: str, comment_id: str, text: str, *, at_ms: int, trail: Trail = NO_TRAIL
    ) -> Future[Comment]:
        """Change the text of a comment."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail,
                Comment,
                lambda: notes.change_comment(tx, name, comment_id, text, at_ms, trail),
            ),
            savepoint=False,
        )

    def delete_comment(
        self, name: str, comment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Delete a comment."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, type(None), lambda: notes.delete_comment(tx, name, comment_id, trail)
            ),
            savepoint=False,
        )

    def comments(
        self, name: str, version: int | None, *, limit: int, after: Position | None
    ) -> Page[Comment]:
        """Comments on a version, or on the model itself, by time then id."""
        with self._database.reading() as session:
            return notes.comments(session, name, version, limit=limit, after=after)


def _kind(column: Any, wanted: bool | None) -> Any:  # noqa: ANN401, FBT001 - a column, a condition
    """The records of one kind. "Any kind" names both, so that an index may be used all the same."""
    return column.in_((0, 1)) if wanted is None else column == int(wanted)


def _prefix(source: ModelSource | VersionSource, name: Comparison) -> Any:  # noqa: ANN401 - a condition
    """The range that a pattern's fixed beginning leaves: what an index can seek to."""
    fixed = re.split("[%_]", str(name.value))[0]
    column = source.table.c.name
    return and_(column >= fixed, column < f"{fixed}\U0010ffff") if fixed else and_(True)


def _named(source: ModelSource | VersionSource, one: Comparison) -> Any:  # noqa: ANN401 - a condition
    """What SQLite does not see by itself: its index of what is named holds what is searched for."""
    column = _NAMED.get((one.field.entity, one.field.key))
    is_of_version = column is not None and source.table is t.model_versions
    return column != literal_column("''") if is_of_version else and_(True)


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

    def held(self, field: Field, *, numeric: bool) -> Held | None:  # noqa: ARG002 - by the protocol
        """Where *field* is."""
        if field.entity is Entity.TAG:
            tags = t.registered_model_tags.c
            return Held(
                column=tags.value,
                shape=Shape.TEXT,
                is_long=True,
                owner=tags.model_id,
                rows=tags.key == field.key,
            )
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

    def held(self, field: Field, *, numeric: bool) -> Held | None:  # noqa: ARG002 - by the protocol
        """Where *field* is."""
        if field.entity is Entity.TAG:
            tags = t.model_version_tags.c
            return Held(
                column=tags.value,
                shape=Shape.TEXT,
                is_long=True,
                owner=tags.version_id,
                rows=tags.key == field.key,
            )
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
