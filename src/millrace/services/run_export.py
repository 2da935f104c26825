"""A table of runs as a Parquet file, made while it is sent.

pyarrow is imported when one is asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from millrace.core.filters import RUNS, columns, parse
from millrace.core.filters.ast import Aggregate, Entity, Field
from millrace.core.lazy import require
from millrace.services.run_tables import asked_runs
from millrace.services.sinks import Sink
from millrace.stores.protocols import KeysAsked, RunsAsked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.api.run_tables import ExportRunTable
    from millrace.core.filters.columns import Column
    from millrace.services.context import Context
    from millrace.stores.protocols import RunTables as Store
    from millrace.stores.protocols.run_tables import Row

HELD: Final = 200_000
_ROWS: Final = 4_000
"""Of more rows at a time a store would read the cells of all others, too."""
_WHOLE_ATTRIBUTES: Final = frozenset({"start_time", "end_time", "duration"})
_WHOLE_AGGREGATES: Final = frozenset({Aggregate.COUNT, Aggregate.MIN_STEP, Aggregate.MAX_STEP})
_QUOTED: Final = re.compile(r"(metrics?|params?|parameters?|tags?)\.`([^`]+)`((?:\.\w+)?)")
_ID: Final = "run_id"


class RunExport:
    """Gives tables of runs as files; about *held* cells are in memory, and in a row group."""

    def __init__(self, store: Store, *, held: int = HELD) -> None:
        self._store = store
        self._held = held

    def give(self, _ctx: Context, request: ExportRunTable) -> RunFile:
        """All runs that match, in order, with the columns that were asked for."""
        asked = asked_runs(request, columns.parse_order(request.order_by, request.maximize))
        shown = columns.parse(request.columns, request.maximize)
        require("pyarrow.parquet", extra="parquet")  # without it there is only this to say
        rows = self._store.ordered(asked).rows
        if request.run_ids:
            wanted = set(request.run_ids)
            named = zip(rows, self._store.ids(rows), strict=True)
            rows = [row for row, run_id in named if run_id in wanted]
        settled = [one.settled(lambda key: self._is_metric(asked, key)) for one in shown]
        return RunFile(self._store, asked.experiment_ids, rows, settled, held=self._held)

    def _is_metric(self, asked: RunsAsked, key: str) -> bool:
        everybody = RunsAsked(experiment_ids=asked.experiment_ids, tree=parse("", RUNS), view="ALL")
        found, _ = self._store.keys(everybody, KeysAsked(kind="metric", prefix=key, limit=1_000))
        return any(one.key == key for one in found)


class RunFile:
    """Runs on their way out as a Parquet file: texts as texts, values of metrics as doubles with
    their NaNs and infinities, times and counts as whole numbers, lists of structs for data sets and
    models; what a run has not is null."""

    name = "runs.parquet"

    def __init__(
        self,
        store: Store,
        experiment_ids: Sequence[str],
        rows: Sequence[Row],
        shown: Sequence[Column],
        *,
        held: int,
    ) -> None:
        self._arrow: Any = require("pyarrow", extra="parquet")
        self._parquet: Any = require("pyarrow.parquet", extra="parquet")
        self._store = store
        self._experiments = experiment_ids
        self._rows = rows
        self._held = held
        self._columns: dict[str, Column] = {_ID: columns.column(_ID)}
        for one in shown:
            self._columns.setdefault(self._heading(one), one)

    def chunks(self) -> Iterator[bytes]:
        """The file. An exception in the middle leaves it without its foot: unreadable."""
        shown = self._columns.items()
        schema = self._arrow.schema([(heading, self._type(one.of)) for heading, one in shown])
        sink = Sink()
        size = min(_ROWS, max(1, self._held // len(schema)))
        with self._parquet.ParquetWriter(self._arrow.PythonFile(sink, mode="w"), schema) as writer:
            for start in range(0, len(self._rows), size):
                writer.write_table(self._group(self._rows[start : start + size], schema))
                yield sink.taken()
        yield sink.taken()

    def _group(self, rows: Sequence[Row], schema: Any) -> Any:  # noqa: ANN401 - pyarrow's
        cells = self._store.cells(self._experiments, rows, list(self._columns.values()))
        arrays = [
            self._array(values, field.type) for values, field in zip(cells, schema, strict=True)
        ]
        return self._arrow.Table.from_arrays(arrays, schema=schema)

    def _array(self, values: Sequence[Any], of: Any) -> Any:  # noqa: ANN401 - pyarrow's
        # Stores tell what is no number by its word.
        if of == self._arrow.float64():
            values = [None if one is None else float(one) for one in values]
        elif of == self._arrow.int64():
            values = [one if isinstance(one, int) else None for one in values]
        return self._arrow.array(values, of)

    def _heading(self, column: Column) -> str:
        """As it was asked for, but attributes by their bare names and keys without backticks, where
        that names nothing else."""
        of = column.of
        plain = of.key if isinstance(of, Field) and of.entity is Entity.ATTRIBUTE else column.name
        found = _QUOTED.fullmatch(plain)
        plain = f"{found[1]}.{found[2]}{found[3]}" if found else plain
        same = self._columns.get(plain)
        return plain if same is None or same.of == of else column.name

    def _type(self, of: Field | str) -> Any:  # noqa: ANN401 - pyarrow's
        arrow = self._arrow
        text, whole = arrow.string(), arrow.int64()
        if of == "datasets":
            return arrow.list_(arrow.struct({"name": text, "digest": text, "context": text}))
        if isinstance(of, str):
            made = {"is_output": arrow.bool_(), "step": whole}
            return arrow.list_(arrow.struct({"model_id": text, "name": text} | made))
        if of.entity is Entity.METRIC:
            return whole if of.aggregate in _WHOLE_AGGREGATES else arrow.float64()
        return whole if of.entity is Entity.ATTRIBUTE and of.key in _WHOLE_ATTRIBUTES else text
