"""One Idempotency-Key, one effect: at once, later, on another worker, after a kill."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.link import Link
from tests.e2e.faults.peers import link_to_each, server_end
from tests.e2e.faults.records import DATASETS, Reader
from tests.e2e.faults.servers import Mortal, Nursery, until
from tests.wire.build import unique
from tests.wire.client import Reply
from tests.wire.expect import clean_error

AT_ONCE = 32


@dataclass(frozen=True)
class Records:
    """What the writes are about."""

    experiment: str
    doomed: str
    run: str
    model: str
    dataset: str
    record: str


Request = tuple[str, str, dict[str, Any]]

# Each would fail, or do something more, the second time; `{}` takes what makes a body another one.
WRITES: dict[str, Callable[[Records, str], Request]] = {
    "create experiment": lambda r, x: ("POST", "experiments/create", {"name": f"once{x}"}),
    "rename experiment": lambda r, x: (
        *("POST", "experiments/update"),
        {"experiment_id": r.experiment, "new_name": f"renamed{x}"},
    ),
    "delete experiment": lambda r, x: (
        *("POST", "experiments/delete"),
        {"experiment_id": r.doomed + x},
    ),
    "create run": lambda r, x: (
        *("POST", "runs/create"),
        {"experiment_id": r.experiment, "run_name": f"once{x}"},
    ),
    "update run": lambda r, x: (
        *("POST", "runs/update"),
        {"run_id": r.run, "status": "FINISHED", "end_time": 5, "run_name": f"done{x}"},
    ),
    "log metric": lambda r, x: (
        *("POST", "runs/log-metric"),
        {"run_id": r.run, "key": f"m{x}", "value": 1, "timestamp": 1},
    ),
    "log batch": lambda r, x: (
        *("POST", "runs/log-batch"),
        {
            "run_id": r.run,
            "metrics": [{"key": "b", "value": n, "timestamp": n, "step": n} for n in range(9)],
            "params": [{"key": f"p{x}", "value": "1"}],
            "tags": [{"key": "t", "value": "1"}],
        },
    ),
    "delete tag": lambda r, x: ("POST", "runs/delete-tag", {"run_id": r.run, "key": f"gone{x}"}),
    "note model": lambda r, x: (
        *("POST", "runs/log-model"),
        {
            "run_id": r.run,
            "model_json": json.dumps(
                {"artifact_path": f"a{x}", "flavors": {}, "utc_time_created": "", "run_id": "r"}
            ),
        },
    ),
    "log inputs": lambda r, x: (
        *("POST", "runs/log-inputs"),
        {
            "run_id": r.run,
            "datasets": [
                {"dataset": {"name": f"d{x}", "digest": "1", "source_type": "", "source": ""}}
            ],
        },
    ),
    "create model": lambda r, x: (
        *("POST", "logged-models"),
        {"experiment_id": r.experiment, "name": f"once{x}"},
    ),
    "untag model": lambda r, x: ("DELETE", f"logged-models/{r.model}/tags/gone{x}", {}),
    "create data set": lambda r, x: ("POST", f"{DATASETS}/create", {"name": f"once{x}"}),
    "tag data set": lambda r, x: (
        *("PATCH", f"{DATASETS}/{r.dataset}/tags"),
        {"tags": json.dumps({f"t{x}": "1"})},
    ),
    "add records": lambda r, x: (
        *("POST", f"{DATASETS}/{r.dataset}/records"),
        {"records": json.dumps([{"inputs": {"q": f"new{x}"}, "expectations": {"a": 1}}])},
    ),
    "delete records": lambda r, x: (
        *("DELETE", f"{DATASETS}/{r.dataset}/records"),
        {"dataset_record_ids": [r.record + x]},
    ),
}


@dataclass
class Once:
    """All writes sent by many at once, and what was answered."""

    server: Mortal
    records: Records
    answers: dict[str, list[Reply]] = field(default_factory=dict)

    def send(self, link: Link, name: str, other: str = "") -> Reply:
        method, path, message = WRITES[name](self.records, other)
        return link.send(method, path, message, key=f"key of {name}".replace(" ", "-"))

    def first(self, name: str) -> bytes:
        return self.answers[name][0].body

    def seen(self) -> dict[str, Any]:
        """Everything that the writes could have changed, as it is now."""
        r = self.records
        with Link(self.server.port) as link:
            ids = {
                ("run", ""): r.run, ("experiment", ""): r.experiment, ("model", ""): r.model,
                ("dataset", ""): r.dataset,
            }  # fmt: skip
            reader = Reader(link, ids)
            everywhere = {"view_type": "ALL", "max_results": 1000}
            experiments = link.find("experiments/search", everywhere)["experiments"]
            homes = [one["experiment_id"] for one in experiments]
            return {
                "experiments": sorted((e["name"], e["lifecycle_stage"]) for e in experiments),
                "runs": sorted(_names(link, "runs/search", "runs", homes)),
                "models": sorted(_names(link, "logged-models/search", "models", homes)),
                "datasets": sorted(
                    one["name"] for one in link.find(f"{DATASETS}/search", {})["datasets"]
                ),
                **{kind: reader.view((kind, "")) for kind, _ in ids},
            }


def _names(link: Link, path: str, kind: str, homes: list[str]) -> list[str]:
    found = link.find(path, {"experiment_ids": homes}).get(kind, [])
    return [one["info"].get("run_name") or one["info"]["name"] for one in found]


def _records(link: Link) -> Records:
    experiment, doomed = (
        link.post("experiments/create", {"name": unique()}).json["experiment_id"] for _ in range(2)
    )
    tags = [{"key": "gone", "value": "1"}]
    home = {"experiment_id": experiment, "tags": tags}
    dataset = link.post(f"{DATASETS}/create", {"name": "first"}).json["dataset"]["dataset_id"]
    asked = {"records": json.dumps([{"inputs": {"q": "old"}, "expectations": {"a": 0}}])}
    assert link.post(f"{DATASETS}/{dataset}/records", asked).status == 200
    return Records(
        experiment=experiment,
        doomed=doomed,
        run=link.post("runs/create", home | {"run_name": "first"}).json["run"]["info"]["run_id"],
        model=link.post("logged-models", home | {"name": "first"}).json["model"]["info"][
            "model_id"
        ],
        dataset=dataset,
        record=Reader(link, {}).record_id(dataset, "old"),
    )


@pytest.fixture(scope="module")
def once(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Once]:
    """Each write sent by 32 at once, to two workers."""
    server = Mortal(nursery, tmp_path_factory.mktemp("once"), workers=2)
    server.start()
    with Link(server.port) as link:
        once = Once(server, _records(link))

    def send(name: str) -> Reply:
        with Link(server.port) as link:
            return once.send(link, name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name in WRITES:
            once.answers[name] = list(pool.map(send, [name] * AT_ONCE))
    yield once
    server.kill()


@pytest.mark.parametrize("name", WRITES)
def test_all_at_once_get_the_same_answer(once: Once, name: str) -> None:
    replies = once.answers[name]

    assert [reply.status for reply in replies] == [200] * AT_ONCE, replies[0]
    assert {reply.body for reply in replies} == {once.first(name)}


def test_all_at_once_have_one_effect(once: Once) -> None:
    seen = once.seen()

    assert [name for name, _ in seen["experiments"]].count("once") == 1
    assert [stage for _, stage in seen["experiments"]].count("deleted") == 1
    assert seen["runs"] == ["done", "once"]
    assert seen["models"] == ["first", "once"]
    assert seen["datasets"] == ["first", "once"]
    assert seen["experiment"]["name"] == "renamed"
    assert seen["run"]["noted"] == ["a"]
    assert [name for name, _, _ in seen["run"]["data"]] == ["d"]
    assert {key: len(points) for key, points in seen["run"]["points"].items()} == {"m": 1, "b": 9}
    assert seen["run"]["tags"] == {"t": "1"}
    assert seen["model"]["tags"] == {}
    assert seen["dataset"]["records"] == {"new": {"a": 1}}


def test_each_worker_gives_that_answer(once: Once) -> None:
    before = once.seen()

    with link_to_each(once.server.port, once.server.processes()[1:]) as links:
        answers = {
            (name, pid): once.send(link, name).body
            for name in WRITES
            for pid, link in links.items()
        }

    assert answers == {(name, pid): once.first(name) for name, pid in answers}
    assert once.seen() == before


@pytest.mark.parametrize("name", WRITES)
def test_another_body_is_refused_and_changes_nothing(once: Once, name: str) -> None:
    before = once.seen()

    with Link(once.server.port) as link:
        reply = once.send(link, name, other="2")

    assert reply.status == 422, reply
    assert "key" in clean_error(reply)["message"].lower()
    assert once.seen() == before


def test_a_killed_server_gives_that_answer_later(once: Once) -> None:
    before = once.seen()
    once.server.kill()
    once.server.wait_gone()

    once.server.start()

    with Link(once.server.port) as link:
        assert {name: once.send(link, name).body for name in WRITES} == {
            name: once.first(name) for name in WRITES
        }
    assert once.seen() == before


def test_a_copy_that_comes_late_has_no_effect(nursery: Nursery, tmp_path: Path) -> None:
    """It lay with a worker that stood still, while another did the same and what came after."""
    server = Mortal(nursery, tmp_path, workers=2)
    server.start()
    with link_to_each(server.port, server.processes()[1:]) as links:
        (slow, to_slow), (_, link) = links.items()
        records = _records(link)

        def tagged(value: str) -> dict[str, str]:
            return {"run_id": records.run, "key": "t", "value": value}

        os.kill(slow, signal.SIGSTOP)
        try:
            ends = to_slow.leave("runs/set-tag", tagged("first"), key="first")
            assert link.post("runs/set-tag", tagged("first"), key="first").status == 200
            assert link.post("runs/set-tag", tagged("second"), key="second").status == 200
        finally:
            os.kill(slow, signal.SIGCONT)
        until(lambda: server_end(*ends) is None, "the late copy to be read")
        with link_to_each(server.port, server.processes()[1:]) as again:
            # What the slow worker has taken is written before this.
            flushed = tagged("1") | {"key": "flushed"}
            assert again[slow].post("runs/set-tag", flushed).status == 200
        view = Reader(link, {("run", ""): records.run}).view(("run", "")) or {}
    server.end()

    assert view["tags"]["t"] == "second"
