from __future__ import annotations

import json
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from millrace.api.logged_models import LoggedModelId
from millrace.api.table import BY_NAME
from millrace.api.tracking import CreateRun, GetHistoryBulk, LogBatch, MetricEntry, RunId
from millrace.client import context
from millrace.client.auth import Address
from millrace.client.transports import KEYED, HttpTransport, LocalTransport, choose
from millrace.core.errors import InvalidArgument, MillraceError, NotFound
from millrace.http.client import HttpClient
from millrace.http.patience import Patience
from millrace.services.platform import Platform, open_platform
from tests.unit.http.standin import DROP, Standin, Told, standin

RUN = {
    "run": {
        "info": {
            "run_id": "r",
            "run_uuid": "r",
            "experiment_id": "1",
            "run_name": "n",
            "user_id": "u",
            "status": "RUNNING",
            "start_time": 1,
            "artifact_uri": "a",
            "lifecycle_stage": "active",
            "some_day": {"a": 1},
        },
        "data": {"metrics": [{"key": "m", "value": "NaN", "timestamp": 1, "step": 0}]},
    }
}


def http(server: Standin) -> HttpTransport:
    client = HttpClient(server.url, dict, pause=lambda _: None)
    return HttpTransport(client, Patience(retries=2))


def test_a_get_sends_a_query_with_both_names_of_the_run():
    with standin(Told.json(RUN)) as server:
        request = RunId(run_id="r", run_uuid="r")
        reply = http(server).call(BY_NAME["getRun"], request)

    assert server.asked[0].target == "/api/2.0/mlflow/runs/get?run_id=r&run_uuid=r"
    assert server.asked[0].body == b""
    assert reply.run.info.run_name == "n"
    assert str(reply.run.data.metrics["m"]) == "nan"


def test_lists_are_repeated_in_a_query():
    with standin(Told()) as server:
        http(server).call(
            BY_NAME["getMetricHistoryBulk"], GetHistoryBulk(run_id=("a", "b"), metric_key="m")
        )

    assert server.asked[0].target.endswith("?run_id=a&run_id=b&metric_key=m")


def test_a_path_takes_its_fields_from_the_request():
    model = {"info": {}, "data": {}}
    with standin(Told.json({"model": model})) as server, pytest.raises(MillraceError):
        http(server).call(BY_NAME["getLoggedModel"], LoggedModelId(model_id="m/../ü?"))

    assert server.asked[0].path == "/api/2.0/mlflow/logged-models/m%2F..%2F%C3%BC%3F"


def test_absent_fields_are_not_sent_and_odd_numbers_are_named():
    point = MetricEntry(key="m", value=float("-inf"), timestamp=1, step=2)
    with standin(Told()) as server:
        http(server).call(BY_NAME["logBatch"], LogBatch(run_id="r", run_uuid="r", metrics=(point,)))

    assert server.asked[0].json == {
        "run_id": "r",
        "run_uuid": "r",
        "metrics": [{"key": "m", "value": "-Infinity", "timestamp": 1, "step": 2}],
    }


def test_a_create_has_one_key_however_often_it_is_tried():
    with standin(DROP, Told(503), Told.json(RUN), Told.json(RUN)) as server:
        transport = http(server)
        for _ in range(2):
            transport.call(BY_NAME["createRun"], CreateRun(experiment_id="1"))

    keys = [asked.headers["idempotency-key"] for asked in server.asked]
    assert keys[0] == keys[1] == keys[2]
    assert keys[3] != keys[0]


def test_a_given_key_is_used():
    with standin(Told.json(RUN)) as server:
        http(server).call(BY_NAME["createRun"], CreateRun(experiment_id="1"), key="mine")

    assert server.asked[0].headers["idempotency-key"] == "mine"


def test_only_creates_have_a_key():
    assert set(BY_NAME) >= KEYED
    with standin(Told()) as server:
        http(server).call(BY_NAME["deleteRun"], RunId(run_id="r"))

    assert "idempotency-key" not in server.asked[0].headers


def test_a_server_may_say_less_of_a_run():
    """Hosted servers leave out the user, old ones the name."""
    info = {"run_uuid": "r", "experiment_id": "1", "status": "RUNNING"}
    with standin(Told.json({"run": {"info": info}})) as server:
        run = http(server).call(BY_NAME["getRun"], RunId(run_id="r")).run

    assert (run.info.run_id, run.info.user_id, run.info.lifecycle_stage) == ("r", "", "active")


def test_a_server_may_say_more_than_nothing():
    with standin(Told.json({"news": 1})) as server:
        http(server).call(BY_NAME["deleteRun"], RunId(run_id="r"))


def test_nothing_is_no_page():
    with standin(Told(200, b"<html>")) as server, pytest.raises(MillraceError, match="<html>"):
        http(server).call(BY_NAME["deleteRun"], RunId(run_id="r"))


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"[]", b'{"run": 5}'])
def test_a_success_that_is_none_is_shown(body: bytes):
    page = Told(200, body, {"Content-Type": "text/html"})
    with (
        standin(page) as server,
        pytest.raises(MillraceError, match="200 with text/html") as caught,
    ):
        http(server).call(BY_NAME["getRun"], RunId(run_id="r"))

    assert body.decode() in str(caught.value)


# --- local -------------------------------------------------------------------------------------


def local() -> LocalTransport:
    return LocalTransport(lambda: open_platform("memory://"))


def test_in_this_process_a_call_goes_the_same_way():
    transport = local()
    made = transport.call(BY_NAME["createRun"], CreateRun(experiment_id="0", run_name="n")).run
    run_id = made.info.run_id
    point = MetricEntry(key="m", value=float("nan"), timestamp=1, step=2)
    transport.call(BY_NAME["logBatch"], LogBatch(run_id=run_id, metrics=(point,)))

    run = transport.call(BY_NAME["getRun"], RunId(run_id=run_id)).run

    assert run.info.run_name == "n"
    assert str(run.data.metrics["m"]) == "nan"


def test_in_this_process_errors_are_the_same():
    with pytest.raises(NotFound, match="gone"):
        local().call(BY_NAME["getRun"], RunId(run_id="gone"))


def test_in_this_process_a_repeated_create_finds_its_run():
    transport = local()
    request = CreateRun(experiment_id="0", start_time=1)

    runs = [transport.call(BY_NAME["createRun"], request, key="k").run for _ in range(2)]

    assert runs[0].info.run_id == runs[1].info.run_id


def info() -> tuple:
    endpoint = BY_NAME["getServerInfo"]
    return endpoint, endpoint.request()


class Opened:
    """Opens platforms and keeps count."""

    def __init__(self) -> None:
        self.open: list[Platform] = []
        self.count = 0

    def __call__(self) -> Platform:
        self.count += 1
        platform = open_platform("memory://")
        self.open.append(platform)
        close = platform.close

        def close_and_note() -> None:
            self.open.remove(platform)
            close()

        platform.close = close_and_note
        return platform


def test_the_database_is_opened_once_when_it_is_needed():
    opened = Opened()
    transport = LocalTransport(opened)
    assert opened.count == 0
    threads = [threading.Thread(target=transport.call, args=info()) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (opened.count, len(opened.open)) == (1, 1)

    transport.close()
    transport.close()

    assert opened.open == []


@pytest.mark.parametrize("is_child", [True, False])
def test_nothing_is_open_while_the_process_forks(is_child: bool):
    opened = Opened()
    transport = LocalTransport(opened)
    transport.call(*info())

    transport.before_fork()
    assert opened.open == []
    transport.after_fork(is_child=is_child)
    transport.call(*info())

    assert (opened.count, len(opened.open)) == (2, 1)
    transport.close()


def test_a_fork_waits_for_the_call_of_another_thread():
    opened, begun, done = Opened(), threading.Event(), threading.Event()
    transport = LocalTransport(opened)
    transport.call(*info())

    def slowly() -> None:
        with transport._in_use():
            begun.set()
            threading.Timer(0.05, done.set).start()
            assert done.wait(10)

    thread = threading.Thread(target=slowly)
    thread.start()
    assert begun.wait(10)
    transport.before_fork()

    assert done.is_set()
    assert opened.open == []
    transport.after_fork(is_child=False)
    thread.join()


def test_what_is_in_memory_stays_open_over_a_fork():
    opened = Opened()
    transport = LocalTransport(opened, is_kept=True)
    transport.call(*info())
    for is_child in (False, True):
        transport.before_fork()
        transport.after_fork(is_child=is_child)
        transport.call(*info())

    assert (opened.count, len(opened.open)) == (1, 1)


# --- choice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["http://h:5000", "https://h", "databricks", "databricks://p"])
def test_servers_are_called(uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = tmp_path / "cfg"
    config.write_text("[DEFAULT]\nhost=https://d\ntoken=t\n[p]\nhost=https://p\ntoken=t\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(config))

    assert isinstance(choose(uri), HttpTransport)


@pytest.mark.parametrize("uri", ["sqlite:///x.db", "postgresql://u@h/d", "mysql+pymysql://h/d"])
def test_databases_are_opened(uri: str):
    assert isinstance(choose(uri), LocalTransport)


def test_what_is_neither_is_said_to_be():
    with pytest.raises(InvalidArgument, match="gopher"):
        choose("gopher://x").call(BY_NAME["getRun"], RunId(run_id="r"))


def test_headers_name_the_client():
    assert Address("http://h", lambda: None).headers() == {
        "User-Agent": "millrace-python-client/3.18.0",
        "X-Millrace-User": quote(context.user()),
    }
    assert json.dumps(Address("http://h", lambda: "Basic x").headers())


@pytest.mark.parametrize(
    ("host", "is_named"), [("127.0.0.1", True), ("localhost", False), (None, True)]
)
def test_credentials_stay_with_the_host_that_they_are_for(host: str | None, is_named: bool):
    """An artifact location is data: whoever writes one must not get our password by it."""
    files = {"files": [{"path": "a", "is_dir": False, "file_size": 1}]}
    with standin(Told.json(files)) as tracking, standin(Told.json(files)) as other:
        transport = choose(tracking.url.replace("//", "//me:secret@"))
        port = other.url.rpartition(":")[2]
        store = transport.artifacts(host and f"{host}:{port}")

        assert [each.path for each in store.list("x")] == ["x/a"]
        transport.close()
        asked = [each for each in other.asked + tracking.asked if "artifacts" in each.target]
        assert [len(other.asked) > 0, len(asked)] == [host is not None, 1]
        assert ("authorization" in asked[0].headers) == is_named
        assert ("x-millrace-user" in asked[0].headers) == is_named


def test_on_a_database_no_server_keeps_artifacts():
    with pytest.raises(InvalidArgument, match="set the tracking URI"):
        choose("memory://").artifacts("host:5000")
