"""A look into artifacts: pages of tables, and the media of a run. Requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from millrace.api.endpoint import (
    Endpoint,
    ExperimentOfModel,
    ExperimentOfRun,
    Id,
    Reply,
    Request,
    reads,
)
from millrace.api.tracking import OfRun

MOST_ROWS: Final = 1_000

MediaKind = Literal["image", "audio", "video", "table", "page"]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


Conditions = Annotated[tuple[str, ...], msgspec.Meta(max_length=20)]


class RowsOfTable(Request, frozen=True, kw_only=True):
    """Rows of the table in a file: CSV, TSV, Parquet, Feather (Arrow), or the JSON of `log_table`.

    `text` narrows to rows in which a cell holds it, whatever its case; each of `where` is
    `<column> <operator> <value>` with `=`, `!=`, `<`, `<=`, `>`, `>=` or `~` (holds, whatever its
    case), and all have to hold. Numbers compare as numbers; `<column> =` is what is missing.
    """

    text: str | None = None
    where: Conditions = ()


class TablePage(RowsOfTable, frozen=True, kw_only=True):
    """A page of `RowsOfTable`.

    `sort_by` names a column: numbers sort as numbers, what is missing is last in both directions,
    ties stay as they are in the file. Sorting and narrowing are for tables of up to 1,000,000 rows.

    With `count` false, delimited text is read no further than to the end of the page, unless it
    has to be sorted or narrowed: the first rows of a large file come at once.
    """

    offset: Count = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)] = 100
    sort_by: str | None = None
    descending: bool = False
    count: bool = True


class ReadTable(TablePage, frozen=True, kw_only=True):
    """`TablePage` of the file at `path` of a run."""

    run_id: Id
    path: Id


class ReadModelTable(TablePage, frozen=True, kw_only=True):
    """`TablePage` of the file at `path` of a logged model."""

    model_id: Id
    path: Id


class ReadColumn(RowsOfTable, frozen=True, kw_only=True):
    """A column of `RowsOfTable` of the file at `path` of a run, of up to 1,000,000 rows."""

    run_id: Id
    path: Id
    column: str


class ReadModelColumn(RowsOfTable, frozen=True, kw_only=True):
    """A column of `RowsOfTable` of the file at `path` of a logged model, of up to 1,000,000
    rows."""

    model_id: Id
    path: Id
    column: str


class CellCount(Reply, frozen=True, kw_only=True):
    """A value, as text, and how many rows have it."""

    value: str
    rows: int


class ColumnFigures(Reply, frozen=True, kw_only=True):
    """`rows` that match, and how many of them are `missing` a value; `frequent`: the values that
    most have. `distinct` and `frequent` are absent beyond 100,000 values. Of finite numbers also
    how they spread; `bins` are as wide as each other, from `least` to `greatest`."""

    name: str
    type: str
    is_number: bool
    rows: int
    missing: int = 0
    distinct: int | None = None
    frequent: tuple[CellCount, ...] = ()
    least: float | None = None
    greatest: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quartiles: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()


class FileColumn(Reply, frozen=True, kw_only=True):
    """A cell for each row: text, a number, true or false, or null. `type` is the file's word for
    it; of delimited text, `number` or `text`. Whole numbers beyond 2**53 and numbers that JSON has
    no word for are text; so is what has a structure. Long text ends in an ellipsis."""

    name: str
    type: str
    is_number: bool
    values: tuple[Any, ...] = ()


class FileTable(Reply, frozen=True, kw_only=True):
    """`total`: rows that match; `rows`: rows of the table. `is_cut`: only the first part of the
    file was looked at, because it is larger than this server reads for a page. `is_uncounted`:
    more rows follow, and both numbers are of those up to the end of the page."""

    total: int
    rows: int
    offset: int
    columns: tuple[FileColumn, ...] = ()
    is_cut: bool | None = None
    is_uncounted: bool | None = None


class ListMedia(OfRun, frozen=True, kw_only=True):
    """What a run has to look at or to listen to; with `key`, only images that are logged under
    it."""

    key: str | None = None


class KeyedImages(Reply, frozen=True, kw_only=True):
    """Images under one key, in the order of their steps, then times. `thumbnails` are paths of
    small versions, at most 256 pixels either way, null where there is none."""

    key: str
    steps: tuple[int, ...] = ()
    timestamps: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    thumbnails: tuple[str | None, ...] = ()


class MediaFile(Reply, frozen=True, kw_only=True):
    """Another file, by what it is; `page`: HTML."""

    path: str
    kind: MediaKind
    file_size: int = 0


class Media(Reply, frozen=True, kw_only=True):
    """`is_partial`: there is more than one answer lists, or looks through."""

    images: tuple[KeyedImages, ...] = ()
    files: tuple[MediaFile, ...] = ()
    is_partial: bool | None = None


_ON_RUN, _ON_MODEL = ExperimentOfRun("run_id"), ExperimentOfModel("model_id")

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="readTable",
        group="Artifacts",
        method="GET",
        path="/millrace/artifacts/table",
        request=ReadTable,
        response=FileTable,
        needs=reads(_ON_RUN),
        summary="Read a page of a table that is a file of a run.",
        versions=("3.0",),
    ),
    Endpoint(
        name="readLoggedModelTable",
        group="Artifacts",
        method="GET",
        path="/millrace/logged-models/{model_id}/artifacts/table",
        request=ReadModelTable,
        response=FileTable,
        needs=reads(_ON_MODEL),
        summary="Read a page of a table that is a file of a logged model.",
        versions=("3.0",),
    ),
    Endpoint(
        name="readTableColumn",
        group="Artifacts",
        method="GET",
        path="/millrace/artifacts/table/column",
        request=ReadColumn,
        response=ColumnFigures,
        needs=reads(_ON_RUN),
        summary="Get the figures of a column of a table that is a file of a run.",
        versions=("3.0",),
    ),
    Endpoint(
        name="readLoggedModelTableColumn",
        group="Artifacts",
        method="GET",
        path="/millrace/logged-models/{model_id}/artifacts/table/column",
        request=ReadModelColumn,
        response=ColumnFigures,
        needs=reads(_ON_MODEL),
        summary="Get the figures of a column of a table that is a file of a logged model.",
        versions=("3.0",),
    ),
    Endpoint(
        name="listMedia",
        group="Artifacts",
        method="GET",
        path="/millrace/artifacts/media",
        request=ListMedia,
        response=Media,
        needs=reads(_ON_RUN),
        summary="List images by key and step, and other media of a run.",
        versions=("3.0",),
    ),
)
