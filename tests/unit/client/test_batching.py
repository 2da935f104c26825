"""The channel: a queue while the server answers, a journal while it does not."""

from __future__ import annotations

import logging
import os
import threading
import time

import pytest

from millrace.api.tracking import SetTag
from millrace.client import spool as spools
from millrace.client.batching import KEPT, SENT, Channel
from millrace.client.client import MillraceClient
from millrace.client.records import Logged, called, entries, point
from millrace.client.spool import Spool
from millrace.core.errors import InvalidArgument, LimitExceeded, Unavailable
from tests.unit.client.conftest import OpenChannel
from tests.unit.client.scenes import until
from tests.unit.client.transport import Asked, RecordingTransport, away


def logged(run_id: str, step: int, key: str = "m") -> Logged:
    return Logged(run_id, (point(key, float(step), 1000 + step, step),))


def steps(client: MillraceClient, run_id: str) -> list[int]:
    return [m.step for m in client.get_metric_history(run_id, "m")]


class Gate:
    """Holds calls of `logBatch` until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, asked: Asked) -> None:
        if asked.endpoint == "logBatch":
            self.reached.set()
            assert self.opened.wait(30)


# --- online ------------------------------------------------------------------------------------


def test_neighbours_are_merged(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    gate = transport.before = Gate()
    channel.submit(logged(run_id, 0))
    gate.reached.wait(10)
    for step in range(1, 1500):
        channel.submit(logged(run_id, step))
    gate.opened.set()

    channel.flush()

    sizes = [len(request.metrics) for request in transport.requests("logBatch")]
    assert sizes == [1, 1000, 499]
    assert steps(client, run_id) == list(range(1500))


def test_waiting_brings_the_outcome(channel: Channel, run_id: str):
    good, bad = (
        channel.submit(logged(run_id, 1)),
        channel.submit(logged(run_id, 2, key="bad$key")),
    )

    good.wait()
    assert good.outcome == SENT
    with pytest.raises(InvalidArgument, match="bad\\$key"):
        bad.wait()


def test_a_refusal_is_logged_once_a_kind(
    channel: Channel, run_id: str, caplog: pytest.LogCaptureFixture
):
    for step in range(5):
        channel.submit(logged(run_id, step, key="bad$key"))
        channel.flush()

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "bad$key" in warnings[0].getMessage()


def test_a_synchronous_call_comes_after_the_asynchronous_ones(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    gate = transport.before = Gate()
    for i in range(50):
        channel.submit(Logged(run_id, tags=entries("Tag", {"t": i})))
    gate.reached.wait(10)
    threading.Timer(0.05, gate.opened.set).start()

    channel.write(Logged(run_id, tags=entries("Tag", {"t": "last"})))

    assert client.get_run(run_id).data.tags["t"] == "last"


def test_a_synchronous_call_goes_straight_out(
    channel: Channel, run_id: str, transport: RecordingTransport
):
    threads = []
    transport.before = lambda _: threads.append(threading.current_thread())

    channel.write(logged(run_id, 1))

    assert threads == [threading.main_thread()]


def test_a_synchronous_call_raises_what_it_is_refused_with(channel: Channel, run_id: str):
    with pytest.raises(InvalidArgument):
        channel.write(logged(run_id, 1, key="bad$key"))


def test_a_bug_does_not_stop_the_thread(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    def stumble(_: object) -> None:
        transport.before = None
        raise ZeroDivisionError

    transport.before = stumble
    broken = channel.submit(logged(run_id, 1))
    with pytest.raises(ZeroDivisionError):
        broken.wait()

    channel.submit(logged(run_id, 2)).wait()

    assert steps(client, run_id) == [2]


def test_the_memory_is_bounded(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport
):
    """With a server that hangs, the caller waits; with one that goes on, so does the caller."""
    channel = open_channel(queue_limit=10)
    gate = transport.before = Gate()
    channel.submit(logged(run_id, 0))
    gate.reached.wait(10)
    done = threading.Event()

    def train() -> None:
        for step in range(1, 100):
            channel.submit(logged(run_id, step))
        done.set()

    threading.Thread(target=train).start()
    until(lambda: len(channel._queue) == 10)
    assert not done.is_set()
    gate.opened.set()

    assert done.wait(10)
    channel.flush()
    assert sum(len(r.metrics) for r in transport.requests("logBatch")) == 100


def test_many_threads_lose_nothing(channel: Channel, client: MillraceClient, run_id: str):
    def train(first: int) -> None:
        for step in range(first, first + 500):
            channel.submit(logged(run_id, step))

    threads = [threading.Thread(target=train, args=(n * 500,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.flush()

    assert sorted(steps(client, run_id)) == list(range(4000))


# --- away --------------------------------------------------------------------------------------


def test_when_nobody_answers_training_goes_on_and_nothing_is_lost(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    channel.write(logged(run_id, 0))
    transport.before = away
    pending = [channel.submit(logged(run_id, step)) for step in range(1, 10)]
    channel.write(logged(run_id, 10))
    channel.write(called("setTag", SetTag(run_id=run_id, run_uuid=run_id, key="k"), run_id))
    for each in pending:
        each.wait()
    assert channel.is_away
    assert {each.outcome for each in pending} == {KEPT}
    assert len(channel.spool.journals()) == 1

    transport.before = None
    until(lambda: not channel.is_away)

    assert steps(client, run_id) == list(range(11))
    assert "k" in client.get_run(run_id).data.tags
    assert channel.spool.journals() == []
    channel.write(logged(run_id, 11))
    assert steps(client, run_id) == list(range(12))


def test_order_is_kept_across_an_outage(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    def tag(value: object) -> Logged:
        return Logged(run_id, tags=entries("Tag", {"t": value}))

    transport.before = away
    for i in range(20):
        (channel.submit if i % 3 else channel.write)(tag(i))
    transport.before = None
    until(lambda: not channel.is_away)

    assert client.get_run(run_id).data.tags["t"] == "19"


def test_an_answer_that_got_lost_doubles_nothing(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    transport.after = away
    for step in range(5):
        channel.submit(logged(run_id, step))
    channel.write(Logged(run_id, params=entries("Param", {"p": 1})))
    transport.after = None
    until(lambda: not channel.is_away)

    assert steps(client, run_id) == list(range(5))


def test_an_outage_is_told_once(
    channel: Channel, run_id: str, transport: RecordingTransport, caplog: pytest.LogCaptureFixture
):
    transport.before = away
    for step in range(20):
        channel.write(logged(run_id, step))

    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "nobody there" in warning.getMessage()
    assert str(channel.spool.folder) in warning.getMessage()
    assert "millrace sync" in warning.getMessage()


def test_calls_cost_no_attempt_once_the_server_is_known_to_be_away(
    channel: Channel, run_id: str, transport: RecordingTransport
):
    transport.before = away
    channel.write(logged(run_id, 0))
    asked = len(transport.requests("logBatch"))
    for step in range(1, 200):
        channel.write(logged(run_id, step))

    assert len(transport.requests("logBatch")) <= asked + 1  # the thread may have tried meanwhile


def test_without_a_spool_the_caller_learns_that_nobody_is_there(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport
):
    channel = open_channel(spool_limit_bytes=10)
    transport.before = away

    with pytest.raises(Unavailable, match="nobody there"):
        channel.write(logged(run_id, 1))
    with pytest.raises(LimitExceeded, match="limit"):
        channel.submit(logged(run_id, 2)).wait()


def test_a_full_queue_goes_to_disk_while_nobody_answers(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport
):
    """The sending thread hangs in an attempt; the callers move the queue themselves."""
    channel = open_channel(queue_limit=10)
    transport.before = away
    channel.write(logged(run_id, 0))
    gate = transport.before = Gate()
    channel._retry_at = 0.0
    assert gate.reached.wait(10)

    for step in range(1, 100):
        channel.submit(logged(run_id, step))

    assert channel.remaining().queued <= 10
    gate.opened.set()
    until(lambda: not channel.is_away)
    channel.flush()
    assert sum(len(r.metrics) for r in transport.requests("logBatch")) >= 100


# --- offline -----------------------------------------------------------------------------------


def test_offline_nobody_is_ever_asked(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport
):
    channel = open_channel(is_offline=True)
    channel.submit(logged(run_id, 1)).wait()
    channel.write(logged(run_id, 2))
    remaining = channel.close(5.0)

    assert transport.asked == []
    [path] = channel.spool.journals()
    assert remaining.journal == str(path)
    assert remaining.spooled_bytes == path.stat().st_size
    header, *records = [record for record, _ in spools.read(path)]
    assert header.is_offline
    assert records == [logged(run_id, 1), logged(run_id, 2)]


# --- the end -----------------------------------------------------------------------------------


def test_a_server_that_hangs_does_not_hold_up_the_exit(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport
):
    channel = open_channel()
    gate = transport.before = Gate()
    channel.submit(logged(run_id, 0))
    gate.reached.wait(10)
    for step in range(1, 5):
        channel.submit(logged(run_id, step))

    began = time.monotonic()
    remaining = channel.close(0.2)

    assert time.monotonic() - began < 3
    assert remaining.queued == 0
    kept = [record for record, _ in spools.read(channel.spool.journals()[0])][1:]
    assert [record.metrics[0].step for record in kept] == [0, 1, 2, 3, 4]
    gate.opened.set()


def test_closing_sends_what_waits(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport
):
    channel = open_channel(buffering_s=60.0)
    for step in range(10):
        channel.submit(logged(run_id, step))

    remaining = channel.close(10.0)

    assert (remaining.queued, remaining.spooled_bytes) == (0, 0)
    assert transport.is_closed
    assert len(transport.requests("logBatch")) == 1


def test_a_last_attempt_is_made_at_the_end(
    channel: Channel, client: MillraceClient, run_id: str, transport: RecordingTransport
):
    transport.before = away
    channel.write(logged(run_id, 1))
    transport.before = None

    assert channel.close(5.0).spooled_bytes == 0
    assert steps(client, run_id) == [1]


# --- fork --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_with_an_empty_queue(
    open_channel: OpenChannel, run_id: str, transport: RecordingTransport, spool: Spool
):
    channel = open_channel(buffering_s=60.0, is_offline=True)
    for step in range(10):
        channel.submit(logged(run_id, step))
    channel._lock.acquire()  # as another thread may hold it at that moment

    child = os.fork()
    if child == 0:
        code = 1
        try:
            channel.write(logged(run_id, 99))
            code = 0 if channel.close(5.0).queued == 0 and transport.forks else 2
        finally:
            os._exit(code)
    channel._lock.release()
    _, status = os.waitpid(child, 0)
    channel.close(5.0)

    assert os.waitstatus_to_exitcode(status) == 0
    kept = [
        sorted(r.metrics[0].step for r, _ in spools.read(path) if isinstance(r, Logged))
        for path in spool.journals()
    ]
    assert sorted(kept) == [list(range(10)), [99]]
