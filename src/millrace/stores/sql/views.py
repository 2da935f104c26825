"""Saved views in SQL: JSON, kept beside what they are found by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, or_, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.view import View
from millrace.core.rules import views as rules
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sqlalchemy import Select

    from millrace.core.entities.audit import Trail
    from millrace.stores.sql.engine import Database, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_v = t.views.c


class SqlViews:
    """Saved views in a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    def view(self, view_id: str) -> View | None:
        """The view of that id."""
        with self._database.reading() as session:
            return _held(session, view_id)

    def views(self, experiment_id: str | None) -> list[View]:
        """Views of an experiment, or those of none."""
        with self._database.reading() as session:
            return _of(session, experiment_id)

    def named_views(self) -> list[View]:
        """All views that have a name."""
        # Older servers do not say whether theirs have one.
        named = or_(_v.is_named == 1, _v.is_named.is_(None))
        with self._database.reading() as session:
            return [one for one in _listed(session, select(_v.record).where(named)) if one.name]

    def put_view(self, view: View, *, seen: int | None, trail: Trail = NO_TRAIL) -> Future[View]:
        """Record a view."""

        def put(tx: Transaction) -> View:
            before = _held(tx.session, view.view_id)
            rules.check_seen(view.view_id, before, seen)
            for other in _of(tx.session, view.experiment_id) if view.is_default else ():
                if other.gives_way_to(view):
                    _store(tx, msgspec.structs.replace(other, is_default=False), is_new=False)
            _store(tx, view, is_new=before is None)
            tx.note(trail, "view", view.view_id, before=before, after=view)
            return view

        return self._writer.submit(lambda tx: tx.once(trail, View, lambda: put(tx)))

    def forget_unnamed(self, before_ms: int) -> Future[int]:
        """Drop views without a name that nobody has written for long."""
        # Looked for beside the writer; what is written meanwhile is none of them any more.
        with self._database.reading() as session:
            unnamed = _listed(session, select(_v.record).where(_v.is_named == 0))
        ids = [one.view_id for one in unnamed if rules.is_stale(one, before_ms)]

        def forget(tx: Transaction) -> int:
            gone = 0
            for view_id in ids:
                held = _held(tx.session, view_id)
                if held is not None and rules.is_stale(held, before_ms):
                    tx.session.connection.execute(delete(t.views).where(_v.id == view_id))
                    gone += 1
            return gone

        return self._writer.submit(forget)

    def delete_view(self, view_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a view."""

        def remove(tx: Transaction) -> None:
            before = rules.there(view_id, _held(tx.session, view_id))
            tx.session.connection.execute(delete(t.views).where(_v.id == view_id))
            tx.note(trail, "view", view_id, before=before)

        return self._writer.submit(lambda tx: tx.once(trail, type(None), lambda: remove(tx)))


def _held(session: Session, view_id: str) -> View | None:
    rows = session.select(select(_v.record).where(_v.id == view_id))
    return msgspec.json.decode(rows[0][0], type=View) if rows else None


def _of(session: Session, experiment_id: str | None) -> list[View]:
    return _listed(session, select(_v.record).where(_v.experiment_id == (experiment_id or "")))


def _listed(session: Session, query: Select[tuple[bytes]]) -> list[View]:
    found = [msgspec.json.decode(row[0], type=View) for row in session.select(query)]
    return sorted(found, key=rules.place)


def _store(tx: Transaction, view: View, *, is_new: bool) -> None:
    values = {
        "experiment_id": view.experiment_id or "",
        "record": msgspec.json.encode(view),
        "is_named": int(bool(view.name)),
    }
    statement = (
        insert(t.views).values(id=view.view_id, **values)
        if is_new
        else update(t.views).where(_v.id == view.view_id).values(**values)
    )
    tx.session.connection.execute(statement)
