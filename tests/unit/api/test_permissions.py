"""The permission matrix says of each call which levels suffice and on what."""

from __future__ import annotations

import pytest

from millrace.api.endpoint import (
    ANYONE,
    SIGNED_IN,
    EachExperiment,
    ExperimentsOfDataset,
    Locator,
    Results,
)
from millrace.api.permissions import LEVELS, matrix, page, place
from millrace.api.table import ENDPOINTS
from millrace.core.entities.access import Permission

MATRIX = matrix(ENDPOINTS)
ROWS = {row.endpoint: row for row in reversed(MATRIX)}


def test_every_endpoint_has_a_row() -> None:
    assert list(reversed(ROWS)) == [endpoint.name for endpoint in ENDPOINTS]


def test_what_goes_to_an_experiment_asks_for_it_too() -> None:
    """Whoever may take a run away may not put it wherever it pleases."""
    asked = [(row.endpoint, row.on) for row in MATRIX if row is not ROWS[row.endpoint]]

    assert asked == [
        ("moveRuns", "The experiment whose id `experiment_id` holds"),
        (
            "copyRun",
            (
                "The experiment whose id `experiment_id` holds, or, where it is left out, that of "
                "the run"
            ),
        ),
        ("createTask", "The experiment whose id `target_id` holds"),
    ]


@pytest.mark.parametrize(
    ("endpoint", "least"),
    [
        ("getServerInfo", Permission.NONE),
        ("getRun", Permission.READ),
        ("logMetric", Permission.EDIT),
        ("deleteRun", Permission.MANAGE),
    ],
)
def test_a_level_includes_those_below_it(endpoint: str, least: Permission) -> None:
    assert ROWS[endpoint].suffices == {level for level in LEVELS if level >= least}


@pytest.mark.parametrize(
    ("locator", "words"),
    [
        (EachExperiment("experiment_ids"), "Every experiment whose id `experiment_ids` holds"),
        (
            ExperimentsOfDataset("dataset_id"),
            "The experiments that the evaluation data set with this id belongs to: `dataset_id`",
        ),
        (
            Results("experiments"),
            (
                "Nothing is refused; what comes back is filtered to what the caller may read "
                "(experiments)"
            ),
        ),
        (ANYONE.on, "Open without credentials"),
        (SIGNED_IN.on, "Any known user"),
    ],
)
def test_places_read_as_sentences(locator: Locator, words: str) -> None:
    assert place(locator) == words


def test_the_page_has_a_line_for_each_call() -> None:
    lines = page(ENDPOINTS).splitlines()

    assert len(lines) == 2 + len(MATRIX)
    assert lines[0].count("|") == len(LEVELS) + 3
