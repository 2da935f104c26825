from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace.client.batching import Channel
from millrace.client.client import MillraceClient
from millrace.client.lease import Pulse
from millrace.core.entities.run import StopAsked
from millrace.core.errors import InvalidState, NotFound
from tests.unit.client.conftest import OpenChannel
from tests.unit.client.scenes import until
from tests.unit.client.transport import RecordingTransport, away


def unasked(_: StopAsked) -> None:
    raise AssertionError("nobody has asked")


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    made = Pulse()
    yield made
    for run_id in list(made._runs):
        made.end(run_id)


def test_a_run_beats_three_times_a_lease(
    pulse: Pulse, channel: Channel, run_id: str, transport: RecordingTransport
):
    pulse.begin(run_id, channel, 0.06, unasked)
    until(lambda: len(transport.requests("heartbeat")) >= 4)

    beat = transport.requests("heartbeat")[0]
    assert (beat.run_id, beat.run_uuid, beat.ttl_ms) == (run_id, run_id, 1000)


def test_the_promise_is_the_lease(
    pulse: Pulse, channel: Channel, run_id: str, transport: RecordingTransport
):
    pulse.begin(run_id, channel, 90.0, unasked)
    until(lambda: transport.requests("heartbeat"))

    assert transport.requests("heartbeat")[0].ttl_ms == 90_000


def test_a_run_that_has_ended_is_silent(
    pulse: Pulse, channel: Channel, run_id: str, transport: RecordingTransport
):
    other = "f" * 32
    pulse.begin(run_id, channel, 0.03, unasked)
    until(lambda: transport.requests("heartbeat"))
    pulse.end(run_id)
    known = len(transport.requests("heartbeat"))
    pulse.begin(other, channel, 0.03, unasked)
    until(lambda: any(beat.run_id == other for beat in transport.requests("heartbeat")))

    assert sum(b.run_id == run_id for b in transport.requests("heartbeat")) <= known + 1


@pytest.mark.parametrize("error", [NotFound("no endpoint"), InvalidState("x")])
def test_a_server_that_wants_no_heartbeats_gets_none(
    pulse: Pulse, channel: Channel, run_id: str, transport: RecordingTransport, error: Exception
):
    def refuse(_: object) -> None:
        raise error

    transport.before = refuse
    pulse.begin(run_id, channel, 0.01, unasked)
    until(lambda: not pulse._runs)

    assert len(transport.requests("heartbeat")) == 1


def test_an_outage_does_not_stop_the_heart(
    pulse: Pulse, channel: Channel, run_id: str, transport: RecordingTransport
):
    transport.before = away
    pulse.begin(run_id, channel, 0.01, unasked)
    until(lambda: len(transport.requests("heartbeat")) >= 3)

    assert run_id in pulse._runs


def test_a_run_in_the_spool_does_not_beat_yet(
    pulse: Pulse, channel: Channel, run_id: str, transport: RecordingTransport
):
    pulse.begin("local-1", channel, 0.01, unasked)
    pulse.begin(run_id, channel, 0.01, unasked)
    until(lambda: len(transport.requests("heartbeat")) >= 3)
    assert {beat.run_id for beat in transport.requests("heartbeat")} == {run_id}

    channel.spool.learn("local-1", run_id.upper())
    until(lambda: any(b.run_id == run_id.upper() for b in transport.requests("heartbeat")))


def test_offline_and_without_a_lease_nothing_beats(pulse: Pulse, open_channel: OpenChannel):
    pulse.begin("r", open_channel(is_offline=True), 1.0, unasked)
    pulse.begin("r", open_channel(), 0.0, unasked)

    assert pulse._runs == {}


def test_the_answer_to_a_beat_says_who_has_asked_it_to_stop(
    pulse: Pulse, channel: Channel, run_id: str
):
    heard: list[StopAsked] = []
    pulse.begin(run_id, channel, 0.03, heard.append)
    MillraceClient(channel=channel).stop_run(run_id)
    until(lambda: heard)

    assert heard[0].by
