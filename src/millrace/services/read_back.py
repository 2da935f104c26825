"""Files that went past the server are read once, soon after: their bytes were seen by nobody of us.

The reading finds the digest, or that they are not what the client said. A server that stops before
leaves it to the first full reading by somebody else.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from millrace.core.errors import MillraceError

if TYPE_CHECKING:
    from millrace.services.places import Spot
    from millrace.services.transfers import Transfers

logger = logging.getLogger(__name__)


class ReadBack:
    """Reads one file after the other, in a thread that is started when first needed."""

    def __init__(self, transfers: Transfers, *, reads: bool) -> None:
        self._transfers = transfers
        self._is_over = not reads
        self._thread: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def soon(self, spot: Spot) -> None:
        """Read the file at *spot* when those before it are read."""
        with self._lock:
            if self._is_over:
                return
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="millrace-read-back")
            self._thread.submit(self._read, spot)

    def close(self) -> None:
        """Read no more; the one that is being read is not waited for to its end."""
        with self._lock:
            self._is_over = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(cancel_futures=True)

    def _read(self, spot: Spot) -> None:
        try:
            self._transfers.read_back(spot, goes_on=lambda: not self._is_over)
        except MillraceError as error:  # it is damaged, and that is on record; or out of reach
            logger.warning("%s was not read back: %s", spot.uri, error.message)
