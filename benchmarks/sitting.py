"""One sitting: servers started, scenarios run in turn, rounds repeated, everything recorded.

Servers are measured one after the other within each scenario, so that what is compared was
measured within the same minutes; rounds are minutes apart. A server that is not being measured
is idle.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from benchmarks import contenders, machine, postgres, scenarios, seeding
from benchmarks.apart import apart
from benchmarks.contenders import BENCH, CONTENDERS, Contender, Database, Server, Stage, Target
from benchmarks.http1 import Address
from benchmarks.results import Sample, Sitting
from benchmarks.scenarios import limits
from benchmarks.scenarios.history import SAMPLE, sampled
from benchmarks.scenarios.outcome import Effort, Outcome
from benchmarks.seeding import Seed
from benchmarks.tracking import Session

_LONG_HISTORIES = (100_000, 1_000_000, 10_000_000)
_SEEDING_LIMIT_S = 600.0
_ON_POSTGRES = "PostgreSQL of its own, fsync and full page writes on; default workers"
_WRITING, _READING = "rounds of writing", "rounds of reading"
# Seeding twice for `large_s` and reading what is there takes about this part of 25 minutes.
_LARGE_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked of a sitting."""

    label: str
    effort: Effort
    rounds: int
    only: frozenset[str]
    """Names of scenarios; empty for all."""
    servers: tuple[str, ...]
    database: Database
    budget_s: float


class Run:
    """Measures what was asked for and keeps the record."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._effort = plan, plan.effort
        self._started = time.perf_counter()
        self._calibration_ms = machine.calibrate()
        chosen = [CONTENDERS[name] for name in plan.servers]
        missing = {contender.name: contender.missing() for contender in chosen}
        self._contenders = [contender for contender in chosen if not missing[contender.name]]
        BENCH.mkdir(exist_ok=True)
        self.record = Sitting(
            label=plan.label,
            date=datetime.now(UTC).date().isoformat(),
            database=plan.database,
            effort=asdict(plan.effort),
            machine=asdict(machine.facts(BENCH)),
            contenders={
                c.name: {
                    "title": c.title,
                    "version": c.version(),
                    "setting": c.setting if plan.database == "sqlite" else _ON_POSTGRES,
                }
                for c in self._contenders
            },
            remarks=[f"{name} left out: {why}" for name, why in missing.items() if why],
        )

    def run(self) -> Sitting:
        """Go through all stages; what does not fit into the budget is left out with a remark."""
        try:
            self._warm_up()
            self._repeat(self._round, _WRITING)
            self._seeded()
            self._large()
        finally:
            shutil.rmtree(BENCH / "data", ignore_errors=True)
        return self.record

    # -- stages -----------------------------------------------------------------------------

    def _warm_up(self) -> None:
        """Start each environment's server once, so that no later launch compiles or reads cold.

        Here also stands the launch of those that are measured in nothing else. A quick run starts
        only our own: the others were compiled when they were installed.
        """
        warmed: set[str] = set()
        quick = self._effort.name != "full"
        for contender in self._contenders:
            if quick and contender.requirements:
                continue
            if contender.stages == {"launch"}:
                if self._wanted(scenarios.LAUNCH):
                    with self._up([contender]) as fleet:
                        for server in fleet:
                            self._note_launch(server, 1)
            elif contender.environment not in warmed:
                warmed.add(contender.environment)
                with self._up([contender], settle=False):
                    pass

    def _round(self, number: int) -> None:
        self._limits(number)
        writes = [row for row in scenarios.WRITES if self._wanted(row.name)]
        if not writes and not self._wanted(scenarios.LAUNCH):
            return
        with self._fleet("rounds") as fleet:
            for server in fleet:
                self._note_launch(server, number)
            for row in writes:
                for server in _rotated(fleet, number):
                    if row.needs_client and not server.contender.has_client:
                        continue
                    self._measure(row.name, server.contender, number, row.measure, server.target)

    def _limits(self, number: int) -> None:
        if self._wanted(scenarios.HELLO):
            with contenders.hello() as target:
                hello = limits.hello
                self._record(
                    scenarios.HELLO,
                    "limit",
                    number,
                    lambda: apart(60, hello, target, self._effort, connections=16),
                )
        if not self._wanted(scenarios.RAW[self._plan.database]):
            return
        if self._plan.database == "sqlite":
            self._raw_sqlite(number)
        else:
            self._raw_postgresql(number)

    def _raw_sqlite(self, number: int) -> None:
        folder = contenders.data_folder("raw")
        self._record(
            scenarios.RAW["sqlite"],
            "limit",
            number,
            lambda: apart(60, limits.raw_sqlite, folder, self._effort),
        )
        shutil.rmtree(folder)

    def _raw_postgresql(self, number: int) -> None:
        server = postgres.start()
        nobody = Target("limit", Address("", 0), server.pid, server.uri)
        self._record(
            scenarios.RAW["postgresql"],
            "limit",
            number,
            lambda: apart(60, limits.raw_postgresql, nobody, self._effort),
        )
        server.stop()

    def _seeded(self) -> None:
        reads = [row for row in scenarios.READS if self._wanted(row.name)]
        if not reads and not self._wanted(scenarios.DISK):
            return
        with self._fleet("reads") as fleet:
            seeds = {server.contender.name: self._seed(server) for server in fleet}

            def measure_all(number: int) -> None:
                for row in reads:
                    for server in _rotated(fleet, number):
                        seed = seeds[server.contender.name]
                        if seed:
                            self._measure(
                                row.name, server.contender, number, row.measure, server.target, seed
                            )

            self._repeat(measure_all, _READING)

    def _large(self) -> None:
        if not self._wanted("large") or not self._effort.large_runs:
            return
        with self._fleet("large") as fleet:
            for server in fleet:
                if self._left_s() < 2 * self._effort.large_s:
                    self._remark("the large seeds left out: no time left")
                    return
                self._large_runs(server)
                self._long_history(server)

    # -- one server -------------------------------------------------------------------------

    def _seed(self, server: Server) -> Seed | None:
        effort, name = self._effort, server.contender.name
        _say(f"seeding {name}")
        try:
            seed = apart(
                _SEEDING_LIMIT_S,
                seeding.seed,
                server.target,
                runs=effort.runs,
                points=effort.points,
            )
        except Exception as error:  # noqa: BLE001 - one server's refusal is a result, not our end
            self._remark(f"{name} could not be seeded: {error}")
            return None
        if seed.runs < effort.runs:
            self._remark(f"{name} took {seed.runs} runs only in the time given")
        outcome = Outcome({"bytes_per_point": seed.bytes_per_point, "seeding_s": seed.seconds})
        self._record(scenarios.DISK, name, 1, lambda: outcome)
        return seed

    def _large_runs(self, server: Server) -> None:
        effort, target = self._effort, server.target
        _say(f"seeding {effort.large_runs} runs")
        with Session(target) as session:
            experiment = session.experiment("large")
        runs = apart(
            _SEEDING_LIMIT_S,
            seeding.seed_runs,
            target,
            experiment,
            effort.large_runs,
            seconds=effort.large_s,
        )
        self._remark(f"the large search is over {runs} runs")
        seed = Seed(experiment, runs, seeding.HISTORY, 0, 0.0, 0.0)
        for row in scenarios.READS:
            if row.large:
                name = row.name + scenarios.LARGE_SUFFIX
                self._measure(name, server.contender, 1, row.measure, target, seed)

    def _long_history(self, server: Server) -> None:
        effort, target = self._effort, server.target
        history, _ = apart(_SEEDING_LIMIT_S, seeding.seed_history, target, _LONG_HISTORIES[0])
        length, deadline = _LONG_HISTORIES[0], time.perf_counter() + effort.large_s
        for wanted in _LONG_HISTORIES:
            if wanted > effort.large_points or time.perf_counter() > deadline:
                break
            if wanted > length:
                _say(f"extending a history to {wanted} points")
                seconds = deadline - time.perf_counter()
                length = apart(
                    _SEEDING_LIMIT_S,
                    seeding.extend_history,
                    target,
                    history,
                    length,
                    wanted,
                    seconds=seconds,
                )
            name = f"{scenarios.LONG_HISTORY}-{wanted}"
            seed = Seed("", 0, history, length, 0.0, 0.0)
            self._measure(name, server.contender, 1, sampled, target, seed)
        self._remark(f"the longest history sampled to {SAMPLE} has {length} points")

    # -- records ----------------------------------------------------------------------------

    def _measure(
        self,
        name: str,
        contender: Contender,
        number: int,
        measure: Callable[..., Outcome],
        *args: object,
    ) -> None:
        limit_s = 2 * self._effort.scenario_s
        self._record(
            name, contender.name, number, lambda: apart(limit_s, measure, *args, self._effort)
        )

    def _record(
        self, name: str, contender: str, number: int, measure: Callable[[], Outcome]
    ) -> None:
        try:
            outcome = measure()
        except Exception as error:  # noqa: BLE001 - a failure is this scenario's result
            outcome = Outcome(failure=f"FAILED: {error}")
        sample = Sample(
            scenario=name,
            contender=contender,
            round=number,
            calibration_ms=self._calibration_ms,
            figures={} if outcome.failure else outcome.figures,
            notes=outcome.notes,
            failure=outcome.failure,
            window=outcome.window.as_dict() if outcome.window else {},
        )
        self.record.samples.append(sample)
        shown = {key: float(f"{value:.4g}") for key, value in sample.figures.items()}
        _say(f"{number} {name:22} {contender:16} {sample.failure or shown}")

    def _remark(self, text: str) -> None:
        if text not in self.record.remarks:
            self.record.remarks.append(text)
            _say(text)

    def _note_launch(self, server: Server, number: int) -> None:
        figures = {name: float(value) for name, value in asdict(server.launch).items()}
        self._record(scenarios.LAUNCH, server.contender.name, number, lambda: Outcome(figures))

    # -- order and time ---------------------------------------------------------------------

    def _wanted(self, name: str) -> bool:
        return not self._plan.only or name in self._plan.only

    def _left_s(self, before: str = "") -> float:
        """Return the seconds left for the stage *before* the others, which get their part first."""
        left_s = self._plan.budget_s - (time.perf_counter() - self._started)
        if before and self._wanted("large"):
            left_s -= _LARGE_SHARE * self._plan.budget_s * bool(self._effort.large_runs)
        return left_s / 2 if before == _WRITING else left_s

    def _repeat(self, measure: Callable[[int], None], what: str) -> None:
        """Run the rounds, as many as the budget allows; one is always run."""
        longest_s = 0.0
        for number in range(1, self._plan.rounds + 1):
            if number > 1 and longest_s > self._left_s(before=what):
                self._remark(f"{what}: {number - 1} of {self._plan.rounds}, time was up")
                return
            self._calibration_ms = machine.calibrate()
            _say(f"{what}: {number} of {self._plan.rounds}, calibration {self._calibration_ms} ms")
            began = time.perf_counter()
            measure(number)
            longest_s = max(longest_s, time.perf_counter() - began)

    def _fleet(self, stage: Stage) -> AbstractContextManager[list[Server]]:
        return self._up([c for c in self._contenders if stage in c.stages])

    @contextmanager
    def _up(self, chosen: Sequence[Contender], *, settle: bool = True) -> Iterator[list[Server]]:
        """Start the chosen contenders one after the other; one that fails is left out."""
        with ExitStack() as stack:
            fleet = []
            for contender in chosen:
                _say(f"starting {contender.name}")
                try:
                    server = contenders.launch(contender, self._plan.database, settle=settle)
                except RuntimeError as error:
                    self._remark(f"{contender.name} left out: {error}")
                    continue
                stack.callback(server.stop)
                fleet.append(server)
            yield fleet


def _rotated(fleet: list[Server], number: int) -> list[Server]:
    """Let another server begin in each round."""
    first = number % len(fleet) if fleet else 0
    return fleet[first:] + fleet[:first]


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)
