"""Evaluation data sets: plain record keeping. Tags, schema, profile and records are JSON text."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.evaluation import (
    DatasetReply,
    DatasetsReply,
    ExperimentIdsReply,
    RecordsDeleted,
    RecordsReply,
    RecordsUpserted,
)
from millrace.core import ids
from millrace.core.entities.dataset import EvaluationDataset, EvaluationRecord
from millrace.core.errors import (
    InvalidArgument,
    MillraceError,
    NotFound,
)
from millrace.core.filters import EVALUATION_DATASETS, order, parse
from millrace.core.rules import limits, names, searching
from millrace.core.wire import parse as parse_object
from millrace.services.later import decided_afresh, then
from millrace.stores.protocols import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from millrace.api.evaluation import (
        CreateDataset,
        DatasetExperiments,
        DatasetId,
        DeleteDatasetRecords,
        DeleteDatasetTag,
        GetDatasetRecords,
        SearchEvaluationDatasets,
        SetDatasetTags,
        UpsertDatasetRecords,
    )
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import EvaluationStore

_NOTHING = Nothing()
# Each time another change came between, that one was made: nobody waits for nothing.
_TRIES = 1_000
_OBJECTS = ("inputs", "expectations", "outputs", "tags", "source")


class Evaluation:
    """Decides about evaluation data sets; the store records."""

    def __init__(self, store: EvaluationStore, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    def create(self, ctx: Context, request: CreateDataset) -> Future[DatasetReply]:
        """Create a data set."""
        dataset_id = ids.dataset_id()
        dataset = EvaluationDataset(
            dataset_id=dataset_id,
            name=names.plain_text(request.name, "name"),
            digest=hashlib.sha256(dataset_id.encode()).hexdigest()[:8],
            created_time=ctx.at_ms,
            last_update_time=ctx.at_ms,
            tags=_text(_tags(request.tags or "{}")),
            schema=request.schema,
            profile=request.profile,
            created_by=request.created_by or None,
            last_updated_by=request.created_by or None,
            experiment_ids=_experiment_ids(request.experiment_ids or ()),
        )
        return _reply(self._store.add_dataset(dataset, trail=ctx.trail("dataset.create")))

    def get(self, _ctx: Context, request: DatasetId) -> DatasetReply:
        """Get a data set without its records."""
        return DatasetReply(dataset=self._held(request.dataset_id))

    def delete(self, ctx: Context, request: DatasetId) -> Future[Nothing]:
        """Delete a data set for good."""
        gone = self._store.delete_dataset(request.dataset_id, trail=ctx.trail("dataset.delete"))
        return then(gone, lambda _: _NOTHING)

    def search(self, _ctx: Context, request: SearchEvaluationDatasets) -> DatasetsReply:
        """Find data sets."""
        asked = request.experiment_ids or ()
        bound = ["datasets", asked, request.filter_string, request.order_by]
        query = Query(
            tree=parse(request.filter_string or "", EVALUATION_DATASETS),
            order=order.parse(request.order_by or (), EVALUATION_DATASETS),
            limit=searching.limit(
                request.max_results,
                default=limits.SEARCH_DATASETS,
                most=limits.SEARCH_DATASETS,
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        page = self._store.find_datasets([names.experiment_id(one) for one in asked], query)
        return DatasetsReply(
            datasets=page.items, next_page_token=self._tokens.write(page.next, bound)
        )

    def set_tags(self, ctx: Context, request: SetDatasetTags) -> Future[DatasetReply]:
        """Set tags; the others stay."""
        new = _tags(request.tags)
        return self._change(
            ctx,
            request.dataset_id,
            "dataset.set_tags",
            lambda held: {"tags": _text(_object(held.tags or "{}", "tags") | new)},
        )

    def delete_tag(self, ctx: Context, request: DeleteDatasetTag) -> Future[Nothing]:
        """Delete a tag; nothing happens when it is not there."""

        def without(held: EvaluationDataset) -> dict[str, object]:
            tags = _object(held.tags or "{}", "tags")
            tags.pop(request.key, None)
            return {"tags": _text(tags)}

        changed = self._change(ctx, request.dataset_id, "dataset.delete_tag", without)
        return then(changed, lambda _: _NOTHING)

    def experiment_ids(self, _ctx: Context, request: DatasetId) -> ExperimentIdsReply:
        """The experiments that a data set belongs to."""
        return ExperimentIdsReply(experiment_ids=self._held(request.dataset_id).experiment_ids)

    def add_experiments(self, ctx: Context, request: DatasetExperiments) -> Future[DatasetReply]:
        """Let a data set belong to further experiments."""
        new = _experiment_ids(request.experiment_ids or ())

        def joined(held: EvaluationDataset) -> dict[str, object]:
            return {"experiment_ids": tuple(dict.fromkeys((*held.experiment_ids, *new)))}

        return self._change(ctx, request.dataset_id, "dataset.add_experiments", joined)

    def remove_experiments(self, ctx: Context, request: DatasetExperiments) -> Future[DatasetReply]:
        """Let a data set no longer belong to some experiments."""
        gone = set(request.experiment_ids or ())

        def left(held: EvaluationDataset) -> dict[str, object]:
            return {"experiment_ids": tuple(e for e in held.experiment_ids if e not in gone)}

        return self._change(ctx, request.dataset_id, "dataset.remove_experiments", left)

    def upsert_records(
        self, ctx: Context, request: UpsertDatasetRecords
    ) -> Future[RecordsUpserted]:
        """Add records, or update those with the same inputs."""
        dataset_id = self._held(request.dataset_id).dataset_id
        try:
            entries = msgspec.json.decode(request.records, type=list[dict[str, Any]])
        except msgspec.MsgspecError as error:
            raise InvalidArgument(
                f"Parameter 'records' must be the JSON text of a list of objects: {error}."
            ) from error
        records = [
            _record(entry, dataset_id, ctx, request.updated_by, place)
            for place, entry in enumerate(entries)
        ]
        trail = ctx.trail("dataset.upsert_records")
        put = self._store.upsert_records(dataset_id, records, trail=trail)
        return then(
            put, lambda counts: RecordsUpserted(inserted_count=counts[0], updated_count=counts[1])
        )

    def records(self, _ctx: Context, request: GetDatasetRecords) -> RecordsReply:
        """Records, page by page."""
        self._held(request.dataset_id)
        bound = ["records", request.dataset_id]
        limit = searching.limit(
            request.max_results or None,
            default=limits.DATASET_RECORDS,
            most=limits.DATASET_RECORDS,
        )
        after = self._tokens.read(request.page_token, bound)
        page = self._store.records(request.dataset_id, limit=limit, after=after)
        return RecordsReply(
            records=_text([_opened(record) for record in page.items]),
            next_page_token=self._tokens.write(page.next, bound),
        )

    def delete_records(self, ctx: Context, request: DeleteDatasetRecords) -> Future[RecordsDeleted]:
        """Delete some records."""
        self._held(request.dataset_id)
        gone = self._store.delete_records(
            request.dataset_id,
            request.dataset_record_ids or (),
            trail=ctx.trail("dataset.delete_records"),
        )
        return then(gone, lambda count: RecordsDeleted(deleted_count=count))

    def _held(self, dataset_id: str) -> EvaluationDataset:
        found = self._store.dataset(dataset_id)
        if found is None:
            raise NotFound(f"Evaluation data set with id={dataset_id!r} not found.")
        return found

    def _change(
        self,
        ctx: Context,
        dataset_id: str,
        action: str,
        change: Callable[[EvaluationDataset], dict[str, object]],
    ) -> Future[DatasetReply]:
        """Change the record as it is now; decide afresh whenever another change came between."""

        def decide() -> Future[EvaluationDataset]:
            held = self._held(dataset_id)
            changed = msgspec.structs.replace(held, last_update_time=ctx.at_ms, **change(held))
            return self._store.change_dataset(changed, seen=held, trail=ctx.trail(action))

        return _reply(decided_afresh(decide, tries=_TRIES))


def _reply(future: Future[EvaluationDataset]) -> Future[DatasetReply]:
    return then(future, lambda dataset: DatasetReply(dataset=dataset))


def _experiment_ids(asked: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names.experiment_id(one) for one in asked))


def _object(text: str, label: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InvalidArgument(
            f"Parameter '{label}' must be the JSON text of an object: {error}."
        ) from error


def _tags(text: str) -> dict[str, str]:
    """Tags as JSON text: an object of strings, each key once."""
    try:
        return msgspec.convert(parse_object(text.encode()), type=dict[str, str])
    except (msgspec.ValidationError, MillraceError) as error:
        raise InvalidArgument(
            f"Parameter 'tags' must be the JSON text of an object of strings: {error}."
        ) from error


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _record(
    entry: dict[str, Any], dataset_id: str, ctx: Context, author: str | None, place: int
) -> EvaluationRecord:
    if not isinstance(entry.get("inputs"), dict):
        raise InvalidArgument(f"records[{place}] has no object 'inputs'.")
    for name in _OBJECTS:
        if name not in {"inputs", "outputs"} and not isinstance(entry.get(name) or {}, dict):
            raise InvalidArgument(f"'{name}' of records[{place}] must be an object.")
    source = entry.get("source") or {}
    source_data = source.get("source_data")
    trace = source_data.get("trace_id") if isinstance(source_data, dict) else None
    kind = source.get("source_type")
    return EvaluationRecord(
        dataset_record_id=ids.record_id(),
        dataset_id=dataset_id,
        # Sorted, so that the same inputs are the same text.
        inputs=msgspec.json.encode(entry["inputs"], order="sorted").decode(),
        created_time=ctx.at_ms,
        last_update_time=ctx.at_ms,
        expectations=_text(entry["expectations"]) if entry.get("expectations") else None,
        outputs=_text(entry["outputs"]) if entry.get("outputs") is not None else None,
        tags=_text(entry["tags"]) if entry.get("tags") else None,
        source=_text(source) if source else None,
        source_type=kind if isinstance(kind, str) else None,
        source_id=trace if isinstance(trace, str) else None,
        created_by=author,
        last_updated_by=author,
    )


def _opened(record: EvaluationRecord) -> dict[str, Any]:
    """A record with its JSON texts as the objects that they stand for."""
    fields = msgspec.structs.asdict(record)
    for name in _OBJECTS:
        if fields[name] is not None:
            fields[name] = msgspec.Raw(fields[name].encode())
    return fields
