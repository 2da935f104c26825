"""Evaluation data sets in SQL: plain records, kept as JSON beside what they are found by."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.dataset import EvaluationDataset, EvaluationRecord
from millrace.core.errors import AlreadyExists, Conflict, NotFound
from millrace.core.pages import Page
from millrace.core.rules import datasets as rules
from millrace.stores.memory.search import DATASET_TIES, dataset_values, find
from millrace.stores.sql import tables as t
from millrace.stores.sql.experiments import experiments_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.pages import Position
    from millrace.stores.protocols import Query
    from millrace.stores.sql.engine import Database, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_d, _r, _e = t.evaluation_datasets.c, t.evaluation_records.c, t.evaluation_dataset_experiments.c
_BY_ID = select(_d.record).where(_d.id == bindparam("id"))


class SqlEvaluation:
    """Evaluation data sets in a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    def add_dataset(
        self, dataset: EvaluationDataset, *, trail: Trail = NO_TRAIL
    ) -> Future[EvaluationDataset]:
        """Record a data set."""

        def add(tx: Transaction) -> EvaluationDataset:
            if _held(tx.session, dataset.dataset_id) is not None:
                raise AlreadyExists(f"Evaluation data set {dataset.dataset_id} exists already.")
            tx.session.connection.execute(
                insert(t.evaluation_datasets).values(
                    id=dataset.dataset_id,
                    created_ms=dataset.created_time,
                    record=msgspec.json.encode(dataset),
                )
            )
            _link(tx, dataset)
            tx.note(trail, "dataset", dataset.dataset_id, after=dataset)
            return dataset

        return self._writer.submit(lambda tx: tx.once(trail, EvaluationDataset, lambda: add(tx)))

    def dataset(self, dataset_id: str) -> EvaluationDataset | None:
        """The data set without its records."""
        with self._database.reading() as session:
            return _held(session, dataset_id)

    def change_dataset(
        self,
        dataset: EvaluationDataset,
        *,
        seen: EvaluationDataset | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[EvaluationDataset]:
        """Replace a data set's record, if it still is as *seen*, by one with the same id."""

        def change(tx: Transaction) -> EvaluationDataset:
            held = _there(tx.session, dataset.dataset_id)
            if seen not in {None, held}:
                raise Conflict(
                    f"Evaluation data set with id={dataset.dataset_id!r} has changed meanwhile."
                )
            _store(tx, dataset)
            tx.session.connection.execute(
                delete(t.evaluation_dataset_experiments).where(_e.dataset_id == dataset.dataset_id)
            )
            _link(tx, dataset)
            tx.note(trail, "dataset", dataset.dataset_id, before=held, after=dataset)
            return dataset

        return self._writer.submit(lambda tx: tx.once(trail, EvaluationDataset, lambda: change(tx)))

    def delete_dataset(self, dataset_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a data set and its records."""

        def remove(tx: Transaction) -> None:
            held = _held(tx.session, dataset_id)
            if held is not None:
                tx.note(trail, "dataset", dataset_id, before=held)
            for statement in (
                delete(t.evaluation_records).where(_r.dataset_id == dataset_id),
                delete(t.evaluation_dataset_experiments).where(_e.dataset_id == dataset_id),
                delete(t.evaluation_datasets).where(_d.id == dataset_id),
            ):
                tx.session.connection.execute(statement)

        return self._writer.submit(lambda tx: tx.once(trail, type(None), lambda: remove(tx)))

    def find_datasets(self, experiment_ids: Sequence[str], query: Query) -> Page[EvaluationDataset]:
        """A page of the data sets that match: all are read, there are few."""
        rows = select(_d.record)
        if experiment_ids:
            linked = select(_e.dataset_id).where(
                _e.experiment_id.in_([int(one) for one in experiment_ids])
            )
            rows = rows.where(_d.id.in_(linked))
        with self._database.reading() as session:
            held = [_decoded(row[0]) for row in session.select(rows)]
        return find(held, query, dataset_values, DATASET_TIES)

    def upsert_records(
        self, dataset_id: str, records: Sequence[EvaluationRecord], *, trail: Trail = NO_TRAIL
    ) -> Future[tuple[int, int]]:
        """Add records, or update those with the same inputs: (inserted, updated)."""

        def put(tx: Transaction) -> tuple[int, int]:
            dataset = _there(tx.session, dataset_id)
            inserted = sum(_upserted(tx, dataset_id, record) for record in records)
            described = rules.described(dataset, records, added=inserted)
            _store(tx, described)
            tx.note(trail, "dataset", dataset_id, before=dataset, after=described)
            return inserted, len(records) - inserted

        return self._writer.submit(lambda tx: tx.once(trail, tuple[int, int], lambda: put(tx)))

    def records(
        self, dataset_id: str, *, limit: int, after: Position | None
    ) -> Page[EvaluationRecord]:
        """Records by creation time then id."""
        query = select(_r.record, _r.created_ms, _r.id).where(_r.dataset_id == dataset_id)
        if after is not None:
            at, key = after
            query = query.where(or_(_r.created_ms > at, and_(_r.created_ms == at, _r.id > key)))
        query = query.order_by(_r.created_ms, _r.id).limit(limit + 1)
        with self._database.reading() as session:
            rows = session.select(query)
        items = tuple(msgspec.json.decode(row[0], type=EvaluationRecord) for row in rows[:limit])
        return Page(items, tuple(rows[limit - 1][1:]) if len(rows) > limit else None)

    def delete_records(
        self, dataset_id: str, record_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[int]:
        """Delete those records that are there; how many they were."""

        def remove(tx: Transaction) -> int:
            dataset = _held(tx.session, dataset_id)
            gone = tx.session.connection.execute(
                delete(t.evaluation_records).where(
                    _r.dataset_id == dataset_id, _r.id.in_(list(record_ids))
                )
            )
            if dataset is not None and gone.rowcount:
                described = rules.described(dataset, (), added=-gone.rowcount)
                _store(tx, described)
                tx.note(trail, "dataset", dataset_id, before=dataset, after=described)
            return gone.rowcount

        return self._writer.submit(lambda tx: tx.once(trail, int, lambda: remove(tx)))


def _decoded(record: bytes) -> EvaluationDataset:
    return msgspec.json.decode(record, type=EvaluationDataset)


def _held(session: Session, dataset_id: str) -> EvaluationDataset | None:
    rows = session.select(_BY_ID, id=dataset_id)
    return _decoded(rows[0][0]) if rows else None


def _there(session: Session, dataset_id: str) -> EvaluationDataset:
    held = _held(session, dataset_id)
    if held is None:
        raise NotFound(f"Evaluation data set with id={dataset_id!r} not found.")
    return held


def _store(tx: Transaction, dataset: EvaluationDataset) -> None:
    tx.session.connection.execute(
        update(t.evaluation_datasets)
        .where(_d.id == dataset.dataset_id)
        .values(record=msgspec.json.encode(dataset))
    )


def _link(tx: Transaction, dataset: EvaluationDataset) -> None:
    ids = sorted({int(one) for one in dataset.experiment_ids})
    found = {one.experiment_id for one in experiments_by_id(tx.session, ids)}
    for one in ids:
        if str(one) not in found:
            raise NotFound(f"No Experiment with id={one} exists.")
    if ids:
        tx.session.connection.execute(
            insert(t.evaluation_dataset_experiments),
            [{"dataset_id": dataset.dataset_id, "experiment_id": one} for one in ids],
        )


def _upserted(tx: Transaction, dataset_id: str, record: EvaluationRecord) -> bool:
    """Whether the record was inserted rather than updated."""
    connection = tx.session.connection
    digest = hashlib.sha256(record.inputs.encode()).hexdigest()
    same = and_(_r.dataset_id == dataset_id, _r.inputs_digest == digest)
    rows = tx.session.select(select(_r.record).where(same))
    if not rows:
        connection.execute(
            insert(t.evaluation_records).values(
                id=record.dataset_record_id,
                dataset_id=dataset_id,
                inputs_digest=digest,
                created_ms=record.created_time,
                record=msgspec.json.encode(record),
            )
        )
        return True
    old = msgspec.json.decode(rows[0][0], type=EvaluationRecord)
    merged = rules.merged(old, record)
    connection.execute(
        update(t.evaluation_records).where(same).values(record=msgspec.json.encode(merged))
    )
    return False
