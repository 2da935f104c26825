"""Logs of runs, a page at a time: requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from millrace.api.endpoint import Endpoint, ExperimentOfRun, Id, Reply, Request, reads
from millrace.core.loglines import Level, Stream

MOST_LINES: Final = 1_000

Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class LogOfRun(Request, frozen=True, kw_only=True):
    """Lines of the log at `path` of a run: of a file, or of a folder whose name ends in `.log`,
    whose files are read one after the other.

    With `level`, only lines that are at least as grave, of logs of up to 10,000,000 lines. How
    grave a line is, is told by the words that loggers write; what is indented belongs to the line
    before.
    """

    run_id: Id
    path: Id
    level: Level | None = None


class ReadLog(LogOfRun, frozen=True, kw_only=True):
    """A page of `LogOfRun`; a negative `offset` counts from the end."""

    offset: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=MOST_LINES)] = 200


class SearchLog(LogOfRun, frozen=True, kw_only=True):
    """The first line from `line` on (counted from 0, whatever the `level`) that holds `text`,
    whatever its case; with `backward`, the last one up to it."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    line: Number = 0
    backward: bool = False


class LogLine(Reply, frozen=True, kw_only=True):
    """`line`: its number in all of the log, from 0. `time_ms` and `stream` of what the client kept
    of the output of a run; `is_cut`: only its beginning is here."""

    line: int
    text: str
    time_ms: int | None = None
    stream: Stream | None = None
    level: Level | None = None
    is_cut: bool | None = None


class LogPage(Reply, frozen=True, kw_only=True):
    """`total`: lines that match; `lines`, `size`: of all of the log."""

    total: int
    lines: int
    size: int
    offset: int
    rows: tuple[LogLine, ...] = ()


class LogHit(Reply, frozen=True, kw_only=True):
    """The number of the line that was found, and its place among the lines that match `level`;
    both are absent when there is none."""

    line: int | None = None
    row: int | None = None


_ON_RUN = ExperimentOfRun("run_id")

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="readLog",
        group="Artifacts",
        method="GET",
        path="/millrace/artifacts/log",
        request=ReadLog,
        response=LogPage,
        needs=reads(_ON_RUN),
        summary="Read a page of lines of a log of a run.",
        versions=("3.0",),
    ),
    Endpoint(
        name="searchLog",
        group="Artifacts",
        method="GET",
        path="/millrace/artifacts/log/search",
        request=SearchLog,
        response=LogHit,
        needs=reads(_ON_RUN),
        summary="Find the next line of a log of a run that holds a text.",
        versions=("3.0",),
    ),
)
