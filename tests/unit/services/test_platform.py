"""The platform as a whole: every endpoint is answered, and what may run on an event loop waits
for nothing."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import pytest

from millrace.api.table import BY_NAME, ENDPOINTS
from millrace.core import clock, wire
from millrace.core.errors import Unavailable
from millrace.services.context import Context
from millrace.services.platform import Platform, open_platform
from millrace.stores.memory import MemoryStores
from millrace.stores.protocols import (
    ApprovalStore,
    ArtifactRecords,
    AuditStore,
    ChangeFeed,
    EvaluationStore,
    ModelServerStore,
    OverviewStore,
    RegistryStore,
    RunTables,
    StoreHealth,
    TaskStore,
    TrackingStore,
    TransferStore,
    ViewStore,
    WebhookStore,
)
from tests.contract import build
from tests.unit.services.conftest import Call, calling

RUN, MODEL = {"run_id": "r"}, {"model_id": "m"}
TAG = {"key": "k", "value": "v"}
VERSION = {"name": "m", "version": "1"}
MODEL_JSON = '{"artifact_path": "m", "flavors": {}, "utc_time_created": "now", "run_id": "r"}'
# What each call that may run on the loop needs at least.
INLINE: dict[str, dict[str, Any]] = {
    "createExperiment": {"name": "e"},
    "deleteExperiment": {"experiment_id": "1"},
    "restoreExperiment": {"experiment_id": "1"},
    "updateExperiment": {"experiment_id": "1", "new_name": "e"},
    "setExperimentTag": {"experiment_id": "1", **TAG},
    "deleteExperimentTag": {"experiment_id": "1", "key": "k"},
    "createRun": {"experiment_id": "1"},
    "updateRun": RUN,
    "deleteRun": RUN,
    "restoreRun": RUN,
    "heartbeat": {**RUN, "ttl_ms": 1_000},
    "moveRuns": {"run_ids": ["r"], "experiment_id": "1"},
    "logBatch": RUN,
    "logMetric": {**RUN, "key": "k", "value": 1, "timestamp": 0},
    "logParam": {**RUN, **TAG},
    "setTag": {**RUN, **TAG},
    "deleteTag": {**RUN, "key": "k"},
    "logModel": {**RUN, "model_json": MODEL_JSON},
    "logInputs": RUN,
    "logOutputs": {**RUN, "models": []},
    "createLoggedModel": {"experiment_id": "1"},
    "finalizeLoggedModel": {**MODEL, "status": 2},
    "deleteLoggedModel": MODEL,
    "setLoggedModelTags": {**MODEL, "tags": [TAG]},
    "restoreLoggedModel": {"model_id": "m"},
    "deleteLoggedModelTag": {**MODEL, "tag_key": "k"},
    "logLoggedModelParams": {**MODEL, "params": [TAG]},
    "createDataset": {"name": "d"},
    "deleteDataset": {"dataset_id": "d"},
    "createRegisteredModel": {"name": "m"},
    "renameRegisteredModel": {"name": "m", "new_name": "n"},
    "updateRegisteredModel": {"name": "m"},
    "deleteRegisteredModel": {"name": "m"},
    "setRegisteredModelTag": {"name": "m", **TAG},
    "deleteRegisteredModelTag": {"name": "m", "key": "k"},
    "setRegisteredModelAlias": {**VERSION, "alias": "a"},
    "deleteRegisteredModelAlias": {"name": "m", "alias": "a"},
    "updateModelVersion": VERSION,
    "transitionModelVersionStage": {**VERSION, "stage": "Staging"},
    "deleteModelVersion": VERSION,
    "setModelVersionTag": {**VERSION, **TAG},
    "deleteModelVersionTag": {**VERSION, "key": "k"},
    "createComment": {"name": "m", "comment": "c"},
}


class Busy:
    """A store whose disk never answers: writes are queued for ever, reads would never return."""

    def __init__(self, protocol: type) -> None:
        self._writes = {
            name
            for name, method in inspect.getmembers(protocol, inspect.isfunction)
            if str(inspect.signature(method).return_annotation).startswith("Future[")
        }

    def __getattr__(self, name: str) -> Callable[..., Future[Any]]:
        if name not in self._writes:
            raise AssertionError(f"{name} waits for the disk")
        return lambda *_arguments, **_named: Future()


class BusyStores:
    kind = "busy"
    lacking: ClassVar[dict[str, str]] = {}
    tracking = Busy(TrackingStore)
    evaluation = Busy(EvaluationStore)
    registry = Busy(RegistryStore)
    approvals = Busy(ApprovalStore)
    model_servers = Busy(ModelServerStore)
    artifacts = Busy(ArtifactRecords)
    audit = Busy(AuditStore)
    webhooks = Busy(WebhookStore)
    transfer = Busy(TransferStore)
    run_tables = Busy(RunTables)
    overview = Busy(OverviewStore)
    changes = Busy(ChangeFeed)
    views = Busy(ViewStore)
    tasks = Busy(TaskStore)

    def secret(self) -> bytes:
        return b"s"

    def health(self) -> StoreHealth:
        return StoreHealth(kind=self.kind, ready=False)

    def close(self) -> None: ...


def test_every_endpoint_is_answered_by_one_handler() -> None:
    platform = Platform(MemoryStores())

    assert list(BY_NAME) == [endpoint.name for endpoint in ENDPOINTS]
    streams = {endpoint.name for endpoint in ENDPOINTS if endpoint.streams}
    assert platform.handlers.keys() == BY_NAME.keys() - streams
    taking = platform.uploads.keys() | platform.bundles.keys()
    assert taking | platform.downloads.keys() | {"listenEvents"} == streams


def test_the_calls_that_may_run_on_a_loop_are_known() -> None:
    platform = Platform(MemoryStores())

    inline = {name for name, handler in platform.handlers.items() if handler.inline}
    assert inline == {*INLINE, "getServerInfo"}
    assert all(BY_NAME[name].writes for name in INLINE)


@pytest.mark.parametrize("name", INLINE)
def test_what_may_run_on_a_loop_waits_for_nothing(name: str) -> None:
    """One read of the store there would hold up every other client."""
    platform = Platform(BusyStores())  # type: ignore[arg-type]  # knows no more than a test needs
    request = wire.from_body(BY_NAME[name].request, json.dumps(INLINE[name]).encode())

    answer = platform.handlers[name].call(Context(at_ms=1), request)

    assert isinstance(answer, Future)
    assert not answer.done()


def test_a_server_tells_what_it_keeps_records_in(platform: Platform, call: Call) -> None:
    named = {"memory": "MemoryStore", "sqlite": "SqlStore"}

    assert call("getServerInfo").store_type == named[platform.stores.kind]


def test_housekeeping_finds_the_runs_that_fell_silent(platform: Platform, call: Call) -> None:
    silent, alive = (call("createRun", experiment_id="0").run.info.run_id for _ in range(2))
    with clock.fixed(1_000):
        call("heartbeat", run_id=silent, ttl_ms=1_000)
        call("heartbeat", run_id=alive, ttl_ms=60_000)

    for at_ms in (2_000, 2_001):
        with clock.fixed(at_ms):
            platform.housekeeping()
        lost = [
            run for run in (silent, alive)
            if build.read(platform.stores.tracking, run).info.liveness == "lost"
        ]  # fmt: skip
        assert lost == ([silent] if at_ms == 2_001 else [])


@pytest.mark.parametrize("uri", ["memory://", "sqlite:///{folder}/p.db"])
def test_artifacts_go_below_the_root_that_was_given(tmp_path: Path, uri: str) -> None:
    platform = open_platform(uri.format(folder=tmp_path), artifact_root="s3://bucket/root/")
    call = calling(platform)

    made = call("createExperiment", name="e").experiment_id
    run = call("createRun", experiment_id=made).run.info

    places = [call("getExperiment", experiment_id=one).experiment.artifact_location
              for one in ("0", made)]  # fmt: skip
    assert places == ["s3://bucket/root/0", "s3://bucket/root/1"]
    assert run.artifact_uri == f"s3://bucket/root/1/{run.run_id}/artifacts"
    platform.close()


def test_the_trash_asks_a_registry_apart_what_it_needs(tmp_path: Path) -> None:
    runs, models = (f"sqlite:///{tmp_path / name}.db" for name in ("runs", "models"))
    platform = open_platform(runs, artifact_root=str(tmp_path / "files"), registry_uri=models)
    call = calling(platform)
    needed, free = (call("createRun", experiment_id="0").run.info for _ in range(2))
    call("createRegisteredModel", name="m")
    source = f"{needed.artifact_uri}/model"
    call("createModelVersion", name="m", source=source, run_id=needed.run_id)
    for run in (needed, free):
        call("deleteRun", run_id=run.run_id)

    told = call("emptyTrash").removals

    outcomes = {one.id: one.outcome for one in told}
    assert outcomes == {needed.run_id: "kept", free.run_id: "removed"}
    platform.close()


def test_a_closed_platform_takes_no_writes(platform: Platform, call: Call) -> None:
    platform.close()

    with pytest.raises(Unavailable):
        call("createExperiment", name="late")
