"""Several servers on one database: one model, one run and one name for all of them (P3, R4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import databases
from tests.databases import KINDS
from tests.e2e.faults.files import check_store
from tests.e2e.faults.link import Link, Unknown
from tests.e2e.faults.servers import Mortal, Nursery, amount
from tests.wire.build import unique
from tests.wire.expect import EXISTS, refused

WRITERS = 12
SERVERS = 3


@pytest.fixture(params=KINDS)
def servers(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path: Path
) -> Iterator[list[Mortal]]:
    database = databases.server(request.param)
    name = database.create()
    store = database.uri(name)
    made = [Mortal(nursery, tmp_path / str(one), store=store) for one in range(SERVERS)]
    for one in made:
        one.start()
    yield made
    for one in made:
        one.end()
    check_store(store)
    database.drop(name)


class Registrar:
    """Makes versions of a model through one server; each gets the writer's alias."""

    def __init__(self, server: Mortal, model: str, number: int) -> None:
        self.server, self.model, self.number = server, model, number
        self.versions: list[int] = []
        self.alias = 0
        """What the alias was last told to be, and acknowledged."""
        self.in_doubt: int | None = None

    def work(self, halt: threading.Event) -> None:
        with Link(self.server.port) as link:
            while not halt.is_set():
                try:
                    self._register(link)
                except Unknown:
                    return

    def _register(self, link: Link) -> None:
        asked = {"name": self.model, "source": "s3://b/m"}
        made = link.post("model-versions/create", asked)
        assert made.status == 200, made
        version = made.json["model_version"]["version"]
        self.versions.append(int(version))
        self.in_doubt = int(version)
        alias = {"name": self.model, "alias": f"a{self.number}", "version": version}
        told = link.post("registered-models/alias", alias)
        assert told.status == 200, told
        self.alias, self.in_doubt = self.in_doubt, None


@pytest.mark.timeout(600)
def test_versions_are_dense_and_aliases_hold_when_servers_are_killed(
    servers: list[Mortal], full_size: bool
) -> None:
    """The others go on meanwhile, and all say the same afterwards."""
    model = unique()
    with Link(servers[0].port) as link:
        assert link.post("registered-models/create", {"name": model}).status == 200
    writers = [Registrar(servers[n % SERVERS], model, n) for n in range(WRITERS)]
    for turn in range(amount("MILLRACE_TEST_KILLS", 4, 60, full_size=full_size)):
        halt = threading.Event()
        victim = servers[turn % SERVERS]
        with ThreadPoolExecutor(WRITERS) as pool:
            working = [pool.submit(writer.work, halt) for writer in writers]
            before = sum(len(one.versions) for one in writers)
            while sum(len(one.versions) for one in writers) < before + 3 * WRITERS:
                assert not any(one.done() for one in working)
            victim.kill()
            others = [one for one in writers if one.server is not victim]
            before = sum(len(one.versions) for one in others)
            while sum(len(one.versions) for one in others) < before + WRITERS:
                assert not all(one.done() for one in working)
            halt.set()
            for one in working:
                one.result(60)
        victim.wait_gone()
        victim.start()

        said = [_read(server, model) for server in servers]
        assert said[1:] == said[:-1], "servers that disagree"
        last, aliases = said[0]
        numbers = [number for writer in writers for number in writer.versions]
        assert len(numbers) == len(set(numbers)), "a version was given out twice"
        # What nobody was told of may be there, at most one for each writer that was cut off.
        assert set(numbers) <= set(range(1, last + 1))
        assert last - len(numbers) <= WRITERS * (turn + 1)
        for writer in writers:
            allowed = {writer.alias, writer.in_doubt} - {None}
            assert aliases.get(f"a{writer.number}", 0) in allowed
            writer.alias, writer.in_doubt = aliases.get(f"a{writer.number}", 0), None


def _read(server: Mortal, model: str) -> tuple[int, dict[str, int]]:
    """The newest version, all before it being there, and where the aliases are."""
    with Link(server.port) as link:
        found = link.read("registered-models/get", {"name": model})["registered_model"]
        numbers: list[int] = []
        token = ""
        while True:
            asked = {"filter": f"name = '{model}'", "max_results": 1_000, "page_token": token}
            page = link.read("model-versions/search", asked)
            numbers += [int(one["version"]) for one in page.get("model_versions", [])]
            token = page.get("next_page_token", "")
            if not token:
                break
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "a gap among the versions"
    return len(numbers), {one["alias"]: int(one["version"]) for one in found.get("aliases", [])}


def test_each_server_sees_at_once_what_the_others_did(servers: list[Mortal]) -> None:
    """What it remembers of a run, a name or an experiment is forgotten when another writes."""
    links = [Link(server.port) for server in servers]
    first, second, third = links
    for turn in range(5):
        name = unique()
        made = first.post("experiments/create", {"name": name}).json["experiment_id"]
        refused(second.post("experiments/create", {"name": name}), EXISTS)
        run = second.post("runs/create", {"experiment_id": made}).json["run"]["info"]["run_id"]
        for link in links:
            for key in ("m", f"n{turn}"):  # a key that the others have just made
                point = {"run_id": run, "key": key, "value": turn, "timestamp": 1, "step": 1}
                assert link.post("runs/log-metric", point).status == 200
        param = {"run_id": run, "key": "p", "value": "1"}
        assert first.post("runs/log-parameter", param).status == 200
        assert second.post("runs/log-parameter", param | {"value": "2"}).status == 400
        assert third.post("runs/delete", {"run_id": run}).status == 200
        assert first.post("runs/log-parameter", param | {"key": "q"}).status == 400
        assert second.post("runs/restore", {"run_id": run}).status == 200
        assert first.post("runs/log-parameter", param | {"key": "q"}).status == 200
        assert second.post("experiments/delete", {"experiment_id": made}).status == 200
        assert third.post("runs/create", {"experiment_id": made}).status in {400, 404}
        assert first.post("experiments/restore", {"experiment_id": made}).status == 200
        data = third.read("runs/get", {"run_id": run})["run"]["data"]
        assert {one["key"]: one["value"] for one in data["params"]} == {"p": "1", "q": "1"}
        assert {one["key"] for one in data["metrics"]} == {"m", f"n{turn}"}
        asked = {"run_id": run, "metric_key": "m"}
        assert len(first.read("metrics/get-history", asked)["metrics"]) == 1
    for link in links:
        link.close()
