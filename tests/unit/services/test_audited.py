"""Every endpoint that changes something leaves an audit entry, by the table of endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.api.table import BY_NAME
from millrace.core.entities.access import Actor
from millrace.core.entities.task import Task
from millrace.services.places import Places
from millrace.services.platform import Platform, open_platform, open_store
from tests.unit.services.conftest import Call, calling

# What is logged to a run is its record, not a change of one: an entry each would drown the others.
# Nor are bytes: the ledger of artifacts has who stored what. The rest changes nothing.
NOT_AUDITED = {
    "heartbeat", "renewModelServer",
    "logBatch", "logMetric", "logParam", "setTag", "deleteTag", "logModel",
    "logInputs", "logOutputs", "logLoggedModelParams",
    "uploadRunArtifact", "uploadArtifact", "uploadBundle", "createPresignedUploadUrl",
    "adoptArtifact", "createMultipartUpload", "completeMultipartUpload", "abortMultipartUpload",
    "testWebhook",
}  # fmt: skip
CHANGING = {row.name for row in BY_NAME.values() if row.writes}
POLICY = {"models": "m", "guards": [{"stage": "Production"}], "approvals": 2}
TAG = {"key": "k", "value": "v"}
EVENT = {"entity": "REGISTERED_MODEL", "action": "CREATED"}


class Story:
    """Does everything there is to do, once; which endpoints left no entry."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.silent: list[str] = []
        self.told: set[str] = set()
        self._seen: set[int] = set()

    def by(self, name: str) -> Call:
        """Calls by somebody."""
        call = calling(self.platform, actor=Actor(name=name, verified=True, is_admin=True))

        def watched(endpoint: str, /, **message: Any) -> Any:
            answer = call(endpoint, **message)
            fresh = {one.seq for one in call("listAuditEntries", max_results=1_000).entries}
            if endpoint in CHANGING:
                self.told.add(endpoint)
                if fresh == self._seen:
                    self.silent.append(endpoint)
            self._seen = fresh
            return answer

        return watched

    def experiments_and_runs(self) -> None:
        call = self.by("ada")
        first, second = (call("createExperiment", name=name).experiment_id for name in "ab")
        call("updateExperiment", experiment_id=first, new_name="c")
        call("setExperimentTag", experiment_id=first, **TAG)
        call("deleteExperimentTag", experiment_id=first, key="k")
        run = call("createRun", experiment_id=first).run.info.run_id
        call("stopRun", run_id=run)
        call("updateRun", run_id=run, status="FINISHED")
        call("deleteRun", run_id=run)
        call("restoreRun", run_id=run)
        call("copyRun", run_id=run, experiment_id=second)
        call("moveRuns", run_ids=[run], experiment_id=second)
        model = call("createLoggedModel", experiment_id=first, name="l").model.info.model_id
        call("finalizeLoggedModel", model_id=model, status=2)
        call("setLoggedModelTags", model_id=model, tags=[TAG])
        call("deleteLoggedModelTag", model_id=model, tag_key="k")
        call("deleteLoggedModel", model_id=model)
        call("restoreLoggedModel", model_id=model)
        call("deleteExperiment", experiment_id=first)
        call("restoreExperiment", experiment_id=first)
        call("deleteRun", run_id=run)
        call("emptyTrash", run_ids=[run])

    def files(self) -> None:
        call = self.by("ada")
        call("deleteArtifact", artifact_path="old.txt")
        run = call("createRun", experiment_id="0").run.info.run_id
        call("deleteRunArtifacts", run_id=run, paths=["a"])
        model = call("createLoggedModel", experiment_id="0").model.info.model_id
        call("deleteLoggedModelArtifacts", model_id=model, paths=["a"])

    def datasets(self) -> None:
        call = self.by("ada")
        made = call("createDataset", name="d", experiment_ids=["0"]).dataset.dataset_id
        call("setDatasetTags", dataset_id=made, tags='{"k": "v"}')
        call("deleteDatasetTag", dataset_id=made, key="k")
        call("upsertDatasetRecords", dataset_id=made, records='[{"inputs": {"q": 1}}]')
        records = call("getDatasetRecords", dataset_id=made).records
        ids = [one["dataset_record_id"] for one in json.loads(records)]
        call("deleteDatasetRecords", dataset_id=made, dataset_record_ids=ids)
        other = call("createExperiment", name="e").experiment_id
        call("addDatasetToExperiments", dataset_id=made, experiment_ids=[other])
        call("removeDatasetFromExperiments", dataset_id=made, experiment_ids=[other])
        call("deleteDataset", dataset_id=made)

    def registry(self) -> None:
        call = self.by("ada")
        call("createRegisteredModel", name="n")
        call("renameRegisteredModel", name="n", new_name="m")
        call("updateRegisteredModel", name="m", description="d")
        call("setRegisteredModelTag", name="m", **TAG)
        call("deleteRegisteredModelTag", name="m", key="k")
        for _ in range(2):
            call("createModelVersion", name="m", source="s3://b/m")
        version = {"name": "m", "version": "1"}
        call("updateModelVersion", **version, description="d")
        call("setModelVersionTag", **version, **TAG)
        call("deleteModelVersionTag", **version, key="k")
        call("transitionModelVersionStage", **version, stage="Staging")
        call("rollBack", name="m", stage="Staging")
        call("setRegisteredModelAlias", **version, alias="a")
        call("deleteRegisteredModelAlias", name="m", alias="a")
        server = {"server_id": f"s-{1:032x}", "ttl_ms": 60_000}
        where = {"endpoint": "m", "url": "http://h:1", "host": "h"}
        call("announceModelServer", **version, **server, **where)
        call("withdrawModelServer", server_id=server["server_id"])
        comment = call("createComment", name="m", comment="c").comment.id
        call("updateComment", name="m", id=comment, comment="d")
        call("deleteComment", name="m", id=comment)

    def approvals(self) -> None:
        ada, ben = self.by("ada"), self.by("ben")
        ada("setApprovalPolicy", policy=POLICY)
        asked = [
            ada(
                "createTransitionRequest", name="m", version="1", stage="Production"
            ).request.id
            for _ in range(3)
        ]  # fmt: skip
        ben("commentTransitionRequest", name="m", id=asked[0], comment="c")
        ben("rejectTransitionRequest", name="m", id=asked[0])
        ada("deleteTransitionRequest", name="m", id=asked[1])
        ben("approveTransitionRequest", name="m", id=asked[2])
        ada("deleteApprovalPolicy", models="m")
        ada("deleteModelVersion", name="m", version="1")
        ada("deleteRegisteredModel", name="m")

    def webhooks(self) -> None:
        call = self.by("ada")
        made = call(
            "createWebhook", name="w", url="https://93.184.216.34/hook", events=[EVENT]
        ).webhook.webhook_id  # fmt: skip
        call("updateWebhook", webhook_id=made, name="v")
        call("createRegisteredModel", name="told")
        (delivery,) = call("listWebhookDeliveries", webhook_id=made).deliveries
        call("replayWebhookDelivery", webhook_id=made, delivery_id=delivery.delivery_id)
        call("deleteWebhook", webhook_id=made)

    def views(self) -> None:
        call = self.by("ada")
        made = call("createView", name="v", document="{}", format=1).view.view_id
        call("updateView", view_id=made, name="w")
        call("deleteView", view_id=made)

    def tasks(self) -> None:
        call = self.by("ada")
        call("createTask", experiment_ids=["0"], kind="delete_runs")
        going = Task(
            task_id="t-1", kind="delete_runs", state="RUNNING", owner="ada",
            experiment_ids=("0",), total=1, done=0, failed=0,
            created_ms=1, lease_until_ms=2**62,
        )  # fmt: skip
        self.platform.stores.tasks.add_task(going, ["none"]).result()
        call("cancelTask", task_id="t-1")


@pytest.fixture(params=["memory", "sqlite"])
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    uri = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'a.db'}"
    files = tmp_path / "files"
    files.mkdir()
    (files / "old.txt").write_text("old")
    places = Places(open_store, destination=str(files), trusting=True)
    platform = open_platform(uri, artifact_root=str(files), places=places)
    yield Story(platform)
    platform.close()


def test_every_endpoint_that_changes_something_is_audited(story: Story) -> None:
    story.experiments_and_runs()
    story.datasets()
    story.registry()
    story.approvals()
    story.webhooks()
    story.views()
    story.tasks()
    story.files()

    assert story.silent == []
    # A new endpoint has to have a place here, or among those that are not audited.
    assert CHANGING - NOT_AUDITED - story.told == set()
    assert not story.told & NOT_AUDITED
