"""Results that come when a write is durable."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

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
