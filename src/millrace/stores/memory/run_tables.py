"""Tables of runs by looking at each: the reference for what every store must answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from millrace.core.filters import evaluate, resolve
from millrace.core.filters.ast import Aggregate, Entity, Field, fields_of, settled
from millrace.core.filters.order import descending
from millrace.core.filters.patterns import folded, ilike
from millrace.core.numbers import key_of, number_in, value_of
from millrace.core.tags import DATASET_CONTEXT, PARENT_RUN_ID
from millrace.core.wire import number
from millrace.stores.memory import search
from millrace.stores.protocols import KeyFacts, Ordered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from millrace.core.filters.columns import Cell, Column, SortKey
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.records import RunRecord
    from millrace.stores.memory.tracking import MemoryTracking
    from millrace.stores.protocols import KeysAsked, RunsAsked
    from millrace.stores.protocols.run_tables import KeyKind, Row

_DATASET = Field(Entity.DATASET, "name")
_PARENT = Field(Entity.TAG, PARENT_RUN_ID)
# So few runs are each looked at by themselves, with all that they hold.
_FEW = 200


class MemoryRunTables:
    """Reads runs by columns."""

    def __init__(self, ledger: Ledger, tracking: MemoryTracking) -> None:
        self._ledger = ledger
        self._tracking = tracking

    def ordered(self, asked: RunsAsked) -> Ordered:
        """All runs that match, in order."""
        with self._ledger.lock:
            fields = [key.field for key in asked.order]
            runs, has_metric = self._matching(asked, fields)
            keys = [(settled(one.field, has_metric), one) for one in asked.order]
            runs.sort(key=lambda run: (-run.base.start_time, run.base.run_id))
            # From the last key to the first: Python's sort keeps what is equal in order.
            for field, key in reversed(keys):
                runs.sort(key=lambda run, field=field, key=key: _place(run, field, key))  # type: ignore[misc]  # bound now
            return Ordered([run.base.run_id for run in runs])

    def cells(
        self, experiment_ids: Sequence[str], rows: Sequence[Row], columns: Sequence[Column]
    ) -> list[list[Cell]]:
        """For each column the cell of each run."""
        with self._ledger.lock:
            fields = [one.of if isinstance(one.of, Field) else _DATASET for one in columns]
            fields += [one.alternative for one in fields if one.alternative is not None]
            if len(rows) <= _FEW:
                held = {row: self._tracking.record(str(row)) for row in rows}
            else:
                found = self._tracking.records(experiment_ids, fields)
                held = {run.base.run_id: run for run in found}
            has_metric = self._has_metric(experiment_ids, fields)
            cells = []
            for one in columns:
                of = one.settled(has_metric).of
                cells.append([self._cell(held.get(row), of) for row in rows])
            return cells

    def ids(self, rows: Sequence[Row]) -> list[str]:
        """The ids of runs."""
        with self._ledger.lock:
            return [str(row) if self._tracking.record(str(row)) else "" for row in rows]

    def parents(self, experiment_ids: Sequence[str]) -> Mapping[Row, Row]:
        """Which run is below which."""
        with self._ledger.lock:
            runs = self._tracking.records(experiment_ids, [_PARENT])
            known = {run.base.run_id for run in runs}
            above = ((run.base.run_id, run.tags.get(PARENT_RUN_ID)) for run in runs)
            return {child: parent for child, parent in above if parent in known}

    def _cell(self, run: RunRecord | None, of: Field | str) -> Cell:
        if run is None:
            return None
        if isinstance(of, Field):
            value = _value(run, of)
            return number(value) if isinstance(value, float) else value
        return list(_datasets(run) if of == "datasets" else self._models(run)) or None

    def _models(self, run: RunRecord) -> Iterator[dict[str, object]]:
        for read in run.model_inputs.values():
            yield {"model_id": read.model_id, "is_output": False} | self._named(read.model_id)
        for made in run.model_outputs.values():
            entry = {"model_id": made.model_id, "is_output": True, "step": made.step}
            yield entry | self._named(made.model_id)

    def _named(self, model_id: str) -> dict[str, object]:
        model = self._tracking.held.models.get(model_id)
        return {} if model is None else {"name": model.base.name}

    def keys(self, asked: RunsAsked, keys: KeysAsked) -> tuple[list[KeyFacts], int]:
        """Keys that the matching runs have."""
        with self._ledger.lock:
            runs, _ = self._matching(asked, None)
            everybody = self._tracking.records(asked.experiment_ids, None)
            prefix, within = folded(keys.prefix), folded(keys.contains)
            names = {
                name
                for run in everybody
                for name in _held(run, keys.kind)
                if folded(name).startswith(prefix) and within in folded(name)
            }
            facts = [_facts(name, runs, keys.kind) for name in sorted(names)]
        if keys.by_coverage:
            facts.sort(key=lambda one: -one.runs)
        return facts[keys.offset : keys.offset + keys.limit], len(facts)

    def values(
        self, asked: RunsAsked, field: Field, *, prefix: str, limit: int
    ) -> list[tuple[str, int]]:
        """The most frequent values of a field."""
        with self._ledger.lock:
            runs, _ = self._matching(asked, [field])
            counted = Counter(
                str(value) for run in runs for value in set(search.run_values(run, field))
            )
        found = [one for one in counted.items() if folded(one[0]).startswith(folded(prefix))]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]

    def _matching(
        self, asked: RunsAsked, fields: Sequence[Field] | None
    ) -> tuple[list[RunRecord], _HasMetric]:
        """Runs that match, in no order, and what settles ambiguous names."""
        about = None if fields is None or asked.words else [*fields_of(asked.tree), *fields]
        searched = self._tracking.records(asked.experiment_ids, about)
        has_metric = _HasMetric(searched)
        keep = evaluate.compile(resolve(asked.tree, has_metric), search.run_values)
        tests = [(ilike(f"%{word}%"), ilike(f"{word}%")) for word in asked.words]
        found = [
            run
            for run in searched
            if search.in_view(run.base.lifecycle_stage, asked.view)
            and keep(run)
            and all(
                within(run.base.run_name)
                or starts(run.base.run_id)
                or any(map(within, run.tags.values()))
                for within, starts in tests
            )
        ]
        return found, has_metric

    def _has_metric(self, experiment_ids: Sequence[str], fields: Sequence[Field]) -> _HasMetric:
        unclear = [one for one in fields if one.alternative is not None]
        return _HasMetric(self._tracking.records(experiment_ids, unclear) if unclear else [])


class _HasMetric:
    """Whether any of some runs has a metric of a name."""

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self._runs = runs

    def __call__(self, key: str) -> bool:
        return any(key in run.series for run in self._runs)


def _place(run: RunRecord, field: Field, key: SortKey) -> tuple[int, object]:
    """Values, then NaN, then texts beside numbers, then nothing."""
    value = _value(run, field)
    if value is None:
        # Only NaNs were logged, so that no step is the best.
        is_there = field.entity is Entity.METRIC and field.key in run.series
        return (1, 0) if is_there else (3, 0)
    if isinstance(value, str):
        as_number = number_in(value) if field.entity is Entity.PARAM else None
        if field.key == "experiment_id" and field.entity is Entity.ATTRIBUTE:
            as_number = float(value)
        if as_number is None:
            rank = 2 if field.entity is Entity.PARAM else 0
            return rank, value if key.ascending else descending(value)
        value = as_number
    if value != value:  # noqa: PLR0124 - the cheapest test for NaN
        return 1, 0
    place = key_of(value) if isinstance(value, float) else value
    return 0, place if key.ascending else -place


def _value(run: RunRecord, field: Field) -> str | int | float | None:
    if field.entity is Entity.ATTRIBUTE:
        attribute: str | int | None = getattr(run.info, field.key)
        return attribute
    if field.entity is Entity.METRIC and field.aggregate in {
        Aggregate.MIN_STEP,
        Aggregate.MAX_STEP,
    }:
        series = run.series.get(field.key)
        if series is None:
            return None
        known = series.aggregates
        return known.min_step if field.aggregate is Aggregate.MIN_STEP else known.max_step
    values = search.run_values(run, field)
    return values[0] if values else None


def _datasets(run: RunRecord) -> Iterator[dict[str, object]]:
    for read in run.datasets.values():
        found: dict[str, object] = {"name": read.dataset.name, "digest": read.dataset.digest}
        context = read.tags.get(DATASET_CONTEXT)
        yield found | {"context": context} if context is not None else found


def _held(run: RunRecord, kind: KeyKind) -> Mapping[str, object]:
    match kind:
        case "metric":
            return run.series
        case "param":
            return run.params
        case "tag":
            return run.tags


def _facts(name: str, runs: Sequence[RunRecord], kind: KeyKind) -> KeyFacts:
    values = []
    for run in runs:
        held = _held(run, kind)
        if name in held:
            values.append(value_of(run.series[name].last[2]) if kind == "metric" else held[name])
    read = [value if isinstance(value, float) else number_in(str(value)) for value in values]
    numbers = [] if kind == "tag" else [one for one in read if one is not None]
    counted = [one for one in numbers if one == one]  # noqa: PLR0124 - not NaN
    distinct = {key_of(one) if isinstance(one, float) else one for one in values}
    return KeyFacts(
        key=name,
        runs=len(values),
        numbers=len(numbers),
        distinct=len(distinct),
        minimum=min(counted, key=key_of, default=None),
        maximum=max(counted, key=key_of, default=None),
    )
