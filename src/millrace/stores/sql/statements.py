"""The statements of the hot paths, compiled once per database.

Values are given as tuples, in the order of the names that stand beside each statement.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    and_,
    any_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from millrace.core.numbers import NAN_KEY
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import before, beyond, insert_new, takes_arrays, upsert
from millrace.stores.sql.engine import Prepared, dialect_named

if TYPE_CHECKING:
    from sqlalchemy import Dialect, Select, Table
    from sqlalchemy.sql.elements import CompilerElement

SERIES_COLUMNS: Final = tuple(column.name for column in t.series.columns)
SERIES_CHANGING: Final = tuple(
    name for name in SERIES_COLUMNS if name not in {"id", "run_id", "key_id"}
)
BUCKET_COLUMNS: Final = tuple(column.name for column in t.buckets.columns)
RUN_COLUMNS: Final = tuple(column.name for column in t.runs.columns)

_p, _b, _r, _d = t.points.c, t.buckets.c, t.runs.c, t.run_documents.c
_of_series: BindParameter[int] = bindparam("series")
_POINTS: Final = select(_p.step, _p.ms, _p.value).where(_p.series_id == _of_series)
_PLACE: Final = (_p.step, _p.ms, _p.value)
_BETWEEN_STEPS: Final = and_(_p.step >= bindparam("low"), _p.step <= bindparam("high"))
# NaN, the least integer, sorts as 0 in a history.
_IS_NAN: Final = case((_p.value == NAN_KEY, 1), else_=0)
_BY_TIME: Final = (_p.ms, _p.step, case((_p.value == NAN_KEY, 0), else_=_p.value), _IS_NAN)


@lru_cache(maxsize=8)
def statements(dialect: str) -> Statements:
    """The statements in a dialect's words; compiled for the first who asks."""
    return Statements(dialect_named(dialect))


def _bound(*names: str) -> list[Any]:
    return [bindparam(name) for name in names]


def _first(query: Select[Any], limit: str = "limit") -> Select[Any]:
    return query.limit(bindparam(limit))


class Statements:
    """Prepared statements, named by what they do."""

    def __init__(self, dialect: Dialect) -> None:  # noqa: PLR0915 - one line a statement
        def sql(statement: CompilerElement, *names: str) -> Prepared:
            return Prepared(statement, dialect, *names)

        def new_row(table: Table) -> Prepared:
            return sql(insert(table), *table.columns.keys())

        def new_or_same(table: Table) -> Prepared:
            return sql(insert_new(table), *table.columns.keys())

        def new_or_changed(table: Table, *changed: str) -> Prepared:
            return sql(upsert(table, changed=changed), *table.columns.keys())

        e = t.experiments.c
        self.experiment = sql(
            select(e.lifecycle, e.artifact_location).where(e.id == bindparam("experiment")),
            "experiment",
        )

        # runs
        self.run_state = sql(
            select(_r.id, _r.experiment_id, _r.lifecycle, _r.lost).where(
                _r.uuid == bindparam("uuid")
            ),
            "uuid",
        )
        self.run = sql(select(t.runs).where(_r.id == bindparam("run")), "run")
        changing = ("name", "status", "end_ms", "lifecycle", "lease_until_ms", "deleted_ms")
        self.change_run = sql(update(t.runs).where(_r.id == bindparam("run")), *changing, "run")
        self.insert_run = new_row(t.runs)
        self.insert_document = new_row(t.run_documents)
        self.raise_revision = sql(
            upsert(t.run_documents, changed={"revision": "{held} + 1", "document": "NULL"}),
            *t.run_documents.columns.keys(),
        )
        self.stale_documents = sql(
            _first(select(_d.run_id, _d.revision).where(_d.document.is_(None)).order_by(_d.run_id)),
            "limit",
        )
        self.store_document = sql(
            update(t.run_documents)
            .where(_d.run_id == bindparam("run"), _d.revision == bindparam("seen"))
            .values(document=bindparam("made")),
            "made",
            "run",
            "seen",
        )
        among = _d.run_id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
        kept = select(_d.run_id, _d.revision, _d.document).where(among)
        self.documents = sql(kept, "ids") if takes_arrays(dialect) else None
        self.document = sql(
            select(_r.id, _d.revision, _d.document)
            .join(t.run_documents, _d.run_id == _r.id)
            .where(_r.uuid == bindparam("uuid")),
            "uuid",
        )
        of_run = _r.id == bindparam("run")
        self.rename_run = sql(
            update(t.runs).where(of_run).values(name=bindparam("new_name")), "new_name", "run"
        )
        self.revive_run = sql(update(t.runs).where(of_run).values(lost=literal_column("0")), "run")

        # keys, params, tags
        k, g = t.keys.c, t.tags.c
        of_kind = and_(k.experiment_id == bindparam("experiment"), k.kind == bindparam("of_kind"))
        self.keys_of_kind = sql(select(k.id, k.name).where(of_kind), "experiment", "of_kind")
        self.key = sql(
            select(k.id).where(of_kind, k.name == bindparam("called")),
            "experiment",
            "of_kind",
            "called",
        )
        self.insert_key = new_row(t.keys)
        self.params = sql(
            select(t.params.c.key_id, t.params.c.value).where(
                t.params.c.run_id == bindparam("run")
            ),
            "run",
        )
        self.insert_param = new_or_same(t.params)
        self.set_tag = new_or_changed(t.tags, "value")
        of_key = and_(g.run_id == bindparam("run"), g.key_id == bindparam("key"))
        self.tag = sql(select(g.value).where(of_key), "run", "key")
        self.delete_tag = sql(delete(t.tags).where(of_key), "run", "key")

        # series and points
        s = t.series.c
        self.series = sql(
            select(t.series).where(s.run_id == bindparam("run"), s.key_id == bindparam("key")),
            "run",
            "key",
        )
        self.series_of_run = sql(select(t.series).where(s.run_id == bindparam("run")), "run")
        self.named_series = sql(
            select(t.series, _r.start_ms)
            .select_from(t.runs)
            .join(
                t.keys,
                and_(
                    k.experiment_id == _r.experiment_id,
                    k.kind == literal_column("1"),
                    k.name == bindparam("called"),
                ),
            )
            .join(t.series, and_(s.run_id == _r.id, s.key_id == k.id))
            .where(_r.uuid == bindparam("uuid")),
            "called",
            "uuid",
        )
        self.insert_series = new_row(t.series)
        self.change_series = new_or_changed(t.series, *SERIES_CHANGING)
        self.insert_point = new_row(t.points)
        self.has_point = sql(
            select(literal_column("1")).where(
                _p.series_id == _of_series,
                *(one == at for one, at in zip(_PLACE, _bound("step", "ms", "value"), strict=True)),
            ),
            "series", "step", "ms", "value",
        )  # fmt: skip
        window = ("series", "low", "high")
        in_window = _POINTS.where(_BETWEEN_STEPS).order_by(*_PLACE)
        self.points = sql(in_window, *window)
        self.points_limited = sql(_first(in_window), *window, "limit")
        self.nth_point = sql(in_window.limit(1).offset(bindparam("offset")), *window, "offset")
        self.first_point_at = sql(
            _POINTS.where(_p.step == bindparam("step")).order_by(*_PLACE).limit(1),
            "series",
            "step",
        )
        self.last_point = sql(
            _POINTS.where(_BETWEEN_STEPS).order_by(*(one.desc() for one in _PLACE)).limit(1),
            *window,
        )
        self.count_points = sql(
            select(func.count())
            .select_from(t.points)
            .where(_p.series_id == _of_series, _BETWEEN_STEPS),
            *window,
        )
        moment = beyond(_PLACE[:2], _bound("step", "ms"), inclusive=True)
        self.points_from = sql(
            _first(_POINTS.where(moment).order_by(*_PLACE)), "series", "step", "ms", "limit"
        )
        after = _POINTS.where(beyond(_PLACE, _bound("step", "ms", "value"))).order_by(*_PLACE)
        self.points_after = sql(after, "series", "step", "ms", "value")
        self.points_after_limited = sql(_first(after), "series", "step", "ms", "value", "limit")
        self.points_between = sql(
            _POINTS.where(
                beyond(_PLACE, _bound("step", "ms", "value"), inclusive=True),
                before(_PLACE, _bound("step_2", "ms_2", "value_2")),
            ).order_by(*_PLACE),
            "series", "step", "ms", "value", "step_2", "ms_2", "value_2",
        )  # fmt: skip
        by_time = _POINTS.order_by(*_BY_TIME)
        self.points_by_time = sql(_first(by_time), "series", "limit")
        self.points_by_time_after = sql(
            _first(by_time.where(beyond(_BY_TIME, _bound("ms", "step", "sorted", "is_nan")))),
            "series", "ms", "step", "sorted", "is_nan", "limit",
        )  # fmt: skip

        # the pyramid
        of_level = and_(_b.series_id == _of_series, _b.level == bindparam("of_level"))
        slots = and_(_b.slot >= bindparam("low"), _b.slot <= bindparam("high"))
        level = ("series", "of_level")
        self.bucket = sql(
            select(t.buckets).where(of_level, _b.slot == bindparam("at")), *level, "at"
        )
        self.buckets = sql(
            select(t.buckets).where(of_level, slots).order_by(_b.slot), *level, "low", "high"
        )
        self.slots = sql(
            select(
                _b.slot, _b.count, _b.finite, _b.min_value, _b.max_value, _b.total,
                _b.first_value, _b.last_value, _b.low_ms, _b.high_ms,
            ).where(of_level, slots).order_by(_b.slot),
            *level, "low", "high",
        )  # fmt: skip
        self.bucket_counts = sql(
            select(_b.slot, _b.count).where(of_level, slots).order_by(_b.slot),
            *level, "low", "high",
        )  # fmt: skip
        self.put_bucket = new_or_changed(t.buckets, *BUCKET_COLUMNS[3:])

        # inputs and outputs
        d = t.datasets.c
        self.dataset = sql(
            select(d.id).where(
                d.experiment_id == bindparam("experiment"),
                d.name == bindparam("called"),
                d.digest == bindparam("of_digest"),
            ),
            "experiment", "called", "of_digest",
        )  # fmt: skip
        self.insert_dataset = new_row(t.datasets)
        self.datasets_of_run = sql(
            select(t.run_datasets.c.dataset_id).where(t.run_datasets.c.run_id == bindparam("run")),
            "run",
        )
        self.insert_run_dataset = new_row(t.run_datasets)
        self.count_models = sql(
            select(func.count())
            .select_from(t.run_models)
            .where(t.run_models.c.run_id == bindparam("run")),
            "run",
        )
        self.insert_run_model = new_or_same(t.run_models)
        m = t.logged_models.c
        self.model = sql(
            select(m.id, m.experiment_id, m.lifecycle).where(m.uuid == bindparam("model")), "model"
        )
        self.insert_model_metric = new_or_same(t.logged_model_metrics)

        # replays
        p = t.receipts.c
        self.receipt = sql(
            select(p.request_digest, p.result).where(p.key_digest == bindparam("key")), "key"
        )
        self.insert_receipt = new_row(t.receipts)
        self.delete_old_receipts = sql(
            delete(t.receipts).where(p.at_ms < bindparam("before")), "before"
        )

        # the audit trail and the outbox
        a = t.audit_entries.c
        self.last_entry = sql(select(a.seq, a.text, a.hash).order_by(a.seq.desc()).limit(1))
        self.insert_entry = new_row(t.audit_entries)
        self.insert_delivery = new_row(t.deliveries)

        self.greatest_id = {
            table.name: sql(select(func.coalesce(func.max(table.c.id), literal_column("0"))))
            for table in t.metadata.sorted_tables
            if "id" in table.c and isinstance(table.c.id.type, BigInteger)
        }
