"""Files of runs and models one by one: what is known of each without reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from millrace.api.artifact_files import ArtifactDetails
from millrace.asgi.files import content_type
from millrace.core import chain
from millrace.core.entities.audit import AuditQuery
from millrace.core.uris import safe_path
from millrace.services.outlet import missing

if TYPE_CHECKING:
    from millrace.api.artifact_files import Standing
    from millrace.api.artifacts import ModelFile, RunFile
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.services.artifacts import Artifacts
    from millrace.services.context import Context
    from millrace.services.places import Spot
    from millrace.stores.protocols import Stores


class ArtifactFiles:
    """Tells what the ledger, the audit trail and the store have of a file."""

    def __init__(self, artifacts: Artifacts, stores: Stores) -> None:
        self._artifacts = artifacts
        self._stores = stores

    def of_run(self, _ctx: Context, request: RunFile) -> ArtifactDetails:
        """What is known of a file of a run."""
        return self._details(self._artifacts.spot_of_run(request.run), request.path)

    def of_model(self, _ctx: Context, request: ModelFile) -> ArtifactDetails:
        """What is known of a file of a logged model."""
        root = self._artifacts.spot_of_model(request.model_id)
        return self._details(root, request.artifact_file_path)

    def _details(self, root: Spot, path: str) -> ArtifactDetails:
        spot = root.at(safe_path(path))
        stat = spot.store.stat(spot.path)
        if stat is None:
            raise missing(spot)
        record = self._stores.artifacts.record(spot.uri)
        standing = _standing(record, stat.size)
        details = ArtifactDetails(
            path=path,
            file_size=stat.size,
            content_type=content_type(path.rpartition("/")[2]).decode(),
            standing=standing,
            sha256=stat.sha256,
            modified_ms=stat.modified_ms,
        )
        if record is None or standing == "unsettled":
            return details
        return msgspec.structs.replace(
            details,
            sha256=record.sha256,
            uploaded_ms=record.recorded_ms,
            uploaded_by=self._who_replaced(record),
        )

    def _who_replaced(self, record: ArtifactRecord) -> str | None:
        """Who uploaded these bytes over others; None when they are the first ones there."""
        last = self._stores.audit.entries(
            AuditQuery(kind="artifact", id=record.uri, action="artifact.put"), limit=1, after=None
        )
        # An entry may be of a file that was deleted since, and uploaded anew.
        told = chain.flat(msgspec.structs.replace(record, broken_ms=None)) or {}
        return next((one.actor for one in last.items if one.after == chain.digest(told)), None)


def _standing(record: ArtifactRecord | None, size: int) -> Standing:
    if record is None:
        return "unrecorded"
    if record.token is not None:
        return "unsettled"
    return "damaged" if record.broken_ms is not None or record.size != size else "recorded"
