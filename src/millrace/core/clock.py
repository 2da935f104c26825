"""The one source of the time of day, so that tests may stop it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


_source: ContextVar[Callable[[], int]] = ContextVar("millrace_clock", default=_system_ms)


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return _source.get()()


@contextmanager
def fixed(at_ms: int) -> Iterator[None]:
    """Let time stand still at *at_ms* in this context."""
    token = _source.set(lambda: at_ms)
    try:
        yield
    finally:
        _source.reset(token)
