"""The model registry in SQL: the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
from sqlalchemy import func, select

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.registry import Comment, Manifest, ModelVersion, RegisteredModel
from millrace.core.pages import Page
from millrace.stores import guarding
from millrace.stores.sql import registry_notes as notes
from millrace.stores.sql import tables as t
from millrace.stores.sql.approvals import SqlApprovals
from millrace.stores.sql.registry_rows import STAGE_NUMBERS, RegistryRows, RegistryStatements
from millrace.stores.sql.registry_search import ModelSource, RegistrySearches, VersionSource
from millrace.stores.sql.search import SortBy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from typing import TypeVar

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.registry import (
        Move,
        NewVersion,
        RegisteredModelChange,
        Stage,
        VersionChange,
    )
    from millrace.core.pages import Position
    from millrace.stores.protocols import Query
    from millrace.stores.sql.approvals import SqlBooks
    from millrace.stores.sql.engine import Database, Prepared
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

    T = TypeVar("T")

_m, _v = t.registered_models.c, t.model_versions.c
_CHUNK = 1_000
_MOVED = cast("type[ModelVersion | None]", ModelVersion | None)


class SqlRegistry:
    """The registered models of one database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer
        self._statements = RegistryStatements(database)
        self._searches = RegistrySearches(database, self._statements)
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
            found = self._searches.find(session, ModelSource(), query, ties, prompts)
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

    def locations_naming(self, text: str) -> list[str]:
        """Places of versions that have *text* in them."""
        query = select(_v.location).where(_v.location.contains(text, autoescape=True))
        with self._database.reading() as session:
            return sorted({row[0] for row in session.select(query)})

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
            found = self._searches.find(session, VersionSource(), query, ties, prompts)
        return Page(tuple(map(msgspec.Raw, found.beside)), found.next)

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

    def versions_elsewhere(self) -> list[tuple[str, str, str]]:
        """Versions whose files are not in the folder of what they come from."""
        # By replacing, not by a pattern: an id may hold what a pattern takes for any character.
        query = (
            select(_v.name, _v.version, _v.location)
            .where(
                _v.is_prompt == 0,
                *(
                    func.replace(_v.location, "/" + origin + "/artifacts", "") == _v.location
                    for origin in (_v.run_uuid, _v.logged_uuid)
                ),
            )
            .order_by(_v.name, _v.version)
        )
        with self._database.reading() as session:
            return [(name, str(version), where) for name, version, where in session.select(query)]

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
