"""Medians, ratios, verdicts and tables."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks import report, results
from benchmarks.report import Medians, judge, number, times_better
from benchmarks.results import Sample, Sitting
from benchmarks.scenarios.outcome import percentile
from benchmarks.targets import GOALS, Against, Goal, goals


def sample(contender: str, value: float | None = None, **changes: object) -> Sample:
    """One sample of scenario `s`, figure `ms`; without a value it failed."""
    plain: dict[str, object] = {"scenario": "s", "round": 1, "calibration_ms": 40.0}
    if value is None:
        plain["failure"] = "FAILED: lost 3 of 10 points"
    else:
        plain["figures"] = {"ms": value}
    return Sample(contender=contender, **(plain | changes))


def sitting(*samples: Sample) -> Sitting:
    return Sitting(
        label="test",
        date="2026-01-02",
        effort={"name": "full", "runs": 10_000, "points": 100_000},
        machine={
            "cpu": "Z80",
            "cores": 2,
            "memory_gb": 24.0,
            "kernel": "Linux 6.1",
            "python": "3.11.7",
            "sqlite": "3.40.1",
            "filesystem": "ext4",
        },
        contenders={
            "millrace": {"title": "Millrace", "version": "1", "setting": "FULL"},
            "mlflow": {"title": "MLflow", "version": "3", "setting": "one worker"},
        },
        samples=list(samples),
    )


def goal(*against: Against, at_most: float | None = None, higher: bool = False) -> Goal:
    return Goal(
        title="a thing",
        scenario="s",
        figure="ms",
        unit="ms",
        higher_is_better=higher,
        against=against,
        at_most=at_most,
    )


def test_the_median_of_the_rounds_counts() -> None:
    medians = Medians(sitting(*(sample("millrace", value) for value in (9.0, 1.0, 2.0))))

    assert medians.get("s", "millrace", "ms") == 2.0


def test_one_failed_round_takes_the_figure_away() -> None:
    """A server that lost data once is not shown by the rounds in which it did not."""
    medians = Medians(sitting(sample("mlflow", 9.0), sample("mlflow", round=2)))

    assert medians.get("s", "mlflow", "ms") is None
    assert medians.shown("s", "mlflow", "ms") == "FAILED: lost 3 of 10 points"


@pytest.mark.parametrize(
    ("ours", "theirs", "higher", "times"),
    [
        (2.0, 10.0, False, 5.0),
        (10.0, 2.0, True, 5.0),
        (10.0, 2.0, False, 0.2),
        (0.0, 2.0, False, math.inf),
        (0.0, 0.0, False, 1.0),
    ],
)
def test_times_better(ours: float, theirs: float, higher: bool, times: float) -> None:
    assert times_better(ours, theirs, higher_is_better=higher) == times


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([("millrace", 1.0), ("mlflow", 50.0)], "pass"),
        ([("millrace", 1.0), ("mlflow", 49.0)], "miss"),
        ([("millrace", 1.0)], "no data"),
        ([("mlflow", 50.0)], "no data"),
        ([], "no data"),
    ],
)
def test_a_ratio_decides(rows: list[tuple[str, float]], verdict: str) -> None:
    medians = Medians(sitting(*(sample(name, value) for name, value in rows)))

    assert judge(goal(Against("mlflow", 50)), medians).verdict == verdict


def test_our_own_failure_is_a_miss() -> None:
    medians = Medians(sitting(sample("millrace"), sample("mlflow", 50.0)))

    assert judge(goal(Against("mlflow", 2)), medians).verdict == "miss"


@pytest.mark.parametrize(("value", "verdict"), [(150.0, "pass"), (150.1, "miss")])
def test_an_absolute_bound_includes_its_value(value: float, verdict: str) -> None:
    medians = Medians(sitting(sample("millrace", value)))

    assert judge(goal(at_most=150.0), medians).verdict == verdict


def test_one_missed_condition_is_a_miss_and_an_undecided_one_is_not() -> None:
    medians = Medians(sitting(sample("millrace", 10.0), sample("mlflow", 50.0)))
    undecided, met, missed = Against("fasttrackml", 9), Against("mlflow", 5), Against("mlflow", 6)

    assert judge(goal(undecided, met), medians).verdict == "pass"
    assert judge(goal(met, missed), medians).verdict == "miss"


def test_a_goal_without_conditions_has_no_verdict() -> None:
    assert judge(goal(), Medians(sitting(sample("millrace", 1.0)))).verdict == ""


def test_a_goal_may_be_held_against_another_figure() -> None:
    other = sample("mlflow", scenario="client", figures={"queue_us": 600.0})
    other.failure = ""
    medians = Medians(sitting(sample("millrace", 10.0), other))

    row = judge(goal(Against("mlflow", 60, "client", "queue_us")), medians)

    assert (row.comparisons[0].times, row.verdict) == (60.0, "pass")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00123456, "0.00123"),
        (0.05, "0.0500"),
        (9.996, "10.0"),
        (12.34, "12.3"),
        (999.6, "1,000"),
        (234_357.0, "234,000"),
        (-12.34, "-12.3"),
        (math.inf, "∞"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_table_is_markdown_and_its_cells_cannot_break_it() -> None:
    assert report.table(["a", "b"], [["1|2", "3"]]) == "| a | b |\n| :--- | ---: |\n| 1/2 | 3 |"


def test_the_goals_table_has_a_row_for_every_goal() -> None:
    lines = report.goals_table(sitting()).splitlines()

    assert len(lines) == len(GOALS) + 2
    assert len({line.count("|") for line in lines}) == 1


def test_a_sitting_on_postgresql_is_held_to_goals_of_its_own() -> None:
    slower = [
        Sample("log-batch-8", name, 1, 40.0, {"metrics_per_s": value})
        for name, value in (("millrace", 100_000.0), ("mlflow", 8_000.0))
    ]
    held = sitting(*slower)
    title = "log-batch of 1,000, 8 connections"

    verdicts = {}
    for held.database in ("sqlite", "postgresql"):
        (line,) = (one for one in report.goals_table(held).splitlines() if title in one)
        verdicts[held.database] = line.split("|")[9].strip()

    assert verdicts == {"sqlite": "miss", "postgresql": "pass"}


def test_goals_on_postgresql_are_about_what_is_stored_there() -> None:
    scenarios = {goal.scenario for goal in goals("postgresql")}

    assert {"log-metric-16", "search-1000"} <= scenarios
    assert not {"artifact-large", "client-import", "launch"} & scenarios


def test_the_goals_table_tells_figures_ratios_and_verdict() -> None:
    found = sitting(
        sample("millrace", scenario="runs-get", figures={"p50_ms": 0.5, "cpu_ms": 1}, failure=""),
        sample("mlflow", scenario="runs-get", figures={"p50_ms": 8.0, "cpu_ms": 8}, failure=""),
        sample("fasttrackml", scenario="runs-get"),
    )

    row = next(line for line in report.goals_table(found).splitlines() if "runs/get" in line)

    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["0.500", "8.00", "FAILED: lost 3 of 10 points"]
    assert cells[4:] == ["16.0x", "", "", "≥ 15.0x M, ≥ 1.50x F", "pass", "8.00x, -"]


def test_a_long_failure_is_shortened() -> None:
    assert report.shortened("x" * 100, 60) == "x" * 59 + "…"


def test_the_large_table_compares_with_the_usual_size() -> None:
    found = sitting(
        sample("millrace", scenario="search-100", figures={"p50_ms": 4.0}, failure=""),
        sample("millrace", scenario="search-100@100k", figures={"p50_ms": 6.0}, failure=""),
    )

    assert (
        report.large_table(found).splitlines()[-1]
        == "| search-100 | p50_ms | 4.00 | 6.00 | 1.50x |"
    )
    assert report.large_table(sitting()) == ""


def test_the_readme_keeps_what_stands_around_the_table() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"

    once = report.insert(document, "new")

    assert once == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.insert(once, "new") == once


def test_a_readme_without_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="bench:begin"):
        report.insert("no markers", "new")


def test_a_sitting_is_read_back_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    written = sitting(sample("millrace", 1.5), sample("mlflow"))
    written.label = "Two Cores!"

    file = written.save()

    assert file.name == "2026-01-02-two-cores.json"
    assert results.load(file) == written
    assert results.newest() == file


def test_a_result_names_no_places_of_this_machine() -> None:
    home, root = Path.home(), results.FOLDER.parent.parent

    text = results.anonymous(f"{root}/src/x.py failed, see {home}/log and /runs/get")

    assert text == ".../src/x.py failed, see .../log and /runs/get"


def test_the_nearest_rank_is_a_value_that_was_seen() -> None:
    values = [float(value) for value in range(1, 101)]

    assert percentile(values, 0.99) == 99.0
    assert percentile([5.0], 0.99) == 5.0
    assert percentile([1.0, 2.0], 0.5) == 1.0
