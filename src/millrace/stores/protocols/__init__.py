"""What a store of records must do. Services decide, stores record.

Common to all methods: atomic; thread-safe; validated input is assumed; ids of runs and models are
given by the caller. Reads return at once with a consistent snapshot. Writes return a Future that is
resolved when the change is durable, so that many callers share one commit and no thread waits; its
exception is a `MillraceError` for what the caller can mend (`NotFound`, `AlreadyExists`,
`InvalidArgument` for a record that is in the trash) and `Unavailable` when the store is away.

A write that carries `trail.receipt` happens once: a replay with the same key gives the first
result again, another digest under the same key raises `KeyReused`. A write that was refused does
not use up its key.

A write whose `trail.act` says who does what is audited: its entry is written in the same
transaction, or nothing is. A replay leaves no second entry.
"""

from __future__ import annotations

from millrace.stores.protocols.approvals import ApprovalStore
from millrace.stores.protocols.artifacts import ArtifactRecords
from millrace.stores.protocols.audit import AuditStore
from millrace.stores.protocols.changes import ChangeFeed, RunRevision
from millrace.stores.protocols.evaluation import EvaluationStore
from millrace.stores.protocols.model_servers import ModelServerStore
from millrace.stores.protocols.overview import OverviewStore
from millrace.stores.protocols.registry import RegistryStore
from millrace.stores.protocols.run_tables import (
    KeyFacts,
    KeysAsked,
    Ordered,
    RunsAsked,
    RunTables,
)
from millrace.stores.protocols.series import (
    Buckets,
    MetricWindow,
    Points,
    RawSeries,
    SeriesAnswer,
    SeriesWindow,
)
from millrace.stores.protocols.stores import Inspects, Part, StoreHealth, Stores
from millrace.stores.protocols.tasks import TaskStore
from millrace.stores.protocols.tracking import Appended, NewExperiment, Query, TrackingStore
from millrace.stores.protocols.transfer import TransferStore
from millrace.stores.protocols.trash import TrashStore
from millrace.stores.protocols.views import ViewStore
from millrace.stores.protocols.webhooks import WebhookStore

__all__ = [
    "Appended",
    "ApprovalStore",
    "ArtifactRecords",
    "AuditStore",
    "Buckets",
    "ChangeFeed",
    "EvaluationStore",
    "Inspects",
    "KeyFacts",
    "KeysAsked",
    "MetricWindow",
    "ModelServerStore",
    "NewExperiment",
    "Ordered",
    "OverviewStore",
    "Part",
    "Points",
    "Query",
    "RawSeries",
    "RegistryStore",
    "RunRevision",
    "RunTables",
    "RunsAsked",
    "SeriesAnswer",
    "SeriesWindow",
    "StoreHealth",
    "Stores",
    "TaskStore",
    "TrackingStore",
    "TransferStore",
    "TrashStore",
    "ViewStore",
    "WebhookStore",
]
