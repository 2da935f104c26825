"""Records in memory: gone with the process, and the reference for what every store must answer.

Public: for tests and notebooks that want a whole platform and no trace of it. Written to be read,
not to be fast: one lock, dictionaries, and searches that look at everything.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

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
    from millrace.stores.protocols import (
        ApprovalStore,
        ArtifactRecords,
        AuditStore,
        ChangeFeed,
        EvaluationStore,
        ModelServerStore,
        OverviewStore,
        RegistryStore,
        RunTables,
        TaskStore,
        TrackingStore,
        TransferStore,
        TrashStore,
        ViewStore,
        WebhookStore,
    )


class MemoryStores:
    """All records of one place, in dictionaries. Futures are done when they are returned."""

    def __init__(self, *, default_artifact_root: str = "mlflow-artifacts:/") -> None:
        self._ledger = Ledger()
        self._tracking = MemoryTracking(self._ledger, Held())
        self._tracking.add_default(default_artifact_root)
        self._changes = MemoryChanges(self._ledger)
        self._views = MemoryViews(self._ledger)
        self._tasks = MemoryTasks(self._ledger)
        self._run_tables = MemoryRunTables(self._ledger, self._tracking)
        self._overview = MemoryOverview(self._ledger, self._tracking)
        self._evaluation = MemoryEvaluation(
            self._ledger, lambda experiment_id: self._tracking.experiment(experiment_id) is not None
        )
        self._artifacts = MemoryArtifacts(self._ledger)
        self._audit = MemoryAudit(self._ledger)
        self._webhooks = MemoryWebhooks(self._ledger)
        self._trash = MemoryTrash(self._ledger, self._tracking.held, self._evaluation)
        self._registry = MemoryRegistry(
            self._ledger, self._tracking.note_registration, self._tracking.datasets_of
        )
        self._model_servers = MemoryModelServers(self._ledger, self._registry)
        self._transfer = MemoryTransfer(self._ledger, self._tracking, self._registry)
        self._secret = secrets.token_bytes(32)

    @property
    def kind(self) -> str:
        """`memory`."""
        return "memory"

    @property
    def tracking(self) -> TrackingStore:
        """Experiments, runs, series and logged models."""
        return self._tracking

    @property
    def run_tables(self) -> RunTables:
        """Runs by columns."""
        return self._run_tables

    @property
    def overview(self) -> OverviewStore:
        """Figures about all runs."""
        return self._overview

    @property
    def changes(self) -> ChangeFeed:
        """Runs that this process has written to."""
        return self._changes

    @property
    def views(self) -> ViewStore:
        """Saved views."""
        return self._views

    @property
    def tasks(self) -> TaskStore:
        """Tasks on many runs."""
        return self._tasks

    @property
    def evaluation(self) -> EvaluationStore:
        """Evaluation data sets."""
        return self._evaluation

    @property
    def artifacts(self) -> ArtifactRecords:
        """Digests of files."""
        return self._artifacts

    @property
    def audit(self) -> AuditStore:
        """The audit trail."""
        return self._audit

    @property
    def trash(self) -> TrashStore:
        """What was deleted, and its removal for good."""
        return self._trash

    @property
    def transfer(self) -> TransferStore:
        """Records as they were elsewhere."""
        return self._transfer

    @property
    def registry(self) -> RegistryStore:
        """Registered models and their versions."""
        return self._registry

    @property
    def webhooks(self) -> WebhookStore:
        """Webhooks and their deliveries."""
        return self._webhooks

    @property
    def approvals(self) -> ApprovalStore:
        """Approval policies, and requests under them."""
        return self._registry.approvals

    @property
    def model_servers(self) -> ModelServerStore:
        """What serves which version."""
        return self._model_servers

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
