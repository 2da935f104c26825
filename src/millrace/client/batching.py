"""The way that logged things take to one tracking URI: a queue, one sending thread, a spool.

While the server answers, asynchronous calls append to a queue and a daemon thread merges what
waits into batches; synchronous calls go straight out unless something of theirs is still queued.
When the server is away, everything goes to a journal on disk, in the same order, and the thread
sends the journal when the server is back. Nothing in here raises into the training thread but what
the caller of a synchronous call can mend.

A forked child starts with an empty queue: what the parent has logged, the parent sends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from millrace.client import spool as spools
from millrace.client.delivery import Delivery, Refusal
from millrace.client.records import LOCAL, Called, Parcel, Record, pack
from millrace.client.sync import Replay, tell
from millrace.core.errors import MillraceError, Unavailable
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.api.endpoint import Endpoint
    from millrace.client.spool import Journal, Spool
    from millrace.client.transports import Transport

Q = TypeVar("Q")
A = TypeVar("A")

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 10_000
"""Most records that are taken from the queue in one go."""
_FULL: Final = 1_000
"""So many waiting records are worth sending without waiting for more."""
_SYNC_S: Final = 1.0
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 30.0

KEPT: Final = "kept"
"""Outcome of a record that is safe on disk and not sent yet."""
SENT: Final = "sent"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel behaves; times in seconds."""

    buffering_s: float = 0.2
    queue_limit: int = 1_000_000
    spool_limit_bytes: int = 2 * 1024**3
    exit_s: float = 60.0
    is_offline: bool = False
    patience: Patience | None = None


class Pending(msgspec.Struct, gc=False, eq=False):
    """Something logged that is on its way. The garbage collector need not look at millions."""

    record: Record
    channel: Channel
    outcome: str | Exception | None = None

    def wait(self) -> None:
        """Return when it has arrived or is safe in the spool; raise if it was refused."""
        self.channel.wait_for(self)
        if isinstance(self.outcome, Exception):
            raise self.outcome


class Remaining(msgspec.Struct, frozen=True):
    """What a flush could not send: records in memory, bytes in the spool, and where that is."""

    queued: int = 0
    spooled_bytes: int = 0
    journal: str | None = None


class Channel:
    """Everything that goes to one tracking URI from this process. Thread-safe."""

    def __init__(
        self,
        uri: str,
        transport: Transport,
        spool: Spool,
        settings: Settings = Settings(),  # noqa: B008 - frozen
    ) -> None:
        self.uri = uri
        self.transport = transport
        self.spool = spool
        self.is_offline = settings.is_offline
        self._settings = settings
        self._delivery = Delivery(transport, spool, settings.patience)
        self._begin()
        _channels.add(self)

    def _begin(self) -> None:
        self._queue: deque[Pending] = deque()
        self._lock = threading.Lock()  # state and journal: held for moments
        self._turning = threading.Lock()  # the right to send: held while the server is asked
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._progress = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_idle = True
        self._is_sending = False
        self._taken: list[Pending] = []
        self._away: str | None = "offline" if self.is_offline else None
        self._journal: Journal | None = None
        self._replay: Replay | None = None
        self._retry_at = 0.0
        self._retry_s = _FIRST_RETRY_S
        self._reasons: set[str] = set()

    # --- in ------------------------------------------------------------------------------------

    @property
    def is_away(self) -> bool:
        """Whether the spool takes what is logged, because the server cannot be reached."""
        return self._away is not None

    def call(self, endpoint: Endpoint[Q, A], request: Q, *, patience: Patience | None = None) -> A:
        """Make a call now, past the queue. Offline: `Unavailable`."""
        if self.is_offline:
            raise Unavailable(
                f"MILLRACE_OFFLINE is set, so nobody can be asked to {endpoint.name}. "
                "Unset it, or do this after `millrace sync`."
            )
        return self.transport.call(endpoint, request, patience=patience)

    def submit(self, record: Record) -> Pending:
        """Queue *record* and return at once."""
        pending = Pending(record, self)
        self._queue.append(pending)
        if self._is_idle:
            self._rouse()
        if len(self._queue) >= self._settings.queue_limit:
            self._wait_for_room()
        return pending

    def write(self, record: Record) -> None:
        """Send *record*, behind what is queued; raise if it is refused.

        When the server is away, return as soon as the record is in the spool; raise `Unavailable`
        if it cannot be kept there either.
        """
        if self._away is not None and self._keep([record]):
            return
        if self._queue or self._is_sending:
            self.submit(record).wait()
            return
        try:
            refusals = [r for item in pack([record]) for r in self._delivery.send(item)]
        except MillraceError as error:
            self._leave(error)
            if not self._keep([record]):
                raise
            return
        if refusals:
            raise refusals[0].error

    def spool_create(self, record: Called, error: MillraceError) -> None:
        """Keep a create that *error* stopped; raise *error* when that is not possible."""
        self._leave(error)
        if not self._keep([record]):
            raise error

    def server_id(self, some_id: str) -> str:
        """What the server calls *some_id*; ids that it never saw come back unchanged."""
        if not some_id.startswith(LOCAL):
            return some_id
        return self.spool.server_id(some_id) or some_id

    # --- out -----------------------------------------------------------------------------------

    def wait_for(self, pending: Pending) -> None:
        """Wait until *pending* has an outcome."""
        if pending.outcome is None:
            self._hurry.set()
            with self._progress:
                while pending.outcome is None:
                    self._progress.wait(1.0)

    def flush(self, timeout_s: float | None = None) -> Remaining:
        """Wait until all that was queued has arrived or is in the spool, at most *timeout_s*."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self._queue or self._is_sending:
            left = 0.1 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                break
            if self._thread is None or not self._thread.is_alive():
                self._turn()  # an interpreter that shuts down starts no threads
                continue
            self._hurry.set()
            self._wake.set()
            with self._progress:
                self._progress.wait(min(left, 0.1))
        return self.remaining()

    def remaining(self) -> Remaining:
        """What has not been sent yet."""
        queued = len(self._queue) + sum(p.outcome is None for p in self._taken)
        with self._lock:
            if self._journal is None:
                return Remaining(queued)
            sent = 0 if self._replay is None else self._replay.cursor.offset
            left = self._journal.size - sent
            return Remaining(queued, left, str(self._journal.path))

    def close(self, timeout_s: float) -> Remaining:
        """Flush within *timeout_s*, keep on disk what is left, and let go of the connections.

        The channel stays usable; the next call connects again.
        """
        left = self.flush(timeout_s)
        if left.queued:
            # The server hangs. What is in flight may arrive twice, which changes nothing.
            error = Unavailable(f"{self.uri} did not take everything within {timeout_s:g} s.")
            self._leave(error, [p for p in self._taken if p.outcome is None])
        elif left.journal is not None and not self.is_offline and self._turning.acquire(timeout=1):
            try:
                self._catch_up()
            finally:
                self._turning.release()
        self._sync()
        self.transport.close()
        return self.remaining()

    def before_fork(self) -> None:
        """Let the transport prepare."""
        self.transport.before_fork()

    def after_fork(self, *, is_child: bool) -> None:
        """Go on; in the child with an empty queue and a journal of its own."""
        self.transport.after_fork(is_child=is_child)
        if is_child:
            if self._journal is not None:
                self._journal.close()
            self._begin()

    # --- the sending thread --------------------------------------------------------------------

    def _rouse(self) -> None:
        self._is_idle = False
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    thread = threading.Thread(target=self._run, name="millrace-sender", daemon=True)
                    with contextlib.suppress(RuntimeError):  # the interpreter shuts down
                        thread.start()
                        self._thread = thread
                        self._flush_when_child_exits()
        self._wake.set()

    def _flush_when_child_exits(self) -> None:
        """See to it that a child made by multiprocessing flushes: it runs no `atexit`."""
        processes = sys.modules.get("multiprocessing.process")
        if processes is not None and processes.parent_process() is not None:
            from multiprocessing.util import Finalize  # noqa: PLC0415 - loaded already, then

            Finalize(None, self.close, args=(self._settings.exit_s,), exitpriority=0)

    def _run(self) -> None:
        while True:
            self._is_idle = True
            if not self._queue:
                self._wake.wait(_SYNC_S if self._away is not None else None)
            self._wake.clear()
            self._is_idle = False
            if len(self._queue) < _FULL and not self._hurry.is_set():
                self._hurry.wait(self._settings.buffering_s)
            try:
                self._turn()
            except Exception:
                # A bug of ours: the training must not notice, and the log must.
                logger.exception("the sending thread stumbled and goes on")

    def _turn(self) -> None:
        """Send what waits, or move it to the journal."""
        with self._turning:
            self._take_turn()
        with self._progress:
            self._progress.notify_all()

    def _take_turn(self) -> None:
        self._hurry.clear()
        if self._away is None:
            self._is_sending = True
            try:
                while self._queue and self._away is None:
                    self._send_some()
            finally:
                self._is_sending = False
        if self._away is not None:
            self._keep([])
            self._sync()
            if not self.is_offline and time.monotonic() >= self._retry_at:
                self._catch_up()

    def _send_some(self) -> None:
        queue = self._queue
        taken = self._taken = [queue.popleft() for _ in range(min(len(queue), _AT_ONCE))]
        of_record = {id(pending.record): pending for pending in taken}
        try:
            for item in pack([pending.record for pending in taken]):
                self._settle(self._delivery.send(item), item, of_record)
        except MillraceError as error:
            self._leave(error, [p for p in taken if p.outcome is None])
        except Exception as error:
            for pending in taken:
                pending.outcome = pending.outcome or error
            raise
        finally:
            self._taken = []

    def _settle(
        self, refusals: list[Refusal], item: Parcel | Called, of_record: dict[int, Pending]
    ) -> None:
        self._complain(refusals)
        for refusal in refusals:
            of_record[id(refusal.record)].outcome = refusal.error
        for record in item.records if isinstance(item, Parcel) else (item,):
            pending = of_record[id(record)]
            if pending.outcome is None:
                pending.outcome = SENT
        with self._progress:
            self._progress.notify_all()

    def _complain(self, refusals: list[Refusal]) -> None:
        """Log each kind of refusal once; `Pending.wait` raises it every time."""
        kinds = {str(getattr(r.error, "error_code", type(r.error).__name__)) for r in refusals}
        if kinds - self._reasons:
            tell(refusals)
            self._reasons |= kinds

    def _wait_for_room(self) -> None:
        """Back-pressure: the memory is bounded, so the caller waits, or its record goes to disk."""
        while len(self._queue) >= self._settings.queue_limit:
            if self._away is not None:
                self._keep([])
                return
            self._hurry.set()
            with self._progress:
                self._progress.wait(0.1)

    # --- away ----------------------------------------------------------------------------------

    def _leave(self, error: MillraceError, unsent: Iterable[Pending] = ()) -> None:
        """The server is away: from here on everything goes to the journal."""
        with self._lock:
            is_new = self._away is None
            self._away = self._away or error.message
            self._queue.extendleft(reversed(list(unsent)))
            if is_new:
                self._retry_s = _FIRST_RETRY_S
                self._retry_at = time.monotonic() + self._retry_s
        if is_new:
            self._keep([])
            logger.warning(
                "%s What is logged from here on is kept in %s and sent when the server is back; "
                "should this process end before, `millrace sync` sends it.",
                error.message,
                self.spool.folder,
            )
            self._rouse()

    def _keep(self, records: list[Record]) -> bool:
        """Move the queue, then *records*, to the journal; False when that is not possible.

        False also when the server is back meanwhile: then there is no journal.
        """
        with self._lock:
            if self._away is None:
                return False
            waiting = [self._queue.popleft() for _ in range(len(self._queue))]
            error: Exception | None = None
            if waiting or records:
                try:
                    self._open_journal().append([*(p.record for p in waiting), *records])
                except (OSError, ValueError, MillraceError) as failure:
                    error = failure
            for pending in waiting:
                pending.outcome = error or KEPT
        if self._is_idle and (waiting or records):
            self._rouse()  # it makes the journal safe against power cuts, and tries again
        if error is not None:
            lost = [Refusal(pending.record, error) for pending in waiting]
            self._complain([*lost, *(Refusal(record, error) for record in records)])
        with self._progress:
            self._progress.notify_all()
        return error is None

    def _open_journal(self) -> Journal:
        if self._journal is None:
            head = spools.header(self.uri, is_offline=self.is_offline)
            limit = self._settings.spool_limit_bytes
            self._journal = spools.Journal(self.spool, head, limit_bytes=limit)
            self._replay = Replay(self._journal.path, self.transport, self.spool)
        return self._journal

    def _sync(self) -> None:
        journal = self._journal
        if journal is not None:
            try:
                journal.sync()
            except OSError as error:
                logger.warning("%s may not survive a power cut: %s", journal.path, error)

    def _catch_up(self) -> None:
        """Send the journal; when nothing is left of it, the server is back."""
        replay = self._replay
        try:
            while replay is not None and replay.step(self._settings.patience):
                pass
        except MillraceError as error:
            self._retry_at = time.monotonic() + self._retry_s
            self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
            logger.debug("still away: %s", error)
            return
        with self._lock:
            if replay is not None and replay.remaining_bytes():
                return  # the next turn
            if self._journal is not None:
                self._journal.remove()
            self._journal = self._replay = None
            self._away = None
        if replay is not None:
            logger.warning("The server is back; %s records were sent late.", replay.cursor.sent)


_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


def _before_fork() -> None:
    _forking[:] = _channels
    for channel in _forking:
        channel.before_fork()


def _after_fork(*, is_child: bool) -> None:
    for channel in reversed(_forking):
        channel.after_fork(is_child=is_child)
    _forking.clear()


# Those that were prepared, and no other, go on afterwards.
_forking: list[Channel] = []

if sys.platform != "win32":
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(is_child=False),
        after_in_child=lambda: _after_fork(is_child=True),
    )
