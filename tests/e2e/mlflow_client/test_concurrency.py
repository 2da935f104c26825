"""Many writers at once: every write that was answered is there, once."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def written(writers: int) -> dict:
    """What `flows/concurrency.py` must find after that many writers."""
    everyone = range(writers)
    return {
        "latest": {f"batch {w}": 12.9 for w in everyone}
        | {f"own {w}": 7.5 for w in everyone}
        | {"shared": writers - 1.0},
        "points": {f"batch {w}": 40 for w in everyone}
        | {f"own {w}": 16 for w in everyone}
        | {"shared": 16 * writers},
        "shared": True,
        "own": True,
        "params": True,
        "tags": [str(w) for w in everyone],
    }


def test_threads_into_one_run(flow):
    assert flow("threads_into_one_run") == written(8)


def test_processes_into_one_run(flow):
    assert flow("processes_into_one_run") == {"codes": [0, 0], **written(2)}


def test_threads_with_runs_of_their_own(flow):
    found = flow("threads_with_runs_of_their_own")

    assert found == {"names": [f"run {i}" for i in range(12)], "right": True}


def test_one_creator_gets_the_name(flow):
    assert flow("one_name_wanted_by_many") == ["RESOURCE_ALREADY_EXISTS"] * 7


@pytest.mark.differs(
    "MLflow answers 400 with SQL text to all but one of the first writers of a tag"
)
def test_everybody_may_set_the_same_tag(flow):
    assert flow("one_tag_set_by_many") in [str(i) for i in range(8)]


def test_one_value_becomes_the_param(flow):
    found = flow("one_param_wanted_by_many")

    assert found == {"winner_was_told": True, "refused": ["INVALID_PARAMETER_VALUE"] * 7}
