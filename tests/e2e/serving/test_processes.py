"""Model processes that die, hang, refuse and are stopped: who notices, and who does not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import millrace.pyfunc
import pytest

from tests.e2e.serving.conftest import DEADLINE_S, Server, until

Start = Callable[..., Server]


@pytest.fixture
def start(moody: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts servers of the moody model."""
    running: list[Server] = []

    def start(*options: str, **environment: str) -> Server:
        server = Server(moody, tmp_path, *options, **environment)
        running.append(server)
        return server

    yield start
    for server in running:
        server.process.stop()


def test_a_crash_takes_its_own_request_along_and_no_other(start: Start, tmp_path: Path) -> None:
    server = start("--workers", "2")
    until(lambda: server.metric("processes_ready") == 2)
    held = server.later(f"hold:{tmp_path / 'a'}")
    until((tmp_path / "a.begun").exists)

    died = server.do("die")
    after = server.later("hello")
    (tmp_path / "a.go").touch()

    assert died.status == 503
    assert "ended before it had an answer" in died.json["message"]
    assert held().json == {"predictions": [f"hold:{tmp_path / 'a'}"]}
    assert after().json == {"predictions": ["hello"]}
    until(lambda: server.metric("processes_ready") == 2)
    assert server.metric("process_starts_total") == 3


def test_what_waits_outlives_the_only_process(start: Start, tmp_path: Path) -> None:
    server = start()
    held = server.later(f"hold:{tmp_path / 'a'}")
    until((tmp_path / "a.begun").exists)
    waiting = [server.later(f"text {number}") for number in range(3)]
    until(lambda: server.metric("requests_waiting") == 3)

    [model] = server.models()
    model.send_signal(signal.SIGKILL)

    assert held().status == 503
    assert [one().json["predictions"] for one in waiting] == [[f"text {n}"] for n in range(3)]


def test_a_process_beyond_the_time_limit_is_replaced(start: Start) -> None:
    server = start("--timeout", "1")
    before = server.do("pid").json["predictions"]

    late = server.do("wait:60")

    assert late.status == 504
    assert "within 1 seconds" in late.json["message"]
    until(lambda: server.ask("/ping").status == 200)
    assert server.do("pid").json["predictions"] != before


def test_a_full_queue_sends_away(start: Start, tmp_path: Path) -> None:
    server = start("--max-waiting", "1")
    held = server.later(f"hold:{tmp_path / 'a'}")
    until((tmp_path / "a.begun").exists)
    waiting = server.later("next")
    until(lambda: server.metric("requests_waiting") == 1)

    refused = server.do("one too many")
    (tmp_path / "a.go").touch()

    assert refused.status == 429
    assert int(refused.headers["retry-after"]) > 0
    assert held().status == waiting().status == 200


def test_a_stop_lets_what_is_in_flight_finish(start: Start, tmp_path: Path) -> None:
    server = start()
    held = server.later(f"hold:{tmp_path / 'a'}")
    until((tmp_path / "a.begun").exists)

    # To all of the group, as a terminal does it.
    os.killpg(server.child.pid, signal.SIGTERM)
    (tmp_path / "a.go").touch()

    assert held().json == {"predictions": [f"hold:{tmp_path / 'a'}"]}
    assert server.child.wait(DEADLINE_S) == 0


def test_model_processes_do_not_outlive_a_killed_server(start: Start, tmp_path: Path) -> None:
    server = start("--workers", "2")
    until(lambda: server.metric("processes_ready") == 2)
    models = server.models()
    server.later("wait:60")
    until(lambda: server.metric("processes_busy") == 1)

    server.child.kill()

    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in models))


def test_what_the_model_raises(start: Start) -> None:
    server = start()

    refused, broken = server.do("refuse"), server.do("break")

    assert refused.status == 400
    assert "ValueError: no such thing" in refused.json["message"]
    assert broken.status == 500
    assert "secret" not in broken.body.decode()
    request = broken.headers["x-request-id"]
    assert request in broken.json["message"]
    assert f"request {request} failed" in server.log.read_text()
    assert server.metric("process_starts_total") == 1


def test_secrets_of_the_server_stay_out_of_the_model(start: Start) -> None:
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "x",
        "MLFLOW_TRACKING_TOKEN": "x",
        "MILLRACE_TRACKING_URI": "sqlite:///x.db",
        "DATABASE_URL": "x",
        "GIVEN": "x",
    }
    server = start("--env", "GIVEN", "--env", "ALSO=1", **secrets)

    [seen] = server.do("environment").json["predictions"]

    assert {"PATH", "GIVEN", "ALSO"} <= set(seen.split())
    assert not (secrets.keys() - {"GIVEN"}) & set(seen.split())


def test_requests_scored_together_get_their_own_answers(start: Start, tmp_path: Path) -> None:
    server = start("--batch-requests", "8")
    held = server.later(f"hold:{tmp_path / 'a'}")
    until((tmp_path / "a.begun").exists)
    batches = server.metric("batches_total")
    texts = [("one",), ("two", "three"), ("refuse",), ("four",)]
    waiting = []
    for number, text in enumerate(texts, 1):
        waiting.append(server.later(*text))
        until(lambda count=number: server.metric("requests_waiting") == count)

    (tmp_path / "a.go").touch()

    assert held().status == 200
    found = [one() for one in waiting]
    assert [one.status for one in found] == [200, 200, 400, 200]
    assert [found[at].json["predictions"] for at in (0, 1, 3)] == [
        ["one"],
        ["two", "three"],
        ["four"],
    ]
    assert server.metric("batches_total") == batches + 1


def test_a_crash_among_requests_scored_together_is_found(start: Start, tmp_path: Path) -> None:
    server = start("--batch-requests", "8")
    held = server.later(f"hold:{tmp_path / 'a'}")
    until((tmp_path / "a.begun").exists)
    waiting = []
    for number, text in enumerate(["one", "die", "two"], 1):
        waiting.append(server.later(text))
        until(lambda count=number: server.metric("requests_waiting") == count)

    (tmp_path / "a.go").touch()

    assert held().status == 200
    assert [one().status for one in waiting] == [200, 503, 200]


def test_a_model_that_cannot_be_loaded_is_told_in_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "MLmodel").write_text("flavors: {python_function: {loader_module: no.such.module}}")

    with pytest.raises(RuntimeError) as failed:
        Server(broken, tmp_path)
    with pytest.raises(RuntimeError) as missing:
        Server(tmp_path / "nothing", tmp_path)

    assert "exited 1" in str(failed.value)
    assert "Error: " in str(failed.value)
    assert "There is no model at" in str(missing.value)


# Loads when there is a file; until then it is half loaded.
SLOW = """
import os
import time
from pathlib import Path

import millrace.pyfunc

from millrace.models import set_model


class Slow(millrace.pyfunc.PythonModel):
    def load_context(self, context):
        Path(os.environ["GATE"] + ".begun").touch()
        while not Path(os.environ["GATE"]).exists():
            time.sleep(0.005)
        self.loaded = "loaded"

    def predict(self, context, model_input, params=None):
        return [self.loaded] * len(model_input)


set_model(Slow())
"""


def test_no_request_is_answered_before_the_model_is_loaded(tmp_path: Path) -> None:
    """R32: alive, not ready; whoever asks for predictions is told to come again."""
    script, gate = tmp_path / "slow.py", tmp_path / "gate"
    script.write_text(SLOW, encoding="utf-8")
    millrace.pyfunc.save_model(
        tmp_path / "slow", python_model=str(script), signature=False, pip_requirements=[]
    )
    server = Server(
        *(tmp_path / "slow", tmp_path, "--workers", "2", "--env", f"GATE={gate}"),
        waits_for="/v2/health/live",
    )
    try:
        until(Path(f"{gate}.begun").exists)

        asked = [server.ask(path) for path in ("/ping", "/health", "/v2/health/ready")]
        early = server.do("x")
        gate.touch()
        until(lambda: server.ask("/ping").status == 200)
        late = server.do("x")

        assert [one.status for one in asked] == [503, 503, 503]
        assert asked[-1].json == {"ready": False}
        assert early.status == 503
        assert "is being loaded" in early.json["message"]
        assert int(early.headers["retry-after"]) > 0
        assert late.json == {"predictions": ["loaded"]}
    finally:
        server.process.stop()
