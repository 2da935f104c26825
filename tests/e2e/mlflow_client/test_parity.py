"""The same scripts against the real MLflow and the server under test: the same answers.

What cannot be equal (ids, times, invented names) is masked or labelled by the scripts. What we do
otherwise on purpose is a row of a table below; any other difference is a mistake, and so is a row
that no longer tells the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.differs("it is what the server under test is compared with"),
]

INVALID = "INVALID_PARAMETER_VALUE"
ANSWERED = "answered"
LARGEST = 1.7976931348623157e308

# --- searches: what they say and what we say ------------------------------------------------------

WIDER = """
    where 'metrics.loss < 0.5 OR metrics.loss > 0.9'
    where "NOT status = 'FINISHED'"
    where "(status = 'FINISHED')"
    where "status > 'A'"
    where "status IN ('FINISHED')"
    where 'status IS NULL'
    where "run_name IN ('run 17')"
    where "params.lr > '0.1'"
    where 'params.lr = 0.1'
    where "params.lr IN ('0.1')"
    where "params.opt NOT LIKE 'a%'"
    where "params.opt RLIKE 'a.*'"
    where "tags.team < 'vision'"
    where 'metrics.loss IS NULL'
    where 'metrics.loss BETWEEN 0 AND 1'
    where 'metrics.loss < +0.5' order ['params.lr']
    where "lifecycle_stage = 'active'"
    where "experiment_id = '0'"
    where 'start_time IS NOT NULL'
    where 'start_time IN (50000)'
    where "dataset.name > 'a'"
    order ['experiment_id']
    order ['lifecycle_stage']
    order ['`Run name`']
"""
# MLflow passes over what it cannot read, and finds something else than was asked for.
STRICTER = """
    where 'metrics.loss < 0.5 AND'
    where 'AND metrics.loss < 0.5'
    where "metrics.loss < 0.5 params.opt = 'adam'"
    where "metrics.loss < 0.5 AND AND params.opt = 'adam'"
    where "run_id IN ('a' 'b')"
    where "params. = 'a'"
"""
SEARCH = {
    **dict.fromkeys(map(str.strip, WIDER.strip().splitlines()), (INVALID, ANSWERED)),
    **dict.fromkeys(map(str.strip, STRICTER.strip().splitlines()), (ANSWERED, INVALID)),
    # A key given twice breaks their SQL; the second one cannot matter.
    "order ['metrics.loss', 'metrics.loss DESC']": ("INTERNAL_ERROR", ANSWERED),
}

# --- lives: what we say, given all that they say --------------------------------------------------

Life = dict[str, Any]
# From their life and a step of it to our answer in that step.
Row = Callable[[Life, str], Any]


def refused(code: str) -> Row:
    return lambda _life, _step: {"raised": code, "replies": [["POST", 400, {"error_code": code}]]}


def as_in(other: str) -> Row:
    return lambda life, _step: life[other]


def reply(change: Callable[[Any], Any]) -> Row:
    """The same exchanges, the content of the last reply changed."""

    def row(life: Life, step: str) -> Any:
        *before, (verb, status, content) = life[step]["replies"]
        return {**life[step], "replies": [*before, [verb, status, change(content)]]}

    return row


def infinite(content: Any) -> Any:
    match content:
        case dict():
            return {key: infinite(value) for key, value in content.items()}
        case list():
            return [infinite(value) for value in content]
        case float() if abs(content) == LARGEST:
            return "Infinity" if content > 0 else "-Infinity"
    return content


def found_with_model_inputs(life: Life, step: str) -> Any:
    whole = life["get run with inputs"]["replies"][0][2]["run"]
    return reply(lambda _: {"runs": [whole]})(life, step)


def told_the_tagged_model(life: Life, step: str) -> Any:
    model = life[step]["replies"][0][2]["model"]
    tags = [{"key": "t", "value": "2"}, {"key": "u", "value": "ü"}]
    return reply(lambda _: {"model": {**model, "info": {**model["info"], "tags": tags}}})(
        life, step
    )


WITH_OUTPUTS = reply(lambda content: {"run": {**content["run"], "outputs": {}}})
NOTHING_FOUND = as_in("search no experiments")

LIFE: dict[str, Row] = {
    # A name of blanks only is no name.
    "create experiment with a blank name": refused(INVALID),
    # They let the database refuse, and show its words.
    "rename experiment to a taken name": refused("RESOURCE_ALREADY_EXISTS"),
    # They answer 500, which the client repeats for minutes.
    "rename deleted experiment": refused(INVALID),
    # Our language of experiments is that of runs.
    "search experiments, other prefix": NOTHING_FOUND,
    "search experiments, name in a list": NOTHING_FOUND,
    # A run looks the same in every reply.
    "create run": WITH_OUTPUTS,
    "create run with everything": WITH_OUTPUTS,
    "create run named by tag": WITH_OUTPUTS,
    # Infinities are kept, not clamped.
    "history of infinity": reply(infinite),
    "get run with metrics": reply(infinite),
    "search by infinity": reply(infinite),
    # They leave the models that a run used out of searches.
    "search runs by data": found_with_model_inputs,
    # Their published reply holds the model; theirs is empty.
    "tag model": told_the_tagged_model,
    # They compare the status with its number.
    "search ready models": as_in("search models"),
    # Tags given at creation obey the rules of all tags.
    "create run, key too long": refused(INVALID),
}


@pytest.fixture(scope="module")
def both(stock_client, mlflow_server, millrace_server):
    """Run a script on both servers at once; return what (they, we) answered in its one scenario."""

    def run(script: str, scenario: str) -> tuple[dict[str, Any], dict[str, Any]]:
        with ThreadPoolExecutor(2) as pool:
            reports = pool.map(
                lambda uri: stock_client.run(script, uri=uri)[script],
                (mlflow_server, millrace_server),
            )
            theirs, ours = (report.whatever_it_took(scenario) for report in reports)
        return theirs, ours

    return run


def test_searches_find_what_mlflow_finds(both):
    theirs, ours = both("parity_search", "search")

    assert ours.keys() == theirs.keys()
    assert len(theirs) > 190
    unlike = {
        case: verdicts(theirs[case], ours[case]) for case in theirs if ours[case] != theirs[case]
    }
    assert unlike == SEARCH


def verdicts(theirs: Any, ours: Any) -> tuple[Any, Any]:
    """Both answers; where one is a refusal, of the other only that it is none."""
    if isinstance(theirs, str) or isinstance(ours, str):
        return tuple(answer if isinstance(answer, str) else ANSWERED for answer in (theirs, ours))
    return theirs, ours


def test_lives_are_told_as_mlflow_tells_them(both):
    theirs, ours = both("parity_lifecycle", "life")

    assert ours.keys() == theirs.keys()
    assert len(theirs) > 140
    assert ours == theirs | {step: row(theirs, step) for step, row in LIFE.items()}
    assert {step for step in theirs if ours[step] != theirs[step]} == LIFE.keys()
