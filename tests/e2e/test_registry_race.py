"""64 clients at once on one registered model, over HTTP: nothing doubled, nothing lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests import databases
from tests.services import private_millrace

CLIENTS = 64
NAME = "wanted"


class Client:
    """One connection of one client."""

    def __init__(self, uri: str, user: str) -> None:
        self._connection = HTTPConnection(urlsplit(uri).netloc, timeout=60)
        self._headers = {"Content-Type": "application/json", "X-Millrace-User": user}

    def ask(self, method: str, path: str, **values: Any) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        query = f"?{urlencode(values)}" if method == "GET" else ""
        body = None if method == "GET" else json.dumps(values)
        self._connection.request(method, f"/api/2.0/mlflow/{path}{query}", body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def do(self, method: str, path: str, **values: Any) -> Any:
        """The answer, which must be a success."""
        status, answer = self.ask(method, path, **values)
        assert status == 200, answer
        return answer

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def place(request, tmp_path):
    """Folder, workers and database of a server."""
    workers, kind = request.param
    if kind is None:
        yield tmp_path, workers, None
        return
    server = databases.server(kind)
    name = server.lend()
    yield tmp_path, workers, server.uri(name)
    server.give_back(name)


SERVERS = {
    "one worker": (1, None),
    "two workers": (2, None),
    "postgresql": (2, "postgresql"),
    "mysql": (2, "mysql"),
}
on_each = pytest.mark.parametrize("place", SERVERS.values(), ids=SERVERS, indirect=True)


@pytest.fixture
def at_once(place):
    """Lets all clients do something at the same moment; what each found."""
    folder, workers, store = place
    with private_millrace(folder, "--workers", str(workers), store=store) as uri:
        clients = [Client(uri, f"person {number}") for number in range(CLIENTS)]

        def run(do: Callable[[Client, int], Any]) -> list[Any]:
            barrier = threading.Barrier(CLIENTS)

            def each(number: int) -> Any:
                barrier.wait(30)
                return do(clients[number], number)

            with ThreadPoolExecutor(CLIENTS) as pool:
                return list(pool.map(each, range(CLIENTS)))

        yield run
        for client in clients:
            client.close()


@on_each
def test_everybody_wants_the_same_model(at_once):
    told = at_once(lambda client, _: client.ask("POST", "registered-models/create", name=NAME))
    assert sorted(status for status, _ in told) == [200] + [400] * (CLIENTS - 1)
    codes = {answer["error_code"] for status, answer in told if status != 200}
    assert codes == {"RESOURCE_ALREADY_EXISTS"}

    def create(client: Client, _: int) -> list[int]:
        path, source = "model-versions/create", "s3://bucket/m"
        made = [client.do("POST", path, name=NAME, source=source) for _ in range(2)]
        return [int(one["model_version"]["version"]) for one in made]

    numbers = at_once(create)
    assert sorted(one for pair in numbers for one in pair) == list(range(1, 2 * CLIENTS + 1))
    assert all(first < second for first, second in numbers)

    def use(client: Client, number: int) -> None:
        version = str(number + 1)
        tag = {"key": f"k{number}", "value": version}
        client.do("POST", "registered-models/alias", name=NAME, alias="best", version=version)
        client.do("POST", "registered-models/alias", name=NAME, alias=f"a{number}", version="1")
        client.do("POST", "model-versions/set-tag", name=NAME, version="1", **tag)
        client.do("POST", "registered-models/set-tag", name=NAME, **tag)
        client.do(
            "POST", "model-versions/transition-stage",
            name=NAME, version=version, stage="Production", archive_existing_versions=True,
        )  # fmt: skip

    at_once(use)
    tags = {f"k{number}": str(number + 1) for number in range(CLIENTS)}

    def look(client: Client, _: int) -> Any:
        model = client.do("GET", "registered-models/get", name=NAME)["registered_model"]
        versions = client.do("GET", "model-versions/search", filter=f"name = '{NAME}'")
        return model, versions["model_versions"]

    # By whichever worker it is asked.
    for model, versions in at_once(look):
        aliases = {one["alias"]: one["version"] for one in model["aliases"]}
        best = aliases.pop("best")
        by_number = {one["version"]: one for one in versions}
        assert aliases == {f"a{number}": "1" for number in range(CLIENTS)}
        assert [one["version"] for one in versions if "best" in one.get("aliases", ())] == [best]
        assert {one["key"]: one["value"] for one in model["tags"]} == tags
        assert {one["key"]: one["value"] for one in by_number["1"]["tags"]} == tags
        stages = [one["current_stage"] for one in versions]
        assert (stages.count("Production"), stages.count("Archived")) == (1, CLIENTS - 1)


@on_each
def test_everybody_approves_the_same_request(at_once):
    quorum = 3
    policy = {"models": NAME, "guards": [{"stage": "Production"}], "approvals": quorum}

    def prepare(client: Client, number: int) -> str | None:
        if number:
            return None
        client.do("POST", "registered-models/create", name=NAME)
        client.do("POST", "model-versions/create", name=NAME, source="s3://bucket/m")
        client.do("POST", "approval-policies/set", policy=policy)
        wish = {"name": NAME, "version": "1", "stage": "Production"}
        asked = client.do("POST", "transition-requests/create", **wish)
        return str(asked["request"]["id"])

    request_id, *_ = at_once(prepare)

    def decide(client: Client, _: int) -> tuple[int, Any]:
        return client.ask("POST", "transition-requests/approve", name=NAME, id=request_id)

    told = at_once(decide)
    # Who asked may not agree; of the others three do, and the third makes the change.
    assert told[0][0] == 403
    agreed = [(number, answer) for number, (status, answer) in enumerate(told) if status == 200]
    states = sorted(answer["request"]["state"] for _, answer in agreed)
    assert states == ["APPROVED", *["OPEN"] * (quorum - 1)]
    assert {status for status, _ in told} == {200, 403}

    def look(client: Client, _: int) -> Any:
        asked = {"name": NAME, "id": request_id}
        request = client.do("GET", "transition-requests/get", **asked)["request"]
        version = client.do("GET", "model-versions/get", name=NAME, version="1")["model_version"]
        return request, version["current_stage"]

    people = {f"person {number}" for number, _ in agreed}
    for request, stage in at_once(look):
        assert (request["state"], stage) == ("APPROVED", "Production")
        assert {one["user_id"] for one in request["opinions"]} == people
        assert len(request["opinions"]) == quorum
