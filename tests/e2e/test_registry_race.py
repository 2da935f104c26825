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

from tests.services import private_millrace

CLIENTS = 64
NAME = "wanted"


class Client:
    """One connection of one client."""

    def __init__(self, uri: str) -> None:
        self._connection = HTTPConnection(urlsplit(uri).netloc, timeout=60)

    def ask(self, method: str, path: str, **values: Any) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        query = f"?{urlencode(values)}" if method == "GET" else ""
        body = None if method == "GET" else json.dumps(values)
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, f"/api/2.0/mlflow/{path}{query}", body, headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def do(self, method: str, path: str, **values: Any) -> Any:
        """The answer, which must be a success."""
        status, answer = self.ask(method, path, **values)
        assert status == 200, answer
        return answer

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def at_once(request, tmp_path):
    """Lets all clients do something at the same moment; what each found."""
    with private_millrace(tmp_path, "--workers", str(request.param)) as uri:
        clients = [Client(uri) for _ in range(CLIENTS)]

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
