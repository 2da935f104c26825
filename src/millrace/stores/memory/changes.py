"""Which runs were written to by this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.protocols import RunRevision


class MemoryChanges:
    """Asks the ledger; what another process writes to the same folder, it does not see."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def revisions(self, run_ids: Sequence[str]) -> list[RunRevision]:
        """Runs that were written to; *run_ids* are among them if they were."""
        del run_ids
        return self._ledger.written()
