from __future__ import annotations

import pytest

from millrace.api.tracking import CreateExperiment, CreateRun, DeleteTag, UpdateRun
from millrace.client.client import MillraceClient
from millrace.client.delivery import Delivery, Unresolved, is_away
from millrace.client.records import Logged, called, entries, local_id, pack, point
from millrace.client.spool import Spool
from millrace.core import tags
from millrace.core.errors import (
    InvalidArgument,
    InvalidState,
    LimitExceeded,
    MillraceError,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from tests.unit.client.transport import RecordingTransport, away


@pytest.fixture
def delivery(transport: RecordingTransport, spool: Spool) -> Delivery:
    return Delivery(transport, spool, None)


def logged(run_id: str, value: float, key: str = "m") -> Logged:
    return Logged(run_id, (point(key, value, 1, int(value)),))


def send(delivery: Delivery, *records: object, again: bool = False) -> list:
    return [refusal for item in pack(records) for refusal in delivery.send(item, again=again)]


def test_one_bad_record_takes_nothing_with_it(
    delivery: Delivery, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    bad = Logged(run_id, (point("bad$key", 1.0, 1),))
    records = [logged(run_id, float(i)) for i in range(100)]
    records[37:37] = [bad]

    refusals = send(delivery, *records)

    assert [refusal.record for refusal in refusals] == [bad]
    assert isinstance(refusals[0].error, InvalidArgument)
    assert [m.step for m in client.get_metric_history(run_id, "m")] == list(range(100))
    assert len(transport.requests("logBatch")) < 20


def test_the_order_of_a_refused_batch_is_kept(
    delivery: Delivery, client: MillraceClient, run_id: str
):
    """The last value of a tag wins also where a batch had to be taken apart."""
    records = [Logged(run_id, tags=entries("Tag", {"t": i})) for i in range(10)]
    records[8:8] = [Logged(run_id, tags=entries("Tag", {"bad$key": 1}))]

    send(delivery, *records)

    assert client.get_run(run_id).data.tags["t"] == "9"


def test_a_run_that_is_gone_is_found_out_at_once(
    delivery: Delivery, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    client.delete_run(run_id)
    transport.asked.clear()

    refusals = send(delivery, *[logged(run_id, float(i)) for i in range(100)])

    assert len(refusals) == 100
    assert len(transport.asked) == 2


def test_a_run_that_never_was_refuses_everything(delivery: Delivery):
    [refusal] = send(delivery, logged("0" * 32, 1.0))

    assert isinstance(refusal.error, NotFound)


@pytest.mark.parametrize(
    "error",
    [Unavailable("x"), LimitExceeded("x"), Unauthenticated("x"), MillraceError("x")],
)
def test_what_may_pass_later_is_raised(
    delivery: Delivery, run_id: str, transport: RecordingTransport, error: MillraceError
):
    def fail(_: object) -> None:
        raise error

    transport.before = fail

    assert is_away(error)
    with pytest.raises(type(error)):
        send(delivery, logged(run_id, 1.0))


def test_a_state_that_contradicts_itself_will_not_pass():
    assert not is_away(InvalidState("x"))
    assert not is_away(ValueError("x"))


# --- creates -----------------------------------------------------------------------------------


def create_run(made: str, experiment_id: str = "0", **run_tags: str) -> object:
    found = entries("Tag", {tags.SPOOL_ID: made, **run_tags})
    request = CreateRun(experiment_id=experiment_id, start_time=5, tags=found)
    return called("createRun", request, local_id=made, key=f"key-{made}")


def test_ids_from_the_spool_become_the_servers(
    delivery: Delivery, client: MillraceClient, spool: Spool
):
    experiment, parent, child = local_id(), local_id(), local_id()

    refusals = send(
        delivery,
        called("createExperiment", CreateExperiment(name="e"), local_id=experiment, key="k"),
        create_run(parent, experiment),
        create_run(child, experiment, **{tags.PARENT_RUN_ID: parent}),
        logged(child, 1.0),
        called("updateRun", UpdateRun(run_id=child, run_uuid=child, status="FINISHED"), child),
    )

    assert refusals == []
    found = client.get_run(spool.server_id(child))
    assert found.info.experiment_id == client.get_experiment_by_name("e").experiment_id
    assert found.info.status == "FINISHED"
    assert found.data.tags[tags.PARENT_RUN_ID] == spool.server_id(parent)
    assert found.data.metrics == {"m": 1.0}


def test_an_experiment_that_exists_is_taken(
    delivery: Delivery, client: MillraceClient, spool: Spool
):
    known = client.create_experiment("e")
    made = local_id()

    send(delivery, called("createExperiment", CreateExperiment(name="e"), local_id=made, key="k"))

    assert spool.server_id(made) == known


def test_a_run_is_created_once_though_the_answer_was_lost(
    delivery: Delivery, client: MillraceClient, spool: Spool, transport: RecordingTransport
):
    """Also on a server that knows no idempotency keys: the tag finds the run."""
    made = local_id()
    transport.after = lambda asked: away(asked) if asked.endpoint == "createRun" else None
    with pytest.raises(Unavailable):
        send(delivery, create_run(made))
    transport.after = None

    send(delivery, create_run(made), again=True)
    send(delivery, create_run(made), again=True)

    runs = client.search_runs(["0"])
    assert [run.info.run_id for run in runs] == [spool.server_id(made)]
    assert len(transport.requests("createRun")) == 1


def test_what_belongs_to_a_run_that_was_refused_is_refused(delivery: Delivery):
    made = local_id()

    refusals = send(delivery, create_run(made, "999"), logged(made, 1.0), logged(made, 2.0))

    assert len(refusals) == 3
    assert "refused" in str(refusals[-1].error)


def test_what_belongs_to_a_run_that_is_not_sent_yet_has_to_wait(delivery: Delivery):
    with pytest.raises(Unresolved):
        send(delivery, logged(local_id(), 1.0))


def test_a_tag_deleted_twice_is_deleted(delivery: Delivery, client: MillraceClient, run_id: str):
    client.set_tag(run_id, "t", 1)
    delete = called("deleteTag", DeleteTag(run_id=run_id, run_uuid=run_id, key="t"), run_id)

    assert send(delivery, delete) == []
    assert send(delivery, delete, again=True) == []
    assert len(send(delivery, delete)) == 1
