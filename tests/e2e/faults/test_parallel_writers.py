"""64 writers at once on two processes: no lost update, and one winner for what can have only one.

On SQLite the two are workers of one server, else servers on one folder or one database (P3, R4).

`MILLRACE_TEST_OPERATIONS` says how many writes each of them sends to the run they share.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from tests import databases
from tests.databases import KINDS
from tests.e2e.faults.files import check_store
from tests.e2e.faults.link import Link
from tests.e2e.faults.records import DATASETS, Reader, check_summaries
from tests.e2e.faults.servers import Mortal, Nursery, amount
from tests.wire.build import unique
from tests.wire.client import Reply
from tests.wire.expect import EXISTS, INVALID, MISSING, refused

T = TypeVar("T")

WRITERS = 64


class Together:
    """Processes that serve one store."""

    def __init__(self, servers: Sequence[Mortal]) -> None:
        self.servers = servers
        self.port = servers[0].port

    def port_of(self, writer: int) -> int:
        return self.servers[writer % len(self.servers)].port


@pytest.fixture(scope="module", params=["sqlite", "file", *KINDS])
def server(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Together]:
    folder = tmp_path_factory.mktemp("parallel")
    database = databases.server(request.param) if request.param in KINDS else None
    name = database.create() if database else ""
    store = database.uri(name) if database else str(folder / "mlruns")
    if request.param == "sqlite":
        servers = [Mortal(nursery, folder, workers=2)]
    else:
        servers = [Mortal(nursery, folder / str(one), store=store) for one in range(2)]
    for one in servers:
        one.start()
    yield Together(servers)
    for one in servers:
        one.end()
    check_store(servers[0].store)
    if database:
        database.drop(name)


@pytest.fixture
def link(server: Together) -> Iterator[Link]:
    with Link(server.port) as link:
        yield link


@pytest.fixture
def experiment(link: Link) -> str:
    return str(link.post("experiments/create", {"name": unique()}).json["experiment_id"])


@pytest.fixture
def run(link: Link, experiment: str) -> str:
    made = link.post("runs/create", {"experiment_id": experiment, "run_name": unique()})
    return str(made.json["run"]["info"]["run_id"])


def at_once(server: Together, work: Callable[[Link, int], T], count: int = WRITERS) -> list[T]:
    """*work* by *count* writers that begin together, each with a connection of its own."""
    begin = threading.Barrier(count)

    def one(number: int) -> T:
        with Link(server.port_of(number)) as link:
            link.read("/health", parse=False)
            begin.wait(60)
            return work(link, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def fine(reply: Reply) -> Any:
    assert reply.status == 200, reply
    return reply.json


def sole_winner(replies: list[Reply], code: str) -> Reply:
    """The one that was not refused with *code*."""
    (won,) = [reply for reply in replies if reply.status == 200]
    for reply in replies:
        if reply is not won:
            refused(reply, code)
    return won


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_points_tags_and_params_of_a_run_are_there(
    server: Together, link: Link, experiment: str, run: str, full_size: bool
) -> None:
    turns = amount("MILLRACE_TEST_OPERATIONS", 6, 500, full_size=full_size)

    def write(link: Link, number: int) -> None:
        for turn in range(turns):
            place = number * turns + turn
            batch = {
                "run_id": run,
                "metrics": [
                    {"key": key, "value": place, "timestamp": place, "step": turn}
                    for key in ("shared", f"own{number}")
                ],
                "params": [{"key": f"p{number}-{turn % 50}", "value": "1"}],
                "tags": [
                    {"key": "shared", "value": str(number)},
                    {"key": f"own{number}", "value": str(turn)},
                ],
            }
            fine(link.post("runs/log-batch", batch))

    at_once(server, write)

    view = Reader(link, {("run", ""): run}).view(("run", ""))
    assert view is not None
    assert view["points"].pop("shared") == tuple(
        (place, place % turns, repr(float(place))) for place in range(WRITERS * turns)
    )
    assert {key: len(points) for key, points in view["points"].items()} == {
        f"own{number}": turns for number in range(WRITERS)
    }
    assert set(view["params"]) == {
        f"p{number}-{turn % 50}" for number in range(WRITERS) for turn in range(turns)
    }
    assert view["tags"].pop("shared") in {str(number) for number in range(WRITERS)}
    assert view["tags"] == {f"own{number}": str(turns - 1) for number in range(WRITERS)}
    summed = view | {"points": {"shared": Reader(link, {}).history(run, "shared")}}
    check_summaries(link, experiment, run, summed)


def test_the_same_points_from_all_are_there_once(server: Together, link: Link, run: str) -> None:
    points = [{"key": "m", "value": n, "timestamp": n, "step": n} for n in range(50)]
    batch = {"run_id": run, "metrics": points}

    at_once(server, lambda link, _: fine(link.post("runs/log-batch", batch)))

    assert len(Reader(link, {}).history(run, "m")) == 50


def test_a_param_has_one_winner(server: Together, link: Link, run: str) -> None:
    keys = [f"p{number}" for number in range(5)]

    replies = at_once(
        server,
        lambda link, number: [
            link.post("runs/log-parameter", {"run_id": run, "key": key, "value": str(number)})
            for key in keys
        ],
    )

    held = (Reader(link, {("run", ""): run}).view(("run", "")) or {})["params"]
    for place, key in enumerate(keys):
        answers = [one[place] for one in replies]
        won = sole_winner(answers, INVALID)
        assert held[key] == str(answers.index(won))


def test_a_batch_whose_param_lost_is_refused_whole(server: Together, link: Link, run: str) -> None:
    replies = at_once(
        server,
        lambda link, number: link.post(
            "runs/log-batch",
            {
                "run_id": run,
                "metrics": [{"key": f"m{number}", "value": 1, "timestamp": 1}],
                "params": [{"key": "p", "value": str(number)}],
                "tags": [{"key": f"t{number}", "value": "1"}],
            },
        ),
    )

    winner = replies.index(sole_winner(replies, INVALID))
    view = Reader(link, {("run", ""): run}).view(("run", "")) or {}
    assert view["params"] == {"p": str(winner)}
    assert view["tags"] == {f"t{winner}": "1"}
    assert set(view["points"]) == {f"m{winner}"}


def test_a_name_has_one_winner(server: Together, link: Link) -> None:
    names = [unique() for _ in range(3)]

    replies = at_once(
        server,
        lambda link, _: [link.post("experiments/create", {"name": name}) for name in names],
    )

    for place, name in enumerate(names):
        won = sole_winner([one[place] for one in replies], EXISTS)
        found = link.read("experiments/get-by-name", {"experiment_name": name})["experiment"]
        assert found["experiment_id"] == won.json["experiment_id"]


def test_a_new_name_has_one_winner(server: Together, link: Link) -> None:
    """Of experiments that are renamed to the same name."""
    made = at_once(
        server,
        lambda link, _: fine(link.post("experiments/create", {"name": unique()}))["experiment_id"],
        8,
    )
    assert len(set(made)) == 8
    name = unique()

    replies = at_once(
        server,
        lambda link, number: link.post(
            "experiments/update", {"experiment_id": made[number], "new_name": name}
        ),
        8,
    )

    won = replies.index(sole_winner(replies, EXISTS))
    found = link.read("experiments/get-by-name", {"experiment_name": name})["experiment"]
    assert found["experiment_id"] == made[won]


@pytest.mark.parametrize("move", ["delete", "restore"])
def test_an_experiment_is_moved_once(
    server: Together, link: Link, experiment: str, move: str
) -> None:
    if move == "restore":
        fine(link.post("experiments/delete", {"experiment_id": experiment}))

    replies = at_once(
        server,
        lambda link, _: link.post(f"experiments/{move}", {"experiment_id": experiment}),
        16,
    )

    sole_winner(replies, MISSING)


def test_every_model_is_noted(server: Together, link: Link, run: str) -> None:
    """Read and written in one step, so that no item of the list is lost."""

    def note(link: Link, number: int) -> None:
        model = {"artifact_path": f"m{number}", "flavors": {}, "utc_time_created": "", "run_id": ""}
        message = {"run_id": run, "model_json": json.dumps(model)}
        fine(link.post("runs/log-model", message))

    at_once(server, note)

    view = Reader(link, {("run", ""): run}).view(("run", "")) or {}
    assert sorted(view["noted"]) == sorted(f"m{number}" for number in range(WRITERS))


def test_all_tags_of_a_data_set_are_there(server: Together, link: Link) -> None:
    made = fine(link.post(f"{DATASETS}/create", {"name": unique(), "tags": '{"gone": "1"}'}))
    dataset = made["dataset"]["dataset_id"]

    def tag(link: Link, number: int) -> None:
        if number == 0:
            fine(link.send("DELETE", f"{DATASETS}/{dataset}/tags/gone"))
        tags = json.dumps({f"t{number}": "1"})
        fine(link.send("PATCH", f"{DATASETS}/{dataset}/tags", {"tags": tags}))

    at_once(server, tag)

    view = Reader(link, {("dataset", ""): dataset}).view(("dataset", "")) or {}
    assert view["tags"] == {f"t{number}": "1" for number in range(WRITERS)}


def test_all_changes_of_a_data_set_are_there(server: Together, link: Link) -> None:
    """Tags, records and experiments at the same time."""
    homes = [
        fine(link.post("experiments/create", {"name": unique()}))["experiment_id"] for _ in range(8)
    ]
    made = fine(link.post(f"{DATASETS}/create", {"name": unique()}))
    dataset = f"{DATASETS}/{made['dataset']['dataset_id']}"

    def change(link: Link, number: int) -> None:
        fine(link.send("PATCH", f"{dataset}/tags", {"tags": json.dumps({f"t{number}": "1"})}))
        records = [{"inputs": {"q": f"q{number}"}, "expectations": {}}]
        fine(link.post(f"{dataset}/records", {"records": json.dumps(records)}))
        fine(link.post(f"{dataset}/add-experiments", {"experiment_ids": [homes[number]]}))

    at_once(server, change, 8)

    ids = {("dataset", ""): made["dataset"]["dataset_id"]}
    view = Reader(link, ids).view(("dataset", "")) or {}
    assert view["tags"] == {f"t{number}": "1" for number in range(8)}
    assert set(view["records"]) == {f"q{number}" for number in range(8)}
    assert view["experiments"] == set(homes)
