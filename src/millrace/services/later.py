"""Results that come when a write is durable."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from millrace.core.errors import Conflict, Unavailable

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
    settled: Future[A] = Future()

    def is_settled_by(made: Future[A]) -> bool:
        error = made.exception()
        if isinstance(error, Conflict):
            return False
        if error is not None:
            settled.set_exception(error)
        else:
            settled.set_result(made.result())
        return True

    def go_on(left: int) -> None:
        for further in range(left - 1, -1, -1):
            try:
                made = decide()
            except Exception as raised:  # noqa: BLE001 - it belongs to whoever waits
                settled.set_exception(raised)
                return
            if not made.done():
                made.add_done_callback(partial(arrive, further))
                return
            if is_settled_by(made):
                return
        settled.set_exception(Unavailable("What is to be changed changes all the time; try again."))

    def arrive(further: int, made: Future[A]) -> None:
        if not is_settled_by(made):
            go_on(further)

    go_on(tries)
    return settled
