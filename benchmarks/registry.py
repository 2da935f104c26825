"""The model registry beside MLflow's: the same calls on registries of the same size, in one run.

    python -m benchmarks.registry [--sizes 100:1000,10000:100000] [--mlflow ENV/bin]

Each server is filled before it starts: ours through its store, MLflow's by SQL, because over REST
its 100,000 versions would take the better part of an hour. Then one client sends each call over one
connection, a number of calls in a row, servers taking turns. Of the wall clock the median counts;
the CPU of a server for each call is what neighbours on the machine disturb least. Answers are
looked at: a search that finds something else than it should has no figure. As many records match a
search at each size. SQLite, full durability, audit on. What a change costs at least on this machine
is measured beside them: a server that commits one row and answers `{}`.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import contenders, processes
from benchmarks.contenders import CONTENDERS, ROOT, surroundings
from benchmarks.http1 import Address, Connection, Requests
from benchmarks.lanes import OK
from benchmarks.launching import launched
from benchmarks.tracking import API, Json, Refused, Untrue, encode

_PORT = 5871
_STEM = "model-"
LEAST = "one row"
_IN_A_ROW = 20
"""Calls that a server gets before it is another one's turn; before them comes one that is not
counted, as a server that has slept is slower."""


@dataclass(frozen=True)
class Size:
    """How much a registry holds."""

    models: int
    versions: int

    @property
    def each(self) -> int:
        """Versions of one model."""
        return self.versions // self.models

    @property
    def teams(self) -> int:
        """How many values the tag has: each is of 10 models and of 10 times what one model has."""
        return self.models // 10

    @property
    def of_team(self) -> int:
        """Versions with one value of the tag."""
        return self.versions // self.teams


def _model(number: int) -> str:
    return f"{_STEM}{number:05d}"


# --- filling ------------------------------------------------------------------------------------


def fill_ours(folder: Path, size: Size) -> None:
    """Fill through the store, many changes in one commit."""
    from millrace.core.entities.entity import pairs  # noqa: PLC0415 - other servers need it not
    from millrace.core.entities.registry import (  # noqa: PLC0415
        AliasMove,
        Manifest,
        NewVersion,
        RegisteredModel,
    )
    from millrace.stores.open import open_stores  # noqa: PLC0415

    stores = open_stores(f"sqlite:///{folder / 'millrace.db'}")
    # As a server records it of a bucket that it was not given: it has nothing left to do.
    unread = Manifest(state="UNREADABLE", recorded_ms=1, message="not ours")
    pending = []
    for number in range(size.models):
        tags = pairs({"team": f"t{number % size.teams}"})
        model = RegisteredModel(
            name=_model(number), creation_timestamp=1, last_updated_timestamp=1, tag_list=tags
        )
        pending.append(stores.registry.add_registered_model(model))
        for version in range(size.each):
            new = NewVersion(
                name=_model(number),
                source="s3://bucket/m",
                location="s3://bucket/m",
                created_ms=1_000 + number * size.each + version,
                manifest=unread,
                tag_list=pairs({"team": f"t{(number * size.each + version) % size.teams}"}),
            )
            pending.append(stores.registry.add_version(new))
        move = AliasMove(name=_model(number), alias="champion", version=1, at_ms=1)
        pending.append(stores.registry.move(move))
        while len(pending) > 2_000:
            pending.pop(0).result()
    for one in pending:
        one.result()
    stores.close()


def fill_mlflow(folder: Path, size: Size) -> None:
    """Fill the tables of a database that MLflow has made."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        put = database.executemany
        models = [(_model(number), number) for number in range(size.models)]
        put(
            "INSERT INTO registered_models (name, creation_time, last_updated_time)"
            " VALUES (?, 1, 1)",
            [(name,) for name, _ in models],
        )
        put(
            "INSERT INTO registered_model_tags (key, value, name) VALUES ('team', ?, ?)",
            [(f"t{number % size.teams}", name) for name, number in models],
        )
        put(
            "INSERT INTO registered_model_aliases (alias, version, name) VALUES ('champion', 1, ?)",
            [(name,) for name, _ in models],
        )
        versions = [
            (name, version + 1, number * size.each + version)
            for name, number in models
            for version in range(size.each)
        ]
        put(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time,"
            " description, current_stage, source, run_id, status, run_link)"
            " VALUES (?, ?, ?, ?, '', 'None', 's3://bucket/m', '', 'READY', '')",
            [(name, version, 1_000 + at, 1_000 + at) for name, version, at in versions],
        )
        put(
            "INSERT INTO model_version_tags (key, value, name, version) VALUES ('team', ?, ?, ?)",
            [(f"t{at % size.teams}", name, version) for name, version, at in versions],
        )


# --- servers ------------------------------------------------------------------------------------


@contextmanager
def serving(name: str, programs: Path, folder: Path, port: int) -> Iterator[tuple[Address, int]]:
    """The server *name* on its database in *folder*: its address and its process."""
    contender = CONTENDERS[name]
    address = Address("127.0.0.1", port)
    words = [
        word.format(port=port, folder=folder, address=f"127.0.0.1:{port}")
        for word in (*contender.command, *contender.storage["sqlite"])
    ]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with launched(
        [programs / words[0], *words[1:]],
        address,
        ready="/health",
        log=folder / f"{name}.log",
        cwd=ROOT if name == "millrace" else folder,
        env=surroundings(contender.variables | quiet),
    ) as child:
        yield address, child.pid


class Caller:
    """Sends the calls to one server, over one connection."""

    def __init__(self, address: Address, process: int, first: int = 0) -> None:
        self.process = process
        self._address = address
        self._requests = Requests(address, API)
        self._connection = Connection(address, timeout_s=300.0)
        self._count = count(first)

    def again(self, first: int) -> Caller:
        """Another connection to the same server; its numbers begin with *first*."""
        return Caller(self._address, self.process, first)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def fresh(self) -> int:
        """Another number each time."""
        return next(self._count)

    def post(self, path: str, body: Json) -> tuple[Json, float]:
        """POST; the answer, and the seconds it took."""
        return self._timed(self._requests.post(path, encode(body)))

    def get(self, path: str, query: Json) -> tuple[Json, float]:
        """GET; the answer, and the seconds it took."""
        return self._timed(self._requests.get(f"{path}?{urlencode(query)}"))

    def _timed(self, request: bytes) -> tuple[Json, float]:
        started = time.perf_counter()
        reply = self._connection.exchange(request)
        spent_s = time.perf_counter() - started
        if reply.status != OK:
            raise Refused(f"{reply.status} {reply.body[:300].decode(errors='replace')}")
        answer: Json = json.loads(reply.body)
        return answer, spent_s


# --- calls --------------------------------------------------------------------------------------

Call = Callable[[Caller, Size], float]


def _some(caller: Caller, size: Size) -> str:
    return _model(caller.fresh() * 7 % size.models)


def create(caller: Caller, size: Size) -> float:
    """A version of one of the models, with a tag."""
    body = {
        "name": _some(caller, size),
        "source": "s3://bucket/m",
        "tags": [{"key": "team", "value": "new"}],
    }
    answer, spent_s = caller.post("/model-versions/create", body)
    _true(int(answer["model_version"]["version"]) > size.each)
    return spent_s


def transition(caller: Caller, size: Size) -> float:
    """A version enters a stage, or leaves it."""
    stage = ("Staging", "Production", "Archived")[caller.fresh() % 3]
    body = {"name": _some(caller, size), "version": "1", "stage": stage}
    answer, spent_s = caller.post("/model-versions/transition-stage", body)
    _true(answer["model_version"]["current_stage"] == stage)
    return spent_s


def move_alias(caller: Caller, size: Size) -> float:
    """An alias moves to another version."""
    turn = caller.fresh()
    name, version = _model(turn // 2 * 7 % size.models), str(2 - turn % 2)
    body = {"name": name, "alias": "champion", "version": version}
    return caller.post("/registered-models/alias", body)[1]


def get_model(caller: Caller, size: Size) -> float:
    """A model by name."""
    name = _some(caller, size)
    answer, spent_s = caller.get("/registered-models/get", {"name": name})
    _true(answer["registered_model"]["name"] == name)
    return spent_s


def get_version(caller: Caller, size: Size) -> float:
    """A version by name and number."""
    answer, spent_s = caller.get("/model-versions/get", {"name": _some(caller, size), "version": 2})
    _true(answer["model_version"]["version"] == "2")
    return spent_s


def get_by_alias(caller: Caller, size: Size) -> float:
    """A version by alias."""
    query = {"name": _some(caller, size), "alias": "champion"}
    answer, spent_s = caller.get("/registered-models/alias", query)
    _true("champion" in answer["model_version"]["aliases"])
    return spent_s


def _search(caller: Caller, what: str, query: Json, expected: int) -> float:
    answer, spent_s = caller.get(f"/{what}/search", query)
    key = what.replace("-", "_")
    _true(len(answer.get(key, ())) == expected, f"{len(answer.get(key, ()))}, not {expected}")
    return spent_s


def models_by_pattern(caller: Caller, size: Size) -> float:
    """Models by a pattern of their name, 10 rows."""
    number = caller.fresh() * 7 % (size.models // 10)
    where = f"name LIKE '{_model(number * 10)[:-1]}%'"
    return _search(caller, "registered-models", {"filter": where, "max_results": 100}, 10)


def models_by_tag(caller: Caller, size: Size) -> float:
    """Models by a tag, 10 rows."""
    where = f"tags.team = 't{caller.fresh() % size.teams}'"
    return _search(caller, "registered-models", {"filter": where, "max_results": 100}, 10)


def versions_of_model(caller: Caller, size: Size) -> float:
    """All versions of one model that no other call changes."""
    name = _model(size.models - 1)
    query = {"filter": f"name = '{name}'", "max_results": size.each}
    return _search(caller, "model-versions", query, size.each)


def versions_by_tag(caller: Caller, size: Size) -> float:
    """Versions by a tag, 100 rows."""
    where = f"tags.team = 't{caller.fresh() % size.teams}'"
    expected = min(100, size.of_team)
    return _search(caller, "model-versions", {"filter": where, "max_results": 100}, expected)


def versions_by_pattern(caller: Caller, size: Size) -> float:
    """Versions by a pattern of the name and a tag."""
    number = caller.fresh() * 7 % (size.models // 10)
    where = f"name LIKE '{_model(number * 10)[:-1]}%' AND tags.team LIKE 't%'"
    expected = min(50, 10 * size.each)
    return _search(caller, "model-versions", {"filter": where, "max_results": expected}, expected)


def newest_versions(caller: Caller, size: Size) -> float:
    """No filter, the default order, 1,000 rows."""
    expected = min(1_000, size.versions)
    return _search(caller, "model-versions", {"max_results": expected}, expected)


# What only reads goes first: it finds what was filled in.
CALLS: dict[str, Call] = {
    "get model": get_model,
    "get version": get_version,
    "get by alias": get_by_alias,
    "models by name pattern": models_by_pattern,
    "models by tag": models_by_tag,
    "versions of a model": versions_of_model,
    "versions by tag": versions_by_tag,
    "versions by name pattern and tag": versions_by_pattern,
    "newest 1,000 versions": newest_versions,
    "create version": create,
    "transition": transition,
    "move alias": move_alias,
}


_CHANGES, _CLIENTS = 1_000, 8
TOGETHER: dict[str, Call] = {
    f"{call}, {_CLIENTS} clients": CALLS[call]
    for call in ("create version", "transition", "move alias")
}


def _together(caller: Caller, size: Size, do: Call) -> Cost:
    """Clients that change something at the same time, 1,000 times in all: what each costs."""
    # Each begins with another model.
    callers = [caller.again(2 * number * _CHANGES) for number in range(_CLIENTS)]
    before_ns, started = processes.running_ns(caller.process), time.perf_counter()

    def work(one: Caller) -> None:
        for _ in range(_CHANGES // _CLIENTS):
            do(one, size)

    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(work, callers))
    spent_s = time.perf_counter() - started
    spent_ns = processes.running_ns(caller.process) - before_ns
    for one in callers:
        one.close()
    return Cost(wall_ms=spent_s / _CHANGES * 1e3, cpu_ms=spent_ns / _CHANGES / 1e6)


def _true(holds: bool, why: str = "") -> None:  # noqa: FBT001 - what holds
    if not holds:
        raise Untrue(f"an answer is not what it should be {why}")


# --- measuring ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What a call costs, in milliseconds: median on the clock, mean of the server's CPU."""

    wall_ms: float
    cpu_ms: float


Figures = dict[tuple[str, str, int], Cost]
"""By call, server and number of versions."""


def measure(size: Size, mlflow: Path, *, times: int) -> Figures:
    """Each call on both servers, in turns."""
    found: Figures = {}
    programs = {"millrace": Path(sys.executable).parent, "mlflow": mlflow}
    with tempfile.TemporaryDirectory(prefix="registry-") as name:
        folder = Path(name)
        with serving("mlflow", mlflow, folder, _PORT):
            pass  # it makes its tables
        fill_mlflow(folder, size)
        fill_ours(folder, size)
        with (
            serving("millrace", programs["millrace"], folder, _PORT + 1) as ours,
            serving("mlflow", programs["mlflow"], folder, _PORT + 2) as theirs,
        ):
            callers = {"millrace": Caller(*ours), "mlflow": Caller(*theirs)}
            for call, do in CALLS.items():
                taken: dict[str, list[float]] = {server: [] for server in callers}
                spent_ns = dict.fromkeys(callers, 0)
                for _ in range(times // _IN_A_ROW):
                    for server, caller in callers.items():
                        # MLflow's slow searches are asked less often.
                        if sum(taken[server]) > 20:
                            continue
                        do(caller, size)
                        before_ns = processes.running_ns(caller.process)
                        taken[server] += [do(caller, size) for _ in range(_IN_A_ROW)]
                        spent_ns[server] += processes.running_ns(caller.process) - before_ns
                for server, seconds in taken.items():
                    found[call, server, size.versions] = Cost(
                        wall_ms=statistics.median(seconds) * 1e3,
                        cpu_ms=spent_ns[server] / len(seconds) / 1e6,
                    )
            found[LEAST, "one_row", size.versions] = _least(times)
            for server, caller in callers.items():
                for call, do in TOGETHER.items():
                    found[call, server, size.versions] = _together(caller, size, do)
                caller.close()
    return found


def _least(times: int) -> Cost:
    """One row, committed and answered for, over the same connection as the other calls."""
    with contenders.one_row() as target:
        caller = Caller(target.address, target.pid)
        body = {"name": _model(0), "source": "s3://bucket/m"}
        caller.post("/kept", body)
        before_ns = processes.running_ns(target.pid)
        seconds = [caller.post("/kept", body)[1] for _ in range(times)]
        spent_ns = processes.running_ns(target.pid) - before_ns
        caller.close()
    return Cost(wall_ms=statistics.median(seconds) * 1e3, cpu_ms=spent_ns / times / 1e6)


def table(found: Figures, sizes: list[Size]) -> str:
    """The figures as Markdown."""
    first, last = sizes[0].versions, sizes[-1].versions
    head = (
        "| call | versions | Millrace ms | MLflow ms | times | growth |"
        " CPU ms | MLflow CPU ms | times | growth |\n|---|" + "--:|" * 9
    )
    rows = []
    for call in (*CALLS, *TOGETHER):
        for size in sizes:
            ours, theirs = (found[call, one, size.versions] for one in ("millrace", "mlflow"))
            least, most = (found[call, "millrace", one] for one in (first, last))
            grown = size.versions == last and first != last
            cells = [call, f"{size.versions:,}"]
            for mine, other, growth in (
                (ours.wall_ms, theirs.wall_ms, most.wall_ms / least.wall_ms),
                (ours.cpu_ms, theirs.cpu_ms, most.cpu_ms / least.cpu_ms),
            ):
                cells += [f"{mine:.2f}", f"{other:.2f}", f"{other / mine:.1f}"]
                cells.append(f"{growth:.2f}" if grown else "")
            rows.append(f"| {' | '.join(cells)} |")
    least = found[LEAST, "one_row", last]
    told = (
        f"One row and an answer, at the least: {least.wall_ms:.2f} ms, CPU {least.cpu_ms:.2f} ms."
    )
    return "\n".join([head, *rows, "", told])


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registry", description=__doc__)
    parser.add_argument("--sizes", default="100:1000,10000:100000", help="MODELS:VERSIONS, ...")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--mlflow", type=Path, default=CONTENDERS["mlflow"].programs)
    options = parser.parse_args()
    sizes = [Size(*map(int, one.split(":"))) for one in options.sizes.split(",")]
    found: Figures = {}
    for size in sizes:
        found |= measure(size, options.mlflow, times=options.times)
    print(table(found, sizes))


if __name__ == "__main__":
    main()
