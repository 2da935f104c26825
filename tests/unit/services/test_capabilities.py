"""What may be done is said before it is tried, and is what happens when it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from millrace.api.table import BY_NAME
from millrace.core.entities.access import Actor
from millrace.core.errors import Conflict, InvalidArgument, MillraceError, NotFound, NotSupported
from millrace.services.platform import Platform, open_platform
from millrace.stores.file import FileStores
from millrace.stores.memory import MemoryStores
from tests.unit.services.conftest import Call, calling
from tests.unit.services.test_platform import INLINE


def refused(call: Call, **about: Any) -> dict[str, str]:
    return dict(call("getCapabilities", **about).refused)


@pytest.fixture
def run(call: Call) -> str:
    return str(call("createRun", experiment_id="0").run.info.run_id)


def test_without_accounts_everybody_may_do_everything(platform: Platform, run: str) -> None:
    call = calling(platform, actor=Actor(name="ada"))

    told = call("getCapabilities", run_id=run, experiment_id="0")

    assert (told.user, told.is_verified, told.has_accounts) == ("ada", False, False)
    assert (told.permission, told.refused) == ("MANAGE", {})


def test_a_run_that_has_ended_is_not_asked_to_stop(call: Call, run: str) -> None:
    call("updateRun", run_id=run, status="FINISHED")

    assert refused(call, run_id=run) == {"stopRun": "The run has ended: FINISHED."}


def test_what_is_said_to_be_refused_is_refused(call: Call, run: str) -> None:
    call("createExperiment", name="where runs could go")
    call("deleteRun", run_id=run)

    told = refused(call, run_id=run)

    assert {"updateRun", "setTag", "moveRuns", "stopRun", "deleteRunArtifacts"} <= told.keys()
    with pytest.raises(InvalidArgument) as caught:
        call("deleteRunArtifacts", run_id=run, paths=["a"])
    assert caught.value.message.endswith("is in the trash. Restore it first.")
    assert not {"restoreRun", "deleteRun"} & told.keys()
    for name in told.keys() & INLINE.keys():
        about = {"run_ids": [run]} if "run_ids" in INLINE[name] else {"run_id": run}
        message = INLINE[name] | about
        with pytest.raises(InvalidArgument):
            call(name, **message)


def test_the_files_of_a_ready_model_stay(call: Call, tmp_path: Path) -> None:
    home = call("createExperiment", name="m", artifact_location=str(tmp_path)).experiment_id
    model = call("createLoggedModel", experiment_id=home).model.info.model_id
    about = {"model_id": model, "paths": ["a"]}
    assert refused(call, model_id=model) == {}
    assert call("deleteLoggedModelArtifacts", **about).files == 0
    call("finalizeLoggedModel", model_id=model, status="LOGGED_MODEL_READY")

    assert refused(call, model_id=model).keys() == {"deleteLoggedModelArtifacts"}

    with pytest.raises(Conflict, match="stay as they are"):
        call("deleteLoggedModelArtifacts", **about)
    gone = f"m-{'f' * 32}"
    assert gone in refused(call, model_id=gone)["deleteLoggedModelArtifacts"]
    with pytest.raises(NotFound):
        call("deleteLoggedModelArtifacts", model_id=gone, paths=["a"])


def test_of_what_is_not_there_nothing_can_be_done(call: Call) -> None:
    gone = "f" * 32

    assert refused(call, run_id=gone)["updateRun"] == f"There is no run {gone!r}."
    assert "updateExperiment" in refused(call, experiment_id="77")
    with pytest.raises(InvalidArgument, match="experiment"):
        call("getCapabilities", experiment_id="no number")


def test_an_experiment_in_the_trash_takes_no_change(call: Call) -> None:
    key = call("createExperiment", name="e").experiment_id
    call("deleteExperiment", experiment_id=key)

    told = refused(call, experiment_id=key)

    assert {"updateExperiment", "setExperimentTag", "createRun"} <= told.keys()
    for name in told:
        message: dict[str, Any] = {"experiment_id": key}
        needed = {"updateExperiment": {"new_name": "n"}, "createRun": {}}
        message |= needed.get(name, {"key": "k"})
        if "value" in BY_NAME[name].request.__struct_fields__:
            message["value"] = "v"
        with pytest.raises(MillraceError):
            call(name, **message)


def test_what_the_server_does_not_answer_is_among_it() -> None:
    platform = Platform(MemoryStores(), unserved={"downloadArchive": "It was started so."})

    assert refused(calling(platform)) == {"downloadArchive": "It was started so."}
    platform.close()


def test_a_folder_of_files_says_what_it_has_no_place_for(tmp_path: Path) -> None:
    stores = FileStores(str(tmp_path), default_artifact_root="s3://root", durable=False)
    platform = Platform(stores)
    call = calling(platform)
    try:
        told = refused(call)

        lacking = {BY_NAME[name].group for name in told}
        assert lacking == {"Approvals", "Comments", "Model servers", "Model versions",
                           "Registered models", "Webhooks"}  # fmt: skip
        for name in ("searchRegisteredModels", "listModelServers", "searchTransitionRequests"):
            with pytest.raises(NotSupported) as caught:
                call(name)
            assert told[name] == caught.value.message
        assert "listWebhooks" not in told
        assert call("listWebhooks").webhooks == ()
    finally:
        platform.close()


def test_a_registry_apart_is_no_lack(tmp_path: Path) -> None:
    platform = open_platform(str(tmp_path / "mlruns"), registry_uri="memory://")
    try:
        assert refused(calling(platform)) == {}
    finally:
        platform.close()
