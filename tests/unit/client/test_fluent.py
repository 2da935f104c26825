"""The module-level API, as scripts use it, on a platform in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from pathlib import Path

import pytest

import millrace as mlflow
from millrace.client import connect, context
from millrace.client.active import STACK
from millrace.client.lease import PULSE
from millrace.core import settings, tags
from millrace.core.errors import InvalidArgument, NotFound
from tests.unit.client.scenes import until


@pytest.fixture(autouse=True)
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A tracking URI, a spool and an environment of this test's own; no run is left open."""
    uri = f"memory://{tmp_path.name}"
    for setting in (
        settings.TRACKING_URI,
        settings.EXPERIMENT_ID,
        settings.RUN_ID,
        settings.ENABLE_ASYNC_LOGGING,
        settings.ENABLE_SYSTEM_METRICS_LOGGING,
        settings.SYSTEM_METRICS_SAMPLING_INTERVAL,
        settings.SYSTEM_METRICS_NODE_ID,
        settings.SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING,
    ):
        monkeypatch.setenv(setting.name, "")
    monkeypatch.setenv("MILLRACE_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("MILLRACE_TRACKING_URI", uri)
    yield uri
    while mlflow.active_run():
        mlflow.end_run()
    for key in [key for key in connect._channels if key[0] == uri]:
        connect._channels.pop(key).close(5.0)


# --- runs --------------------------------------------------------------------------------------


def test_a_block_is_a_run():
    with mlflow.start_run(run_name="n", tags={"a": 1}, description="**bold**") as run:
        assert mlflow.active_run() is run
        assert mlflow.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("m", 1)

    assert mlflow.active_run() is None
    ended = mlflow.last_active_run()
    assert ended.info.run_id == run.info.run_id
    assert (ended.info.run_name, ended.info.status) == ("n", "FINISHED")
    assert ended.info.end_time >= ended.info.start_time
    assert ended.data.tags["a"] == "1"
    assert ended.data.tags[tags.NOTE] == "**bold**"
    assert ended.data.tags[tags.END_CAUSE] == "returned"
    assert ended.data.tags[tags.SOURCE_TYPE] == "LOCAL"
    assert ended.data.tags[tags.USER] == context.user()


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        (ValueError("bad\0 luck"), "FAILED", "exception: ValueError: bad  luck"),
        (KeyboardInterrupt(), "KILLED", "signal: SIGINT"),
        (SystemExit(3), "KILLED", "exit: 3"),
        (SystemExit("help"), "KILLED", "exit: help"),
        (SystemExit(), "FINISHED", "exit: 0"),
        (SystemExit(0), "FINISHED", "exit: 0"),
        (ValueError(), "FAILED", "exception: ValueError"),
        (ValueError("\ud800" + "x" * 9000), "FAILED", "exception: ValueError: ?" + "x" * 476),
    ],
)
def test_a_run_ends_as_its_block_did(error: BaseException, status: str, cause: str):
    with pytest.raises(type(error)), mlflow.start_run():
        raise error

    ended = mlflow.last_active_run()
    assert ended.info.status == status
    assert ended.data.tags[tags.END_CAUSE] == cause


def test_without_a_block_end_run_ends_it():
    mlflow.start_run()
    mlflow.end_run("FAILED")
    mlflow.end_run()  # no run: no error

    ended = mlflow.last_active_run()
    assert (ended.info.status, ended.data.tags[tags.END_CAUSE]) == ("FAILED", "end_run")
    with pytest.raises(InvalidArgument, match="FINISHED"):
        mlflow.end_run("done")


def test_a_run_ended_inside_its_block_is_ended_once():
    with mlflow.start_run():
        mlflow.end_run("KILLED")

    assert mlflow.last_active_run().info.status == "KILLED"


def test_the_error_of_a_block_is_not_hidden_by_one_of_ours():
    def train() -> None:
        with mlflow.start_run() as run:
            mlflow.delete_run(run.info.run_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()

    assert mlflow.active_run() is None


def test_runs_nest():
    with mlflow.start_run() as parent:
        with pytest.raises(InvalidArgument, match="nested=True"):
            mlflow.start_run()
        with mlflow.start_run(nested=True) as child:
            mlflow.log_param("who", "child")
        mlflow.log_param("who", "parent")

    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert mlflow.get_run(child.info.run_id).data.params == {"who": "child"}
    assert mlflow.get_run(parent.info.run_id).data.params == {"who": "parent"}


def test_a_parent_may_be_named():
    with mlflow.start_run() as parent:
        pass
    with mlflow.start_run(parent_run_id=parent.info.run_id) as child:
        pass

    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id


def test_leaving_a_block_ends_what_was_left_open_inside_it():
    with mlflow.start_run() as outer:
        inner = mlflow.start_run(nested=True)

    assert mlflow.active_run() is None
    assert mlflow.get_run(inner.info.run_id).info.status == "FINISHED"
    assert mlflow.get_run(outer.info.run_id).info.status == "FINISHED"


def test_a_run_is_resumed():
    first = mlflow.start_run()
    mlflow.log_metric("m", 1, step=1)
    mlflow.end_run("FAILED")
    with mlflow.start_run(run_id=first.info.run_id, tags={"again": True}) as second:
        during = mlflow.get_run(first.info.run_id)
        mlflow.log_metric("m", 2, step=2)

    assert second.info.run_id == first.info.run_id
    assert during.info.status == "RUNNING"
    assert tags.END_CAUSE not in during.data.tags
    ended = mlflow.get_run(first.info.run_id)
    assert ended.info.status == "FINISHED"
    assert ended.data.tags["again"] == "True"
    assert ended.data.metrics == {"m": 2.0}


def test_what_cannot_be_resumed_says_why():
    with mlflow.start_run() as run, pytest.raises(InvalidArgument, match="active already"):
        mlflow.start_run(run_id=run.info.run_id, nested=True)
    other = mlflow.create_experiment("other")
    with pytest.raises(InvalidArgument, match="is in experiment '0'"):
        mlflow.start_run(run_id=run.info.run_id, experiment_id=other)
    mlflow.delete_run(run.info.run_id)
    with pytest.raises(InvalidArgument, match="Restore it first"):
        mlflow.start_run(run_id=run.info.run_id)
    with pytest.raises(NotFound):
        mlflow.start_run(run_id="0" * 32)


def test_the_environment_may_name_the_run_to_resume(monkeypatch: pytest.MonkeyPatch):
    with mlflow.start_run() as first:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", first.info.run_id)

    with mlflow.start_run() as second, mlflow.start_run(nested=True) as child:
        pass
    with mlflow.start_run() as third:
        pass

    assert second.info.run_id == first.info.run_id
    assert len({first.info.run_id, child.info.run_id, third.info.run_id}) == 3


def test_a_description_is_given_once():
    with pytest.raises(InvalidArgument, match="not both"):
        mlflow.start_run(description="a", tags={tags.NOTE: "b"})


def test_logging_starts_a_run_when_there_is_none():
    mlflow.log_metric("m", 1)
    run = mlflow.active_run()
    mlflow.end_run()

    assert mlflow.get_run(run.info.run_id).data.metrics == {"m": 1.0}


def test_a_run_beats_while_it_is_open():
    with mlflow.start_run() as run:
        assert run.info.run_id in PULSE._runs
    assert run.info.run_id not in PULSE._runs


# --- threads, tasks, cells ---------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Asks a run of this process to stop, and returns when the process has heard of it."""
    monkeypatch.setenv("MILLRACE_LEASE_SECONDS", "0.1")

    def ask(run_id: str) -> None:
        mlflow.MillraceClient().stop_run(run_id)
        until(lambda: STACK.opened[run_id].stop is not None)

    return ask


def train(asked: Callable[[str], None], **options: str) -> None:
    """A run that logs until it is asked to stop, and has last words."""
    with mlflow.start_run(**options) as run:
        asked(run.info.run_id)
        try:
            mlflow.log_metric("m", 1)
        finally:
            mlflow.log_param("last", "words")


def test_who_is_asked_to_stop_is_interrupted_at_the_next_log_call(asked: Callable[[str], None]):
    with pytest.raises(mlflow.RunStopped, match="to stop"):
        train(asked)

    ended = mlflow.last_active_run()
    assert (ended.info.status, ended.data.params) == ("KILLED", {"last": "words"})
    assert ended.data.tags[tags.END_CAUSE].startswith("stopped by: ")


def test_who_asks_for_a_wish_to_stop_ends_in_its_own_time(asked: Callable[[str], None]):
    with mlflow.start_run() as run:
        assert not mlflow.stop_requested()
        asked(run.info.run_id)
        assert mlflow.stop_requested()
        mlflow.log_metric("m", 1)

    ended = mlflow.get_run(run.info.run_id)
    assert (ended.info.status, ended.data.metrics) == ("KILLED", {"m": 1})


def test_a_wish_that_nobody_heeds_changes_nothing(
    asked: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MILLRACE_STOP_WHEN_ASKED", "false")
    with mlflow.start_run() as run:
        asked(run.info.run_id)
        mlflow.log_metric("m", 1)

    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"


def test_what_runs_inside_a_stopped_run_stops_with_it(asked: Callable[[str], None]):
    def sweep() -> None:
        with mlflow.start_run() as outer, mlflow.start_run(nested=True):
            asked(outer.info.run_id)
            mlflow.log_metric("m", 1)

    with pytest.raises(mlflow.RunStopped):
        sweep()

    inner = mlflow.last_active_run()
    outer = mlflow.get_parent_run(inner.info.run_id)
    assert (inner.info.status, outer.info.status) == ("KILLED", "KILLED")


def test_a_resumed_run_goes_on_until_it_is_asked_again(asked: Callable[[str], None]):
    with pytest.raises(mlflow.RunStopped):
        train(asked)

    with mlflow.start_run(run_id=mlflow.last_active_run().info.run_id) as resumed:
        mlflow.log_metric("m", 2)

    assert tags.STOP not in resumed.data.tags
    assert mlflow.last_active_run().info.status == "FINISHED"


def test_threads_have_runs_of_their_own():
    seen = {}

    def train(name: str) -> None:
        assert mlflow.active_run() is None
        with mlflow.start_run(run_name=name) as run:
            barrier.wait(10)
            mlflow.log_param("name", name)
            seen[name] = run.info.run_id

    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=train, args=(str(n),)) for n in range(4)]
    with mlflow.start_run():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for name, run_id in seen.items():
        assert mlflow.get_run(run_id).data.params == {"name": name}


def test_tasks_have_runs_of_their_own():
    async def train(name: str, ready: asyncio.Barrier) -> str:
        with mlflow.start_run(run_name=name) as run:
            await ready.wait()
            mlflow.log_param("name", name)
            return run.info.run_id

    async def main() -> list[str]:
        ready = asyncio.Barrier(3)
        return await asyncio.gather(*(train(str(n), ready) for n in range(3)))

    for n, run_id in enumerate(asyncio.run(main())):
        run = mlflow.get_run(run_id)
        assert (run.data.params, run.info.status) == ({"name": str(n)}, "FINISHED")


def test_in_a_notebook_a_run_outlives_its_cell(monkeypatch: pytest.MonkeyPatch):
    """A kernel runs each cell in a copy of one context."""
    monkeypatch.setattr(context, "is_notebook", lambda: True)
    cell: Context = copy_context()

    run = cell.run(mlflow.start_run)
    copy_context().run(mlflow.log_param, "a", 1)
    copy_context().run(mlflow.end_run)

    found = mlflow.get_run(run.info.run_id)
    assert (found.data.params, found.info.status) == ({"a": "1"}, "FINISHED")
    assert found.data.tags[tags.SOURCE_TYPE] == "NOTEBOOK"


def test_a_block_left_elsewhere_is_ended_all_the_same():
    run = copy_context().run(mlflow.start_run)
    with run:
        assert mlflow.active_run() is None

    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"
    assert run.info.run_id not in STACK.opened


# --- experiments -------------------------------------------------------------------------------


def test_the_active_experiment_holds_the_runs():
    experiment = mlflow.set_experiment("e")
    with mlflow.start_run() as run:
        pass
    mlflow.set_experiment_tag("a", 1)
    mlflow.set_experiment_tags({"b": 2})

    assert run.info.experiment_id == experiment.experiment_id
    assert mlflow.set_experiment("e").experiment_id == experiment.experiment_id
    assert mlflow.get_experiment(experiment.experiment_id).tags == {"a": "1", "b": "2"}
    assert mlflow.set_experiment(experiment_id="0").name == "Default"


def test_a_deleted_experiment_does_not_become_active():
    made = mlflow.create_experiment("e")
    mlflow.delete_experiment(made)
    with pytest.raises(InvalidArgument, match="Restore it first"):
        mlflow.set_experiment("e")
    mlflow.restore_experiment(made)
    mlflow.rename_experiment(made, "f")

    assert mlflow.set_experiment("f").experiment_id == made
    for wrong in ({}, {"experiment_name": "f", "experiment_id": made}):
        with pytest.raises(InvalidArgument, match="name or an id"):
            mlflow.set_experiment(**wrong)


def test_the_environment_may_name_the_experiment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "by name")
    with mlflow.start_run() as run:
        pass

    assert mlflow.get_experiment(run.info.experiment_id).name == "by name"


def test_experiments_are_found_over_all_pages():
    for number in range(1100):
        mlflow.create_experiment(f"e{number}")

    assert len(mlflow.search_experiments()) == 1101
    assert len(mlflow.search_experiments(max_results=1050)) == 1050
    assert [e.name for e in mlflow.search_experiments(filter_string="name = 'e7'")] == ["e7"]
    assert mlflow.get_experiment_by_name("e7").name == "e7"


def test_another_server_has_other_experiments(scene: str):
    mlflow.set_experiment("e")
    mlflow.set_tracking_uri(scene)
    assert settings.EXPERIMENT_ID.get() is not None

    mlflow.set_tracking_uri("memory://elsewhere")

    assert settings.EXPERIMENT_ID.get() is None
    assert mlflow.get_tracking_uri() == "memory://elsewhere"
    assert mlflow.is_tracking_uri_set()


def test_without_any_setting_records_go_to_a_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MILLRACE_TRACKING_URI", "")

    assert mlflow.get_tracking_uri() == "sqlite:///millrace.db"
    assert not mlflow.is_tracking_uri_set()


# --- logging -----------------------------------------------------------------------------------


def test_everything_that_can_be_logged():
    with mlflow.start_run() as run:
        assert mlflow.log_param("p", 1) == 1
        mlflow.log_params({"q": 2})
        mlflow.log_metric("m", 0.5, step=3, timestamp=4)
        mlflow.log_metrics({"n": 1, "o": 2}, step=5)
        mlflow.set_tag("t", 1)
        mlflow.set_tags({"u": 2, "v": 3})
        mlflow.delete_tag("v")
        mlflow.log_batch(params=[mlflow.entities.Param("r", 3)])
        data = mlflow.data.meta("d", "1", "s3://b/d", schema="{}")
        mlflow.log_input(data, context="training", tags={"k": "v"})
        mlflow.log_inputs([mlflow.data.meta("e", "2")], ["eval"], [None])
        mlflow.log_metric("on data", 1, dataset=data)
        model = mlflow.MlflowClient().create_logged_model("0")
        mlflow.log_outputs([mlflow.entities.LoggedModelOutput(model.model_id)])
        mlflow.log_input(model=mlflow.entities.LoggedModelInput(model.model_id))
        uri = mlflow.get_artifact_uri("a/b")

    found = mlflow.get_run(run.info.run_id)
    assert found.data.params == {"p": "1", "q": "2", "r": "3"}
    assert found.data.metrics == {"m": 0.5, "n": 1.0, "o": 2.0, "on data": 1.0}
    assert {k: v for k, v in found.data.tags.items() if len(k) == 1} == {"t": "1", "u": "2"}
    inputs = {i.dataset.name: i.tags for i in found.inputs.dataset_inputs}
    assert inputs == {
        "d": {tags.DATASET_CONTEXT: "training", "k": "v"},
        "e": {tags.DATASET_CONTEXT: "eval"},
    }
    assert found.outputs.model_outputs[0].model_id == model.model_id
    assert found.inputs.model_inputs[0].model_id == model.model_id
    assert uri == found.info.artifact_uri + "/a/b"
    [point] = mlflow.get_metric_history(run.info.run_id, "m")
    assert (point.value, point.step, point.timestamp) == (0.5, 3, 4)


def test_each_data_set_needs_its_context():
    with mlflow.start_run(), pytest.raises(InvalidArgument, match="1 data sets, 2 contexts"):
        mlflow.log_inputs([mlflow.data.meta("d", "1")], ["a", "b"])


def test_a_run_may_be_named():
    with mlflow.start_run() as run:
        pass
    mlflow.log_metric("m", 1, run_id=run.info.run_id)
    mlflow.log_metrics({"n": 2}, run_id=run.info.run_id)
    mlflow.log_params({"p": 1}, run_id=run.info.run_id)

    assert mlflow.active_run() is None
    assert mlflow.get_run(run.info.run_id).data.metrics == {"m": 1.0, "n": 2.0}


def test_asynchronous_logging_arrives_by_the_end_of_the_block():
    with mlflow.start_run() as run:
        for step in range(2500):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.log_params({"p": 1}, synchronous=False).wait()

    history = mlflow.get_metric_history(run.info.run_id, "m")
    assert [m.step for m in history] == list(range(2500))


def test_asynchronous_logging_may_be_the_default():
    mlflow.config.enable_async_logging()
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1)
        mlflow.set_tag("t", 1)
        mlflow.flush_async_logging()
        assert mlflow.get_run(run.info.run_id).data.metrics == {"m": 1.0}
        mlflow.config.enable_async_logging(False)
        assert mlflow.log_metric("m", 2) is None


# --- search ------------------------------------------------------------------------------------


def test_runs_are_found_as_a_frame_and_as_a_list():
    mlflow.set_experiment("e")
    for number in range(3):
        with mlflow.start_run():
            mlflow.log_param("n", number)
            mlflow.log_metric("m", number)

    frame = mlflow.search_runs(order_by=["metrics.m DESC"])
    some = mlflow.search_runs(experiment_names=["e", "never"], filter_string="params.n = '1'")
    listed = mlflow.search_runs(search_all_experiments=True, output_format="list", max_results=2)

    assert list(frame["metrics.m"]) == [2.0, 1.0, 0.0]
    assert list(some["params.n"]) == ["1"]
    assert len(listed) == 2
    assert len(mlflow.search_runs(experiment_ids=["0"])) == 0
    assert len(mlflow.search_runs(experiment_names=["never"])) == 0


def test_runs_are_found_over_all_pages():
    client = mlflow.MillraceClient()
    for number in range(1100):
        client.create_run("0", start_time=number)

    assert len(mlflow.search_runs(output_format="list")) == 1100
    assert len(mlflow.search_runs(output_format="list", max_results=1050)) == 1050


def test_a_search_that_contradicts_itself_is_refused():
    with pytest.raises(InvalidArgument, match="not both"):
        mlflow.search_runs(["0"], experiment_names=["Default"])
    with pytest.raises(InvalidArgument, match="output_format"):
        mlflow.search_runs(output_format="polars")


def test_a_run_is_deleted_and_restored():
    with mlflow.start_run() as run:
        pass
    mlflow.delete_run(run.info.run_id)
    gone = mlflow.search_runs(output_format="list")
    mlflow.restore_run(run.info.run_id)

    assert gone == []
    assert len(mlflow.search_runs(output_format="list")) == 1


# --- system metrics ----------------------------------------------------------------------------


def test_system_metrics_come_with_the_run():
    mlflow.set_system_metrics_sampling_interval(0.01)
    mlflow.set_system_metrics_samples_before_logging(2)
    mlflow.set_system_metrics_node_id("n1")
    key = "system/n1/cpu_utilization_percentage"

    def points(run_id: str) -> list[int]:
        return [m.step for m in mlflow.get_metric_history(run_id, key)]

    with mlflow.start_run(log_system_metrics=True) as run:
        until(lambda: len(points(run.info.run_id)) >= 3)
    first = points(run.info.run_id)
    mlflow.enable_system_metrics_logging()
    with mlflow.start_run(run_id=run.info.run_id):
        until(lambda: len(points(run.info.run_id)) > len(first))
    mlflow.disable_system_metrics_logging()
    with mlflow.start_run() as other:
        pass

    steps = points(run.info.run_id)
    assert steps == list(range(len(steps)))
    assert points(other.info.run_id) == []
