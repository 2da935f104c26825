"""The active runs: one stack for each thread and each asyncio task, and what runs beside a run.

In a notebook the stack belongs to the thread, because every cell runs in a context of its own
there. A forked child inherits the stack and may log into its runs; only the process that opened a
run ends it.
"""

from __future__ import annotations

import logging
import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from millrace.client import context
from millrace.client.ending import WATCH, Ending, RunStopped, ending_of, stopped
from millrace.client.entities import RunTag
from millrace.client.lease import PULSE
from millrace.core import settings, tags
from millrace.core.entities.run import Run

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from millrace.client.client import MillraceClient
    from millrace.client.output import Output
    from millrace.core.entities.run import StopAsked
    from millrace.telemetry.sampler import Sampler

logger = logging.getLogger(__name__)

_LAST_WORDS_S: Final = 4.0
"""Longest time that the end of the process waits for the last lines of a run's output."""


class ActiveRun(Run, frozen=True, kw_only=True):
    """A run that is under way. As a context manager it ends with the block, as the block ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened = STACK.opened.get(self.info.run_id)
        if opened is not None and error is not None:
            opened.note(error)
        end(self.info.run_id, ending_of(error), quietly=error is not None)


class Opened:
    """An active run: its client, and what runs beside it. `data` is as it was at the start.

    `stop`: somebody has asked it to stop.
    """

    def __init__(
        self,
        run: ActiveRun,
        client: MillraceClient,
        sampler: Sampler | None,
        output: Output | None = None,
    ) -> None:
        self.run = run
        self.run_id = run.info.run_id
        self.client = client
        self.stop: StopAsked | None = None
        self._heeds_stop = settings.STOP_WHEN_ASKED.get()
        self._told: set[int] = set()  # threads that know of it
        self._sampler = sampler
        self._output = output
        self._pid = os.getpid()

    def begin(self) -> None:
        """Start the heartbeat, the sampler and the listener to what is printed; have the run ended
        should the process end."""
        lease_s = settings.LEASE_SECONDS.get()
        PULSE.begin(self.run_id, self.client.channel, lease_s, self._asked_to_stop)
        WATCH.begin(self.run_id, self.end_with_process)
        if self._sampler is not None:
            self._sampler.start()
        if self._output is not None:
            self._output.begin()

    def note(self, error: BaseException) -> None:
        """*error* ends the run; that somebody ended it on purpose is no news."""
        is_meant = isinstance(error, RunStopped | SystemExit)
        if self._output is not None and not is_meant and self._pid == os.getpid():
            self._output.note(error)

    def heed(self) -> None:
        """Raise `RunStopped` once in each thread after somebody has asked it to stop."""
        if self.stop is not None and self._heeds_stop and threading.get_ident() not in self._told:
            self._told.add(threading.get_ident())
            raise RunStopped(self.run_id, self.stop.by)

    def is_asked_to_stop(self) -> bool:
        """Whether somebody has; a thread that knows is not interrupted any more."""
        if self.stop is None:
            return False
        self._told.add(threading.get_ident())
        return True

    def _asked_to_stop(self, asked: StopAsked) -> None:
        if self.stop is None:
            self.stop = asked
            logger.warning("%s has asked run %s to stop", asked.by, self.run_id)

    def _ended(self, ending: Ending) -> Ending:
        """A script that was told to stop and then ended in peace did not finish."""
        if self.stop is not None and self._told and ending.status == "FINISHED":
            return stopped(self.stop.by)
        return ending

    def end(self, ending: Ending) -> None:
        """Tell the server how it ended, behind all that was logged."""
        ending = self._ended(ending)
        if self._halt():
            if self._output is not None:
                self._output.end()
            self.client.flush_artifacts()
            self.client.log_batch(self.run_id, tags=[_cause(ending)], synchronous=True)
            self.client.set_terminated(self.run_id, ending.status)

    def end_with_process(self, ending: Ending) -> None:
        """The same, without waiting for the server: the process has only so long."""
        ending = self._ended(ending)
        if self._halt():
            if self._output is not None:
                self._output.end(min(_LAST_WORDS_S, settings.EXIT_FLUSH_SECONDS.get()))
            self.client.log_batch(self.run_id, tags=[_cause(ending)], synchronous=False)
            self.client.set_terminated(self.run_id, ending.status, synchronous=False)

    def _halt(self) -> bool:
        """Stop what runs beside it; False in a process that did not open it."""
        if self._pid != os.getpid():
            return False
        if self._sampler is not None:
            self._sampler.stop()
        PULSE.end(self.run_id)
        WATCH.forget(self.run_id)
        return True


class Stack:
    """The active runs of this thread or task, the innermost last."""

    def __init__(self) -> None:
        self._of_context: ContextVar[tuple[Opened, ...]] = ContextVar("millrace_runs", default=())
        self._of_thread = threading.local()
        self.last: Opened | None = None
        self.opened: dict[str, Opened] = {}
        """All that are open in this process, whichever thread or task has opened them."""

    def get(self) -> tuple[Opened, ...]:
        """The runs."""
        if context.is_notebook():
            found: tuple[Opened, ...] = getattr(self._of_thread, "runs", ())
            return found
        return self._of_context.get()

    def put(self, runs: tuple[Opened, ...]) -> None:
        """Let these be the active runs."""
        if context.is_notebook():
            self._of_thread.runs = runs
        else:
            self._of_context.set(runs)

    def push(self, run: Opened) -> None:
        """Let *run* be the innermost."""
        self.last = run
        self.opened[run.run_id] = run
        self.put((*self.get(), run))


STACK: Final = Stack()


def end(run_id: str, ending: Ending, *, quietly: bool = False) -> None:
    """End a run of the stack, and first those that were left open inside it.

    *quietly*: an exception is under way, which must not be replaced by one of ours.
    """
    runs = STACK.get()
    place = next((i for i, each in enumerate(runs) if each.run_id == run_id), len(runs))
    inner = list(reversed(runs[place:]))
    STACK.put(runs[:place])
    if not inner and run_id in STACK.opened:
        inner = [STACK.opened[run_id]]  # a block that was entered in another thread or task
    for each in inner:
        STACK.opened.pop(each.run_id, None)
        try:
            each.end(ending)
        except Exception:
            if not quietly:
                raise
            logger.exception("run %s could not be ended", each.run_id)


def _cause(ending: Ending) -> RunTag:
    return RunTag(tags.END_CAUSE, ending.cause)
