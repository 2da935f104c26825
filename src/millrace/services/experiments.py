"""Experiments: creating, finding, changing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from millrace.api.endpoint import Nothing
from millrace.api.tracking import (
    DatasetSummaries,
    ExperimentCreated,
    ExperimentReply,
    ExperimentsReply,
)
from millrace.core import settings
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.filters import EXPERIMENTS, order, parse
from millrace.core.rules import experiments as rules
from millrace.core.rules import limits, names, runs, searching
from millrace.services.later import then
from millrace.stores.protocols import NewExperiment, Query

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.api.tracking import (
        CreateExperiment,
        DeleteExperimentTag,
        ExperimentId,
        ExperimentName,
        SearchDatasets,
        SearchExperiments,
        SetExperimentTag,
        UpdateExperiment,
    )
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import TrackingStore

_NOTHING = Nothing()


class Experiments:
    """Decides about experiments; the store records."""

    def __init__(
        self, store: TrackingStore, tokens: Tokens, *, artifact_root: str, local_locations: bool
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._artifact_root = artifact_root
        schemes = settings.ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES.get()
        self._locations = rules.Locations(
            max_length=settings.ARTIFACT_LOCATION_MAX_LENGTH.get(),
            schemes=frozenset(one.strip().lower() for one in schemes.split(",")),
            local=local_locations,
            folder=Path.cwd(),
        )

    def create(self, ctx: Context, request: CreateExperiment) -> Future[ExperimentCreated]:
        """Create an experiment."""
        location = request.artifact_location
        if location:
            location = rules.artifact_location(location, self._locations)
        tags = runs.last_of_each(rules.tag(one.key, one.value) for one in request.tags or ())
        if len(tags) > limits.CREATE_TAGS:
            raise InvalidArgument(
                f"An experiment can be created with at most {limits.CREATE_TAGS} tags; "
                f"{len(tags)} were given. Set the others afterwards."
            )
        new = NewExperiment(
            name=names.experiment_name(request.name),
            artifact_location=location or None,
            artifact_root=self._artifact_root,
            creation_time=ctx.at_ms,
            tags=tags,
        )
        added = self._store.add_experiment(new, trail=ctx.trail("experiment.create"))
        return then(added, lambda one: ExperimentCreated(experiment_id=one.experiment_id))

    def get(self, _ctx: Context, request: ExperimentId) -> ExperimentReply:
        """Get an experiment by id."""
        found = self._store.experiment(names.experiment_id(request.experiment_id))
        if found is None:
            raise NotFound(f"No Experiment with id={request.experiment_id} exists.")
        return ExperimentReply(experiment=found)

    def get_by_name(self, _ctx: Context, request: ExperimentName) -> ExperimentReply:
        """Get an experiment by name."""
        found = self._store.experiment_named(request.experiment_name)
        if found is None:
            raise NotFound(f"Could not find experiment with name {request.experiment_name!r}.")
        return ExperimentReply(experiment=found)

    def search(self, _ctx: Context, request: SearchExperiments) -> ExperimentsReply:
        """Find experiments."""
        bound = ["experiments", request.filter, request.order_by, request.view_type]
        query = Query(
            tree=parse(request.filter or "", EXPERIMENTS),
            order=order.parse(request.order_by or (), EXPERIMENTS),
            view=searching.view(request.view_type),
            limit=searching.limit(
                request.max_results,
                default=limits.SEARCH_EXPERIMENTS_DEFAULT,
                most=limits.SEARCH_EXPERIMENTS,
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        page = self._store.find_experiments(query)
        return ExperimentsReply(
            experiments=page.items, next_page_token=self._tokens.write(page.next, bound)
        )

    def delete(self, ctx: Context, request: ExperimentId) -> Future[Nothing]:
        """Move an experiment to the trash; it must not be there already."""
        return self._change(ctx, request.experiment_id, ExperimentChange(
            lifecycle_stage="deleted", last_update_time=ctx.at_ms
        ), "experiment.delete")  # fmt: skip

    def restore(self, ctx: Context, request: ExperimentId) -> Future[Nothing]:
        """Take an experiment out of the trash; it must be there."""
        return self._change(ctx, request.experiment_id, ExperimentChange(
            lifecycle_stage="active", last_update_time=ctx.at_ms
        ), "experiment.restore")  # fmt: skip

    def update(self, ctx: Context, request: UpdateExperiment) -> Future[Nothing]:
        """Rename an experiment."""
        change = ExperimentChange(
            name=names.experiment_name(request.new_name), last_update_time=ctx.at_ms
        )
        return self._change(ctx, request.experiment_id, change, "experiment.rename")

    def set_tag(self, ctx: Context, request: SetExperimentTag) -> Future[Nothing]:
        """Set a tag."""
        change = ExperimentChange(set_tags=(rules.tag(request.key, request.value),))
        return self._change(ctx, request.experiment_id, change, "experiment.set_tag")

    def delete_tag(self, ctx: Context, request: DeleteExperimentTag) -> Future[Nothing]:
        """Delete a tag that is there."""
        change = ExperimentChange(delete_tag=request.key)
        return self._change(ctx, request.experiment_id, change, "experiment.delete_tag")

    def _change(
        self, ctx: Context, experiment_id: str, change: ExperimentChange, action: str
    ) -> Future[Nothing]:
        experiment_id = names.experiment_id(experiment_id)
        changed = self._store.change_experiment(experiment_id, change, trail=ctx.trail(action))
        return then(changed, lambda _: _NOTHING)

    def search_datasets(self, _ctx: Context, request: SearchDatasets) -> DatasetSummaries:
        """List the data sets that runs of some experiments read."""
        asked = request.experiment_ids or ()
        most = limits.DATASET_SUMMARY_EXPERIMENTS
        if not 1 <= len(asked) <= most:
            raise InvalidArgument(
                f"Parameter 'experiment_ids' takes 1 to {most} ids; {len(asked)} were given."
            )
        checked = [names.experiment_id(one) for one in asked]
        return DatasetSummaries(dataset_summaries=tuple(self._store.dataset_summaries(checked)))
