"""The stream of events, as a browser listens to it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

PATH = "/api/3.0/millrace/events"
PATIENCE_S = 20.0


@dataclass
class Told:
    """One event: its fields by name, the data read."""

    id: str | None = None
    event: str = ""
    data: Any = None


class Stream:
    """An open stream."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer
        self.opened = self.next()

    def next(self) -> Told:
        """The next event; comments are passed over."""
        told = Told()
        while line := self.answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if not name and not value and told.event:
                return told
            if name == "id":
                told.id = value
            elif name == "event":
                told.event = value
            elif name == "data":
                told.data = json.loads(value)
        raise AssertionError("the stream has ended")

    def until(self, wanted: Callable[[Told], bool]) -> list[Told]:
        """All events up to the first that is *wanted*."""
        found = []
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found.append(self.next())
            if wanted(found[-1]):
                return found
        raise AssertionError(found)


@contextmanager
def listening(api: Api, query: dict[str, object] | None = None, **headers: str) -> Iterator[Stream]:
    connection = http.client.HTTPConnection(api.host, api.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", api.target(PATH, query), headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream"
        yield Stream(answer)
    finally:
        connection.close()


def test_what_is_logged_and_changed_is_told(api: Api, experiment: str) -> None:
    with listening(api, {"experiment_ids": [experiment]}) as stream:
        assert stream.opened.event == "open"
        run = build.add_run(api, experiment)
        created = stream.until(lambda told: told.event == "run.create")[-1]
        build.log(api, run, metrics=build.points(1))
        logged = stream.until(lambda told: told.event == "run.data")[-1]

    assert created.data["id"] == logged.data["id"] == run
    assert created.data["experiment_id"] == logged.data["experiment_id"] == experiment
    assert created.data["topic"] == "runs"


def test_events_of_other_experiments_are_not_told(api: Api, experiment: str) -> None:
    with listening(api, {"experiment_ids": [experiment], "topics": ["runs"]}) as stream:
        build.add_run(api)
        run = build.add_run(api, experiment)
        (told,) = stream.until(lambda one: one.event == "run.create")

    assert told.data["id"] == run


def test_a_stream_is_taken_up_where_it_ended(api: Api, experiment: str) -> None:
    query = {"experiment_ids": [experiment], "topics": ["runs"]}
    with listening(api, query) as stream:
        first = build.add_run(api, experiment)
        seen = stream.until(lambda one: one.event == "run.create")[-1]
    missed = build.add_run(api, experiment)

    with listening(api, query, **{"Last-Event-ID": str(seen.id)}) as stream:
        later = build.add_run(api, experiment)
        told = [one.data["id"] for one in stream.until(lambda one: one.data["id"] == later)]

    assert seen.data["id"] == first
    assert told == [missed, later]


def test_registry_and_webhooks_have_topics(api: Api) -> None:
    with listening(api, {"topics": ["registry"]}) as stream:
        build.add_run(api)
        name = build.add_registered(api)
        told = stream.until(lambda one: one.data["id"] == name)[-1]

    assert (told.data["topic"], told.data["kind"]) == ("registry", "registered_model")


@pytest.mark.parametrize("last", ["x", "1.2.3", "-1", "9" * 30])
def test_a_foreign_id_is_refused(api: Api, last: str) -> None:
    refused(api.get(PATH, {"last_event_id": last}), INVALID, "Last-Event-ID")


def test_a_foreign_topic_is_refused(api: Api) -> None:
    refused(api.get(PATH, {"topics": "weather"}), INVALID, "topics")
