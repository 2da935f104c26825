"""Group commit: one thread writes, everything waiting shares one transaction.

Callers hand in an operation and get a Future that is resolved after COMMIT has returned, so what
was acknowledged is on disk. A lone operation is committed at once; while one commit is under way
the next group gathers, so that a slow disk makes groups larger instead of callers slower.

An operation looks before it writes and raises a `MillraceError` before its first change; then its
neighbours in the group are not affected. Those that cannot promise it run in a savepoint. Any other
exception undoes the whole group, and each of its operations is tried once more by itself.

What passes by itself, such as a connection that was lost or a deadlock, undid the whole group; it
is applied again for some time before anybody is told. When the connection was lost on COMMIT, the
next one is asked whether it happened (`turns`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError

from millrace.core.errors import MillraceError, Unavailable
from millrace.stores.sql.engine import CommitUnknown, NotBegun, Session
from millrace.stores.sql.faults import PASSING, explain, fault_of
from millrace.stores.write_queue import WriteQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from millrace.stores.sql.engine import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")
Tx = TypeVar("Tx", bound="Transaction")

# More in one transaction gains nothing and makes the first of them wait.
GROUP_LIMIT: Final = 512
# Those who were in the last group are about to ask again: this long they are waited for, so that
# they share a commit again. A lone caller never waits.
_GATHER_S: Final = 0.0003
# So long a group is tried again. When that was in vain, the next ones only as long as they must.
PATIENCE_S: Final = 5.0
_IMPATIENCE_S: Final = 0.5
_PAUSE_S: Final = 0.02


class Transaction(Protocol):
    """What operations write through; built anew for each connection of the writer."""

    session: Session

    def begin(self) -> None:
        """A transaction has begun: forget what another process may have changed."""
        ...

    def flush(self) -> None:
        """Write what was gathered; called right before COMMIT."""
        ...

    def forget(self) -> None:
        """Something was undone: nothing remembered is sure any more."""
        ...


# What an operation returned, or why it refused.
Outcome = tuple[object, MillraceError | None]


class Operation(Generic[T]):
    """A change waiting for its turn."""

    __slots__ = ("apply", "future", "savepoint")

    def __init__(self, apply: Callable[[Any], T], *, savepoint: bool) -> None:
        self.apply = apply
        self.future: Future[T] = Future()
        self.future.set_running_or_notify_cancel()  # it cannot be called off: it may be written
        self.savepoint = savepoint


class Writer(Generic[Tx]):
    """The thread that writes to one database."""

    def __init__(
        self,
        database: Database,
        transaction: Callable[[Session], Tx],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._transaction = transaction
        self._waiting: WriteQueue[Operation[Any]] = WriteQueue()
        self._connection: Connection | None = None
        self._open: Tx | None = None
        self._usual_patience_s = self._patience_s = patience_s
        self._thread = threading.Thread(target=self._work, name="millrace-writer", daemon=True)
        self._thread.start()

    @property
    def queue_length(self) -> int:
        """How many operations wait."""
        return len(self._waiting)

    def submit(self, apply: Callable[[Tx], T], *, savepoint: bool = True) -> Future[T]:
        """Queue *apply*; the future holds what it returned once that is durable.

        Raises `Unavailable` when the queue is full or the store is closed.
        """
        operation = Operation(apply, savepoint=savepoint)
        self._waiting.put(operation)
        return operation.future

    def close(self) -> None:
        """Write what waits, then stop; returns when both are done."""
        self._waiting.end()
        self._thread.join()

    def _work(self) -> None:
        crowd = 1
        while (operation := self._waiting.take()) is not None:
            group = [operation]
            if len(self._waiting) + 1 < crowd:
                time.sleep(_GATHER_S)
            self._write(group)
            crowd = len(group)
        self._disconnect()

    def _write(self, group: list[Operation[Any]]) -> None:
        """Write *group*, and whatever arrives until it is committed: it joins the group."""
        try:
            outcomes = self._commit(group)
        except NotBegun as away:
            self._send_away(group, away)
        except CommitUnknown as unknown:
            # Nobody tries again what may be there: all of the group are told that it may.
            for operation in group:
                operation.future.set_exception(unknown)
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must hear of it
            self._undo()
            if len(group) == 1:
                group[0].future.set_exception(self._cause(error))
                return
            logger.warning("group of %d writes undone, trying each by itself", len(group))
            self._write_each(group)
        else:
            self._settle(group, outcomes)

    def _write_each(self, group: list[Operation[Any]]) -> None:
        for place, operation in enumerate(group):
            try:
                outcomes = self._commit([operation], alone=True)
            except NotBegun as away:
                self._send_away(group[place:], away)
                return
            except Exception as error:  # noqa: BLE001 - as above
                self._undo()
                operation.future.set_exception(self._cause(error))
            else:
                self._settle([operation], outcomes)

    def _send_away(self, group: list[Operation[Any]], away: NotBegun) -> None:
        """Refuse *group* and all who wait: one after the other, each would wait as long again."""
        self._undo()
        while group:
            for operation in group:
                operation.future.set_exception(Unavailable(away.message))
            group = self._waiting.arrived(GROUP_LIMIT)

    @staticmethod
    def _settle(group: list[Operation[Any]], outcomes: list[Outcome]) -> None:
        for operation, (result, refusal) in zip(group, outcomes, strict=True):
            if refusal is None:
                operation.future.set_result(result)
            else:
                operation.future.set_exception(refusal)

    def _commit(self, group: list[Operation[Any]], *, alone: bool = False) -> list[Outcome]:
        """Apply *group* and commit it; again, while it fails for reasons that pass."""
        until = time.monotonic() + self._patience_s
        pause_s = _PAUSE_S
        while True:
            outcomes: list[Outcome] = []
            try:
                self._attempt(group, outcomes, alone=alone)
            except CommitUnknown as unknown:
                self._undo()
                if self._has_committed(unknown, until):
                    return outcomes
                trouble: Exception = unknown
            except (NotBegun, DBAPIError, self._database.driver_error) as error:
                self._undo()
                fault = error.fault if isinstance(error, NotBegun) else fault_of(error)
                if fault not in PASSING:
                    raise
                trouble = error
            else:
                self._patience_s = self._usual_patience_s
                return outcomes
            if time.monotonic() >= until:
                self._patience_s = _IMPATIENCE_S
                raise trouble if isinstance(trouble, NotBegun) else NotBegun(trouble) from trouble
            time.sleep(pause_s)
            pause_s *= 2

    def _has_committed(self, unknown: CommitUnknown, until: float) -> bool:
        """Whether the group whose COMMIT was not answered is there; raises it when nobody tells."""
        pause_s = _PAUSE_S
        while True:
            try:
                session = self._connect().session
                with session.writing():
                    return session.turn.has_committed(unknown.writer, unknown.group)
            except (NotBegun, CommitUnknown, DBAPIError, self._database.driver_error):
                self._undo()
                if time.monotonic() >= until:
                    raise unknown from None
            time.sleep(pause_s)
            pause_s *= 2

    def _attempt(
        self, group: list[Operation[Any]], outcomes: list[Outcome], *, alone: bool
    ) -> None:
        transaction = self._connect()
        with transaction.session.writing():
            transaction.begin()
            while len(outcomes) < len(group):
                pending = group[len(outcomes) :]
                outcomes += [self._apply(operation, transaction) for operation in pending]
                if not alone and len(group) < GROUP_LIMIT:
                    group += self._waiting.arrived(GROUP_LIMIT)
            transaction.flush()

    @staticmethod
    def _apply(operation: Operation[Any], transaction: Transaction) -> Outcome:
        try:
            if not operation.savepoint:
                return operation.apply(transaction), None
            # What was gathered for others must not be undone with this one's savepoint.
            transaction.flush()
            with transaction.session.connection.begin_nested():
                result = operation.apply(transaction)
                transaction.flush()
                return result, None
        except MillraceError as refusal:
            if operation.savepoint:
                transaction.forget()
            return None, refusal

    def _connect(self) -> Tx:
        if self._open is None:
            try:
                self._connection = self._database.writers.connect()
            except (DBAPIError, self._database.driver_error) as error:
                raise NotBegun(error) from error
            self._open = self._transaction(Session(self._connection))
        return self._open

    def _undo(self) -> None:
        """After a failure nothing is trusted: neither what is remembered nor the connection."""
        if self._open is not None:
            self._open.forget()
        if self._connection is not None:
            self._connection.invalidate()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DBAPIError, self._database.driver_error):
                self._connection.close()
        self._connection = self._open = None

    def _cause(self, error: Exception) -> Exception:
        if isinstance(error, (DBAPIError, self._database.driver_error)):
            return explain(error)
        if not isinstance(error, MillraceError):
            logger.error("write failed", exc_info=error)
        return error
