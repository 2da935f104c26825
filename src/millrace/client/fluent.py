"""The module-level API (`millrace.log_metric`, `millrace.start_run`, …) on the active run."""

# The signatures are the field's.
# ruff: noqa: ANN401, FBT001, FBT002, PLR0913, PLR0917

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, overload

from millrace.client import connect, context, frames
from millrace.client.active import STACK, ActiveRun, Opened, end
from millrace.client.client import MillraceClient
from millrace.client.ending import RETURNED, Ending
from millrace.client.entities import DatasetInput, InputTag, Metric
from millrace.client.output import Limits, Output
from millrace.core import clock, settings
from millrace.core import tags as reserved
from millrace.core.entities.experiment import DEFAULT_ID
from millrace.core.entities.run import STATUS_NUMBERS
from millrace.core.errors import InvalidArgument
from millrace.telemetry import readers
from millrace.telemetry.sampler import PREFIX, Sampler, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from millrace.client.batching import Pending
    from millrace.client.client import Operations
    from millrace.client.verbs import PagedList
    from millrace.core.entities import metric as metrics_of_runs
    from millrace.core.entities.entity import ViewType
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.run import Run

_PAGE: Final = 1000
_ENOUGH: Final = 100_000


# --- where records go --------------------------------------------------------------------------


def set_tracking_uri(uri: str | Path) -> None:
    """Send records to *uri* from now on: a server, a database URI, `databricks[://profile]`.

    Child processes inherit it. An active run stays where it was started.
    """
    if str(uri) != get_tracking_uri():
        settings.EXPERIMENT_ID.put(None)
    settings.TRACKING_URI.put(str(uri) or None)


def get_tracking_uri() -> str:
    """Where records go."""
    return connect.tracking_uri()


def is_tracking_uri_set() -> bool:
    """Whether somebody has said where records go."""
    return settings.TRACKING_URI.source() is not None


def _client() -> MillraceClient:
    return MillraceClient()


# --- experiments -------------------------------------------------------------------------------


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None
) -> Experiment:
    """Make an experiment the active one, by name (made if nobody has) or by id."""
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidArgument("Give set_experiment a name or an id, and not both.")
    client = _client()
    if experiment_id is not None:
        experiment = client.experiment_known_as(experiment_id)
    else:
        experiment = client.experiment_named(experiment_name or "")
    if experiment.lifecycle_stage != "active":
        raise InvalidArgument(f"Experiment {experiment.name!r} is deleted. Restore it first.")
    settings.EXPERIMENT_ID.put(experiment.experiment_id)
    return experiment


def create_experiment(
    name: str,
    artifact_location: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> str:
    """Create an experiment and return its id; `AlreadyExists` if the name is taken."""
    return _client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment, deleted ones included; `NotFound`."""
    return _client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of that name, deleted ones included; None when there is none."""
    return _client().get_experiment_by_name(name)


def search_experiments(
    view_type: ViewType | int = "ACTIVE_ONLY",
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """The experiments that match *filter_string*, in *order_by*; all of them by default."""
    client = _client()
    return _pages(
        lambda size, token: client.search_experiments(
            view_type, size, filter_string, order_by, token
        ),
        max_results,
    )


def delete_experiment(experiment_id: str) -> None:
    """Move an experiment and its runs to the trash."""
    _client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Take an experiment and its runs out of the trash."""
    _client().restore_experiment(experiment_id)


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Give an experiment another name; `AlreadyExists` if it is taken."""
    _client().rename_experiment(experiment_id, new_name)


def set_experiment_tag(key: str, value: object) -> None:
    """Set a tag of the active experiment."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the active experiment."""
    client = _client()
    experiment_id = active_experiment_id(client)
    for key, value in tags.items():
        client.set_experiment_tag(experiment_id, key, value)


def active_experiment_id(client: MillraceClient) -> str:
    """The active experiment: set, or named in the environment, or the default one."""
    experiment_id = settings.EXPERIMENT_ID.get()
    if experiment_id is None and (name := settings.EXPERIMENT_NAME.get()):
        experiment_id = client.experiment_named(name).experiment_id
    return experiment_id or DEFAULT_ID


# --- runs --------------------------------------------------------------------------------------


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    log_output: bool | None = None,
) -> ActiveRun:
    """Start a run, or resume *run_id*, and make it the active one.

    *nested* allows that another one is active, which becomes the parent. *description* is Markdown.
    *log_output* keeps what is printed while it is open as its log; None: as `MILLRACE_LOG_OUTPUT`
    says.
    Leave it with `end_run`, or use it as a context manager.
    """
    outer = STACK.get()
    if outer and not nested:
        raise InvalidArgument(
            f"Run {outer[-1].run_id!r} is active. End it with end_run(), or start this one inside "
            "it with nested=True."
        )
    if run_id is None and not outer and (run_id := settings.RUN_ID.get()):
        settings.RUN_ID.put(None)  # for the first run, not for all that follow
    client = _client()
    given = dict(tags or {})
    if description is not None:
        if reserved.NOTE in given:
            raise InvalidArgument(f"Give a description or the tag {reserved.NOTE!r}, not both.")
        given[reserved.NOTE] = description
    if run_id is not None:
        if any(run_id == each.run_id for each in outer):
            raise InvalidArgument(f"Run {run_id!r} is active already.")
        run = _resume(client, run_id, experiment_id, run_name, given)
    else:
        parent = parent_run_id or (outer[-1].run_id if outer else None)
        found = context.run_tags() | ({reserved.PARENT_RUN_ID: parent} if parent else {})
        where = experiment_id or active_experiment_id(client)
        run = client.create_run(where, tags={**found, **given}, run_name=run_name)
    active = ActiveRun(info=run.info, data=run.data, inputs=run.inputs, outputs=run.outputs)
    sampler = _sampler(client, run, log_system_metrics)
    opened = Opened(active, client, sampler, _output(client, run, log_output))
    opened.begin()
    STACK.push(opened)
    return active


def end_run(status: str = "FINISHED") -> None:
    """End the active run, if there is one."""
    known = next((name for name in STATUS_NUMBERS.values() if name == status), None)
    if known is None:
        raise InvalidArgument(f"Status {status!r}: expected one of {[*STATUS_NUMBERS.values()]}.")
    runs = STACK.get()
    if runs:
        ending = RETURNED if known == "FINISHED" else Ending(known, "end_run")
        end(runs[-1].run_id, ending)


def active_run() -> ActiveRun | None:
    """The active run of this thread or task, as it was when it started."""
    runs = STACK.get()
    return runs[-1].run if runs else None


def stop_requested() -> bool:
    """Whether somebody has asked an active run to stop. A thread that has seen a yes here is not
    interrupted by `RunStopped` and may end in its own time; the run is KILLED all the same."""
    asked = [one.is_asked_to_stop() for one in STACK.get()]
    return any(asked)


def last_active_run() -> Run | None:
    """The run that was started last in this process, as it is now."""
    last = STACK.last
    return last.client.get_run(last.run_id) if last else None


def get_run(run_id: str) -> Run:
    """The run with its params, tags, inputs, outputs and latest metrics; `NotFound`."""
    return _client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that *run_id* is nested in, if any."""
    return _client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Move a run to the trash."""
    _client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Take a run out of the trash."""
    _client().restore_run(run_id)


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = ...,
    filter_string: str = ...,
    run_view_type: ViewType | int = ...,
    max_results: int = ...,
    order_by: Sequence[str] | None = ...,
    *,
    output_format: Literal["list"],
    search_all_experiments: bool = ...,
    experiment_names: Sequence[str] | None = ...,
) -> list[Run]: ...


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = ...,
    filter_string: str = ...,
    run_view_type: ViewType | int = ...,
    max_results: int = ...,
    order_by: Sequence[str] | None = ...,
    output_format: str = ...,
    search_all_experiments: bool = ...,
    experiment_names: Sequence[str] | None = ...,
) -> Any: ...  # a frame; pandas ships no types


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: ViewType | int = "ACTIVE_ONLY",
    max_results: int = _ENOUGH,
    order_by: Sequence[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> Any:
    """The runs that match *filter_string*, as a pandas frame or, with "list", as a list.

    In the experiments given by id or by name, else in all if *search_all_experiments*, else in the
    active one. Columns of the frame: see `client.frames.runs_frame`.
    """
    if output_format not in {"pandas", "list"}:
        raise InvalidArgument(f"output_format {output_format!r}: expected 'pandas' or 'list'.")
    if experiment_ids and experiment_names:
        raise InvalidArgument("Give experiment_ids or experiment_names, and not both.")
    client = _client()
    where: Sequence[str]
    if experiment_names:
        named = [client.get_experiment_by_name(name) for name in experiment_names]
        where = [each.experiment_id for each in named if each is not None]
    elif experiment_ids is None and search_all_experiments:
        where = [each.experiment_id for each in search_experiments(run_view_type)]
    else:
        where = [active_experiment_id(client)] if experiment_ids is None else experiment_ids
    runs = (
        _pages(
            lambda size, token: client.search_runs(
                where, filter_string, run_view_type, size, order_by, token
            ),
            max_results,
        )
        if where
        else []
    )
    return frames.runs_frame(runs) if output_format == "pandas" else runs


def get_metric_history(run_id: str, key: str) -> list[metrics_of_runs.Metric]:
    """All points of a metric of a run, by time, step, value."""
    return _client().get_metric_history(run_id, key)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where artifacts of the active run lie, or the one at *artifact_path* among them."""
    uri = _active().run.info.artifact_uri
    return f"{uri.rstrip('/')}/{artifact_path.lstrip('/')}" if artifact_path else uri


# --- logging -----------------------------------------------------------------------------------


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> Pending | None:
    """Log one point of a metric; *timestamp* in milliseconds, now by default, *step* 0.

    With `synchronous=False` it returns within microseconds.
    """
    target, client = run_and_client(run_id)
    name, digest = (dataset.name, dataset.digest) if dataset is not None else (None, None)
    return client.log_metric(
        target, key, value, timestamp, step, synchronous, name, digest, model_id
    )


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> Operations | Pending | None:
    """Log points of several metrics at one step and time, all or none."""
    target, client = run_and_client(run_id)
    name, digest = (dataset.name, dataset.digest) if dataset is not None else (None, None)
    at_ms = clock.now_ms() if timestamp is None else timestamp
    points = [
        Metric(key, value, at_ms, 0 if step is None else step, model_id, name, digest)
        for key, value in metrics.items()
    ]
    return client.log_batch(target, points, synchronous=synchronous)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Log a param; once logged it cannot be changed. Returns *value* when synchronous."""
    target, client = run_and_client()
    return client.log_param(target, key, value, synchronous)


def log_params(
    params: Mapping[str, object], synchronous: bool | None = None, run_id: str | None = None
) -> Operations | Pending | None:
    """Log params, all or none."""
    target, client = run_and_client(run_id)
    return client.log_params(target, params, synchronous)


def set_tag(
    key: str, value: object, synchronous: bool | None = None
) -> Operations | Pending | None:
    """Set a tag."""
    target, client = run_and_client()
    return client.set_tag(target, key, value, synchronous)


def set_tags(
    tags: Mapping[str, object], synchronous: bool | None = None
) -> Operations | Pending | None:
    """Set tags, all or none."""
    target, client = run_and_client()
    return client.set_tags(target, tags, synchronous)


def delete_tag(key: str) -> None:
    """Delete a tag; `NotFound` when the run has none of that key."""
    target, client = run_and_client()
    client.delete_tag(target, key)


def log_batch(
    metrics: Sequence[Any] = (),
    params: Sequence[Any] = (),
    tags: Sequence[Any] = (),
    synchronous: bool | None = None,
    run_id: str | None = None,
) -> Operations | Pending | None:
    """Log metrics, params and tags (see `millrace.entities`) at once, all or none."""
    target, client = run_and_client(run_id)
    return client.log_batch(target, metrics, params, tags, synchronous)


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: Any = None,
) -> None:
    """Log a data set (see `millrace.data`) or a model that the run reads; *context*: what for."""
    log_inputs(
        [dataset] if dataset is not None else None,
        [context] if dataset is not None else None,
        [tags] if dataset is not None else None,
        [model] if model is not None else None,
    )


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[Any] | None = None,
) -> None:
    """Log data sets, each with its context and tags, and models that the run reads."""
    given = list(datasets or ())
    purposes = list(contexts) if contexts is not None else [None] * len(given)
    extra = list(tags_list) if tags_list is not None else [None] * len(given)
    if not len(given) == len(purposes) == len(extra):
        raise InvalidArgument(
            f"log_inputs got {len(given)} data sets, {len(purposes)} contexts and {len(extra)} "
            "mappings of tags; give one of each for each data set."
        )
    inputs = []
    for dataset, purpose, more in zip(given, purposes, extra, strict=True):
        found = dict(more or {}) | ({reserved.DATASET_CONTEXT: purpose} if purpose else {})
        inputs.append(DatasetInput(dataset, [InputTag(key, found[key]) for key in found]))
    target, client = run_and_client()
    client.log_inputs(target, inputs, models)


def log_outputs(models: Sequence[Any]) -> None:
    """Log models that the run makes: things with `.model_id` and perhaps `.step`."""
    target, client = run_and_client()
    client.log_outputs(target, models)


def flush_async_logging() -> None:
    """Wait until what was logged asynchronously has arrived, or is safe in the spool.

    What the server refused has been logged as a warning; `wait()` on the returned object raises it.
    """
    connect.flush_all()


def enable_system_metrics_logging() -> None:
    """Log system metrics in runs that start from now on."""
    settings.ENABLE_SYSTEM_METRICS_LOGGING.put("true")


def disable_system_metrics_logging() -> None:
    """Log no system metrics in runs that start from now on."""
    settings.ENABLE_SYSTEM_METRICS_LOGGING.put("false")


def set_system_metrics_sampling_interval(interval: float) -> None:
    """Sample every *interval* seconds in runs that start from now on."""
    settings.SYSTEM_METRICS_SAMPLING_INTERVAL.put(str(interval))


def set_system_metrics_samples_before_logging(samples: int) -> None:
    """Average so many samples into one point in runs that start from now on."""
    settings.SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING.put(str(samples))


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Name this machine in the keys of system metrics, in runs that start from now on."""
    settings.SYSTEM_METRICS_NODE_ID.put(node_id)


# --- steps -------------------------------------------------------------------------------------


def _active() -> Opened:
    """The active run, started if there is none."""
    runs = STACK.get()
    if not runs:
        start_run()
        runs = STACK.get()
    return runs[-1]


def run_and_client(run_id: str | None = None) -> tuple[str, MillraceClient]:
    """The run to log to, the active one by default, and its client; `RunStopped` when somebody has
    asked an active run to stop."""
    for one in STACK.get():
        one.heed()
    if run_id is not None:
        return run_id, _client()
    active = _active()
    return active.run_id, active.client


def _resume(
    client: MillraceClient,
    run_id: str,
    experiment_id: str | None,
    run_name: str | None,
    tags: Mapping[str, object],
) -> Run:
    run = client.resume_run(run_id, run_name, experiment_id)
    for former in {reserved.END_CAUSE, reserved.STOP} & run.data.tags.keys():
        client.delete_tag(run_id, former)
    if tags:
        client.set_tags(run_id, tags, synchronous=True)
    return run if client.channel.is_away else client.get_run(run_id)


def _sampler(client: MillraceClient, run: Run, wanted: bool | None) -> Sampler | None:
    if wanted is None:
        wanted = settings.ENABLE_SYSTEM_METRICS_LOGGING.get()
    if not wanted:
        return None

    def log(figures: dict[str, float], step: int) -> None:
        now = clock.now_ms()
        points = [Metric(key, value, now, step) for key, value in figures.items()]
        client.log_batch(run.info.run_id, points, synchronous=False)

    schedule = Schedule(
        interval_s=settings.SYSTEM_METRICS_SAMPLING_INTERVAL.get(),
        samples=settings.SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING.get(),
        node=settings.SYSTEM_METRICS_NODE_ID.get(),
    )
    # A resumed run goes on where its series stopped.
    steps = [each.step for each in run.data.metric_list if each.key.startswith(PREFIX)]
    return Sampler(readers.available(), log, schedule, first=max(steps, default=-1) + 1)


def _output(client: MillraceClient, run: Run, wanted: bool | None) -> Output | None:
    if wanted is None:
        wanted = settings.LOG_OUTPUT.get()
    if not wanted:
        return None
    limits = Limits(
        interval_s=settings.LOG_OUTPUT_SECONDS.get(),
        most_bytes=settings.LOG_OUTPUT_MIB.get() * 1024 * 1024,
    )
    return Output(lambda path, body: client.log_text(run.info.run_id, body, path), limits)


def _pages(page: Callable[[int, str | None], PagedList[Any]], limit: int | None) -> list[Any]:
    """Up to *limit* results of a search, page by page."""
    found: list[Any] = []
    token = None
    while limit is None or len(found) < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - len(found))
        results = page(size, token)
        found += results
        token = results.token
        if not token:
            break
    return found
