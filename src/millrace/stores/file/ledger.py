"""Writing to a folder of files: one thread, one lock, and everything waiting shares one commit."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from millrace.core.entities.audit import Link, Receipt
from millrace.core.entities.dataset import EvaluationDataset
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.logged_model import LoggedModel
from millrace.core.entities.run import Run, RunInfo
from millrace.core.entities.task import Task
from millrace.core.entities.view import View
from millrace.core.errors import MillraceError, Unavailable
from millrace.files import atomic
from millrace.stores.file.journal import Codec, Row, Table
from millrace.stores.file.planning import Plan
from millrace.stores.memory.ledger import Ledger
from millrace.stores.protocols import Appended
from millrace.stores.write_queue import WriteQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from millrace.core.entities.audit import Trail
    from millrace.stores.file.changes import Change, Files
    from millrace.stores.file.index import Index
    from millrace.stores.file.journal import Journal

logger = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_LIMIT: Final = 256
_LOCK_S: Final = 20.0


_RESULTS: Final[dict[str, Any]] = {
    "Experiment": Experiment,
    "Run": Run,
    "RunInfo": RunInfo,
    "LoggedModel": LoggedModel,
    "Appended": Appended,
    "EvaluationDataset": EvaluationDataset,
    "View": View,
    "Task": Task,
    "bool": bool,
    "int": int,
    "NoneType": None,
    "tuple": tuple[int, int],
}
"""What a write may result in, by the name of its class."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A receipt as the log keeps it; `result` is msgpack of what `kind` names."""

    receipt: Receipt
    kind: str
    result: bytes


def _answered(value: tuple[Receipt, object]) -> bytes:
    receipt, result = value
    kind = type(result).__name__
    if kind not in _RESULTS:
        raise TypeError(f"a receipt for a {kind} cannot be kept")
    return msgspec.msgpack.encode(Answer(receipt, kind, msgspec.msgpack.encode(result)))


def _answer(data: bytes) -> tuple[Receipt, object]:
    answer = msgspec.msgpack.decode(data, type=Answer)
    return answer.receipt, msgspec.msgpack.decode(answer.result, type=_RESULTS[answer.kind])


class Look:
    """The lock of a place. Whoever takes it sees what is in the folder now."""

    def __init__(self, index: Index, journal: Journal) -> None:
        self._lock = threading.RLock()
        self._index = index
        self._journal = journal
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._depth == 0:
            try:
                self._journal.refresh()
                self._index.begin()
            except BaseException:
                self._lock.release()
                raise
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._depth -= 1
        self._lock.release()


class Operation(Generic[T]):
    """A change waiting for its turn."""

    __slots__ = ("change", "future", "receipt", "was_written")

    def __init__(
        self, receipt: Receipt | None, change: Callable[[], T], was_written: Callable[[T], bool]
    ) -> None:
        self.receipt = receipt
        self.change = change
        self.was_written = was_written
        self.future: Future[T] = Future()
        self.future.set_running_or_notify_cancel()  # it cannot be called off: it may be written


class FileLedger(Ledger):
    """Lets the memory store's operations change a folder.

    An operation changes records in memory, and looks before it does, as the memory store promises.
    When a group of them is through, the difference to the files is one commit; when that fails,
    the records are read from the files again, so nobody has seen what was not written.
    """

    def __init__(self, files: Files, index: Index, journal: Journal, lock_path: str) -> None:
        self._journal = journal
        super().__init__()
        self.lock = Look(index, journal)  # type: ignore[assignment]  # used as a context only
        self._receipts = Table(journal, "receipts")
        journal.keep("receipts", self._receipts, Codec.of(str), Codec(_answered, _answer))
        self.chain = journal.sequel("chain", Link)
        self._files = files
        self._index = index
        self._lock_path = lock_path
        self._waiting: WriteQueue[Operation[Any]] = WriteQueue()
        self._thread = threading.Thread(target=self._work, name="millrace-files", daemon=True)
        self._thread.start()

    @property
    def queue_length(self) -> int:
        """How many operations wait."""
        return len(self._waiting)

    def write(
        self,
        trail: Trail,
        change: Callable[[], T],
        *,
        was_written: Callable[[T], bool] = lambda _: True,
    ) -> Future[T]:
        """Queue *change*; the future holds its result once that is in the files.

        Raises `Unavailable` when the queue is full or the store is closed.
        """
        operation = Operation(trail.receipt, change, was_written)
        self._waiting.put(operation)
        return operation.future

    def close(self) -> None:
        """Write what waits, then stop; returns when both are done."""
        self._waiting.end()
        self._thread.join()
        self.is_closed = True

    def table(self, name: str, of: type[T]) -> dict[str, T]:
        """A dictionary that the log keeps under *name*."""
        return self._journal.table(name, of)

    def numbered(self, name: str, of: type[T]) -> dict[int, T]:
        """A dictionary by number that the log keeps under *name*."""
        return self._journal.table(name, of, by=int)

    def _work(self) -> None:
        while (operation := self._waiting.take()) is not None:
            self._write_all([operation, *self._waiting.arrived(GROUP_LIMIT - 1)])

    def _write_all(self, group: Sequence[Operation[Any]]) -> None:
        """Write a group; when that fails, each of its operations by itself."""
        results = self._write_group(group)
        if results is None and len(group) > 1:
            for operation in group:
                self._write_all([operation])

    def _write_group(self, group: Sequence[Operation[Any]]) -> Sequence[Any] | None:
        try:
            with atomic.locked(self._lock_path, timeout_s=_LOCK_S), self.lock:
                self.make_up()
                outcomes = [self._outcome(operation) for operation in group]
                self._commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, callers wait for an answer
            if len(group) > 1:
                return None
            for operation in group:
                operation.future.set_exception(explained(error))
            return None
        for operation, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, MillraceError):
                operation.future.set_exception(outcome)
            else:
                operation.future.set_result(outcome[0])
        return outcomes

    def _outcome(self, operation: Operation[Any]) -> MillraceError | tuple[Any]:
        """What came of an operation; an exception of another kind undoes the whole group."""
        self._index.is_writing = True
        try:
            return (self._once(operation.receipt, operation.change, operation.was_written),)
        except MillraceError as error:
            return error
        except BaseException:
            self._undo()
            raise
        finally:
            self._index.is_writing = False

    def make_up(self) -> None:
        """Let the files follow a commit whose writer died. The caller holds both locks."""
        if self._journal.unmade:
            logger.warning("A write to %s broke off; it is completed now.", self._files.root)
            self._files.make_again(self._journal.unmade)
            self._journal.mark_made()
            self._index.begin()

    def _commit(self) -> None:
        """Write what the operations have changed. The caller holds both locks."""
        try:
            plan = Plan(self._index)
            self._make(self._journal.pending(), plan.changes)
        except BaseException:
            self._undo()
            raise
        self._journal.settle()
        self._index.settle()

    def _make(self, rows: Sequence[Row], changes: Sequence[Change]) -> None:
        spares = self._files.stage(changes)
        is_logged = False
        try:
            is_alone = len(changes) == 1 and not rows
            if not is_alone and (rows or changes):
                self._journal.write(rows, changes)
                is_logged = True
            self._files.make(changes, spares)
        except OSError:
            self._files.discard(spares)
            if not is_logged:
                raise
            # What is in the log counts. Once more from there, or readers would see half of it until
            # the next write makes up for it.
            self._files.make_again(changes)
        if changes and not is_alone:
            with contextlib.suppress(OSError):  # at worst they are made again
                self._journal.mark_made()

    def _undo(self) -> None:
        """What was changed in memory is not in the files: read both again."""
        self._journal.undo()
        self._index.forget_touched()

    def shorten(self) -> None:
        """Drop history from the log when there is much of it."""
        if not self._journal.is_long():
            return
        with atomic.locked(self._lock_path, timeout_s=_LOCK_S), self.lock:
            self.make_up()
            self._journal.rewrite()


def explained(error: Exception) -> Exception:
    """What callers are told of *error*."""
    if isinstance(error, OSError):
        told = Unavailable(
            f"The files could not be written: {error.strerror or error}. Nothing was lost that "
            "was acknowledged; try again."
        )
        told.__cause__ = error
        return told
    return error
