"""Which runs were written to a moment ago: those whose documents are stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from millrace.stores.protocols import RunRevision
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.stores.sql.engine import Database

_MOST: Final = 500
_d, _r = t.run_documents.c, t.runs.c
_ALL: Final = select(_r.uuid, _r.experiment_id, _d.revision).join(
    t.run_documents, _d.run_id == _r.id
)
# The document of a run that is written to is dropped with each write, and made anew by readers and
# in the background, every ten seconds at most while it changes.
_STALE: Final = _ALL.where(_d.document.is_(None)).order_by(_d.run_id.desc()).limit(_MOST)
_NAMED: Final = _ALL.where(_r.uuid.in_(bindparam("ids", expanding=True)))


class SqlChanges:
    """Looks in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revisions(self, run_ids: Sequence[str]) -> list[RunRevision]:
        """Runs that were written to a moment ago, and those of *run_ids*."""
        with self._database.reading() as session:
            rows = session.select(_STALE)
            if run_ids:
                rows += session.select(_NAMED, ids=list(run_ids))
        found = {row[0]: RunRevision(row[0], str(row[1]), row[2]) for row in rows}
        return list(found.values())
