"""Files of runs and models: what is known of each without reading it, and removal for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from millrace.api.artifact_files import ArtifactDetails, ArtifactsDeleted
from millrace.asgi.files import content_type
from millrace.core import chain
from millrace.core.entities.audit import AuditQuery
from millrace.core.entities.run import Run
from millrace.core.errors import InvalidArgument
from millrace.core.uris import safe_path
from millrace.services.outlet import missing
from millrace.services.retention import measured

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.api.artifact_files import DeleteModelArtifacts, DeleteRunArtifacts, Standing
    from millrace.api.artifacts import ModelFile, RunFile
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.services.artifacts import Artifacts
    from millrace.services.context import Context
    from millrace.services.places import Spot
    from millrace.stores.protocols import Stores


class ArtifactFiles:
    """Tells what the ledger, the audit trail and the store have of a file, and deletes."""

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

    def delete_of_run(self, ctx: Context, request: DeleteRunArtifacts) -> ArtifactsDeleted:
        """Delete files and folders of a run that is not in the trash, or count them."""
        root = self._artifacts.spot_of_run(request.run)
        run = msgspec.json.decode(
            self._stores.tracking.run(request.run) or b"", type=Run, strict=False
        )
        if run.info.lifecycle_stage == "deleted":
            raise InvalidArgument(f"The run {request.run} is in the trash. Restore it first.")
        return self._delete(ctx, root, request, of=request.run)

    def delete_of_model(self, ctx: Context, request: DeleteModelArtifacts) -> ArtifactsDeleted:
        """Delete files and folders of a logged model, or count them."""
        root = self._artifacts.spot_of_model(request.model_id)
        return self._delete(ctx, root, request, of=request.model_id)

    def _delete(
        self,
        ctx: Context,
        root: Spot,
        request: DeleteRunArtifacts | DeleteModelArtifacts,
        *,
        of: str,
    ) -> ArtifactsDeleted:
        """All of them are looked at before the first one goes."""
        spots = [root.at(path) for path in _outermost(map(safe_path, request.paths))]
        for spot in spots:
            self._artifacts.check_may_go(ctx, spot, of=of, is_tried=not request.dry_run)
        sizes = [measured(spot) for spot in spots]
        if not request.dry_run:
            trail = ctx.trail("artifact.delete")
            for spot in spots:
                self._artifacts.delete(spot, trail)
                trail = msgspec.structs.replace(trail, receipt=None)  # one is for all
        files, bytes_ = (sum(column) for column in zip(*sizes, strict=True))
        return ArtifactsDeleted(files=files, bytes=bytes_)

    def _who_replaced(self, record: ArtifactRecord) -> str | None:
        """Who uploaded these bytes over others; None when they are the first ones there."""
        last = self._stores.audit.entries(
            AuditQuery(kind="artifact", id=record.uri, action="artifact.put"), limit=1, after=None
        )
        # An entry may be of a file that was deleted since, and uploaded anew.
        told = chain.flat(msgspec.structs.replace(record, broken_ms=None)) or {}
        return next((one.actor for one in last.items if one.after == chain.digest(told)), None)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Each once, and none that is in another one of them."""
    found: list[str] = []
    for path in sorted(paths, key=lambda path: path.split("/")):
        if not (found and f"{path}/".startswith(f"{found[-1]}/")):
            found.append(path)
    return found


def _standing(record: ArtifactRecord | None, size: int) -> Standing:
    if record is None:
        return "unrecorded"
    if record.token is not None:
        return "unsettled"
    return "damaged" if record.broken_ms is not None or record.size != size else "recorded"
