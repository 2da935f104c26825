"""From samples to tables: medians over the rounds, ratios, and whether a target is met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Sitting
from benchmarks.scenarios import LARGE_SUFFIX
from benchmarks.targets import LIMIT, Against, Goal, goals

OURS = "millrace"
PEERS = ("mlflow", "fasttrackml")
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

Verdict = Literal["pass", "miss", "no data", ""]


class Medians:
    """The figures of a sitting, one value per scenario, contender and figure.

    A scenario that failed in any round has no figures at all: a server that lost data once is not
    shown by the rounds in which it did not.
    """

    def __init__(self, sitting: Sitting) -> None:
        self.failures = {
            (sample.scenario, sample.contender): sample.failure
            for sample in sitting.samples
            if sample.failure
        }
        collected: dict[tuple[str, str, str], list[float]] = {}
        for sample in sitting.samples:
            if (sample.scenario, sample.contender) not in self.failures:
                for figure, value in sample.figures.items():
                    key = sample.scenario, sample.contender, figure
                    collected.setdefault(key, []).append(value)
        self.values = {key: statistics.median(values) for key, values in collected.items()}

    def get(self, scenario: str, contender: str, figure: str) -> float | None:
        """The median; None where there is none."""
        return self.values.get((scenario, contender, figure))

    def shown(self, scenario: str, contender: str, figure: str) -> str:
        """The median as text, or why there is none."""
        value = self.get(scenario, contender, figure)
        if value is None:
            return shortened(self.failures.get((scenario, contender), ""))
        return number(value)


@dataclass(frozen=True)
class Comparison:
    """How a goal's figure stands to one other figure."""

    against: Against
    times: float | None
    """How many times better ours is; None where either is missing."""

    @property
    def verdict(self) -> Verdict:
        """Whether it is as many times better as it must be."""
        if self.times is None:
            return "no data"
        return "pass" if self.times >= self.against.times else "miss"


@dataclass(frozen=True)
class Row:
    """One goal with everything found about it."""

    goal: Goal
    ours: float | None
    comparisons: tuple[Comparison, ...]
    verdict: Verdict


def times_better(ours: float, theirs: float, *, higher_is_better: bool) -> float:
    """How many times better *ours* is than *theirs*; infinite when the worse one is nothing."""
    better, worse = (ours, theirs) if higher_is_better else (theirs, ours)
    if worse == 0:
        return math.inf if better > 0 else 1.0
    return better / worse


def judge(goal: Goal, medians: Medians) -> Row:
    """Compare one goal with what was measured.

    A miss of any condition is a miss; conditions that cannot be decided count only when no
    other could.
    """
    ours = medians.get(goal.scenario, OURS, goal.figure)
    comparisons = tuple(_compare(goal, against, ours, medians) for against in goal.against)
    verdicts = [comparison.verdict for comparison in comparisons]
    if goal.at_most is not None:
        verdicts.append("no data" if ours is None else "pass" if ours <= goal.at_most else "miss")
    failed = (goal.scenario, OURS) in medians.failures
    return Row(goal, ours, comparisons, "miss" if failed and verdicts else _overall(verdicts))


def _compare(goal: Goal, against: Against, ours: float | None, medians: Medians) -> Comparison:
    scenario, figure = against.scenario or goal.scenario, against.figure or goal.figure
    theirs = medians.get(scenario, against.contender, figure)
    if ours is None or theirs is None:
        return Comparison(against, None)
    return Comparison(against, times_better(ours, theirs, higher_is_better=goal.higher_is_better))


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    for verdict in ("miss", "pass", "no data"):
        if verdict in verdicts:
            return verdict
    return ""


def number(value: float) -> str:
    """Three significant digits, thousands separated, no exponent."""
    if math.isinf(value):
        return "∞"
    if value == 0:
        return "0"
    # The exponent after rounding: 9.996 has two digits before the point, not one.
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{round(value, 2 - exponent):,.{max(0, 2 - exponent)}f}"


def shortened(text: str, limit: int = 60) -> str:
    """At most *limit* characters of *text*; the result file has all of it."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others align right."""
    marks = [":---", *["---:"] * (len(head) - 1)]
    lines = [head, marks, *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines
    )


def goals_table(sitting: Sitting) -> str:
    """Every goal: absolute figures, how many times better, what was wanted, the verdict."""
    medians = Medians(sitting)
    head = ["scenario", "Millrace", "MLflow", "FastTrackML", "vs MLflow", "vs FastTrackML"]
    head += ["vs limit", "target", "verdict", "server CPU vs M, F"]
    return table(head, [_cells(judge(goal, medians), medians) for goal in goals(sitting.database)])


def _cells(row: Row, medians: Medians) -> list[str]:
    goal = row.goal
    title = f"{goal.title}, {goal.unit}" if goal.unit else goal.title
    ours = medians.shown(goal.scenario, OURS, goal.figure)
    theirs = [medians.shown(*_source(goal, name)) for name in PEERS]
    ratios = [_ratio(row, name, medians) for name in (*PEERS, LIMIT)]
    return [title, ours, *theirs, *ratios, _wanted(goal), row.verdict, _cpu(goal, medians)]


def _against(goal: Goal, contender: str) -> Against | None:
    # "mlflow" stands for all settings of MLflow: a goal names the one it is held against.
    return next((a for a in goal.against if a.contender.startswith(contender)), None)


def _source(goal: Goal, contender: str) -> tuple[str, str, str]:
    """Scenario, contender and figure that *goal* is shown beside."""
    against = _against(goal, contender) or Against(contender, 0.0)
    return against.scenario or goal.scenario, against.contender, against.figure or goal.figure


def _ratio(row: Row, contender: str, medians: Medians) -> str:
    theirs = medians.get(*_source(row.goal, contender))
    if row.ours is None or theirs is None:
        return ""
    better = row.goal.higher_is_better
    return f"{number(times_better(row.ours, theirs, higher_is_better=better))}x"


def _cpu(goal: Goal, medians: Medians) -> str:
    """How many times less server CPU than each peer, where the scenario measures it."""
    ours = medians.get(goal.scenario, OURS, goal.cpu)
    found = [medians.get(goal.scenario, name, goal.cpu) for name in PEERS]
    if ours is None or found == [None, None]:
        return ""
    times = [theirs and times_better(ours, theirs, higher_is_better=False) for theirs in found]
    return ", ".join("-" if each is None else f"{number(each)}x" for each in times)


_SHORT = {"mlflow": "M", "mlflow-jobs": "M", "fasttrackml": "F", LIMIT: "limit", OURS: "own"}


def _wanted(goal: Goal) -> str:
    parts = [f"≥ {number(a.times)}x {_SHORT[a.contender]}" for a in goal.against]
    if goal.at_most is not None:
        parts.append(f"≤ {number(goal.at_most)}")
    return ", ".join(parts)


def figures_table(sitting: Sitting) -> str:
    """Every figure of every scenario, one column per contender."""
    medians = Medians(sitting)
    names = [*sitting.contenders, LIMIT]
    rows: list[tuple[str, ...]] = []
    seen: set[tuple[str, str]] = set()
    for sample in sitting.samples:
        figures = sample.figures or ({"": 0.0} if sample.failure else {})
        for figure in figures:
            key = sample.scenario, figure
            if key in seen or (not figure and any(s == sample.scenario for s, _ in seen)):
                continue
            seen.add(key)
            rows.append((*key, *(medians.shown(sample.scenario, name, figure) for name in names)))
    head = ["scenario", "figure", *(_title(sitting, name) for name in names)]
    return table(head, sorted(rows, key=lambda row: row[0]))


def _title(sitting: Sitting, name: str) -> str:
    return sitting.contenders.get(name, {}).get("title", name)


def large_table(sitting: Sitting) -> str:
    """Millrace's searches over the large seed beside the same over the usual one; may be empty."""
    medians = Medians(sitting)
    rows = []
    for scenario, contender, figure in medians.values:
        if contender == OURS and scenario.endswith(LARGE_SUFFIX):
            usual = scenario.removesuffix(LARGE_SUFFIX)
            small = medians.get(usual, OURS, figure)
            large = medians.values[scenario, contender, figure]
            ratio = f"{number(large / small)}x" if small else ""
            rows.append([usual, figure, number(small) if small else "", number(large), ratio])
    return table(["scenario", "figure", "usual", "large", "ratio"], rows) if rows else ""


def heading(sitting: Sitting) -> str:
    """Where, when, with what: the lines under which figures mean something."""
    facts, effort = sitting.machine, sitting.effort
    versions = "; ".join(
        f"{c['title']} {c['version']} ({c['setting']})" for c in sitting.contenders.values()
    )
    setting = (
        f"{sitting.date}, {facts['cores']} cores of {facts['cpu']}, {facts['memory_gb']} GB, "
        f"{facts['kernel']}, {facts['filesystem']}, Python {facts['python']}, "
        f"SQLite {facts['sqlite']}. {versions}. Medians of {sitting.rounds} "
        f"{'round' if sitting.rounds == 1 else 'rounds'}, {effort['runs']:,} runs, "
        f"{effort['points']:,} points."
    )
    lines = [setting]
    if effort["name"] != "full":
        lines.append("A quick run: smaller data, so the targets do not apply.")
    return "\n".join([*lines, *sitting.remarks])


def neighbours(sitting: Sitting) -> str:
    """How quiet the machine was."""
    windows = [sample.window for sample in sitting.samples if sample.window]
    if not windows:
        return ""
    others = statistics.median(window["others_share"] for window in windows)
    worst = max(window["others_share"] for window in windows)
    steal = max(window["steal_share"] for window in windows)
    speeds = [sample.calibration_ms for sample in sitting.samples]
    return (
        f"Others used {others:.0%} of the machine (median; at most {worst:.0%}), stolen at most "
        f"{steal:.0%}; calibration loop {min(speeds):.0f} to {max(speeds):.0f} ms."
    )


def summary(sitting: Sitting) -> str:
    """What goes into the README."""
    return f"{goals_table(sitting)}\n\n{heading(sitting)}\n{neighbours(sitting)}"


def full(sitting: Sitting) -> str:
    """Everything there is to print."""
    parts = [
        heading(sitting),
        neighbours(sitting),
        figures_table(sitting),
        large_table(sitting),
        goals_table(sitting),
    ]
    return "\n\n".join(part for part in parts if part)


def insert(document: str, text: str) -> str:
    """Put *text* between the markers of *document*; raise `ValueError` unless both are there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The document needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
