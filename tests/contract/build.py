"""Records with defaults, and short ways to read them back."""

from __future__ import annotations

import itertools
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from millrace.core.entities.audit import Act, AuditEntry, AuditQuery, Receipt, Trail
from millrace.core.entities.dataset import (
    Dataset,
    DatasetInput,
    EvaluationDataset,
    EvaluationRecord,
)
from millrace.core.entities.entity import pairs
from millrace.core.entities.logged_model import LoggedModel, LoggedModelData, LoggedModelInfo
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Batch, ModelOutput, Run, RunChange, RunData, RunInfo
from millrace.core.filters import RUNS, FieldTable, order, parse
from millrace.core.pages import Page
from millrace.stores.protocols import (
    Buckets,
    MetricWindow,
    NewExperiment,
    Points,
    Query,
    RawSeries,
    SeriesAnswer,
    SeriesWindow,
    Stores,
    TrackingStore,
)

T = TypeVar("T")
R = TypeVar("R")

ROOT = "s3://bucket/root"
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_numbers = itertools.count(1)


# --- records -----------------------------------------------------------------------------------


def new_experiment(name: str | None = None, **fields: Any) -> NewExperiment:
    known = {"artifact_location": None, "artifact_root": ROOT, "creation_time": 1_000}
    known |= {"name": name or f"experiment {next(_numbers)}"}
    return NewExperiment(**known | fields)


def add_experiment(store: TrackingStore, name: str | None = None, **fields: Any) -> str:
    """Record an experiment; returns its id."""
    return store.add_experiment(new_experiment(name, **fields)).result().experiment_id


def new_run(
    experiment_id: str = "0", *, tags: Mapping[str, str] | None = None, **fields: Any
) -> Run:
    run_id = fields.pop("run_id", None) or uuid.uuid4().hex
    known = {
        "user_id": "ada",
        "run_name": "swift-otter-1",
        "status": "RUNNING",
        "start_time": 1_000,
    }
    known |= {"artifact_uri": "", "lifecycle_stage": "active", "experiment_id": experiment_id}
    info = RunInfo(run_uuid=run_id, run_id=run_id, **known | fields)
    return Run(info=info, data=RunData(tag_list=pairs(tags or {})))


def add_run(store: TrackingStore, experiment_id: str = "0", **fields: Any) -> str:
    """Record a run; returns its id."""
    return store.add_run(new_run(experiment_id, **fields)).result().info.run_id


def point(value: float, step: int = 0, timestamp: int = 0, key: str = "m", **more: Any) -> Metric:
    return Metric(key=key, value=value, timestamp=timestamp, step=step, **more)


def batch(
    *metrics: Metric,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    **more: Any,
) -> Batch:
    return Batch(metrics=metrics, params=pairs(params or {}), set_tags=pairs(tags or {}), **more)


def log(store: TrackingStore, run_id: str, *metrics: Metric) -> None:
    store.append(run_id, batch(*metrics)).result()


def dataset_input(
    name: str = "iris", digest: str = "d1", *, tags: Mapping[str, str] | None = None, **fields: Any
) -> DatasetInput:
    dataset = Dataset(name=name, digest=digest, **{"source_type": "local", "source": "{}"} | fields)
    return DatasetInput(dataset=dataset, tag_list=pairs(tags or {}))


def new_model(
    experiment_id: str = "0",
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    **fields: Any,
) -> LoggedModel:
    known = {
        "model_id": f"m-{uuid.uuid4().hex}",
        "experiment_id": experiment_id,
        "name": "forest",
        "creation_timestamp_ms": 1_000,
        "last_updated_timestamp_ms": 1_000,
        "artifact_uri": "",
        "status": "LOGGED_MODEL_PENDING",
        "model_type": "",
        "source_run_id": "",
    }
    info = LoggedModelInfo(tag_list=pairs(tags or {}), **known | fields)
    return LoggedModel(info=info, data=LoggedModelData(param_list=pairs(params or {})))


def deletion(at_ms: int) -> RunChange:
    """What moves a run to the trash."""
    return RunChange(lifecycle_stage="deleted", deleted_ms=at_ms)


def outputs(model_id: str, step: int = 0) -> tuple[ModelOutput, ...]:
    return (ModelOutput(model_id=model_id, step=step),)


def add_model(store: TrackingStore, experiment_id: str = "0", **fields: Any) -> str:
    """Record a logged model; returns its id."""
    return store.add_logged_model(new_model(experiment_id, **fields)).result().model_id


def new_dataset(name: str = "questions", **fields: Any) -> EvaluationDataset:
    known = {"dataset_id": f"d-{uuid.uuid4().hex}", "digest": "1", "name": name}
    known |= {"created_time": 1_000, "last_update_time": 1_000}
    return EvaluationDataset(**known | fields)


def new_record(dataset_id: str, inputs: str = '{"q":1}', **fields: Any) -> EvaluationRecord:
    known = {"dataset_record_id": f"dr-{uuid.uuid4().hex}", "dataset_id": dataset_id}
    known |= {"inputs": inputs, "created_time": 1_000, "last_update_time": 1_000}
    return EvaluationRecord(**known | fields)


def receipt(key: str = "k", digest: str = "same request", at_ms: int = 1_000) -> Trail:
    return Trail(receipt=Receipt(key=key, digest=digest, at_ms=at_ms))


def act(action: str = "thing.change", actor: str = "ada", **fields: Any) -> Trail:
    """The trail of an audited change."""
    return Trail(act=Act(**{"action": action, "actor": actor, "at_ms": 1_000} | fields))


# --- reading back ------------------------------------------------------------------------------


def audited(stores: Stores, **query: Any) -> list[AuditEntry]:
    """Entries of the audit trail, the oldest first."""
    page = stores.audit.entries(AuditQuery(**query), limit=1_000, after=None)
    return list(reversed(page.items))


def decoded(document: msgspec.Raw) -> Run:
    """A run from its wire JSON; `strict=False` reads the words for NaN and infinities."""
    return msgspec.json.decode(document, type=Run, strict=False)


def read(store: TrackingStore, run_id: str) -> Run:
    document = store.run(run_id)
    assert document is not None, run_id
    return decoded(document)


def params_of(store: TrackingStore, run_id: str) -> dict[str, str]:
    return read(store, run_id).data.params


def tags_of(store: TrackingStore, run_id: str) -> dict[str, str]:
    return read(store, run_id).data.tags


def bits(value: float) -> str:
    """The very double, told apart from every other; all NaNs are one."""
    return "nan" if value != value else struct.pack(">d", value).hex()  # noqa: PLR0124


Exact = tuple[int, int, str]
"""(step, timestamp, bits of the value)."""


def exact(points: Points) -> list[Exact]:
    columns = (points.steps, points.timestamps, points.values)
    return [(step, at, bits(value)) for step, at, value in zip(*columns, strict=True)]


def history(store: TrackingStore, run_id: str, key: str = "m") -> list[Exact]:
    points, more = store.metric_history(run_id, key, MetricWindow())
    assert more is None
    return exact(points)


def latest(store: TrackingStore, run_id: str, key: str = "m") -> Exact:
    (found,) = [metric for metric in read(store, run_id).data.metric_list if metric.key == key]
    return found.step, found.timestamp, bits(found.value)


def chart(
    store: TrackingStore, runs: Sequence[str], keys: Sequence[str] = ("m",), **window: Any
) -> SeriesAnswer:
    return store.series(runs, keys, SeriesWindow(**window))


def drawn(answer: SeriesAnswer) -> dict[tuple[str, str], Buckets | RawSeries]:
    found = {(run_id, key): series for run_id, key, series in answer.series}
    assert len(found) == len(answer.series)
    return found


def rows(buckets: Buckets | RawSeries) -> list[tuple[Any, ...]]:
    """Its columns as rows, in the order of its fields."""
    columns = [getattr(buckets, name) for name in buckets.__struct_fields__]
    return list(zip(*columns, strict=True))


# --- searching ---------------------------------------------------------------------------------


def query(
    text: str = "", order_by: Sequence[str] = (), *, table: FieldTable = RUNS, **fields: Any
) -> Query:
    return Query(tree=parse(text, table), order=order.parse(order_by, table), **fields)


def pages(find: Callable[[Query], Page[T]], asked: Query) -> list[tuple[T, ...]]:
    """All pages of a search; fails when one but the last is not full, or when there is no end."""
    found: list[tuple[T, ...]] = []
    after = None
    while True:
        page = find(msgspec.structs.replace(asked, after=after))
        found.append(page.items)
        if page.next is None:
            return found
        assert len(page.items) == asked.limit
        assert page.next != after
        after = page.next


def run_ids(documents: Iterable[msgspec.Raw]) -> list[str]:
    return [decoded(document).info.run_id for document in documents]


def search(
    store: TrackingStore, experiment_id: str, text: str = "", *order_by: str, **fields: Any
) -> list[str]:
    """Ids of the matching runs."""
    page = store.find_runs([experiment_id], query(text, order_by, **fields))
    return run_ids(page.items)


# --- at once -----------------------------------------------------------------------------------


def at_once(work: Callable[[T], R], items: Sequence[T], threads: int = 16) -> list[R | Exception]:
    """Do *work* for all items, many at a time; results or exceptions in the order of *items*."""

    def caught(item: T) -> R | Exception:
        try:
            return work(item)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(caught, items))
