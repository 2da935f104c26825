"""What several tests of the client need: waiting for a condition, journals and their records."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from millrace.api.tracking import CreateRun, UpdateRun
from millrace.client import spool as spools
from millrace.client.records import Logged, called, entries, point
from millrace.client.spool import Journal, Spool
from millrace.core import tags


def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "this did not come true in time"
        threading.Event().wait(0.005)


def journal(spool: Spool, *, is_offline: bool = True, uri: str = "uri://x") -> Journal:
    """A new journal in *spool*, written by this process."""
    return Journal(spool, spools.header(uri, is_offline=is_offline), limit_bytes=10**9)


def begun(made: str) -> object:
    found = entries("Tag", {tags.SPOOL_ID: made})
    request = CreateRun(experiment_id="0", start_time=5, tags=found)
    return called("createRun", request, local_id=made, key=f"key-{made}")


def logged(run_id: str, step: int) -> Logged:
    return Logged(run_id, (point("m", float(step), 1, step),))


def ended(run_id: str) -> object:
    request = UpdateRun(run_id=run_id, run_uuid=run_id, status="FINISHED", end_time=9)
    return called("updateRun", request, run_id)
