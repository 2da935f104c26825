"""One lock for all records of a place, and what is written beside a change: receipts, audit entries
and the outbox of webhooks."""

from __future__ import annotations

from concurrent.futures import Future
from threading import RLock
from typing import TYPE_CHECKING, Final, TypeVar, cast

from millrace.core import chain, clock, ids
from millrace.core.entities.webhook import Delivery, Webhook
from millrace.core.errors import KeyReused, MillraceError, Unavailable
from millrace.core.rules import webhooks as rules
from millrace.stores.protocols import RunRevision

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.chain import Recorded
    from millrace.core.entities.audit import Link, Receipt, Trail

T = TypeVar("T")

_WRITTEN: Final = 500
KEEP_RECEIPTS_MS: Final = 24 * 60 * 60 * 1000


class Ledger:
    """Lets one change happen at a time, and each receipt's change once.

    Hold `lock` to read. The receipts of the last 24 hours are kept, by the time they carry.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self._receipts: dict[str, tuple[Receipt, object]] = {}
        self.is_closed = False
        self._written: dict[str, RunRevision] = {}
        self.chain: list[Link] = []
        self.webhooks = self.table("webhooks", tuple[Webhook, bytes | None])
        """Each with its sealed secret."""
        self.deliveries = self.table("deliveries", tuple[Delivery, bytes])
        """Each with the body to send."""

    def table(self, name: str, of: type[T]) -> dict[str, T]:  # noqa: ARG002 - for those that keep it
        """A dictionary of the place. Ledgers of places that last keep it under *name*."""
        return {}

    def numbered(self, name: str, of: type[T]) -> dict[int, T]:  # noqa: ARG002 - as above
        """A dictionary by number; see `table`."""
        return {}

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

    def touch(self, run_id: str, experiment_id: str) -> None:
        """Something was logged to a run."""
        known = self._written.pop(run_id, None)
        revision = 1 if known is None else known.revision + 1
        self._written[run_id] = RunRevision(run_id, experiment_id, revision)
        if len(self._written) > _WRITTEN:
            del self._written[next(iter(self._written))]

    def written(self) -> list[RunRevision]:
        """The runs that were logged to last, by this process."""
        return list(self._written.values())

    def note(
        self,
        trail: Trail,
        kind: str,
        id: str,  # noqa: A002 - the word of the entry
        *,
        before: Recorded = None,
        after: Recorded = None,
    ) -> None:
        """Audit a change that was just made to the object *id*; nothing when *trail* has no act."""
        if trail.act is not None:
            last = self.chain[-1] if self.chain else None
            link = chain.linked(trail.act, kind, id, before=before, after=after, previous=last)
            self.chain.append(link)

    def emit(self, trail: Trail, event: str, payload: Recorded) -> None:
        """Tell those webhooks that want to hear of *event*, such as `model_version.created`."""
        listeners = [
            webhook.webhook_id
            for webhook, _ in self.webhooks.values()
            if webhook.status == "ACTIVE" and any(one.name == event for one in webhook.events)
        ]
        if listeners:
            at_ms = clock.now_ms() if trail.act is None else trail.act.at_ms
            body = rules.message(event, at_ms, payload)
            for webhook_id in listeners:
                delivery = Delivery(
                    delivery_id=ids.delivery_id(),
                    webhook_id=webhook_id,
                    event=event,
                    state="WAITING",
                    created_ms=at_ms,
                    due_ms=at_ms,
                )
                self.deliveries[delivery.delivery_id] = (delivery, body)

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
