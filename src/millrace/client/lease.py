"""The heartbeat of live runs: a promise, renewed three times per lease, that they still go on.

One daemon thread beats for all runs of this process. The answer to a beat says whether somebody has
asked the run to stop. A server that knows no heartbeats is not asked again for that run. A forked
child does not beat: its parent does.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from millrace.api.table import BY_NAME
from millrace.api.tracking import Heartbeat
from millrace.client.delivery import is_away
from millrace.client.records import LOCAL
from millrace.core.errors import MillraceError
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.client.batching import Channel
    from millrace.core.entities.run import StopAsked

    OnStop = Callable[[StopAsked], None]

logger = logging.getLogger(__name__)

_BEATS_PER_LEASE: Final = 3
_SHORTEST_MS: Final = 1_000


class Pulse:
    """Beats for the runs that are given to it. Thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all runs, without a word: in a forked child they are the parent's."""
        self._changed = threading.Condition()
        self._runs: dict[str, _Lease] = {}
        self._thread: threading.Thread | None = None

    def begin(self, run_id: str, channel: Channel, lease_s: float, on_stop: OnStop) -> None:
        """Beat for *run_id* from now on; the first beat is on its way when this returns. *on_stop*
        is called in the thread that beats, with every answer that says so."""
        if channel.is_offline or lease_s <= 0:
            return
        with self._changed:
            self._runs[run_id] = _Lease(run_id, channel, lease_s, on_stop)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="millrace-lease", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def end(self, run_id: str) -> None:
        """Stop beating for *run_id*."""
        with self._changed:
            self._runs.pop(run_id, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [lease for lease in self._runs.values() if lease.due <= now]
                if not due:
                    times = [lease.due - now for lease in self._runs.values()]
                    self._changed.wait(min(times, default=None))
                    continue
            for lease in due:
                lease.due = time.monotonic() + lease.interval_s
                if not lease.beat():
                    self.end(lease.run_id)


class _Lease:
    def __init__(self, run_id: str, channel: Channel, lease_s: float, on_stop: OnStop) -> None:
        self.run_id = run_id
        self._on_stop = on_stop
        self.interval_s = lease_s / _BEATS_PER_LEASE
        self.due = time.monotonic()
        self._channel = channel
        self._ttl_ms = max(int(lease_s * 1000), _SHORTEST_MS)
        self._patience = Patience(retries=0, timeout_s=max(self.interval_s, 1.0))

    def beat(self) -> bool:
        """Send one heartbeat; False when the server does not want any for this run."""
        run_id = self._channel.server_id(self.run_id)
        if run_id.startswith(LOCAL):
            return True  # still in the spool
        request = Heartbeat(run_id=run_id, run_uuid=run_id, ttl_ms=self._ttl_ms)
        try:
            told = self._channel.call(BY_NAME["heartbeat"], request, patience=self._patience)
        except MillraceError as error:
            if is_away(error):
                return True
            # MLflow's server has no such endpoint: its runs have no lease and are never lost.
            logger.debug("no heartbeats for run %s: %s", run_id, error)
            return False
        if told.stop is not None:
            self._on_stop(told.stop)
        return True


PULSE: Final = Pulse()

if sys.platform != "win32":
    os.register_at_fork(after_in_child=PULSE.reset)
