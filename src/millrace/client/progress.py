"""How far a transfer has come, on one line of the terminal, for whoever watches it."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from millrace.core import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TextIO

_UNNOTICED_S: Final = 0.5
"""What is over sooner needs no line."""
_BETWEEN_S: Final = 0.1
_BAR: Final = 20


class Progress:
    """Counts files and bytes of one transfer; a context manager, thread-safe.

    It writes to *stream* (the standard error) when that is a terminal, and when
    `MILLRACE_ENABLE_ARTIFACTS_PROGRESS_BAR` allows it; otherwise nothing is ever written.
    """

    def __init__(
        self,
        label: str,
        files: int = 0,
        total_bytes: int | None = None,
        *,
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self.files = files
        self._total = total_bytes
        self._stream = sys.stderr if stream is None else stream
        self._now = now
        self._begun = self._shown_at = now()
        self._lock = threading.Lock()
        self.done_files = 0
        self._done_bytes = 0
        self._width = 0
        self._is_watched = (
            settings.ENABLE_ARTIFACTS_PROGRESS_BAR.get()
            and self._stream is not None
            and self._stream.isatty()
        )

    def add(self, count: int) -> None:
        """So many bytes more have been moved; fewer, when they have to be moved again."""
        with self._lock:
            self._done_bytes += count
            self._show()

    def expect(self, files: int, total_bytes: int) -> None:
        """So many files and bytes are still to come, beyond what has been moved."""
        with self._lock:
            self.files = self.done_files + files
            self._total = self._done_bytes + total_bytes

    def file_done(self) -> None:
        """One file more is through."""
        with self._lock:
            self.done_files += 1
            self._show()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            if self._width:
                self._write("")

    def line(self) -> str:
        """The line, as it would be shown now."""
        elapsed_s = max(self._now() - self._begun, 1e-6)
        share = self._share()
        filled = round(share * _BAR)
        of_bytes = f" of {size(self._total)}" if self._total is not None else ""
        return (
            f"{self._label} [{'#' * filled}{'-' * (_BAR - filled)}] {share:4.0%}  "
            f"{self.done_files}/{self.files} files, {size(self._done_bytes)}{of_bytes}, "
            f"{size(round(self._done_bytes / elapsed_s))}/s"
        )

    def _share(self) -> float:
        if self._total:
            return min(self._done_bytes / self._total, 1.0)
        return self.done_files / self.files if self.files else 1.0

    def _show(self) -> None:
        now = self._now()
        if (
            not self._is_watched
            or now - self._begun < _UNNOTICED_S
            or now - self._shown_at < _BETWEEN_S
        ):
            return
        self._shown_at = now
        self._write(self.line())

    def _write(self, line: str) -> None:
        self._stream.write(f"\r{line.ljust(self._width)}" + ("" if line else "\r"))
        self._stream.flush()
        self._width = len(line)


def size(count: int) -> str:
    """*count* bytes in a unit that people read."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 999.5:  # noqa: PLR2004 - would be shown as 1000
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
