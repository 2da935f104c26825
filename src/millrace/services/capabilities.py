"""What a caller may do, before it is tried, so that buttons say so before the click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from millrace.api.endpoint import Experiment, ExperimentOfRun
from millrace.api.system import Capabilities as Told
from millrace.api.table import ENDPOINTS
from millrace.core.entities.access import Permission
from millrace.core.entities.run import TERMINAL, Run
from millrace.core.rules import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from millrace.api.system import AskCapabilities
    from millrace.services.context import Context
    from millrace.stores.protocols import Part, TrackingStore

_RECORDS: Final = frozenset({"Experiments", "Runs", "Logging"})
_OUT_OF_THE_TRASH: Final = frozenset({
    "deleteRun", "restoreRun", "deleteExperiment", "restoreExperiment",
})  # fmt: skip


def _edits(on: type[Experiment | ExperimentOfRun]) -> frozenset[str]:
    """The calls that change records found by *on*."""
    return frozenset(
        row.name
        for row in ENDPOINTS
        if row.group in _RECORDS
        and row.needs.permission >= Permission.EDIT
        and isinstance(row.needs.on, on)
    )


_OF_RUNS: Final = _edits(ExperimentOfRun) | {"deleteRunArtifacts"}
_OF_EXPERIMENTS: Final = _edits(Experiment)
_OF_MODELS: Final = frozenset({"deleteLoggedModelArtifacts"})


_GROUPS: Final[Mapping[Part, frozenset[str]]] = {
    "registry": frozenset({
        "Registered models", "Model versions", "Comments", "Approvals", "Model servers",
    }),
    # There are none to be read, which is an answer.
    "webhooks": frozenset({"Webhooks"}),
}  # fmt: skip


def without(lacking: Mapping[Part, str]) -> dict[str, str]:
    """The calls that a place without these parts refuses, with the reasons."""
    return {
        row.name: reason
        for part, reason in lacking.items()
        for row in ENDPOINTS
        if row.group in _GROUPS[part] and (part == "registry" or row.writes)
    }


class Capabilities:
    """Knows what this server refuses, and what the state of a record forbids.

    *unserved*: calls that whoever serves the platform does not answer, with the reasons. *freezes*:
    the files of models that are ready stay as they are.
    """

    def __init__(
        self, tracking: TrackingStore, unserved: Mapping[str, str], *, freezes: bool
    ) -> None:
        self._tracking = tracking
        self._unserved = unserved
        self._freezes = freezes

    def get(self, ctx: Context, request: AskCapabilities) -> Told:
        """What the caller may do. There are no accounts yet: everybody may do everything that the
        state of things allows."""
        refused: dict[str, str] = {}
        if request.experiment_id is not None:
            refused |= self._of_experiment(names.experiment_id(request.experiment_id))
        if request.run_id is not None:
            refused |= self._of_run(request.run_id)
        if request.model_id is not None:
            refused |= self._of_model(request.model_id)
        return Told(
            user=ctx.actor.name,
            is_verified=ctx.actor.verified,
            permission=Permission.MANAGE.name,
            refused={**refused, **self._unserved},
        )

    def _of_run(self, run_id: str) -> dict[str, str]:
        raw = self._tracking.run(run_id)
        if raw is None:
            return _because(_OF_RUNS, f"There is no run {run_id!r}.")
        info = msgspec.json.decode(raw, type=Run, strict=False).info
        if info.lifecycle_stage == "deleted":
            return _because(
                _OF_RUNS - _OUT_OF_THE_TRASH, "The run is in the trash. Restore it first."
            )
        if info.status in TERMINAL:
            return {"stopRun": f"The run has ended: {info.status}."}
        return {}

    def _of_model(self, model_id: str) -> dict[str, str]:
        found = self._tracking.logged_model(model_id)
        if found is None:
            return _because(_OF_MODELS, f"There is no logged model {model_id!r}.")
        if self._freezes and found.info.status == "LOGGED_MODEL_READY":
            return _because(
                _OF_MODELS, "The model is ready: its files stay as they are. Log a new one."
            )
        return {}

    def _of_experiment(self, experiment_id: str) -> dict[str, str]:
        held = self._tracking.experiment(experiment_id)
        if held is None:
            return _because(_OF_EXPERIMENTS, f"There is no experiment {experiment_id!r}.")
        if held.lifecycle_stage == "deleted":
            return _because(
                _OF_EXPERIMENTS - _OUT_OF_THE_TRASH,
                "The experiment is in the trash. Restore it first.",
            )
        return {}


def _because(calls: Iterable[str], reason: str) -> dict[str, str]:
    return dict.fromkeys(sorted(calls), reason)
