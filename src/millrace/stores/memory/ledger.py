"""One lock for all records of a place, and what was written once under an idempotency key."""

from __future__ import annotations

from concurrent.futures import Future
from threading import RLock
from typing import TYPE_CHECKING, Final, TypeVar, cast

from millrace.core.errors import KeyReused, MillraceError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.entities.audit import Receipt, Trail

T = TypeVar("T")

KEEP_RECEIPTS_MS: Final = 24 * 60 * 60 * 1000


class Ledger:
    """Lets one change happen at a time, and each receipt's change once.

    Hold `lock` to read. The receipts of the last 24 hours are kept, by the time they carry.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self._receipts: dict[str, tuple[Receipt, object]] = {}
        self.is_closed = False

    def write(
        self,
        trail: Trail,
        change: Callable[[], T],
        *,
        was_written: Callable[[T], bool] = lambda _: True,
    ) -> Future[T]:
        """Make *change* unless its receipt says that it was made; the future is done.

        A change that raises `MillraceError`, or whose result tells that nothing *was_written*, must
        not have changed anything; it leaves no receipt.
        """
        future: Future[T] = Future()
        with self.lock:
            try:
                future.set_result(self._once(trail.receipt, change, was_written))
            except MillraceError as error:
                future.set_exception(error)
        return future

    def close(self) -> None:
        """Refuse all further changes."""
        with self.lock:
            self.is_closed = True

    def _once(
        self, receipt: Receipt | None, change: Callable[[], T], was_written: Callable[[T], bool]
    ) -> T:
        if self.is_closed:
            raise Unavailable("The store is closed; nothing was written.")
        if receipt is None:
            return change()
        if known := self._receipts.get(receipt.key):
            first, result = known
            if first.digest != receipt.digest:
                raise KeyReused(
                    "This Idempotency-Key came with another request before. Use a new key."
                )
            # Each key is bound to one endpoint, so the result is of this kind.
            return cast("T", result)
        result = change()
        if was_written(result):
            self._forget_before(receipt.at_ms - KEEP_RECEIPTS_MS)
            self._receipts[receipt.key] = (receipt, result)
        return result

    def _forget_before(self, at_ms: int) -> None:
        while self._receipts:
            oldest, (receipt, _) = next(iter(self._receipts.items()))
            if receipt.at_ms >= at_ms:
                return
            del self._receipts[oldest]
