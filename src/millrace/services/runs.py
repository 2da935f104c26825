"""Runs: creating, finding, changing, and everything that is logged to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.tracking import (
    HeartbeatReply,
    RunInfoReply,
    RunReply,
    RunsReply,
    StopReply,
)
from millrace.core import ids, settings, tags
from millrace.core.entities.dataset import Dataset, DatasetInput
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import (
    TERMINAL,
    Batch,
    ModelInput,
    ModelOutput,
    Run,
    RunChange,
    RunData,
    RunInfo,
    StopAsked,
)
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.filters import RUNS, order, parse
from millrace.core.rules import datasets, limits, names, searching
from millrace.core.rules import runs as rules
from millrace.services.later import then
from millrace.stores.protocols import Query

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.api.tracking import (
        CreateRun,
        DeleteTag,
        Heartbeat,
        LogBatch,
        LogInputs,
        LogMetric,
        LogModel,
        LogOutputs,
        LogParam,
        MetricEntry,
        RunId,
        SearchRuns,
        SetTag,
        UpdateRun,
    )
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import Appended, TrackingStore

T = TypeVar("T")

_NOTHING = Nothing()
_MODEL_FIELDS = ("artifact_path", "flavors", "utc_time_created", "run_id")


class Runs:
    """Decides about runs; the store records."""

    def __init__(self, store: TrackingStore, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens
        self._truncate = settings.TRUNCATE_LONG_VALUES.get()

    # --- creating, reading, changing ------------------------------------------------------------

    def create(self, ctx: Context, request: CreateRun) -> Future[RunReply]:
        """Start a run. With an idempotency key its id follows from the key, so that a repeated
        create finds the run of the first."""
        experiment_id = names.experiment_id(request.experiment_id)
        given = [rules.tag(one.key, one.value, truncate=self._truncate)
                 for one in request.tags or ()]  # fmt: skip
        name, tag_list = rules.settled_name(request.run_name, given)
        if len(tag_list) > limits.CREATE_TAGS:
            raise InvalidArgument(
                f"A run can be created with at most {limits.CREATE_TAGS} tags; {len(tag_list)} "
                "were given. Set the others afterwards."
            )
        key = ctx.idempotency_key
        run_id = ids.run_id() if key is None else ids.derived_run_id(ctx.actor.name, key)
        run = Run(
            info=RunInfo(
                run_uuid=run_id,
                run_id=run_id,
                experiment_id=experiment_id,
                run_name=name,
                user_id=names.plain_text(request.user_id or "", "user_id"),
                status="RUNNING",
                start_time=request.start_time or 0,
                artifact_uri="",
                lifecycle_stage="active",
            ),
            data=RunData(tag_list=tag_list),
        )
        trail = ctx.trail("run.create", stated=run.info.user_id)
        added = self._store.add_run(run, is_drawn=key is None, trail=trail)
        return then(added, lambda one: RunReply(run=one))

    def get(self, _ctx: Context, request: RunId) -> RunReply:
        """Get a run."""
        found = self._store.run(request.run)
        if found is None:
            raise NotFound(f"Run with id={request.run} not found.")
        return RunReply(run=found)  # type: ignore[arg-type]  # ready JSON of a Run

    def update(self, ctx: Context, request: UpdateRun) -> Future[RunInfoReply]:
        """Change status, end time or name; what is absent stays, an empty name too."""
        change = RunChange(
            status=None if request.status is None else rules.status(request.status),
            end_time=request.end_time,
            run_name=names.plain_text(request.run_name, "Run name") if request.run_name else None,
        )
        trail = ctx.trail(_action(change))
        changed = self._store.change_run(request.run, change, trail=trail)
        return then(changed, lambda info: RunInfoReply(run_info=info))

    def delete(self, ctx: Context, request: RunId) -> Future[Nothing]:
        """Move a run to the trash."""
        change = RunChange(lifecycle_stage="deleted", deleted_ms=ctx.at_ms)
        return _done(self._store.change_run(request.run, change, trail=ctx.trail("run.delete")))

    def restore(self, ctx: Context, request: RunId) -> Future[Nothing]:
        """Take a run out of the trash."""
        change, trail = RunChange(lifecycle_stage="active"), ctx.trail("run.restore")
        return _done(self._store.change_run(request.run, change, trail=trail))

    def heartbeat(self, ctx: Context, request: Heartbeat) -> Future[HeartbeatReply]:
        """Extend the lease of a running run; tell it when somebody has asked it to stop."""
        extended = self._store.extend_lease(request.run, ctx.at_ms + request.ttl_ms)
        return then(extended, lambda stop: HeartbeatReply(stop=stop))

    def stop(self, ctx: Context, request: RunId) -> Future[StopReply]:
        """Ask a run to stop."""
        asked, noted = asked_to_stop(self._store, ctx, request.run)
        return then(noted, lambda _: StopReply(stop=asked))

    def search(self, _ctx: Context, request: SearchRuns) -> RunsReply:
        """Find runs."""
        asked = request.experiment_ids or ()
        experiments = [names.experiment_id(one) for one in asked]
        bound = ["runs", asked, request.filter, request.order_by, request.run_view_type]
        query = Query(
            tree=parse(request.filter or "", RUNS),
            order=order.parse(request.order_by or (), RUNS),
            view=searching.view(request.run_view_type, "run_view_type"),
            limit=searching.limit(
                request.max_results,
                default=limits.SEARCH_RUNS_DEFAULT,
                most=limits.SEARCH_RUNS,
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        page = self._store.find_runs(experiments, query)
        return RunsReply(
            runs=page.items,  # type: ignore[arg-type]  # ready JSON of Runs
            next_page_token=self._tokens.write(page.next, bound),
        )

    # --- logging --------------------------------------------------------------------------------

    def log_metric(self, ctx: Context, request: LogMetric) -> Future[Appended]:
        """Log one point."""
        names.key(request.key, "Metric name")
        if request.dataset_name or request.dataset_digest:
            rules.dataset_of_metric(request.dataset_name, request.dataset_digest)
        metric = Metric(
            key=request.key,
            value=request.value,
            timestamp=request.timestamp,
            step=request.step or 0,
            model_id=request.model_id or None,
            dataset_name=request.dataset_name or None,
            dataset_digest=request.dataset_digest or None,
        )
        return self._store.append(request.run, Batch(metrics=(metric,)), trail=ctx.trail())

    def log_batch(self, ctx: Context, request: LogBatch) -> Future[Nothing]:
        """Log metrics, params and tags: all of them or none."""
        entries = request.metrics or ()
        rules.batch_sizes(entries, request.params or (), request.tags or ())
        for key in {one.key for one in entries}:
            names.key(key, "Metric name")
        metrics = tuple([_metric(one) for one in entries])
        params = tuple(
            rules.param(one.key, one.value, truncate=self._truncate) for one in request.params or ()
        )
        rules.distinct_params(params)
        set_tags = rules.last_of_each(
            rules.tag(one.key, one.value, truncate=self._truncate) for one in request.tags or ()
        )
        return self._append(
            ctx, request.run, Batch(metrics=metrics, params=params, set_tags=set_tags)
        )

    def log_param(self, ctx: Context, request: LogParam) -> Future[Nothing]:
        """Log one param."""
        param = rules.param(request.key, request.value, truncate=self._truncate)
        return self._append(ctx, request.run, Batch(params=(param,)))

    def set_tag(self, ctx: Context, request: SetTag) -> Future[Nothing]:
        """Set one tag."""
        tag = rules.tag(request.key, request.value, truncate=self._truncate)
        return self._append(ctx, request.run, Batch(set_tags=(tag,)))

    def delete_tag(self, ctx: Context, request: DeleteTag) -> Future[Nothing]:
        """Delete one tag that is there; without its tag a run keeps its name."""
        return self._append(ctx, request.run, Batch(delete_tags=(request.key,)))

    def _append(self, ctx: Context, run_id: str, batch: Batch) -> Future[Nothing]:
        name = rules.renamed_by(batch.set_tags)
        if name is not None:
            batch = msgspec.structs.replace(batch, run_name=name)

        def check(appended: Appended) -> Nothing:
            if appended.clashes:
                raise rules.param_clash(run_id, appended.clashes)
            if appended.missing_tags:
                missing = ", ".join(map(repr, appended.missing_tags))
                raise NotFound(f"No tag with key={missing} in run with id={run_id}.")
            return _NOTHING

        return then(self._store.append(run_id, batch, trail=ctx.trail()), check)

    def log_model(self, ctx: Context, request: LogModel) -> Future[Nothing]:
        """Note a model that was saved among the run's artifacts."""
        try:
            model = msgspec.json.decode(request.model_json)
        except msgspec.MsgspecError as error:
            raise InvalidArgument(f"Parameter 'model_json' is not JSON: {error}.") from error
        if not isinstance(model, dict):
            raise InvalidArgument("Parameter 'model_json' must hold a JSON object.")
        missing = [name for name in _MODEL_FIELDS if name not in model]
        if missing:
            raise InvalidArgument(f"Parameter 'model_json' lacks {', '.join(missing)}.")
        kept = {name: model[name] for name in (*_MODEL_FIELDS, "model_uuid") if name in model}
        noted = self._store.append_to_tag_list(
            request.run, tags.LOGGED_MODELS, kept, trail=ctx.trail()
        )
        return _done(noted)

    def log_inputs(self, ctx: Context, request: LogInputs) -> Future[Nothing]:
        """Log data sets and models that a run reads."""
        entries = request.datasets or ()
        if len(entries) > limits.DATASETS_PER_REQUEST:
            raise InvalidArgument(
                f"A request can log at most {limits.DATASETS_PER_REQUEST} data sets; "
                f"{len(entries)} were given. Send several requests."
            )
        inputs = tuple(
            DatasetInput(
                tag_list=rules.last_of_each(
                    datasets.input_tag(tag.key, tag.value) for tag in entry.tags or ()
                ),
                dataset=datasets.dataset(
                    Dataset(
                        name=entry.dataset.name,
                        digest=entry.dataset.digest,
                        source_type=entry.dataset.source_type or "",
                        source=entry.dataset.source or "",
                        schema=entry.dataset.schema,
                        profile=entry.dataset.profile,
                    )
                ),
            )
            for entry in entries
        )
        models = tuple(ModelInput(model_id=one.model_id) for one in request.models or ())
        return self._append(ctx, request.run, Batch(datasets=inputs, model_inputs=models))

    def log_outputs(self, ctx: Context, request: LogOutputs) -> Future[Nothing]:
        """Log models that a run makes."""
        models = tuple(
            ModelOutput(model_id=one.model_id, step=one.step or 0) for one in request.models
        )
        return self._append(ctx, request.run, Batch(model_outputs=models))


def asked_to_stop(
    store: TrackingStore, ctx: Context, run_id: str
) -> tuple[StopAsked, Future[None]]:
    """Ask a run to stop, which must not have ended."""
    raw = store.run(run_id)
    if raw is None:
        raise NotFound(f"Run with id={run_id} not found.")
    info = msgspec.json.decode(raw, type=Run, strict=False).info
    if info.status in TERMINAL:
        raise InvalidArgument(f"Run {run_id} has ended already: {info.status}.")
    asked = StopAsked(by=ctx.actor.name, at_ms=ctx.at_ms)
    return asked, store.ask_to_stop(run_id, asked, trail=ctx.trail("run.stop"))


def _action(change: RunChange) -> str:
    """What the audit trail calls an update."""
    if change.status in TERMINAL:
        return "run.end"
    return "run.rename" if change.status is None and change.run_name else "run.update"


def _metric(entry: MetricEntry) -> Metric:
    if not (entry.model_id or entry.dataset_name or entry.dataset_digest):
        step = entry.step or 0
        return Metric(key=entry.key, value=entry.value, timestamp=entry.timestamp, step=step)
    rules.dataset_of_metric(entry.dataset_name, entry.dataset_digest)
    return Metric(
        key=entry.key,
        value=entry.value,
        timestamp=entry.timestamp,
        step=entry.step or 0,
        model_id=entry.model_id or None,
        dataset_name=entry.dataset_name or None,
        dataset_digest=entry.dataset_digest or None,
    )


def _done(future: Future[T]) -> Future[Nothing]:
    return then(future, lambda _: _NOTHING)
