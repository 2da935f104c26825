"""What is measured: every scenario is a row here, and its function in a module beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.contenders import Database, Target
from benchmarks.scenarios import artifacts, client, history, search, writes
from benchmarks.scenarios.outcome import Effort, Outcome
from benchmarks.seeding import Seed


@dataclass(frozen=True)
class Write:
    """Runs against a server that was started empty for this round."""

    name: str
    measure: Callable[[Target, Effort], Outcome]
    needs_client: bool = False


@dataclass(frozen=True)
class Read:
    """Runs against a server that was seeded before."""

    name: str
    measure: Callable[[Target, Seed, Effort], Outcome]
    large: bool = False
    """Also measured on the large seed."""


LAUNCH = "launch"
"""Measured while a round's servers are started."""
DISK = "disk"
"""Measured while the seeded servers are filled."""
HELLO = "hello-16"
RAW: dict[Database, str] = {"sqlite": "raw-sqlite", "postgresql": "raw-postgresql"}
LONG_HISTORY = "history-sampled-long"
LARGE_SUFFIX = "@100k"

WRITES = (
    Write("log-metric-1", partial(writes.log_metric, connections=1)),
    Write("log-metric-16", partial(writes.log_metric, connections=16)),
    Write("log-batch-1", partial(writes.log_batch, connections=1)),
    Write("log-batch-8", partial(writes.log_batch, connections=8)),
    Write("lifecycle-1", partial(writes.lifecycle, connections=1)),
    Write("lifecycle-8", partial(writes.lifecycle, connections=8)),
    Write("client-import", client.importing, needs_client=True),
    Write("client-calls", client.calling, needs_client=True),
    Write("client-files", client.files, needs_client=True),
    Write("artifact-large", artifacts.large),
    Write("artifact-small", artifacts.small),
    Write("artifact-beside", artifacts.beside),
    Write("soak-32", partial(writes.soak, clients=32)),
)
READS = (
    Read("search-1000", partial(search.first_page, rows=1_000), large=True),
    Read("search-100", partial(search.first_page, rows=100), large=True),
    Read("search-filter-order", search.filter_order, large=True),
    Read("search-tag-like", search.tag_like, large=True),
    Read("search-order-metric", search.order_by_metric, large=True),
    Read("search-all-pages", search.all_pages, large=True),
    Read("runs-get", search.get_run, large=True),
    Read("history-paged", history.paged),
    Read("history-sampled", history.sampled),
)


def names() -> list[str]:
    """Every scenario that `--only` may name."""
    rows = [row.name for row in (*WRITES, *READS)]
    return [HELLO, *RAW.values(), LAUNCH, DISK, *rows, "large"]
