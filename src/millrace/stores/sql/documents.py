"""Runs as clients read them: ready JSON, built once after a change and kept beside the run.

A page of a thousand runs is then a thousand byte strings joined. A write drops the document and
raises its revision in one transaction; whoever builds it anew hands it back under the revision that
was read with it, so a document is never older than its run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import BindParameter, bindparam, select

from millrace.core.entities.dataset import Dataset, DatasetInput
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import (
    STATUS_NUMBERS,
    ModelInput,
    ModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from millrace.core.numbers import value_of
from millrace.core.wire import number
from millrace.stores.sql import tables as t
from millrace.stores.sql.experiments import LIFECYCLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement

    from millrace.stores.sql.engine import Row, Session
    from millrace.stores.sql.search import Found
    from millrace.stores.sql.statements import Statements

_ids: BindParameter[Any] = bindparam("ids", expanding=True)

_KEPT = select(
    t.run_documents.c.run_id, t.run_documents.c.revision, t.run_documents.c.document
).where(t.run_documents.c.run_id.in_(_ids))
INFO = select(t.runs)
_INFO = INFO.where(t.runs.c.id.in_(_ids))
_METRICS = (
    select(
        t.series.c.run_id, t.keys.c.name,
        t.series.c.last_value, t.series.c.last_ms, t.series.c.last_step,
    )
    .join(t.keys, t.keys.c.id == t.series.c.key_id)
    .where(t.series.c.run_id.in_(_ids))
)  # fmt: skip
_PARAMS = (
    select(t.params.c.run_id, t.keys.c.name, t.params.c.value)
    .join(t.keys, t.keys.c.id == t.params.c.key_id)
    .where(t.params.c.run_id.in_(_ids))
)
_TAGS = (
    select(t.tags.c.run_id, t.keys.c.name, t.tags.c.value)
    .join(t.keys, t.keys.c.id == t.tags.c.key_id)
    .where(t.tags.c.run_id.in_(_ids))
)
_DATASETS = (
    select(
        t.run_datasets.c.run_id, t.run_datasets.c.tags, t.datasets.c.name, t.datasets.c.digest,
        t.datasets.c.source_type, t.datasets.c.source, t.datasets.c.schema, t.datasets.c.profile,
    )
    .join(t.datasets, t.datasets.c.id == t.run_datasets.c.dataset_id)
    .where(t.run_datasets.c.run_id.in_(_ids))
    .order_by(t.run_datasets.c.run_id, t.run_datasets.c.position)
)  # fmt: skip
_MODELS = (
    select(
        t.run_models.c.run_id, t.run_models.c.is_output, t.run_models.c.model_id,
        t.run_models.c.step,
    )
    .where(t.run_models.c.run_id.in_(_ids))
    .order_by(t.run_models.c.run_id, t.run_models.c.position)
)  # fmt: skip

_CHUNK = 1_000


class Built(msgspec.Struct, frozen=True):
    """A document that was built because none was kept, and the revision it shows."""

    run: int
    revision: int
    document: bytes


def documents(
    session: Session,
    statements: Statements,
    ids: Sequence[int],
    built: Callable[[list[Built]], None],
) -> list[msgspec.Raw]:
    """The documents of those runs, in the order of *ids*; what had to be built goes to *built*."""
    held: dict[int, bytes] = {}
    for begin in range(0, len(ids), _CHUNK):
        rows = _kept(session, statements, ids[begin : begin + _CHUNK])
        held.update((row[0], row[2]) for row in rows if row[2] is not None)
        stale = {row[0]: row[1] for row in rows if row[2] is None}
        if stale:
            made = [
                Built(run, stale[run], document) for run, document in build(session, list(stale))
            ]
            held.update((one.run, one.document) for one in made)
            built(made)
    return [msgspec.Raw(held[one]) for one in ids if one in held]


def of_found(
    session: Session,
    statements: Statements,
    found: Found,
    built: Callable[[list[Built]], None],
) -> list[msgspec.Raw]:
    """The documents of what a search found, which may have brought those that are kept along."""
    if found.beside and all(found.beside):
        return list(map(msgspec.Raw, found.beside))
    return documents(session, statements, found.ids, built)


def beside(row: ColumnElement[int]) -> ColumnElement[bytes | None]:
    """The document of each run that is selected, by its row id."""
    d = t.run_documents.c
    return select(d.document).where(d.run_id == row).scalar_subquery()


def _kept(session: Session, statements: Statements, ids: Sequence[int]) -> Sequence[Row]:
    if statements.documents is not None:
        return session.listed(statements.documents, ids)
    return session.select(_KEPT, ids=_padded(ids))


def _padded(ids: Sequence[int]) -> list[int]:
    """Repeat the last id up to a power of two, so that few statement texts are compiled."""
    size = 1 << max(0, len(ids) - 1).bit_length()
    return [*ids, *([ids[-1]] * (min(size, _CHUNK) - len(ids)))] if ids else []


def build(session: Session, ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Build the documents of those runs."""
    asked = _padded(ids)
    metrics = _grouped(session.select(_METRICS, ids=asked))
    params = _grouped(session.select(_PARAMS, ids=asked))
    tags = _grouped(session.select(_TAGS, ids=asked))
    datasets = _grouped(session.select(_DATASETS, ids=asked))
    models = _grouped(session.select(_MODELS, ids=asked))
    encoder = msgspec.json.Encoder()
    for row in session.select(_INFO, ids=asked):
        run = row[0]
        document = Run(
            info=info_of(row),
            data=RunData(
                metric_list=tuple(_metric(one) for one in sorted(metrics.get(run, ()))),
                param_list=_pairs(params.get(run, ())),
                tag_list=_pairs(tags.get(run, ())),
            ),
            inputs=RunInputs(
                dataset_inputs=tuple(_dataset(one) for one in datasets.get(run, ())),
                model_inputs=tuple(
                    ModelInput(model_id=one[2]) for one in models.get(run, ()) if not one[1]
                ),
            ),
            outputs=RunOutputs(
                model_outputs=tuple(
                    ModelOutput(model_id=one[2], step=one[3])
                    for one in models.get(run, ())
                    if one[1]
                ),
            ),
        )
        yield run, encoder.encode(document)


def info_of(row: Sequence[Any]) -> RunInfo:
    """The `RunInfo` in a row of `runs`, in the order of its columns."""
    return RunInfo(
        run_uuid=row[1],
        experiment_id=str(row[2]),
        run_name=row[3],
        user_id=row[4],
        status=STATUS_NUMBERS[row[5]],
        start_time=row[6],
        end_time=row[7],
        artifact_uri=row[8],
        lifecycle_stage=LIFECYCLES[row[9]],
        run_id=row[1],
        liveness="lost" if row[11] and STATUS_NUMBERS[row[5]] == "RUNNING" else None,
    )


def _grouped(rows: Sequence[Row]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    return groups


def _metric(row: Row) -> Metric:
    value = cast("float", number(value_of(row[2])))  # NaN and infinities travel as words
    return Metric(key=row[1], value=value, timestamp=row[3], step=row[4])


def _pairs(rows: Sequence[Row]) -> tuple[KeyValue, ...]:
    return tuple(KeyValue(key=row[1], value=row[2]) for row in sorted(rows))


def _dataset(row: Row) -> DatasetInput:
    tags: dict[str, str] = msgspec.json.decode(row[1])
    return DatasetInput(
        tag_list=tuple(KeyValue(key=key, value=value) for key, value in tags.items()),
        dataset=Dataset(
            name=row[2], digest=row[3], source_type=row[4],
            source=row[5], schema=row[6], profile=row[7],
        ),
    )  # fmt: skip
