"""Streams of events of real servers: two of them on one database, limits, and a stop."""

from __future__ import annotations

import time
from pathlib import Path

from tests.services import clean_environment, private_millrace
from tests.wire import build
from tests.wire.client import Api
from tests.wire.test_events import PATH, listening

# Far below the time that a stop waits for requests in flight, and less than it is waited for.
SOON_S = 9.0
PATIENT = {"MILLRACE_GRACE_SECONDS": "60"}


def test_another_server_of_the_database_tells_it_too(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'shared.db'}"
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    first_folder.mkdir()
    second_folder.mkdir()
    with (
        private_millrace(first_folder, store=store) as first,
        private_millrace(second_folder, store=store) as second,
        listening(Api(first)) as stream,
    ):
        run = build.add_run(Api(second))
        stream.until(lambda told: told.event == "run.create" and told.data["id"] == run)
        build.log(Api(second), run, metrics=build.points(1))
        stream.until(lambda told: told.event == "run.data" and told.data["id"] == run)


def test_a_stop_ends_the_streams(tmp_path: Path) -> None:
    with private_millrace(tmp_path, environment=clean_environment(**PATIENT)) as url:
        api = Api(url)
        open_stream = listening(api)
        stream = open_stream.__enter__()
        stopped = time.monotonic()
    took_s = time.monotonic() - stopped

    assert stream.answer.read() == b""
    open_stream.__exit__(None, None, None)
    assert took_s < SOON_S


def test_only_so_many_streams_are_open(tmp_path: Path) -> None:
    with private_millrace(tmp_path, environment={"MILLRACE_EVENT_STREAMS": "1"}) as url:
        api = Api(url)
        with listening(api):
            refused = api.get(PATH)
        assert (refused.status, "MILLRACE_EVENT_STREAMS" in refused.text) == (503, True)
