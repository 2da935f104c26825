"""How long a call goes on trying. Apart from the client, because it costs nothing to import."""

from __future__ import annotations

import random
from typing import Final

import msgspec

LONGEST_WAIT_S: Final = 120.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long one call goes on trying.

    Waits between attempts are `backoff_s * 2**n` plus up to `jitter_s`, at most two minutes each;
    no attempt begins after `total_s`. `timeout_s` is for one attempt.
    """

    retries: int = 7
    backoff_s: float = 2.0
    jitter_s: float = 1.0
    timeout_s: float = 120.0
    total_s: float | None = None
    respect_retry_after: bool = True

    def pause_s(self, attempt: int) -> float:
        """Seconds to wait after attempt number *attempt* (the first is 0)."""
        jitter = random.random() * self.jitter_s  # noqa: S311 - spreads clients, guards nothing
        return min(self.backoff_s * 2.0 ** min(attempt, 16) + jitter, LONGEST_WAIT_S)
