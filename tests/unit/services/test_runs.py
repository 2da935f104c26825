"""Runs through the platform: keys of idempotent calls, and text that comes in by Python."""

from __future__ import annotations

import json

import pytest

from millrace.core import ids
from millrace.core.entities.access import ANONYMOUS, SYSTEM, Actor
from millrace.core.errors import InvalidArgument, KeyReused, NotFound
from millrace.services.platform import Platform
from tests.contract import build
from tests.unit.services.conftest import Call, calling


@pytest.fixture
def run(call: Call) -> str:
    run_id: str = call("createRun", experiment_id="0").run.info.run_id
    return run_id


def keyed(platform: Platform, key: str = "k", digest: str = "d", actor: Actor = ANONYMOUS) -> Call:
    return calling(platform, actor=actor, idempotency_key=key, request_digest=digest)


@pytest.mark.parametrize("actor", [ANONYMOUS, SYSTEM], ids=lambda actor: actor.name)
def test_the_id_of_a_run_follows_from_actor_and_key(platform: Platform, actor: Actor) -> None:
    """So that a client that never heard the answer can tell what its run is called."""
    made = keyed(platform, actor=actor)("createRun", experiment_id="0")

    assert made.run.info.run_id == ids.derived_run_id(actor.name, "k")
    assert made.run.info.run_uuid == made.run.info.run_id


def test_a_repeated_create_finds_the_run_as_it_was_made(platform: Platform) -> None:
    first = keyed(platform)("createRun", experiment_id="0")
    platform.stores.tracking.append(first.run.info.run_id, build.batch(tags={"a": "1"})).result()

    assert keyed(platform)("createRun", experiment_id="0") == first


def test_without_a_key_every_run_is_another(call: Call) -> None:
    made = {call("createRun", experiment_id="0").run.info.run_id for _ in range(5)}

    assert len(made) == 5


def test_a_key_belongs_to_one_actor(platform: Platform) -> None:
    made = {
        keyed(platform, actor=actor)("createRun", experiment_id="0").run.info.run_id
        for actor in (ANONYMOUS, SYSTEM)
    }

    assert len(made) == 2


def test_a_key_belongs_to_one_request(platform: Platform) -> None:
    keyed(platform)("createRun", experiment_id="0")

    with pytest.raises(KeyReused):
        keyed(platform, digest="another")("createRun", experiment_id="0")


def test_a_delete_that_found_nothing_can_be_repeated_under_its_key(
    platform: Platform, call: Call, run: str
) -> None:
    """It had no effect, so it is not kept as if it had one."""
    with pytest.raises(NotFound):
        keyed(platform)("deleteTag", run_id=run, key="t")
    call("setTag", run_id=run, key="t", value="1")

    keyed(platform)("deleteTag", run_id=run, key="t")

    assert "t" not in build.tags_of(platform.stores.tracking, run)


def test_a_batch_that_clashed_does_not_use_up_its_key(
    platform: Platform, call: Call, run: str
) -> None:
    call("logParam", run_id=run, key="lr", value="1")
    with pytest.raises(InvalidArgument, match="Changing param values"):
        keyed(platform)("logParam", run_id=run, key="lr", value="2")

    keyed(platform, digest="mended")("logParam", run_id=run, key="lr2", value="2")

    assert build.params_of(platform.stores.tracking, run) == {"lr": "1", "lr2": "2"}


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("createRun", {"user_id": "a\0"}),
        ("createRun", {"run_name": "a\u202e"}),
        ("updateRun", {"run_name": "a\0"}),
        ("setTag", {"key": "mlflow.runName", "value": "a\n"}),
    ],
)
def test_names_hold_no_hidden_characters(
    call: Call, run: str, endpoint: str, message: dict[str, str]
) -> None:
    subject = {"experiment_id": "0"} if endpoint == "createRun" else {"run_id": run}

    with pytest.raises(InvalidArgument):
        call(endpoint, **subject, **message)


def test_an_empty_name_changes_nothing(platform: Platform, call: Call) -> None:
    run = call("createRun", experiment_id="0", run_name="first").run.info.run_id

    call("updateRun", run_id=run, run_name="")
    call("setTag", run_id=run, key="mlflow.runName", value="")

    assert build.read(platform.stores.tracking, run).info.run_name == "first"


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"artifact_path": "a"}'])
def test_a_model_that_is_noted_is_described_whole(call: Call, run: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match="model_json"):
        call("logModel", run_id=run, model_json=text)


def test_a_noted_model_keeps_what_identifies_it(platform: Platform, call: Call, run: str) -> None:
    model = {"artifact_path": "m", "flavors": {"f": {}}, "utc_time_created": "now", "run_id": run}
    for more in ({}, {"model_uuid": "u", "signature": "long"}):
        call("logModel", run_id=run, model_json=json.dumps(model | more))

    noted = build.tags_of(platform.stores.tracking, run)["mlflow.log-model.history"]
    assert json.loads(noted) == [model, model | {"model_uuid": "u"}]
