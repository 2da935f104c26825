"""Looking through a database for what does not fit together, and mending what is derived.

References are read off the foreign keys of `tables`, with those that are kept without one. What is
derived (counters and extremes of series, the pyramid, documents) is made again from the points and
rows, of all or of a sample, and compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import and_, delete, exists, func, select, text, update

from millrace.core.entities.dataset import EvaluationDataset
from millrace.core.entities.finding import Finding
from millrace.core.entities.run import STATUS_NUMBERS
from millrace.core.numbers import values_of
from millrace.stores.sql import documents
from millrace.stores.sql import tables as t
from millrace.stores.sql.pyramid import FOLD_AT, Bucket, folded_slots
from millrace.stores.sql.series_state import SeriesState
from millrace.stores.sql.transaction import ACTIVE, DELETED
from millrace.stores.sql.trash import referring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, Table

    from millrace.stores.sql.engine import Database, Session
    from millrace.stores.sql.statements import Statements
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_SAMPLE: Final = 300
_EXAMPLES: Final = 5
_CHUNK: Final = 500
_POINTS: Final = 50_000

# References that no foreign key guards, because every point would pay for it.
_UNGUARDED: Final = ((t.points.c.series_id, t.series.c.id), (t.buckets.c.series_id, t.series.c.id))


class Inspection:
    """The inspection of one database; reads while others write, each check in one snapshot."""

    def __init__(
        self, database: Database, writer: Writer[Transaction], statements: Statements
    ) -> None:
        self._database = database
        self._writer = writer
        self._statements = statements

    def inspect(self, *, full: bool, repair: bool) -> Iterator[Finding]:
        """Every check, one after the other. *full*: derived data of everything, not of a sample."""
        yield from self._pages(full=full)
        yield from self._references()
        yield from self._life_cycles()
        yield from self._leftovers(repair=repair)
        yield from self._evaluations()
        for check in (self._series, self._documents):
            yield from check(full=full, repair=repair)

    # --- the file --------------------------------------------------------------------------------

    def _pages(self, *, full: bool) -> Iterator[Finding]:
        if self._database.dialect != "sqlite":
            return
        pragma = "PRAGMA integrity_check(10)" if full else "PRAGMA quick_check(10)"
        with self._database.reading() as session:
            said = [str(row[0]) for row in session.select(text(pragma))]
        if said != ["ok"]:
            yield Finding(
                check="file",
                message="The database file is damaged: restore a backup.",
                count=len(said),
                examples=tuple(said[:_EXAMPLES]),
            )

    # --- rows ------------------------------------------------------------------------------------

    def _references(self) -> Iterator[Finding]:
        pairs = [
            (column, target.c.id if "id" in target.c else _key(target))
            for target in t.metadata.sorted_tables
            for column in referring(target)
        ]
        for column, target in (*pairs, *_UNGUARDED):
            lost = and_(column.is_not(None), ~exists().where(target == column))
            yield from self._wrong(
                "references",
                column.table,
                lost,
                f"{{}} rows of {column.table.name} refer by {column.name} to rows of "
                f"{target.table.name} that are not there.",
                column,
            )

    def _life_cycles(self) -> Iterator[Finding]:
        e, r, m, d = t.experiments.c, t.runs.c, t.logged_models.c, t.run_documents.c
        for table in (t.experiments, t.runs, t.logged_models):
            yield from self._wrong(
                "life cycle",
                table,
                table.c.lifecycle.not_in((ACTIVE, DELETED)),
                f"{{}} rows of {table.name} are in no stage of life.",
                table.c.id,
            )
            yield from self._wrong(
                "life cycle",
                table,
                and_(table.c.lifecycle == ACTIVE, table.c.deleted_ms.is_not(None)),
                f"{{}} rows of {table.name} are active, and have a time of deletion.",
                table.c.id,
            )
        gone = exists().where(e.id == r.experiment_id, e.lifecycle == DELETED)
        yield from self._wrong(
            "life cycle",
            t.runs,
            and_(r.lifecycle == ACTIVE, gone),
            "{} runs are active, though their experiment is in the trash.",
            r.uuid,
        )
        yield from self._wrong(
            "status",
            t.runs,
            r.status.not_in(tuple(STATUS_NUMBERS)),
            "{} runs have no status that is known.",
            r.uuid,
        )
        yield from self._wrong(
            "documents",
            t.runs,
            ~exists().where(d.run_id == r.id),
            "{} runs have no place for their document, so they do not show.",
            r.uuid,
        )
        for table, key in ((t.experiments, e.id), (t.runs, r.uuid), (t.logged_models, m.uuid)):
            for finding in self._wrong(
                "removal",
                table,
                table.c.purging_ms.is_not(None),
                f"The removal of {{}} {table.name.replace('_', ' ')} has begun: run millrace gc.",
                key,
            ):
                yield msgspec.structs.replace(finding, weight="note")

    def _leftovers(self, *, repair: bool) -> Iterator[Finding]:
        unused_sets = ~exists().where(t.run_datasets.c.dataset_id == t.datasets.c.id)
        unused_keys = and_(*[~exists().where(col == t.keys.c.id) for col in referring(t.keys)])
        for table, unused, words in (
            (t.datasets, unused_sets, "{} data sets are read by no run."),
            (t.keys, unused_keys, "{} names of metrics, params and tags are not in use."),
        ):
            for finding in self._wrong("leftovers", table, unused, words, table.c.name):
                note = msgspec.structs.replace(finding, weight="note", repairable=True)
                yield self._mended(note, _deletion(table, unused)) if repair else note

    def _evaluations(self) -> Iterator[Finding]:
        links, held = t.evaluation_dataset_experiments.c, t.evaluation_datasets.c
        differ = []
        with self._database.reading() as session:
            linked: dict[str, set[str]] = {}
            for key, experiment in session.select(select(links.dataset_id, links.experiment_id)):
                linked.setdefault(key, set()).add(str(experiment))
            for key, record in session.select(select(held.id, held.record)):
                said = msgspec.json.decode(record, type=EvaluationDataset).experiment_ids
                if set(said) != linked.get(key, set()):
                    differ.append(key)
        if differ:
            yield Finding(
                check="evaluation",
                message=f"{len(differ)} evaluation data sets name other experiments than those "
                "they are linked to.",
                count=len(differ),
                examples=tuple(differ[:_EXAMPLES]),
            )

    def _wrong(
        self,
        check: str,
        table: Table,
        where: ColumnElement[bool],
        words: str,
        shown: ColumnElement[Any],
    ) -> Iterator[Finding]:
        """A finding for the rows of a table for which *where* holds, if there are any."""
        with self._database.reading() as session:
            some = session.select(select(shown).select_from(table).where(where).limit(_EXAMPLES))
            if not some:
                return
            count = session.select(select(func.count()).select_from(table).where(where))[0][0]
        yield Finding(
            check=check,
            message=words.format(count),
            count=count,
            examples=tuple(str(row[0]) for row in some),
        )

    # --- what is derived -------------------------------------------------------------------------

    def _series(self, *, full: bool, repair: bool) -> Iterator[Finding]:
        """Counters, extremes and pyramid of series against their points."""
        for series in self._chosen(t.series.c.id, full=full):
            with self._database.reading() as session:
                wrong = _Rebuilt(session, self._statements, series).differences()
            if wrong:
                finding = Finding(
                    check="series",
                    message=f"Series {series} does not fit its points: {', '.join(wrong)}.",
                    examples=(str(series),),
                    repairable=True,
                )
                rebuild = _rebuilding(self._statements, series)
                yield self._mended(finding, rebuild) if repair else finding

    def _documents(self, *, full: bool, repair: bool) -> Iterator[Finding]:
        """Kept documents of runs against what would be built now."""
        stale: list[int] = []
        chosen = self._chosen(t.run_documents.c.run_id, full=full)
        while chunk := [run for _, run in zip(range(_CHUNK), chosen, strict=False)]:
            with self._database.reading() as session:
                stale += _stale(session, chunk)
        if stale:
            finding = Finding(
                check="documents",
                message=f"{len(stale)} runs show another state than what was logged to them.",
                count=len(stale),
                examples=tuple(str(run) for run in stale[:_EXAMPLES]),
                repairable=True,
            )
            yield self._mended(finding, _dropping(stale)) if repair else finding

    def _chosen(self, key: Column[Any], *, full: bool) -> Iterator[int]:
        """Ids of a table in order: all of them, or some from everywhere."""
        with self._database.reading() as session:
            low, high = session.select(select(func.min(key), func.max(key)))[0]
        if low is None:
            return
        step = 1 if full else max(1, (high - low) // _SAMPLE)
        after = low - 1
        while True:
            with self._database.reading() as session:
                found = session.select(
                    select(key).where(key > after).order_by(key).limit(_CHUNK if step == 1 else 1)
                )
            if not found:
                return
            for row in found:
                yield row[0]
            after = found[-1][0] + step - 1

    def _mended(self, finding: Finding, mend: Callable[[Transaction], None]) -> Finding:
        self._writer.submit(mend).result()
        return msgspec.structs.replace(finding, repaired=True)


def _key(table: Table) -> Column[Any]:
    return next(iter(table.primary_key.columns))


def _deletion(table: Table, where: ColumnElement[bool]) -> Callable[[Transaction], None]:
    def mend(tx: Transaction) -> None:
        tx.session.connection.execute(delete(table).where(where))
        tx.forget()

    return mend


def _stale(session: Session, runs: Sequence[int]) -> list[int]:
    d = t.run_documents.c
    documented = (
        select(d.run_id, d.document)
        .join(t.runs, t.runs.c.id == d.run_id)
        .where(d.run_id.in_(runs), d.document.is_not(None))
        # Others are told of already, and cannot be shown at all.
        .where(
            t.runs.c.status.in_(tuple(STATUS_NUMBERS)), t.runs.c.lifecycle.in_((ACTIVE, DELETED))
        )
    )
    kept = {row[0]: row[1] for row in session.select(documented)}
    built = dict(documents.build(session, list(kept))) if kept else {}
    return [run for run, document in kept.items() if built.get(run) != bytes(document)]


def _dropping(runs: Sequence[int]) -> Callable[[Transaction], None]:
    def mend(tx: Transaction) -> None:
        for begin in range(0, len(runs), _CHUNK):
            tx.session.connection.execute(
                update(t.run_documents)
                .where(t.run_documents.c.run_id.in_(runs[begin : begin + _CHUNK]))
                .values(revision=t.run_documents.c.revision + 1, document=None)
            )

    return mend


class _Rebuilt:
    """A series as its points say, beside what is kept of it."""

    def __init__(self, session: Session, statements: Statements, series: int) -> None:
        self._session = session
        self._statements = statements
        rows = session.select(select(t.series).where(t.series.c.id == series))
        self.held = SeriesState.of_row(rows[0]) if rows else None
        self.state = SeriesState(series, *(rows[0][1:3] if rows else (0, 0)))
        self.slots: list[dict[int, Bucket]] = []
        for points in self._chunks():
            values = [point[2] for point in points]
            self.state.extend(points, dict(zip(values, values_of(values), strict=True)))
            if self.held is not None and self.held.axis:
                old = [point for point in points if tuple(point) <= tuple(self.held.folded_last)]
                self.slots = folded_slots(self.slots, old, self.held)

    def _chunks(self) -> Iterator[list[tuple[int, int, int]]]:
        series = self.state.id
        low, high = -(2**63), 2**63 - 1
        rows = self._session.rows(self._statements.points_limited, (series, low, high, _POINTS))
        while rows:
            points = [(row[0], row[1], row[2]) for row in rows]
            yield points
            rows = self._session.rows(
                self._statements.points_after_limited, (series, *points[-1], _POINTS)
            )

    def differences(self) -> list[str]:
        """What is kept otherwise than the points say."""
        held, true = self.held, self.state
        if held is None:
            return []
        said = [
            name
            for name in (
                "count",
                "nan_count",
                "first",
                "last",
                "min_value",
                "max_value",
                "min_step",
                "max_step",
                "low_ms",
                "high_ms",
            )
            if getattr(held, name) != getattr(true, name)
        ]
        if not _close(held.total, true.total):
            said.append("total")
        # Both may be unknown where points came late; what is claimed must hold.
        if held.in_time_order and not true.in_time_order:
            said.append("in_time_order")
        if held.stride >= 0 and held.stride != true.stride:
            said.append("stride")
        if held.axis:
            folded = sum(bucket.count for bucket in self.slots[0].values()) if self.slots else 0
            if folded != held.folded:
                said.append("folded")
            said += [f"level {level}" for level in self._wrong_levels()]
        return said

    def _wrong_levels(self) -> Iterator[int]:
        rows = self._session.select(select(t.buckets).where(t.buckets.c.series_id == self.state.id))
        held: dict[int, dict[int, Bucket]] = {}
        for row in rows:
            held.setdefault(row[1], {})[row[2]] = Bucket.of_row(row)
        for level in range(max(len(self.slots), len(held))):
            true = self.slots[level] if level < len(self.slots) else {}
            there = held.get(level, {})
            if true.keys() != there.keys() or any(
                not _same(bucket, there[slot]) for slot, bucket in true.items()
            ):
                yield level


def _same(one: Bucket, other: Bucket) -> bool:
    """Equal but for the order in which their totals were added up."""
    return _close(one.total, other.total) and msgspec.structs.replace(
        one, total=0.0, first=tuple(one.first), last=tuple(one.last)
    ) == msgspec.structs.replace(other, total=0.0, first=tuple(other.first), last=tuple(other.last))


def _close(one: float, other: float) -> bool:
    if one == other or (one != one and other != other):  # noqa: PLR0124 - both NaN
        return True
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other), 1.0)


def _rebuilding(statements: Statements, series: int) -> Callable[[Transaction], None]:
    """Make what is kept of a series anew from its points."""

    def mend(tx: Transaction) -> None:
        rebuilt = _Rebuilt(tx.session, statements, series)
        connection = tx.session.connection
        connection.execute(delete(t.buckets).where(t.buckets.c.series_id == series))
        state = rebuilt.state
        if not state.count:
            connection.execute(delete(t.series).where(t.series.c.id == series))
        else:
            if state.count >= FOLD_AT:
                tx.pyramid.fold(state)
            names = [column.name for column in t.series.columns][3:]
            values = dict(zip(names, SeriesState.changing([state])[0], strict=True))
            connection.execute(update(t.series).where(t.series.c.id == series).values(values))
        raised = {"revision": t.run_documents.c.revision + 1, "document": None}
        connection.execute(
            update(t.run_documents).where(t.run_documents.c.run_id == state.run_id).values(raised)
        )
        tx.forget()

    return mend
