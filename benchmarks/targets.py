"""What Millrace has to reach, as rows: one figure, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass, replace

LIMIT = "limit"


@dataclass(frozen=True)
class Against:
    """A figure to be *times* times better than; below 1 it may be that much worse."""

    contender: str
    times: float
    scenario: str = ""
    """Where the other figure stands in another scenario, or is another figure."""
    figure: str = ""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One row of the table of targets. Without conditions it is shown for information."""

    title: str
    scenario: str
    figure: str
    cpu: str = ""
    """The figure of server CPU per operation: what counts on a machine that is not quiet."""
    unit: str
    higher_is_better: bool = False
    against: tuple[Against, ...] = ()
    at_most: float | None = None


def _peers(mlflow: float, fasttrackml: float | None = None) -> tuple[Against, ...]:
    rows = (Against("mlflow", mlflow),)
    return rows if fasttrackml is None else (*rows, Against("fasttrackml", fasttrackml))


_HELLO = Against(LIMIT, 0.15, "hello-16", "core_req_per_s")
_RAW = Against(LIMIT, 0.3, "raw-sqlite", "rows_per_s")
_RAW_POSTGRES = Against(LIMIT, 0.5, "raw-postgresql", "rows_per_s")

GOALS = (
    Goal(
        title="log-metric, 16 connections",
        scenario="log-metric-16",
        figure="req_per_s",
        cpu="cpu_us",
        unit="req/s",
        higher_is_better=True,
        against=(*_peers(50, 3), _HELLO),
    ),
    Goal(
        title="log-metric, server CPU each",
        scenario="log-metric-16",
        figure="cpu_us",
        unit="µs",
        against=_peers(50, 5),
    ),
    Goal(
        title="log-metric, 1 connection, p50",
        scenario="log-metric-1",
        figure="p50_ms",
        cpu="cpu_us",
        unit="ms",
        against=_peers(10, 1.5),
    ),
    Goal(
        title="log-batch of 1,000, 1 connection",
        scenario="log-batch-1",
        figure="metrics_per_s",
        cpu="cpu_us_per_metric",
        unit="metrics/s",
        higher_is_better=True,
        against=(*_peers(18, 5), _RAW),
    ),
    Goal(
        title="log-batch of 1,000, 8 connections",
        scenario="log-batch-8",
        figure="metrics_per_s",
        cpu="cpu_us_per_metric",
        unit="metrics/s",
        higher_is_better=True,
        against=(*_peers(18, 5), _RAW),
    ),
    Goal(
        title="run with 20 params, 10 tags, 1 connection",
        scenario="lifecycle-1",
        figure="runs_per_s",
        cpu="cpu_us_per_run",
        unit="runs/s",
        higher_is_better=True,
    ),
    Goal(
        title="run with 20 params, 10 tags, 8 connections",
        scenario="lifecycle-8",
        figure="runs_per_s",
        cpu="cpu_us_per_run",
        unit="runs/s",
        higher_is_better=True,
        against=_peers(25, 1.5),
    ),
    Goal(
        title="search, first page of 1,000",
        scenario="search-1000",
        figure="p50_ms",
        cpu="cpu_ms",
        unit="ms",
        against=_peers(50, 8),
    ),
    Goal(title="search, first page of 100", scenario="search-100", figure="p50_ms", unit="ms"),
    Goal(
        title="search, metric + param filter, ordered, 100",
        scenario="search-filter-order",
        figure="p50_ms",
        cpu="cpu_ms",
        unit="ms",
        against=_peers(30, 5),
    ),
    Goal(
        title="search, ordered by metric, 100",
        scenario="search-order-metric",
        figure="p50_ms",
        cpu="cpu_ms",
        unit="ms",
        against=_peers(500, 8),
    ),
    Goal(
        title="search, tag LIKE, 100",
        scenario="search-tag-like",
        figure="p50_ms",
        cpu="cpu_ms",
        unit="ms",
        against=_peers(8, 2),
    ),
    Goal(
        title="search, all pages of 1,000",
        scenario="search-all-pages",
        figure="total_s",
        cpu="cpu_s",
        unit="s",
        against=_peers(30),
    ),
    Goal(
        title="last page over first page",
        scenario="search-all-pages",
        figure="last_over_first",
        unit="x",
        at_most=1.3,
    ),
    Goal(
        title="runs/get, p50",
        scenario="runs-get",
        figure="p50_ms",
        cpu="cpu_ms",
        unit="ms",
        against=_peers(15, 1.5),
    ),
    Goal(
        title="history of 100,000 points, server CPU",
        scenario="history-paged",
        figure="cpu_s",
        unit="s",
        against=_peers(15, 5),
    ),
    Goal(
        title="history of 100,000 points, wall", scenario="history-paged", figure="wall_s", unit="s"
    ),
    Goal(
        title="history sampled to 320",
        scenario="history-sampled",
        figure="p50_ms",
        cpu="cpu_ms",
        unit="ms",
        against=_peers(80),
    ),
    Goal(
        title="the same of up to 10 million points, beside 100,000",
        scenario="history-sampled-long-10000000",
        figure="p50_ms",
        unit="ms",
        against=(Against("millrace", 1 / 1.5, "history-sampled-long-100000", "p50_ms"),),
    ),
    Goal(
        title="soak, 32 clients x 100 metrics",
        scenario="soak-32",
        figure="metrics_per_s",
        cpu="cpu_us_per_metric",
        unit="metrics/s",
        higher_is_better=True,
        against=_peers(100, 4),
    ),
    Goal(
        title="soak, p99",
        scenario="soak-32",
        figure="p99_ms",
        unit="ms",
        against=(Against("fasttrackml", 5),),
        at_most=150.0,
    ),
    Goal(title="soak, failed calls", scenario="soak-32", figure="failures", unit="", at_most=0.0),
    Goal(
        title="launch to /health",
        scenario="launch",
        figure="health_s",
        unit="s",
        against=_peers(10),
        at_most=1.0,
    ),
    Goal(
        title="idle memory (PSS of the tree; MLflow as it comes)",
        scenario="launch",
        figure="pss_mb",
        unit="MB",
        against=(Against("mlflow-jobs", 20), Against("fasttrackml", 1 / 2.5)),
        at_most=80.0,
    ),
    Goal(title="stored per metric point", scenario="disk", figure="bytes_per_point", unit="bytes"),
    Goal(
        title="client import",
        scenario="client-import",
        figure="import_wall_s",
        unit="s",
        against=_peers(12),
        at_most=0.15,
    ),
    Goal(
        title="client log_metric, asynchronous",
        scenario="client-calls",
        figure="asynchronous_us",
        unit="µs",
        against=(Against("mlflow", 60, "client-calls", "asynchronous_us"),),
        at_most=10.0,
    ),
    Goal(
        title="client queue to durable",
        scenario="client-calls",
        figure="durable_per_s",
        unit="metrics/s",
        higher_is_better=True,
        against=_peers(200),
    ),
    Goal(
        title="1,000 files of 4 KB, logged by a client",
        scenario="client-files",
        figure="many_up_s",
        unit="s",
        against=_peers(10),
    ),
    Goal(
        title="1,000 files of 4 KB, downloaded by a client",
        scenario="client-files",
        figure="many_down_s",
        unit="s",
        against=_peers(20),
    ),
    Goal(
        title="1,000 files, listed by a client",
        scenario="client-files",
        figure="list_s",
        unit="s",
        against=_peers(10),
    ),
    Goal(
        title="256 MiB, logged by a client",
        scenario="client-files",
        figure="large_up_s",
        unit="s",
        against=_peers(3),
    ),
    Goal(
        title="256 MiB, downloaded by a client",
        scenario="client-files",
        figure="large_down_s",
        unit="s",
        against=_peers(5),
    ),
    Goal(
        title="artifact of 256 MiB, up",
        scenario="artifact-large",
        figure="up_mb_per_s",
        unit="MB/s",
        higher_is_better=True,
        against=_peers(3),
    ),
    Goal(
        title="artifact of 256 MiB, down",
        scenario="artifact-large",
        figure="down_mb_per_s",
        unit="MB/s",
        higher_is_better=True,
        against=_peers(5),
    ),
    Goal(
        title="artifacts of 4 KB, up",
        scenario="artifact-small",
        figure="up_per_s",
        unit="files/s",
        higher_is_better=True,
        against=_peers(10),
    ),
    Goal(
        title="artifacts of 4 KB, down",
        scenario="artifact-small",
        figure="down_per_s",
        unit="files/s",
        higher_is_better=True,
        against=_peers(20),
    ),
    Goal(
        title="listing 1,000 artifacts",
        scenario="artifact-small",
        figure="list_ms",
        unit="ms",
        against=_peers(10),
    ),
    Goal(
        title="p99 of a record, beside eight uploads, over alone",
        scenario="artifact-beside",
        figure="ratio",
        unit="times",
        at_most=2.0,
    ),
)

# On PostgreSQL these conditions hold instead; the others are the same.
_ON_POSTGRES: dict[tuple[str, str], tuple[Against, ...]] = {
    ("log-metric-16", "req_per_s"): _peers(20, 3),
    ("log-metric-16", "cpu_us"): (),
    ("log-metric-1", "p50_ms"): (),
    ("log-batch-1", "metrics_per_s"): (),
    ("log-batch-8", "metrics_per_s"): (*_peers(10, 2), _RAW_POSTGRES),
    ("lifecycle-8", "runs_per_s"): (),
    ("search-order-metric", "p50_ms"): _peers(20, 8),
}
_NOT_STORED = ("artifact", "client", "launch", "disk")


def goals(database: str) -> tuple[Goal, ...]:
    """What holds for servers on a database."""
    if database == "sqlite":
        return GOALS
    return tuple(
        replace(goal, against=_ON_POSTGRES.get((goal.scenario, goal.figure), goal.against))
        for goal in GOALS
        if not goal.scenario.startswith(_NOT_STORED)
    )
