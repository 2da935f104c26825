"""Every verb of the explicit client, against a platform in memory."""

from __future__ import annotations

import math

import pytest

from millrace.client import entities
from millrace.client.batching import Channel
from millrace.client.client import MillraceClient, Operations
from millrace.client.entities import Metric, Param, RunTag, ViewType
from millrace.core import tags
from millrace.core.errors import (
    AlreadyExists,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from millrace.http.faults import Untrusted
from tests.unit.client.conftest import OpenChannel
from tests.unit.client.scenes import until
from tests.unit.client.transport import Asked, RecordingTransport, away

# --- experiments -------------------------------------------------------------------------------


def test_an_experiment_from_its_creation_to_its_restoration(client: MillraceClient):
    made = client.create_experiment("e", "s3://b/x", {"a": 1})
    client.set_experiment_tag(made, "b", 2)
    client.rename_experiment(made, "f")
    found = client.get_experiment(made)
    assert (found.name, found.artifact_location) == ("f", "s3://b/x")
    assert found.tags == {"a": "1", "b": "2"}

    client.delete_experiment_tag(made, "a")
    client.delete_experiment(made)
    assert client.get_experiment_by_name("f").lifecycle_stage == "deleted"
    client.restore_experiment(made)

    assert client.get_experiment(made).tags == {"b": "2"}
    assert client.get_experiment_by_name("never") is None
    with pytest.raises(AlreadyExists):
        client.create_experiment("f")
    with pytest.raises(NotFound):
        client.get_experiment("999")


def test_experiments_are_found_page_by_page(client: MillraceClient):
    for name in ("a", "b", "c"):
        client.create_experiment(name)

    first = client.search_experiments(
        max_results=2, order_by=["name ASC"], filter_string="name ILIKE '_'"
    )
    second = client.search_experiments(
        max_results=2,
        order_by=["name ASC"],
        filter_string="name ILIKE '_'",
        page_token=first.token,
    )

    assert [e.name for e in first] == ["a", "b"]
    assert [e.name for e in second] == ["c"]
    assert second.token is None
    assert client.search_experiments(ViewType.DELETED_ONLY) == []


def test_an_experiment_named_is_made_once(client: MillraceClient):
    assert client.experiment_named("e") == client.experiment_named("e")


def test_an_experiment_that_somebody_else_makes_at_the_same_time_is_taken(
    client: MillraceClient, transport: RecordingTransport
):
    def faster(asked: Asked) -> None:
        if asked.endpoint == "createExperiment":
            transport.before = None
            client.create_experiment("e")

    transport.before = faster

    assert client.experiment_named("e") == client.get_experiment_by_name("e")


# --- runs --------------------------------------------------------------------------------------


def test_a_run_from_its_creation_to_its_restoration(client: MillraceClient):
    made = client.create_run("0", start_time=5, tags={"a": 1}, run_name="n")
    run_id = made.info.run_id
    client.update_run(run_id, name="m")
    client.set_terminated(run_id, "KILLED", end_time=9)
    client.delete_run(run_id)
    deleted = client.get_run(run_id)
    client.restore_run(run_id)
    run = client.get_run(run_id)

    assert deleted.info.lifecycle_stage == "deleted"
    assert (run.info.run_name, run.info.status) == ("m", "KILLED")
    assert (run.info.start_time, run.info.end_time) == (5, 9)
    assert run.data.tags == {"a": "1", tags.RUN_NAME: "m"}


def test_a_run_ends_now_unless_told_otherwise(client: MillraceClient, run_id: str):
    client.set_terminated(run_id)
    ended = client.get_run(run_id).info
    client.update_run(run_id, "RUNNING")

    assert ended.status == "FINISHED"
    assert ended.end_time >= ended.start_time
    assert client.get_run(run_id).info.status == "RUNNING"


@pytest.mark.parametrize("status", ["finished", "DONE", 3])
def test_only_known_states_exist(client: MillraceClient, run_id: str, status: str):
    with pytest.raises(InvalidArgument, match="FINISHED"):
        client.set_terminated(run_id, status)
    with pytest.raises(InvalidArgument, match="FINISHED"):
        client.update_run(run_id, status)


def test_what_a_request_may_not_hold_is_refused_at_once(client: MillraceClient, run_id: str):
    nameless = entities.DatasetInput(entities.Dataset("", "1", "code", "{}"), [])

    with pytest.raises(InvalidArgument, match="logInputs"):
        client.log_inputs(run_id, [nameless])


def test_a_parent_is_found(client: MillraceClient, run_id: str):
    child = client.create_run("0", tags={tags.PARENT_RUN_ID: run_id}).info.run_id

    assert client.get_parent_run(child).info.run_id == run_id
    assert client.get_parent_run(run_id) is None


def test_runs_are_found(client: MillraceClient):
    for i in range(3):
        client.log_param(client.create_run("0", start_time=i).info.run_id, "i", i)

    first = client.search_runs(["0"], "params.i != '1'", max_results=1, order_by=["start_time"])
    rest = client.search_runs(["0"], "params.i != '1'", ViewType.ALL, 5, ["start_time"], None)

    assert [run.data.params["i"] for run in first] == ["0"]
    assert first.token
    assert [run.data.params["i"] for run in rest] == ["0", "2"]
    assert client.search_runs("0")


# --- logging -----------------------------------------------------------------------------------


def test_everything_that_can_be_logged(client: MillraceClient, run_id: str):
    client.log_metric(run_id, "loss", 0.5, timestamp=7, step=3)
    assert client.log_param(run_id, "lr", 0.1) == 0.1
    client.log_params(run_id, {"a": 1})
    client.set_tag(run_id, "t", 1)
    client.set_tags(run_id, {"u": 2, "v": 3})
    client.delete_tag(run_id, "v")
    client.log_batch(run_id, [Metric("acc", math.nan, 1, 2)], [Param("b", 2)], [RunTag("w", 4)])
    client.log_inputs(
        run_id,
        [
            entities.DatasetInput(
                entities.Dataset("d", "1", "code", "{}"), [entities.InputTag("k", "v")]
            )
        ],
    )
    run = client.get_run(run_id)

    assert run.data.metric_list[1].timestamp == 7
    assert str(run.data.metrics) == "{'acc': nan, 'loss': 0.5}"
    assert run.data.params == {"a": "1", "b": "2", "lr": "0.1"}
    assert {k: v for k, v in run.data.tags.items() if "." not in k} == {
        "t": "1",
        "u": "2",
        "w": "4",
    }
    [given] = run.inputs.dataset_inputs
    assert (given.dataset.name, given.tags) == ("d", {"k": "v"})


def test_logged_inputs_can_be_logged_again(client: MillraceClient, run_id: str):
    """What the client returns is what it takes."""
    data = entities.DatasetInput(entities.Dataset("d", "1", "code", "{}"), [])
    client.log_inputs(run_id, [data])
    other = client.create_run("0").info.run_id

    client.log_inputs(other, client.get_run(run_id).inputs.dataset_inputs)

    assert client.get_run(other).inputs == client.get_run(run_id).inputs


def test_asynchronous_logging_returns_something_to_wait_for(client: MillraceClient, run_id: str):
    pending = [
        client.log_metric(run_id, "m", 1, synchronous=False),
        client.log_param(run_id, "p", 1, synchronous=False),
        client.set_tag(run_id, "t", 1, synchronous=False),
        client.log_batch(run_id, params=[Param("q", 1)], synchronous=False),
    ]
    for each in pending:
        each.wait()

    data = client.get_run(run_id).data
    assert (data.metrics, data.params) == ({"m": 1.0}, {"p": "1", "q": "1"})


def test_a_batch_that_is_too_long_is_cut(
    client: MillraceClient, run_id: str, transport: RecordingTransport
):
    metrics = [Metric("m", i, i, i) for i in range(2500)]
    params = [Param(f"p{i}", i) for i in range(250)]

    client.log_batch(run_id, metrics, params)
    later = client.log_batch(run_id, metrics, synchronous=False)

    assert isinstance(later, Operations)
    later.wait()
    assert len(client.get_metric_history(run_id, "m")) == 2500
    assert len(client.get_run(run_id).data.params) == 250


def test_the_environment_may_make_logging_asynchronous(
    client: MillraceClient, run_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")

    client.log_metric(run_id, "m", 1).wait()
    client.set_tag(run_id, "t", 1).wait()

    assert client.log_metric(run_id, "m", 2, synchronous=True) is None


@pytest.mark.parametrize("value", ["much", None])
def test_what_is_no_number_is_refused_at_once(client: MillraceClient, run_id: str, value: object):
    with pytest.raises(InvalidArgument):
        client.log_metric(run_id, "m", value, synchronous=False)


def test_a_history_is_read_to_its_end(
    client: MillraceClient, run_id: str, transport: RecordingTransport
):
    for part in range(3):
        points = [Metric("m", i, 1000 + i, i) for i in range(part * 20_000, (part + 1) * 20_000)]
        client.log_batch(run_id, points)

    history = client.get_metric_history(run_id, "m")

    assert [m.step for m in history] == list(range(60_000))
    assert len(transport.requests("getMetricHistory")) == 3


def test_logged_models(client: MillraceClient, run_id: str):
    model = client.create_logged_model("0", "net", run_id, {"t": 1}, {"p": 2}, "torch")
    client.log_model_params(model.model_id, {"q": 3})
    client.set_logged_model_tags(model.model_id, {"u": 4})
    client.delete_logged_model_tag(model.model_id, "t")
    client.log_outputs(run_id, [entities.LoggedModelOutput(model.model_id, 7)])
    client.log_inputs(run_id, models=[entities.LoggedModelInput(model.model_id)])
    client.log_metric(run_id, "acc", 0.5, model_id=model.model_id)
    done = client.finalize_logged_model(model.model_id, "READY")
    found = client.search_logged_models(["0"], "name = 'net'")
    run = client.get_run(run_id)

    assert done.info.status == "LOGGED_MODEL_READY"
    assert [each.model_id for each in found] == [model.model_id]
    known = client.get_logged_model(model.model_id)
    assert known.data.params == {"p": "2", "q": "3"}
    assert known.info.tags == {"u": "4"}
    assert known.data.metrics == {"acc": 0.5}
    assert run.outputs.model_outputs[0].step == 7
    assert run.inputs.model_inputs[0].model_id == model.model_id
    client.delete_logged_model(model.model_id)
    with pytest.raises(NotFound):
        client.get_logged_model(model.model_id)
    with pytest.raises(InvalidArgument, match="READY"):
        client.finalize_logged_model(model.model_id, "DONE")


# --- without a server --------------------------------------------------------------------------


def test_a_run_begins_in_the_spool_when_nobody_answers(
    channel: Channel, client: MillraceClient, transport: RecordingTransport
):
    transport.before = away
    experiment = client.experiment_named("e")
    parent = client.create_run(experiment.experiment_id, run_name="p", tags={"a": 1})
    child = client.create_run(
        experiment.experiment_id, tags={tags.PARENT_RUN_ID: parent.info.run_id}
    )
    client.log_metric(child.info.run_id, "m", 1.0)
    client.set_terminated(child.info.run_id)
    assert parent.info.run_name == "p"
    assert parent.data.tags["a"] == "1"
    assert child.info.run_name

    transport.before = None
    until(lambda: not channel.is_away)

    found = client.get_run(child.info.run_id)  # the id that it had here
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {"m": 1.0}
    assert found.info.run_name == child.info.run_name
    assert client.get_parent_run(child.info.run_id).data.tags["a"] == "1"
    made = client.get_experiment_by_name("e").experiment_id
    assert {run.info.experiment_id for run in client.search_runs([made])} == {made}


def test_a_run_is_resumed_when_nobody_answers(
    channel: Channel, client: MillraceClient, transport: RecordingTransport, run_id: str
):
    client.set_terminated(run_id)
    transport.before = away
    resumed = client.resume_run(run_id, "again")
    client.log_metric(run_id, "m", 1.0)

    transport.before = None
    until(lambda: not channel.is_away)

    assert resumed.info.run_id == run_id
    found = client.get_run(run_id)
    assert (found.info.status, found.info.run_name) == ("RUNNING", "again")
    assert found.data.metrics == {"m": 1.0}


@pytest.mark.parametrize("error", [Untrusted("x"), Unauthenticated("x"), LimitExceeded("x")])
def test_what_waiting_does_not_mend_stops_the_start(
    client: MillraceClient, transport: RecordingTransport, error: Exception
):
    def fail(_: object) -> None:
        raise error

    transport.before = fail

    with pytest.raises(type(error)):
        client.create_run("0")
    with pytest.raises(type(error)):
        client.experiment_named("e")


def test_offline_everything_but_questions_works(
    open_channel: OpenChannel, transport: RecordingTransport
):
    client = MillraceClient(channel=open_channel(is_offline=True))
    experiment = client.create_experiment("e")
    client.set_experiment_tag(experiment, "k", "v")
    assert client.experiment_known_as("7").experiment_id == "7"
    run_id = client.create_run(experiment).info.run_id
    client.log_metric(run_id, "m", 1.0)
    client.set_terminated(run_id)

    assert transport.asked == []
    with pytest.raises(Unavailable, match="MILLRACE_OFFLINE"):
        client.get_run(run_id)
