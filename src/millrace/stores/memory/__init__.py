"""Records in memory: gone with the process, and the reference for what every store must answer.

Public: for tests and notebooks that want a whole platform and no trace of it. Written to be read,
not to be fast: one lock, dictionaries, and searches that look at everything.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from millrace.stores.memory.artifacts import MemoryArtifacts
from millrace.stores.memory.audit import MemoryAudit
from millrace.stores.memory.changes import MemoryChanges
from millrace.stores.memory.evaluation import MemoryEvaluation
from millrace.stores.memory.ledger import Ledger
from millrace.stores.memory.model_servers import MemoryModelServers
from millrace.stores.memory.overview import MemoryOverview
from millrace.stores.memory.records import Held
from millrace.stores.memory.registry import MemoryRegistry
from millrace.stores.memory.run_tables import MemoryRunTables
from millrace.stores.memory.tasks import MemoryTasks
from millrace.stores.memory.tracking import MemoryTracking
from millrace.stores.memory.transfer import MemoryTransfer
from millrace.stores.memory.trash import MemoryTrash
from millrace.stores.memory.views import MemoryViews
from millrace.stores.memory.webhooks import MemoryWebhooks
from millrace.stores.protocols import StoreHealth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.stores.protocols import Part


class MemoryStores:
    """All records of one place, in dictionaries. Futures are done when they are returned."""

    def __init__(self, *, default_artifact_root: str = "mlflow-artifacts:/") -> None:
        self._ledger = Ledger()
        self.tracking: Final = MemoryTracking(self._ledger, Held())
        self.tracking.add_default(default_artifact_root)
        self.changes: Final = MemoryChanges(self._ledger)
        self.views: Final = MemoryViews(self._ledger)
        self.tasks: Final = MemoryTasks(self._ledger)
        self.run_tables: Final = MemoryRunTables(self._ledger, self.tracking)
        self.overview: Final = MemoryOverview(self._ledger, self.tracking)
        self.evaluation: Final = MemoryEvaluation(
            self._ledger, lambda experiment_id: self.tracking.experiment(experiment_id) is not None
        )
        self.artifacts: Final = MemoryArtifacts(self._ledger)
        self.audit: Final = MemoryAudit(self._ledger)
        self.webhooks: Final = MemoryWebhooks(self._ledger)
        self.trash: Final = MemoryTrash(self._ledger, self.tracking.held, self.evaluation)
        self.registry: Final = MemoryRegistry(
            self._ledger, self.tracking.note_registration, self.tracking.datasets_of
        )
        self.approvals: Final = self.registry.approvals
        self.model_servers: Final = MemoryModelServers(self._ledger, self.registry)
        self.transfer: Final = MemoryTransfer(self._ledger, self.tracking, self.registry)
        self.lacking: Final[Mapping[Part, str]] = {}
        self._secret = secrets.token_bytes(32)

    @property
    def kind(self) -> str:
        """`memory`."""
        return "memory"

    def secret(self) -> bytes:
        """A secret of this object."""
        return self._secret

    def health(self) -> StoreHealth:
        """Ready until it is closed."""
        is_open = not self._ledger.is_closed
        return StoreHealth(
            kind=self.kind, ready=is_open, message=None if is_open else "The store is closed."
        )

    def tidy(self) -> None:
        """Nothing: there is nothing derived here."""

    def close(self) -> None:
        """Refuse all further writes; what is there can still be read."""
        self._ledger.close()
