"""Runs that go to another experiment, or are made like another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.moving import CopiedRun
from millrace.core import ids
from millrace.core.entities.run import Run
from millrace.core.errors import NotFound
from millrace.core.rules import names
from millrace.core.uris import join
from millrace.services.later import then
from millrace.services.offers import Offer

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.api.moving import CopyRun, MoveRuns
    from millrace.services.context import Context
    from millrace.services.places import Places, Spot
    from millrace.services.transfers import Transfers
    from millrace.stores.protocols import Stores

_NOTHING = Nothing()


class Moving:
    """Moves records as they are; files stay where a run says they are, or are copied for a copy."""

    def __init__(self, stores: Stores, places: Places, transfers: Transfers) -> None:
        self._stores = stores
        self._places = places
        self._transfers = transfers

    def move(self, ctx: Context, request: MoveRuns) -> Future[Nothing]:
        """Have runs in another experiment, all of them or none."""
        target = names.experiment_id(request.experiment_id)
        moved = self._stores.transfer.move_runs(
            request.run_ids, target, trail=ctx.trail("run.move")
        )
        return then(moved, lambda _: _NOTHING)

    def copy(self, ctx: Context, request: CopyRun) -> Future[CopiedRun]:
        """Make a run like another. Its files are copied first, so that a run has what it says."""
        raw = self._stores.tracking.run(request.run_id)
        if raw is None:
            raise NotFound(f"Run with id={request.run_id} not found.")
        old = msgspec.json.decode(raw, type=Run, strict=False).info
        key = names.experiment_id(request.experiment_id or old.experiment_id)
        experiment = self._stores.tracking.experiment(key)
        if experiment is None:
            raise NotFound(f"No Experiment with id={key} exists.")
        new_id = ids.run_id()
        if request.artifacts and old.artifact_uri:
            home = join(experiment.artifact_location, f"{new_id}/artifacts")
            self._copy_files(ctx, self._places.at(old.artifact_uri), self._places.at(home))
        copied = self._stores.transfer.copy_run(
            request.run_id, new_id, key, trail=ctx.trail("run.copy")
        )
        return then(copied, lambda info: CopiedRun(run_info=info))

    def _copy_files(self, ctx: Context, origin: Spot, target: Spot) -> None:
        folders = [origin]
        while folders:
            folder = folders.pop()
            for entry in folder.store.list(folder.path):
                spot = origin.at(entry.path[len(origin.path) :].lstrip("/"))
                if entry.is_dir:
                    folders.append(spot)
                    continue
                opened = self._transfers.open(spot)
                try:
                    self._transfers.receive(
                        target.at(spot.path[len(origin.path) :].lstrip("/")),
                        opened.chunks(),
                        Offer(size=opened.size),
                        trail=ctx.trail(),
                    )
                finally:
                    opened.close()
