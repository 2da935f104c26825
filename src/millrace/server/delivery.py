"""Delivering to webhooks: a thread that looks what is due, and a few that send it.

Each server process has one. They share the work by claims in the store, so that no delivery is made
by two at once, and what a killed process had claimed is made by another when its lease ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from millrace.core import settings
from millrace.core.errors import MillraceError
from millrace.http import outbound

if TYPE_CHECKING:
    from millrace.core.entities.webhook import Claim
    from millrace.services.webhooks import Webhooks

LOOK_S: Final = 0.5
PER_ORIGIN: Final = 2
"""Connections to one receiver at a time: a slow one does not take all workers from the others."""
PUT_OFF_MS: Final = 1_000
PATIENCE_S: Final = 2.0
"""How long the end of a server waits for deliveries."""

logger = logging.getLogger(__name__)


class Courier:
    """Makes the deliveries of one place until it is closed."""

    def __init__(self, webhooks: Webhooks, *, workers: int | None = None) -> None:
        self._webhooks = webhooks
        self._workers = workers or settings.WEBHOOK_DELIVERY_MAX_WORKERS.get()
        self._policy = outbound.policy()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._busy: Counter[str] = Counter()
        self._under_way: dict[str, Claim] = {}
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="millrace-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing new."""
        self._is_closing.set()

    def close(self) -> None:
        """Begin nothing new, and wait a little for attempts under way.

        What takes longer is cut off with the process, and made anew when its claim ends.
        """
        self.stop()
        self._thread.join(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        with self._idle:
            while self._under_way and (left_s := deadline - time.monotonic()) > 0:
                self._idle.wait(left_s)

    def _watch(self) -> None:
        while not self._is_closing.wait(LOOK_S):
            try:
                while self._look():
                    pass
            except MillraceError as error:
                logger.warning("deliveries are put off: %s", error.message)
            except Exception:
                logger.exception("deliveries failed; they are tried again")

    def _look(self) -> bool:
        """Take what is due, as much as there are hands for; whether there may be more."""
        with self._lock:
            free = self._workers - len(self._under_way)
            crowded = {
                claim.webhook.webhook_id
                for claim in self._under_way.values()
                if self._busy[self._origin(claim)] >= PER_ORIGIN
            }
        if free <= 0 or self._is_closing.is_set():
            return False
        claims = self._webhooks.claim(limit=free, without=crowded)
        for claim in claims:
            if self._begins(claim):
                # Daemons: a process that ends does not wait for a receiver that hangs.
                threading.Thread(
                    target=self._deliver, args=(claim,), name="millrace-webhook", daemon=True
                ).start()
            else:
                self._webhooks.put_off(claim, PUT_OFF_MS)
        return bool(claims)

    def _begins(self, claim: Claim) -> bool:
        origin = self._origin(claim)
        with self._lock:
            if self._busy[origin] >= PER_ORIGIN:
                return False
            self._busy[origin] += 1
            self._under_way[claim.delivery.delivery_id] = claim
        return True

    def _deliver(self, claim: Claim) -> None:
        try:
            after = self._webhooks.deliver(claim)
            if after.state == "FAILED":
                logger.warning(
                    "gave up delivery %s to webhook %s after %s attempts: %s",
                    after.delivery_id, after.webhook_id, after.attempts, after.problem,
                )  # fmt: skip
        except MillraceError as error:
            logger.warning("delivery %s: %s", claim.delivery.delivery_id, error.message)
        except Exception:
            logger.exception("delivery %s failed", claim.delivery.delivery_id)
        finally:
            with self._lock:
                self._busy[self._origin(claim)] -= 1
                del self._under_way[claim.delivery.delivery_id]
                self._idle.notify_all()

    def _origin(self, claim: Claim) -> str:
        try:
            return outbound.parse(claim.webhook.url, self._policy).origin
        except MillraceError:
            return claim.webhook.webhook_id  # not called any more: the attempt will say why
