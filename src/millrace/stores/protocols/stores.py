"""A place of records as a whole: what is in it, how it is, and what may be asked of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from millrace.core.entities.finding import Finding
    from millrace.stores.protocols.approvals import ApprovalStore
    from millrace.stores.protocols.artifacts import ArtifactRecords
    from millrace.stores.protocols.audit import AuditStore
    from millrace.stores.protocols.changes import ChangeFeed
    from millrace.stores.protocols.evaluation import EvaluationStore
    from millrace.stores.protocols.model_servers import ModelServerStore
    from millrace.stores.protocols.overview import OverviewStore
    from millrace.stores.protocols.registry import RegistryStore
    from millrace.stores.protocols.run_tables import RunTables
    from millrace.stores.protocols.tasks import TaskStore
    from millrace.stores.protocols.tracking import TrackingStore
    from millrace.stores.protocols.transfer import TransferStore
    from millrace.stores.protocols.trash import TrashStore
    from millrace.stores.protocols.views import ViewStore
    from millrace.stores.protocols.webhooks import WebhookStore


Part = Literal["registry", "webhooks"]


class StoreHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the store can be read and written now."""

    kind: str
    ready: bool
    revision: str | None = None
    queue: int = 0
    message: str | None = None


@runtime_checkable
class Inspects(Protocol):
    """A store that can look through its records for what does not fit together."""

    def inspect(self, *, full: bool, repair: bool) -> Iterator[Finding]:
        """Every check, one after the other. *full*: derived data of everything, not of a sample;
        *repair*: make it anew where it is wrong. Whoever reads on lets the next check be made."""
        ...


class Stores(Protocol):
    """All records of one place."""

    @property
    def kind(self) -> str:
        """`sqlite`, `memory`, ...: for people."""
        ...

    @property
    def lacking(self) -> Mapping[Part, str]:
        """Parts that there is no place for here, each with the reason and the way out."""
        ...

    @property
    def tracking(self) -> TrackingStore:
        """Experiments, runs, series and logged models."""
        ...

    @property
    def run_tables(self) -> RunTables:
        """Runs by columns."""
        ...

    @property
    def overview(self) -> OverviewStore:
        """Figures about all runs."""
        ...

    @property
    def changes(self) -> ChangeFeed:
        """Runs that were written to a moment ago."""
        ...

    @property
    def views(self) -> ViewStore:
        """Saved views."""
        ...

    @property
    def tasks(self) -> TaskStore:
        """Tasks on many runs."""
        ...

    @property
    def evaluation(self) -> EvaluationStore:
        """Evaluation data sets."""
        ...

    @property
    def artifacts(self) -> ArtifactRecords:
        """Digests of files."""
        ...

    @property
    def audit(self) -> AuditStore:
        """The audit trail."""
        ...

    @property
    def webhooks(self) -> WebhookStore:
        """Webhooks and their deliveries."""
        ...

    @property
    def trash(self) -> TrashStore:
        """What was deleted, and its removal for good."""
        ...

    @property
    def transfer(self) -> TransferStore:
        """Records as they were elsewhere."""
        ...

    @property
    def registry(self) -> RegistryStore:
        """Registered models and their versions."""
        ...

    @property
    def approvals(self) -> ApprovalStore:
        """Approval policies, and requests under them."""
        ...

    @property
    def model_servers(self) -> ModelServerStore:
        """What serves which version."""
        ...

    def secret(self) -> bytes:
        """A secret of this place, the same for all its processes; it signs page tokens."""
        ...

    def health(self) -> StoreHealth: ...

    def tidy(self) -> None:
        """Do some work that makes later reads cheaper; called every few seconds."""
        ...

    def close(self) -> None:
        """Finish what was accepted, then let go. Later writes raise `Unavailable`."""
        ...
