"""MLflow's own databases as a source: any schema from MLflow 1.20 on, on any dialect.

Tables and columns are looked up in the database itself, because they came and went with releases:
what an old schema has no place for is absent, what a newer one added beside our records is left
where it is. Source of the layout: the databases that MLflow 1.30, 2.9, 2.22 and 3.17 make.
"""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import MetaData, Table, and_, create_engine, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from millrace.core.entities.dataset import Dataset, DatasetInput
from millrace.core.entities.entity import KeyValue, LifecycleStage
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.logged_model import (
    STATUS_NUMBERS,
    LoggedModel,
    LoggedModelData,
    LoggedModelInfo,
)
from millrace.core.entities.metric import Metric
from millrace.core.entities.registry import (
    Alias,
    HeldModel,
    HeldVersion,
    ModelVersion,
    RegisteredModel,
)
from millrace.core.entities.run import (
    ModelInput,
    ModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from millrace.core.errors import InvalidArgument, MissingExtra
from millrace.core.numbers import keys_of
from millrace.core.tags import RUN_NAME
from millrace.stores.places import NotOpened
from millrace.transfer.source import HeldLoggedModel, HeldRun, logged_model_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select
    from sqlalchemy.engine import RowMapping

    from millrace.core.entities.registry import Stage, VersionStatus
    from millrace.core.entities.run import RunStatus
    from millrace.core.series import Point

_NAN: Final = float("nan")
_RUNS_AT_ONCE: Final = 200
_POINTS_AT_ONCE: Final = 10_000
# The stage of a version that was deleted: its row stays, so that its number is not given out again.
_DELETED: Final = "Deleted_Internal"
# The first schema with our whole idea of a run; an older one is brought up by MLflow itself.
_NEEDED: Final = frozenset({"experiments", "runs", "metrics", "params", "tags"})


class MlflowDatabase:
    """The records in an MLflow database, read in one snapshot where the database has such."""

    def __init__(self, uri: str) -> None:
        self._url = make_url(uri)
        try:
            self._engine = create_engine(self._url, hide_parameters=True)
            self._connection: Connection = self._engine.connect()
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise MissingExtra(
                f"No driver for {self._url.drivername!r} is installed. "
                "Run: pip install 'millrace[server]'"
            ) from error
        except DBAPIError as error:
            raise NotOpened(
                f"{self.name} cannot be opened: {type(error.orig).__name__}."
            ) from error
        names = set(inspect(self._connection).get_table_names())
        if not names >= _NEEDED:
            self.close()
            missing = ", ".join(sorted(_NEEDED - names))
            raise InvalidArgument(f"{self.name} is no MLflow database: it has no table {missing}.")
        self._names = names
        self._damaged: list[str] = []

    @property
    def name(self) -> str:
        """The database's URI without its password."""
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close the connection."""
        if hasattr(self, "_connection"):
            self._connection.close()
        self._engine.dispose()

    def damaged(self) -> list[str]:
        """Rows that make no record."""
        return list(self._damaged)

    # --- tables --------------------------------------------------------------------------------

    @cached_property
    def _meta(self) -> MetaData:
        return MetaData()

    def _table(self, name: str) -> Table | None:
        if name not in self._names:
            return None
        known = self._meta.tables.get(name)
        if known is not None:
            return known
        return Table(name, self._meta, autoload_with=self._connection, resolve_fks=False)

    def _has(self, name: str) -> Table:
        table = self._table(name)
        if table is None:
            raise AssertionError(f"table {name} was found when the database was opened")
        return table

    def _all(self, query: Select[Any]) -> Sequence[RowMapping]:
        return self._connection.execute(query).mappings().all()

    def _grouped(
        self, name: str, owner: str, owners: Sequence[object]
    ) -> dict[object, list[RowMapping]]:
        """Rows of a table that an old schema may not have, by the value of their *owner* column."""
        table = self._table(name)
        groups: dict[object, list[RowMapping]] = {}
        if table is not None and owners:
            for row in self._all(select(table).where(table.c[owner].in_(owners))):
                groups.setdefault(row[owner], []).append(row)
        return groups

    # --- records -------------------------------------------------------------------------------

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, by id."""
        table = self._has("experiments")
        rows = self._all(select(table).order_by(table.c.experiment_id))
        tags = self._grouped(
            "experiment_tags", "experiment_id", [row["experiment_id"] for row in rows]
        )
        for row in rows:
            key = row["experiment_id"]
            yield Experiment(
                experiment_id=str(key),
                name=row["name"],
                artifact_location=row["artifact_location"] or "",
                lifecycle_stage=_stage(row),
                creation_time=row.get("creation_time"),
                last_update_time=row.get("last_update_time"),
                tag_list=_pairs(tags.get(key, ())),
                workspace="default",
            )

    def runs(self, experiment_id: str) -> Iterator[HeldRun]:
        """The runs of an experiment."""
        table = self._has("runs")
        here = table.c.experiment_id == int(experiment_id)
        after: ColumnElement[bool] | None = None
        while True:
            query = select(table).where(here if after is None else and_(here, after))
            start = func.coalesce(table.c.start_time, 0)
            rows = self._all(query.order_by(start, table.c.run_uuid).limit(_RUNS_AT_ONCE))
            yield from self._with_data(rows)
            if len(rows) < _RUNS_AT_ONCE:
                return
            last = rows[-1]
            last_start = last["start_time"] or 0
            after = (start > last_start) | (
                and_(start == last_start, table.c.run_uuid > last["run_uuid"])
            )

    def _with_data(self, rows: Sequence[RowMapping]) -> Iterator[HeldRun]:
        ids = [row["run_uuid"] for row in rows]
        params = self._grouped("params", "run_uuid", ids)
        tags = self._grouped("tags", "run_uuid", ids)
        inputs = self._grouped("inputs", "destination_id", ids)
        sources = self._grouped("inputs", "source_id", ids)
        read = [one for group in inputs.values() for one in group]
        datasets = {
            row["dataset_uuid"]: row
            for group in self._grouped(
                "datasets", "dataset_uuid", list({one["source_id"] for one in read})
            ).values()
            for row in group
        }
        context = self._grouped("input_tags", "input_uuid", [one["input_uuid"] for one in read])
        for row in rows:
            key = row["run_uuid"]
            links = sources.get(key, ())
            read_here = [
                DatasetInput(
                    dataset=_dataset(datasets[one["source_id"]]),
                    tag_list=_pairs(context.get(one["input_uuid"], ()), key="name"),
                )
                for one in inputs.get(key, ())
                if one["source_type"] == "DATASET" and one["source_id"] in datasets
            ]
            run = Run(
                info=_info(row, tags.get(key, ())),
                data=RunData(
                    param_list=_pairs(params.get(key, ())), tag_list=_pairs(tags.get(key, ()))
                ),
                inputs=RunInputs(
                    dataset_inputs=tuple(
                        sorted(read_here, key=lambda one: (one.dataset.name, one.dataset.digest))
                    ),
                    model_inputs=tuple(
                        ModelInput(model_id=one["destination_id"])
                        for one in links
                        if one["destination_type"] == "MODEL_INPUT"
                    ),
                ),
                outputs=RunOutputs(
                    model_outputs=tuple(
                        ModelOutput(model_id=one["destination_id"], step=one.get("step") or 0)
                        for one in links
                        if one["destination_type"] == "MODEL_OUTPUT"
                    )
                ),
            )
            yield HeldRun(run=run, deleted_ms=row.get("deleted_time"))

    def counts(self, run_id: str) -> Mapping[str, int]:
        """How many points each series of a run has."""
        m = self._has("metrics").c
        query = select(m.key, func.count()).where(m.run_uuid == run_id).group_by(m.key)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def points(self, run_id: str) -> Iterator[tuple[str, list[Point]]]:
        """The points of a run. One query for all series: an index leads to the run only."""
        m = self._has("metrics").c
        query = (
            select(m.key, m.step, m.timestamp, m.value, m.is_nan)
            .where(m.run_uuid == run_id)
            .order_by(m.key, m.step, m.timestamp, m.value)
            .execution_options(yield_per=_POINTS_AT_ONCE)
        )
        for part in self._connection.execute(query).partitions(_POINTS_AT_ONCE):
            for key, found in groupby(part, key=itemgetter(0)):
                rows = list(found)
                values = keys_of([_NAN if row[4] else float(row[3]) for row in rows])
                yield (
                    key,
                    [(row[1] or 0, row[2], at) for row, at in zip(rows, values, strict=True)],
                )

    def models(self, experiment_id: str) -> Iterator[HeldLoggedModel]:
        """The logged models of an experiment; none before MLflow 3."""
        table = self._table("logged_models")
        if table is None:
            return
        query = select(table).where(table.c.experiment_id == int(experiment_id))
        rows = self._all(query.order_by(table.c.model_id))
        ids = [row["model_id"] for row in rows]
        params = self._grouped("logged_model_params", "model_id", ids)
        tags = self._grouped("logged_model_tags", "model_id", ids)
        metrics = self._grouped("logged_model_metrics", "model_id", ids)
        for row in rows:
            key = row["model_id"]
            info = LoggedModelInfo(
                model_id=key,
                experiment_id=experiment_id,
                name=row["name"],
                creation_timestamp_ms=row["creation_timestamp_ms"],
                last_updated_timestamp_ms=row["last_updated_timestamp_ms"],
                artifact_uri=row["artifact_location"],
                status=STATUS_NUMBERS.get(row["status"], "LOGGED_MODEL_STATUS_UNSPECIFIED"),
                model_type=row["model_type"] or "",
                source_run_id=row["source_run_id"] or "",
                status_message=row["status_message"],
                tag_list=_pairs(tags.get(key, ()), key="tag_key", value="tag_value"),
            )
            data = LoggedModelData(
                param_list=_pairs(params.get(key, ()), key="param_key", value="param_value"),
                metric_list=tuple(
                    Metric(
                        key=one["metric_name"],
                        value=_NAN if one["metric_value"] is None else float(one["metric_value"]),
                        timestamp=one["metric_timestamp_ms"],
                        step=one["metric_step"] or 0,
                        dataset_name=one["dataset_name"],
                        dataset_digest=one["dataset_digest"],
                        model_id=key,
                        run_id=one["run_id"],
                    )
                    for one in metrics.get(key, ())
                ),
            )
            model = LoggedModel(info=info, data=data)
            yield HeldLoggedModel(model=model, is_deleted=row["lifecycle_stage"] == "deleted")

    def registered_models(self) -> Iterator[HeldModel]:
        """The registered models with their versions, by name; none before MLflow's registry."""
        table = self._table("registered_models")
        if table is None:
            return
        for row in self._all(select(table).order_by(table.c.name)):
            yield self._registered(row)

    def _registered(self, row: RowMapping) -> HeldModel:
        name = row["name"]
        versions = self._grouped("model_versions", "name", [name]).get(name, [])
        tags = self._grouped("model_version_tags", "name", [name]).get(name, [])
        aliases = self._grouped("registered_model_aliases", "name", [name]).get(name, [])
        return HeldModel(
            model=RegisteredModel(
                name=name,
                creation_timestamp=row["creation_time"] or 0,
                last_updated_timestamp=row["last_updated_time"] or 0,
                description=row["description"],
                tag_list=_pairs(
                    self._grouped("registered_model_tags", "name", [name]).get(name, [])
                ),
                alias_list=tuple(
                    Alias(alias=one["alias"], version=str(one["version"]))
                    for one in sorted(aliases, key=itemgetter("alias"))
                ),
            ),
            versions=tuple(
                _version(
                    one,
                    [tag for tag in tags if tag["version"] == one["version"]],
                    [at["alias"] for at in aliases if at["version"] == one["version"]],
                )
                for one in sorted(versions, key=itemgetter("version"))
                if one["current_stage"] != _DELETED
            ),
            last_version=max((one["version"] for one in versions), default=0),
        )


def _version(row: RowMapping, tags: Sequence[RowMapping], aliases: Sequence[str]) -> HeldVersion:
    source = row["source"] or ""
    version = ModelVersion(
        name=row["name"],
        version=str(row["version"]),
        creation_timestamp=row["creation_time"] or 0,
        last_updated_timestamp=row["last_updated_time"] or 0,
        current_stage=cast("Stage", row["current_stage"] or "None"),
        source=source,
        run_id=row["run_id"] or "",
        status=cast("VersionStatus", row["status"] or "READY"),
        run_link=row["run_link"] or "",
        user_id=row["user_id"],
        description=row["description"],
        status_message=row["status_message"],
        model_id=logged_model_in(source),
        tag_list=_pairs(tags),
        alias_list=tuple(sorted(aliases)),
    )
    return HeldVersion(version=version, location=row.get("storage_location") or source)


def _stage(row: RowMapping) -> LifecycleStage:
    return "deleted" if row["lifecycle_stage"] == "deleted" else "active"


def _pairs(
    rows: Sequence[RowMapping], *, key: str = "key", value: str = "value"
) -> tuple[KeyValue, ...]:
    held = {row[key]: row[value] or "" for row in rows}
    return tuple(KeyValue(key=name, value=held[name]) for name in sorted(held))


def _info(row: RowMapping, tags: Sequence[RowMapping]) -> RunInfo:
    # Before MLflow 1.29 the name was a tag only.
    named = next((tag["value"] for tag in tags if tag["key"] == RUN_NAME), "")
    return RunInfo(
        run_uuid=row["run_uuid"],
        run_id=row["run_uuid"],
        experiment_id=str(row["experiment_id"]),
        run_name=row["name"] or named or "",
        user_id=row["user_id"] or "",
        status=cast("RunStatus", row["status"] or "RUNNING"),
        start_time=row["start_time"] or 0,
        end_time=row["end_time"],
        artifact_uri=row["artifact_uri"] or "",
        lifecycle_stage=_stage(row),
    )


def _dataset(row: RowMapping) -> Dataset:
    return Dataset(
        name=row["name"],
        digest=row["digest"],
        source_type=row["dataset_source_type"] or "",
        source=row["dataset_source"] or "",
        schema=row["dataset_schema"],
        profile=row["dataset_profile"],
    )
