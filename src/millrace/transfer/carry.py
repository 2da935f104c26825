"""Putting the records of a source into a store, so that it may be done again at any time.

Each record is compared with what is there and taken over when it differs, each series when the
number of its points does; what an interrupted carry left undone the next one finds, and what is
logged at the source meanwhile the next one brings. Nothing is ever removed from the store but what
a record itself no longer has.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from millrace.core import wire
from millrace.core.entities.experiment import DEFAULT_ID
from millrace.core.entities.run import Run, RunData
from millrace.core.errors import MillraceError
from millrace.core.rules.transfer import together
from millrace.transfer.files import FileTally
from millrace.transfer.from_stores import StoredRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from concurrent.futures import Future

    from millrace.core.entities.entity import KeyValue
    from millrace.core.entities.experiment import Experiment
    from millrace.stores.protocols import Stores
    from millrace.transfer.files import Files
    from millrace.transfer.source import HeldLoggedModel, HeldRun, Source

# So much may wait for the store at once; beyond it reading waits for writing.
_IN_FLIGHT: Final = 256


class Tally(msgspec.Struct, kw_only=True):
    """How many records of one kind there were, and how many of them the store did not have so."""

    seen: int = 0
    carried: int = 0


class Report(msgspec.Struct, kw_only=True):
    """What a carry did, or in a dry run would do. `refused`: a sentence for each record that could
    not be taken over; `damaged`: for each that could not be read."""

    experiments: Tally = msgspec.field(default_factory=Tally)
    runs: Tally = msgspec.field(default_factory=Tally)
    points: Tally = msgspec.field(default_factory=Tally)
    logged_models: Tally = msgspec.field(default_factory=Tally)
    registered_models: Tally = msgspec.field(default_factory=Tally)
    files: FileTally | None = None
    refused: list[str] = []
    damaged: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether the store now has all that the source has."""
        return not (self.refused or self.damaged)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to carry, and how. Registered models come along when all experiments do.

    `experiments`: names or ids, all when empty. `renumber`: experiments whose name the store does
    not have get its next free ids, those that it has go together; without it they keep their ids.
    """

    dry_run: bool = False
    experiments: frozenset[str] = frozenset()
    renumber: bool = False


def carry(
    source: Source,
    stores: Stores,
    plan: Plan | None = None,
    *,
    files: Files | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Report:
    """Put the records of *source* into *stores*; *told* hears of each experiment that is begun.

    With *files* those of the records are copied; without, they are left where they are.
    """
    return _Carrier(source, stores, plan or Plan(), files, told).run()


class _Carrier:
    def __init__(
        self,
        source: Source,
        stores: Stores,
        plan: Plan,
        files: Files | None,
        told: Callable[[str], None],
    ) -> None:
        self._source = source
        self._files = files
        self._stores = stores
        self._plan = plan
        self._told = told
        self._report = Report()
        self._pending: deque[tuple[Future[object], str]] = deque()
        self._decode_run = wire.answer_decoder(Run)
        self._here = StoredRecords(stores, "here")

    def run(self) -> Report:
        known = {one.experiment_id: one for one in self._here.experiments()}
        for experiment in chosen(self._source, self._plan.experiments):
            self._told(f"{experiment.name} ({experiment.experiment_id})")
            target = self._placed(experiment, known)
            if self._carry_experiment(target, known):
                self._carry_runs(experiment.experiment_id, target.experiment_id)
                self._carry_models(experiment.experiment_id, target.experiment_id)
        if not self._plan.experiments:
            self._carry_registered()
        self._settle(0)
        self._report.damaged = self._source.damaged()
        if self._files is not None:
            self._report.files = self._files.tally
            self._report.damaged += self._files.tally.trouble
        return self._report

    # --- experiments ---------------------------------------------------------------------------

    def _placed(self, experiment: Experiment, known: dict[str, Experiment]) -> Experiment:
        """The experiment as it shall be here: under which id, and where its artifacts are."""
        if self._plan.renumber:
            named = next((one for one in known.values() if one.name == experiment.name), None)
            free = str(1 + max((int(one) for one in known), default=-1))
            key = named.experiment_id if named else free
            experiment = replace(experiment, experiment_id=key)
        if self._files is not None:
            experiment = self._files.experiment(experiment)
        held = known.get(experiment.experiment_id)
        if held is not None and experiment.experiment_id == DEFAULT_ID and self._in_use(DEFAULT_ID):
            # Whoever logs here already goes on to find artifacts where they are.
            experiment = replace(experiment, artifact_location=held.artifact_location)
        return experiment

    def _in_use(self, experiment_id: str) -> bool:
        return next(iter(self._here.runs(experiment_id)), None) is not None

    def _carry_experiment(self, target: Experiment, known: dict[str, Experiment]) -> bool:
        tally = self._report.experiments
        tally.seen += 1
        held = known.get(target.experiment_id)
        if held is not None and held.name != target.name:
            self._report.refused.append(
                f"Experiment {target.experiment_id} is {held.name!r} here and {target.name!r} "
                "where it comes from. Renumber experiments, or choose another store."
            )
            return False
        if held == target:
            return True
        tally.carried += 1
        known[target.experiment_id] = target
        if self._plan.dry_run:
            return True
        try:
            self._stores.transfer.adopt_experiment(target).result()
        except MillraceError as error:
            self._report.refused.append(error.message)
            return False
        return True

    # --- runs ----------------------------------------------------------------------------------

    def _carry_runs(self, origin: str, experiment_id: str) -> None:
        for held in self._source.runs(origin):
            info = replace(held.run.info, experiment_id=experiment_id)
            self._carry_run(replace(held, run=replace(held.run, info=info)))

    def _carry_run(self, held: HeldRun) -> None:
        run_id = held.run.info.run_id
        if self._files is not None:
            origin = held.run.info.artifact_uri
            held = replace(held, run=self._files.run(held.run))
            self._copy(origin, held.run.info.artifact_uri)
        self._report.runs.seen += 1
        raw = self._stores.tracking.run(run_id)
        here = None if raw is None else without_metrics(self._decode_run(bytes(raw)))
        if here != without_metrics(held.run):
            self._report.runs.carried += 1
            if not self._plan.dry_run:
                adopted = self._stores.transfer.adopt_run(held.run, deleted_ms=held.deleted_ms)
                self._expect(adopted, f"run {run_id}")
        theirs = self._source.counts(run_id)
        ours = {} if here is None else self._here.counts(run_id)
        self._report.points.seen += sum(theirs.values())
        behind = {key for key, number in theirs.items() if ours.get(key) != number}
        if not behind:
            return
        if self._plan.dry_run:
            self._report.points.carried += sum(
                max(0, theirs[key] - ours.get(key, 0)) for key in behind
            )
            return
        for key, points in self._source.points(run_id):
            if key in behind:
                self._expect(
                    self._stores.transfer.adopt_points(run_id, key, points),
                    f"metric {key!r} of run {run_id}",
                    counts=True,
                )

    # --- logged models -------------------------------------------------------------------------

    def _carry_models(self, origin: str, experiment_id: str) -> None:
        held = {one.model.model_id: one for one in self._here.models(experiment_id)}
        for one in self._source.models(origin):
            info = replace(one.model.info, experiment_id=experiment_id)
            self._carry_model(replace(one, model=replace(one.model, info=info)), held)

    def _copy(self, origin: str, target: str) -> None:
        """Files come before their record: whoever finds the one finds the other."""
        if self._files is not None:
            self._files.copy(origin, target, dry_run=self._plan.dry_run)

    def _carry_model(self, one: HeldLoggedModel, held: dict[str, HeldLoggedModel]) -> None:
        if self._files is not None:
            origin = one.model.info.artifact_uri
            one = replace(one, model=self._files.model(one.model))
            self._copy(origin, one.model.info.artifact_uri)
        tally = self._report.logged_models
        tally.seen += 1
        key = one.model.model_id
        here = held.get(key)
        if here is not None and settled(here) == settled(one):
            return
        tally.carried += 1
        if not self._plan.dry_run:
            adopted = self._stores.transfer.adopt_logged_model(one.model, is_deleted=one.is_deleted)
            self._expect(adopted, f"logged model {key}")

    # --- registered models ---------------------------------------------------------------------

    def _carry_registered(self) -> None:
        held = {one.model.name: one for one in self._here.registered_models()}
        for one in self._source.registered_models():
            if self._files is not None:
                one = self._files.registered(one)  # noqa: PLW2901 - the same model elsewhere
            tally = self._report.registered_models
            tally.seen += 1
            here = held.get(one.model.name)
            if here is not None and together(one, here) == here:
                continue
            tally.carried += 1
            if not self._plan.dry_run:
                adopted = self._stores.transfer.adopt_registered_model(one)
                self._expect(adopted, f"registered model {one.model.name!r}")

    # --- waiting for the store -----------------------------------------------------------------

    def _expect(
        self, future: Future[int] | Future[None], what: str, *, counts: bool = False
    ) -> None:
        def settle(done: Future[int] | Future[None]) -> None:
            error = done.exception()
            if error is None and counts:
                self._report.points.carried += done.result() or 0

        future.add_done_callback(settle)
        self._pending.append((future, what))  # type: ignore[arg-type]  # only its exception counts
        self._settle(_IN_FLIGHT)

    def _settle(self, limit: int) -> None:
        """Wait until at most *limit* writes are pending; what the store refused is reported."""
        while len(self._pending) > limit:
            future, what = self._pending.popleft()
            try:
                future.result()
            except MillraceError as error:
                self._report.refused.append(f"{what}: {error.message}")


def chosen(source: Source, wanted: Collection[str]) -> Iterator[Experiment]:
    """The experiments of *source* whose name or id is *wanted*; all when nothing is."""
    for experiment in source.experiments():
        if not wanted or experiment.name in wanted or experiment.experiment_id in wanted:
            yield experiment


def without_metrics(run: Run) -> Run:
    """The run without its metrics and without what passes by itself, for comparing."""
    data = RunData(param_list=_sorted(run.data.param_list), tag_list=_sorted(run.data.tag_list))
    inputs = replace(
        run.inputs,
        dataset_inputs=tuple(
            sorted(
                (replace(one, tag_list=_sorted(one.tag_list)) for one in run.inputs.dataset_inputs),
                key=lambda one: (one.dataset.name, one.dataset.digest),
            )
        ),
        model_inputs=tuple(sorted(run.inputs.model_inputs, key=lambda one: one.model_id)),
    )
    outputs = replace(
        run.outputs,
        model_outputs=tuple(sorted(run.outputs.model_outputs, key=lambda one: one.model_id)),
    )
    info = replace(run.info, liveness=None)
    return Run(info=info, data=data, inputs=inputs, outputs=outputs)


def settled(held: HeldLoggedModel) -> bytes:
    """A logged model in the one form that equal models share. JSON, since NaN equals nothing."""
    model = held.model
    info = replace(model.info, tag_list=_sorted(model.info.tag_list), registrations=())
    metrics = sorted(msgspec.json.encode(one) for one in model.data.metric_list)
    params = _sorted(model.data.param_list)
    return msgspec.msgpack.encode((info, params, metrics, held.is_deleted))


def _sorted(entries: tuple[KeyValue, ...]) -> tuple[KeyValue, ...]:
    return tuple(sorted(entries, key=lambda one: one.key))
