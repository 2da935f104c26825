"""Search by looking at every record: what a record holds for a field, and one page of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from millrace.core.filters import evaluate, order
from millrace.core.filters.ast import Aggregate, Entity, Field, resolve
from millrace.core.filters.order import OrderKey
from millrace.core.numbers import NAN, value_of
from millrace.core.pages import Page
from millrace.core.tags import DATASET_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from millrace.core.entities.dataset import DatasetInput, EvaluationDataset
    from millrace.core.entities.entity import LifecycleStage, ViewType
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.registry import ModelVersion, RegisteredModel
    from millrace.core.filters.ast import Scalar
    from millrace.core.filters.evaluate import Lookup
    from millrace.core.filters.order import Place
    from millrace.core.pages import Position
    from millrace.stores.memory.records import ModelRecord, RunRecord
    from millrace.stores.memory.series import Series
    from millrace.stores.protocols import Query

E = TypeVar("E")


def _by(name: str, *, ascending: bool = True, digits: bool = False) -> OrderKey:
    return OrderKey(Field(Entity.ATTRIBUTE, name), ascending, digits)


RUN_TIES = (_by("start_time", ascending=False), _by("run_id"))
MODEL_TIES = (_by("creation_timestamp", ascending=False), _by("model_id"))
REGISTERED_TIES = (_by("name"),)
VERSION_TIES = (
    _by("last_updated_timestamp", ascending=False),
    _by("name"),
    _by("version_number", ascending=False),
)
DATASET_TIES = (_by("created_time", ascending=False), _by("dataset_id"))


def experiment_ties(query: Query) -> tuple[OrderKey, ...]:
    """What settles ties between experiments: the newest first, unless no order was asked for."""
    return (
        _by("creation_time", ascending=False),
        _by("experiment_id", ascending=not query.order, digits=True),
    )


def in_view(stage: LifecycleStage, view: ViewType) -> bool:
    """Whether a search with *view* sees records of that stage."""
    return view == "ALL" or (stage == "active") == (view == "ACTIVE_ONLY")


def find(
    records: Iterable[E],
    query: Query,
    lookup: Lookup[E],
    ties: Sequence[OrderKey],
    has_metric: Callable[[str], bool] = lambda _: False,
) -> Page[E]:
    """One page of the matching records; *has_metric* settles ambiguous metric names.

    A position holds the value of each order key, None where there is none, so that rows which come
    and go meanwhile neither shift nor repeat others.
    """
    keep = evaluate.compile(resolve(query.tree, has_metric), lookup)
    keys = (*order.resolve(query.order, has_metric), *ties)
    last = None if query.after is None else _place_of(keys, query.after)
    place = order.sort_key(keys, lookup)
    near = _near(filter(keep, records), order.sort_key(keys[:1], lookup), last, query.limit + 1)
    found = sorted(near, key=place)
    if last is not None:
        found = [record for record in found if last < place(record)]
    items = found[: query.limit]
    if len(items) == len(found):
        return Page(tuple(items))
    return Page(tuple(items), tuple(_first(lookup(items[-1], key.field)) for key in keys))


def _near(
    records: Iterable[E], first: Callable[[E], Place], last: Place | None, count: int
) -> list[E]:
    """Those records that can be among the *count* after *last*, as far as the first key tells.

    The other keys are then looked up of hardly more records than are shown.
    """
    placed = [(first(record), record) for record in records]
    if last is not None:
        placed = [one for one in placed if not one[0] < last[:1]]
    surely_after = sorted(at for at, _ in placed if last is None or last[:1] < at)
    if len(surely_after) > count:
        bound = surely_after[count - 1]
        placed = [one for one in placed if not bound < one[0]]
    return [record for _, record in placed]


def _place_of(keys: Sequence[OrderKey], position: Position) -> Place:
    values = {key.field: value for key, value in zip(keys, position, strict=True)}

    def lookup(held: dict[Field, Scalar | None], field: Field) -> Sequence[Scalar]:
        return _present(held[field])

    return order.sort_key(keys, lookup)(values)


def _present(value: Scalar | None) -> tuple[Scalar, ...]:
    return () if value is None else (value,)


def _first(values: Sequence[Scalar]) -> Scalar | None:
    return values[0] if values else None


def run_values(run: RunRecord, field: Field) -> Sequence[Scalar]:
    """What a run holds for a field."""
    match field.entity:
        case Entity.METRIC:
            if field.aggregate is None:
                last = run.last(field.key)
                return () if last is None else (value_of(last[2]),)
            series = run.series.get(field.key)
            return () if series is None else (_aggregated(series, field.aggregate),)
        case Entity.PARAM:
            return _present(run.params.get(field.key))
        case Entity.TAG:
            return _present(run.tags.get(field.key))
        case Entity.DATASET:
            return dataset_input_values(run.datasets.values(), field)
        case Entity.ATTRIBUTE:
            return _present(getattr(run.base, field.key))


def _aggregated(series: Series, wanted: Aggregate) -> float:
    known = series.aggregates
    match wanted:
        case Aggregate.MIN:
            number = known.minimum
        case Aggregate.MAX:
            number = known.maximum
        case Aggregate.MEAN:
            number = known.mean
        case Aggregate.FIRST:
            number = value_of(known.first[2])
        case Aggregate.LAST:
            number = value_of(known.last[2])
        case Aggregate.COUNT:
            number = known.count
        case Aggregate.MIN_STEP:
            number = known.min_step
        case Aggregate.MAX_STEP:
            number = known.max_step
    # Only NaNs were logged: the aggregate is one, too.
    return NAN if number is None else number


def experiment_values(experiment: Experiment, field: Field) -> Sequence[Scalar]:
    """What an experiment holds for a field."""
    if field.entity is Entity.TAG:
        return _present(experiment.tags.get(field.key))
    return _present(getattr(experiment, field.key))


_MODEL_ATTRIBUTES = {
    "creation_timestamp": "creation_timestamp_ms",
    "last_updated_timestamp": "last_updated_timestamp_ms",
}


def model_lookup(datasets: Sequence[tuple[str, str | None]]) -> Lookup[ModelRecord]:
    """A lookup in logged models that sees only metrics logged with one of *datasets*, if given."""

    def values(model: ModelRecord, field: Field) -> Sequence[Scalar]:
        match field.entity:
            case Entity.METRIC:
                return model.latest(field.key, datasets)
            case Entity.PARAM:
                return _present(model.params.get(field.key))
            case Entity.TAG:
                return _present(model.tags.get(field.key))
        if field.key == "status":
            return (model.base.status.removeprefix("LOGGED_MODEL_"),)
        return _present(getattr(model.base, _MODEL_ATTRIBUTES.get(field.key, field.key)))

    return values


def dataset_values(dataset: EvaluationDataset, field: Field) -> Sequence[Scalar]:
    """What an evaluation data set holds for a field."""
    if field.entity is Entity.TAG:
        tags = msgspec.json.decode(dataset.tags or "{}", type=dict[str, object])
        value = tags.get(field.key)
        return (value,) if isinstance(value, str) else ()
    return _present(getattr(dataset, field.key))


def registered_values(model: RegisteredModel, field: Field) -> Sequence[Scalar]:
    """What a registered model holds for a field."""
    if field.entity is Entity.TAG:
        return _present(model.tags.get(field.key))
    return _present(getattr(model, field.key))


def version_lookup(
    datasets_of: Callable[[str], Sequence[DatasetInput]],
) -> Lookup[ModelVersion]:
    """A lookup in model versions; *datasets_of* tells what the run of a version read."""

    def values(version: ModelVersion, field: Field) -> Sequence[Scalar]:
        if field.entity is Entity.DATASET:
            return dataset_input_values(datasets_of(version.run_id), field)
        if field.entity is Entity.TAG:
            return _present(version.tags.get(field.key))
        match field.key:
            case "version_number":
                return (int(version.version),)
            case "source_path":
                return (version.source,)
            case "model_id":
                return (version.model_id or "",)
        return _present(getattr(version, field.key))

    return values


def dataset_input_values(inputs: Iterable[DatasetInput], field: Field) -> Sequence[Scalar]:
    """What data sets as inputs hold for a field."""
    if field.key == "context":
        contexts = (read.tags.get(DATASET_CONTEXT) for read in inputs)
        return [context for context in contexts if context is not None]
    return [getattr(read.dataset, field.key) for read in inputs]
