from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from millrace.api.tracking import CreateExperiment
from millrace.client import spool as spools
from millrace.client.client import MillraceClient
from millrace.client.records import LOCAL, Logged, called, entries, local_id, point
from millrace.client.spool import Spool
from millrace.client.sync import Replay, Sent, sync
from millrace.core import tags
from millrace.core.errors import Conflict, InvalidArgument, MillraceError, Unavailable
from tests.unit.client.scenes import begun, ended, journal, logged
from tests.unit.client.transport import RecordingTransport, away

Sync = Callable[..., list[Sent]]


@pytest.fixture
def send(spool: Spool, transport: RecordingTransport) -> Sync:
    return lambda **options: sync(spool.folder, choose=lambda _: transport, **options)


def runs(client: MillraceClient) -> list:
    return list(client.search_runs(["0"], order_by=["start_time"]))


def test_an_empty_spool_is_nothing_to_send(tmp_path: Path):
    assert sync(tmp_path / "never") == []


def test_a_finished_journal_arrives_whole_and_is_deleted(
    spool: Spool, send: Sync, client: MillraceClient
):
    made = local_id()
    written = journal(spool)
    written.append([begun(made), *(logged(made, i) for i in range(5000)), ended(made)])
    written.close()

    [sent] = send()

    [run] = runs(client)
    assert (sent.records, sent.refused, sent.remaining_bytes, sent.waits_for) == (5002, 0, 0, None)
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "m")) == 5000
    assert spool.journals() == []


def test_it_may_be_sent_while_it_is_written(spool: Spool, send: Sync, client: MillraceClient):
    made = local_id()
    written = journal(spool)
    written.append([begun(made), logged(made, 0)])
    [first] = send()
    assert "still writing" in first.waits_for
    [run] = runs(client)
    assert run.info.status == "RUNNING"

    written.append([logged(made, 1), ended(made)])
    written.close()
    [second] = send()

    assert second.waits_for is None
    [run] = runs(client)
    assert run.info.status == "FINISHED"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "m")] == [0, 1]


def test_cut_off_anywhere_it_goes_on_and_doubles_nothing(
    spool: Spool, client: MillraceClient, transport: RecordingTransport
):
    """The n-th call fails before, then after its effect, for every n until none does."""
    expected = 0
    for effect in ("before", "after"):
        for nth in range(1, 100):
            expected += 1
            made = local_id()
            written = journal(spool)
            written.append([begun(made), *(logged(made, i) for i in range(3)), ended(made)])
            written.close()
            left = [nth]

            def fail(asked: object, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    away(asked)

            setattr(transport, effect, fail)
            was_cut = False
            for _ in range(3):
                try:
                    sync(spool.folder, choose=lambda _: transport)
                except Unavailable:
                    was_cut = True
            setattr(transport, effect, None)
            run_id = spool.server_id(made)
            assert len(client.get_metric_history(run_id, "m")) == 3
            assert client.get_run(run_id).info.status == "FINISHED"
            assert len(runs(client)) == expected
            if not was_cut:
                break
        else:
            pytest.fail("a hundred calls for five records")


def test_what_the_server_refuses_is_set_aside_and_told(
    spool: Spool, send: Sync, client: MillraceClient
):
    made = local_id()
    written = journal(spool)
    bad = Logged(made, (point("bad$key", 1.0, 1),))
    written.append([begun(made), logged(made, 0), bad, logged(made, 1), ended(made)])
    written.close()

    [sent] = send()

    assert (sent.records, sent.refused) == (4, 1)
    refused = written.path.with_suffix(".refused")
    assert [record for record, _ in spools.read(refused)] == [bad]
    assert runs(client)[0].info.status == "FINISHED"


def test_what_breaks_the_server_is_set_aside_in_the_end(
    spool: Spool, client: MillraceClient, transport: RecordingTransport, run_id: str
):
    written = journal(spool)
    poison = Logged(run_id, tags=entries("Tag", {"poison": 1}))
    written.append([logged(run_id, 0), poison, logged(run_id, 1)])

    def choke(asked: object) -> None:
        if "poison" in str(asked.request):
            raise MillraceError("a bug")

    transport.before = choke
    replay = Replay(written.path, transport, spool)
    for _ in range(4):
        with pytest.raises(MillraceError):
            replay.step()
    replay.step()

    assert (replay.cursor.sent, replay.cursor.refused) == (2, 1)
    assert [m.step for m in client.get_metric_history(run_id, "m")] == [0, 1]


def test_a_process_that_sends_for_itself_is_left_to_it(spool: Spool, send: Sync, run_id: str):
    written = journal(spool, is_offline=False)
    written.append([logged(run_id, 0)])

    [sent] = send()

    assert "sends it itself" in sent.waits_for
    assert sent.remaining_bytes > 0


def test_two_syncs_do_not_meet(spool: Spool, send: Sync):
    journal(spool)
    with (spool.folder / "sync.lock").open("wb") as lock:
        assert spools.hold(lock.fileno())
        with pytest.raises(Conflict):
            send()


def test_a_run_whose_process_died_silently_is_lost(
    spool: Spool, send: Sync, transport: RecordingTransport
):
    made, done = local_id(), local_id()
    written = journal(spool)
    written.append([begun(made), begun(done), logged(made, 0), ended(done)])
    written.close()

    send()

    [beat] = transport.requests("heartbeat")
    assert (beat.run_id, beat.ttl_ms) == (spool.server_id(made), 1000)


def test_where_there_is_no_lease_it_is_killed(
    spool: Spool, send: Sync, transport: RecordingTransport, client: MillraceClient
):
    made = local_id()
    written = journal(spool)
    written.append([begun(made)])
    written.close()

    def no_such_endpoint(asked: object) -> None:
        if asked.endpoint == "heartbeat":
            raise InvalidArgument("no such endpoint")

    transport.before = no_such_endpoint
    send()

    [run] = runs(client)
    assert run.info.status == "KILLED"
    assert "without a word" in run.data.tags[tags.END_CAUSE]


def test_a_child_process_writes_into_the_run_of_its_parent(
    spool: Spool, send: Sync, client: MillraceClient
):
    made = local_id()
    parent, child = journal(spool), journal(spool)
    parent.append([begun(made), logged(made, 0)])
    child.append([logged(made, 1)])
    parent.close()
    child.close()

    send()
    send()

    [run] = runs(client)
    assert sorted(m.step for m in client.get_metric_history(run.info.run_id, "m")) == [0, 1]
    assert spool.journals() == []


def test_an_experiment_is_made_when_nobody_has(spool: Spool, send: Sync, client: MillraceClient):
    made = local_id()
    written = journal(spool)
    request = CreateExperiment(name="new")
    written.append([called("createExperiment", request, local_id=made, key="k")])
    written.close()

    send()

    assert client.get_experiment_by_name("new").experiment_id == spool.server_id(made)
    assert made.startswith(LOCAL)


def test_a_journal_knows_where_it_belongs(spool: Spool, transport: RecordingTransport):
    written = journal(spool)
    written.close()
    asked = []

    sync(spool.folder, choose=lambda uri: asked.append(uri) or transport)

    assert asked == ["uri://x"]
    journal(spool).close()
    sync(spool.folder, "uri://y", choose=lambda uri: asked.append(uri) or transport)
    assert asked == ["uri://x", "uri://y"]


def test_a_file_that_is_no_journal_is_refused(spool: Spool, send: Sync):
    spool.folder.mkdir()
    (spool.folder / "x.journal").write_bytes(b"anything at all")

    with pytest.raises(InvalidArgument, match="no journal"):
        send()
