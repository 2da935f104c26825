"""Tables of runs: windows of columns, trees, groups, and which keys and values there are."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from millrace.api.endpoint import MIB, Bytes, EachExperiment, Endpoint, Id, Reply, Request, reads
from millrace.core.entities.entity import ViewType

MOST_ROWS: Final = 1_000
MOST_GROUP_KEYS: Final = 4

Experiments = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=100)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class OfRuns(Request, frozen=True, kw_only=True):
    """Runs that match: `filter` as in searches, `text` words that each stand in a name, id or tag,
    and `view` their stage of life."""

    experiment_ids: Experiments
    filter: str | None = None
    text: str | None = None
    view: ViewType | None = None


class GroupValue(Request, frozen=True, kw_only=True):
    """One key of a group and its value; without one: of the runs that have none."""

    column: Id
    value: str | None = None


class RunTree(Request, frozen=True, kw_only=True):
    """Rows as a tree of parents and children. `expanded`: ids of runs whose children are rows,
    too; `all`: those of everybody. A parent that does not match is there, marked, when a run
    below it matches."""

    expanded: tuple[str, ...] = ()
    all: bool = False


class QueryRunTable(OfRuns, frozen=True, kw_only=True):
    """A window on a table of runs.

    `columns` are `attributes.NAME`, `params.KEY`, `metrics.KEY`, `metrics.KEY.AGGREGATE` (last,
    first, min, max, mean, count, min_step, max_step, best, step_of_best), `tags.KEY`, `datasets`,
    `models` and `note`; backticks around a key say where it ends. Nothing else is read. `maximize`
    names the metrics that are best at their maximum.

    `order_by` holds columns, each with ASC or DESC behind it: params sort as numbers where they
    are, what is missing is last in both directions, ties go by start time, the newest first, then
    id. The `cursor` of an answer keeps order and total as they were for the windows that follow.

    With `group_by`, up to four columns, rows are groups: `limit` and `offset` count them, and
    columns hold count, mean and standard deviation. `within` asks for the runs of one group.
    """

    columns: Annotated[tuple[str, ...], msgspec.Meta(max_length=300)] = ()
    order_by: Annotated[tuple[str, ...], msgspec.Meta(max_length=10)] = ()
    maximize: tuple[str, ...] = ()
    offset: Count = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)] = 100
    cursor: str | None = None
    tree: RunTree | None = None
    group_by: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_GROUP_KEYS)] = ()
    within: Annotated[tuple[GroupValue, ...], msgspec.Meta(max_length=MOST_GROUP_KEYS)] = ()


class ExportRunTable(OfRuns, frozen=True, kw_only=True):
    """All matching runs, or those of them that `run_ids` names, as a Parquet file: `run_id`, then
    the `columns` of `queryRunTable` with the types that they have there, in the order of
    `order_by`. Headings are the columns without backticks; attributes go without their prefix."""

    columns: Annotated[tuple[str, ...], msgspec.Meta(max_length=300)] = ()
    order_by: Annotated[tuple[str, ...], msgspec.Meta(max_length=10)] = ()
    maximize: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()


class TableColumn(Reply, frozen=True, kw_only=True):
    """One cell for each row: text, a number (NaN and infinities as their words), a list of data
    sets or models, or null."""

    name: str
    values: tuple[Any, ...] = ()


class GroupColumn(Reply, frozen=True, kw_only=True):
    """Of each group: how many runs hold a finite number, their mean and their standard deviation
    (of a sample: null for one run)."""

    name: str
    count: tuple[int, ...] = ()
    mean: tuple[Any, ...] = ()
    std: tuple[Any, ...] = ()


class TreeColumns(Reply, frozen=True, kw_only=True):
    """Of each row: how deep it is, whether it matches itself, how many children it shows, and how
    many of all runs below it match."""

    depth: tuple[int, ...] = ()
    matches: tuple[bool, ...] = ()
    children: tuple[int, ...] = ()
    descendants: tuple[int, ...] = ()


class RunGroups(Reply, frozen=True, kw_only=True):
    """The groups of a window, in the order of their first runs. `keys` holds the values of each
    key, null where the runs have none; `runs` how many they are."""

    keys: tuple[TableColumn, ...] = ()
    runs: tuple[int, ...] = ()
    columns: tuple[GroupColumn, ...] = ()


class RunTable(Reply, frozen=True, kw_only=True):
    """A window. `total` counts rows (groups, if there are), `runs` the matching runs. `is_renewed`:
    the cursor was no longer known, so that rows may have moved."""

    total: int
    runs: int
    offset: int
    cursor: str
    is_renewed: bool | None = None
    run_ids: tuple[str, ...] = ()
    columns: tuple[TableColumn, ...] = ()
    tree: TreeColumns | None = None
    groups: RunGroups | None = None


class FindRunKeys(OfRuns, frozen=True, kw_only=True):
    """Keys that the matching runs have. `prefix` and `contains` narrow names, whatever their
    case; `order` is by name, or those first that most runs have."""

    kind: Literal["metric", "param", "tag"]
    prefix: str = ""
    contains: str = ""
    order: Literal["name", "coverage"] = "name"
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)] = 100
    offset: Count = 0


class RunKey(Reply, frozen=True, kw_only=True):
    """A key: how many of the runs have it, what kind of values it has and between which numbers
    they are (for metrics: the latest values), how many differ."""

    key: str
    runs: int
    type: Literal["number", "text", "mixed"]
    distinct: int
    minimum: float | str | None = None
    maximum: float | str | None = None


class RunKeys(Reply, frozen=True, kw_only=True):
    """`total`: keys of these names; `runs`: the matching runs."""

    total: int
    runs: int
    keys: tuple[RunKey, ...] = ()


class FindRunValues(OfRuns, frozen=True, kw_only=True):
    """`column`: `params.KEY`, `tags.KEY`, `attributes.NAME`, `datasets.name`, `datasets.digest` or
    `datasets.context`. `prefix` narrows values, whatever their case."""

    column: Id
    prefix: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)] = 20


class RunValue(Reply, frozen=True, kw_only=True):
    value: str
    runs: int


class RunValues(Reply, frozen=True, kw_only=True):
    """The most frequent first."""

    values: tuple[RunValue, ...] = ()


ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="queryRunTable",
        group="Run tables",
        method="POST",
        path="/millrace/runs/table",
        versions=("3.0",),
        request=QueryRunTable,
        response=RunTable,
        needs=reads(EachExperiment("experiment_ids")),
        body_limit=MIB,
        summary="Get a window on a table of runs, column by column, as a list, a tree or groups.",
    ),
    Endpoint(
        name="exportRunTable",
        group="Run tables",
        method="POST",
        path="/millrace/runs/export",
        versions=("3.0",),
        request=ExportRunTable,
        response=Bytes,
        needs=reads(EachExperiment("experiment_ids")),
        summary="Download a table of runs as a Parquet file.",
        streams="down",
    ),
    Endpoint(
        name="findRunKeys",
        group="Run tables",
        method="POST",
        path="/millrace/runs/keys",
        versions=("3.0",),
        request=FindRunKeys,
        response=RunKeys,
        needs=reads(EachExperiment("experiment_ids")),
        summary="Find metrics, params or tags of runs, each with how many of them have it.",
    ),
    Endpoint(
        name="findRunValues",
        group="Run tables",
        method="POST",
        path="/millrace/runs/values",
        versions=("3.0",),
        request=FindRunValues,
        response=RunValues,
        needs=reads(EachExperiment("experiment_ids")),
        summary="Find the most frequent values of a param, tag or attribute of runs.",
    ),
)
