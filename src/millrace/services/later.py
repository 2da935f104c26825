"""Results that come when a write is durable."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from millrace.core.errors import Conflict, MillraceError, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

A = TypeVar("A")
B = TypeVar("B")


def then(future: Future[A], change: Callable[[A], B]) -> Future[B]:
    """A future of what *change* makes of the result; it runs where the result comes from."""
    changed: Future[B] = Future()

    def settle(done: Future[A]) -> None:
        error = done.exception()
        if error is not None:
            changed.set_exception(error)
            return
        try:
            changed.set_result(change(done.result()))
        except Exception as raised:  # noqa: BLE001 - it belongs to whoever waits
            changed.set_exception(raised)

    future.add_done_callback(settle)
    return changed


def decided_afresh(decide: Callable[[], Future[A]], *, tries: int) -> Future[A]:
    """What *decide* comes to, made again each time that another change came between (`Conflict`).

    No thread waits meanwhile: a decision after the first is made where the conflict comes from.
    """
    decision = _Decision(decide)
    decision.make(tries)
    return decision.settled


class _Decision(Generic[A]):
    def __init__(self, decide: Callable[[], Future[A]]) -> None:
        self.settled: Future[A] = Future()
        self._decide = decide

    def make(self, tries: int) -> None:
        for left in range(tries - 1, -1, -1):
            try:
                made = self._decide()
            except Exception as raised:  # noqa: BLE001 - it belongs to whoever waits
                self.settled.set_exception(raised)
                return
            if not made.done():
                made.add_done_callback(partial(self._arrive, left))
                return
            if self._is_settled_by(made):
                return
        message = "What is to be changed changes all the time; try again."
        self.settled.set_exception(Unavailable(message))

    def _arrive(self, left: int, made: Future[A]) -> None:
        if not self._is_settled_by(made):
            self.make(left)

    def _is_settled_by(self, made: Future[A]) -> bool:
        error = made.exception()
        if isinstance(error, Conflict):
            return False
        if error is None:
            self.settled.set_result(made.result())
        else:
            self.settled.set_exception(error)
        return True


def noting_refusal(
    future: Future[A], note: Callable[[PermissionDenied], Future[None]]
) -> Future[A]:
    """The same result; a `PermissionDenied` comes after what *note* writes of it is durable."""
    passed: Future[A] = Future()

    def settle(done: Future[A]) -> None:
        error = done.exception()
        if error is None:
            passed.set_result(done.result())
        elif not isinstance(error, PermissionDenied):
            passed.set_exception(error)
        else:
            try:
                note(error).add_done_callback(lambda _: passed.set_exception(error))
            except MillraceError:  # the store is being closed: the refusal stands all the same
                passed.set_exception(error)

    future.add_done_callback(settle)
    return passed
