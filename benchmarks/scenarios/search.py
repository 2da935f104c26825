"""Searching the seeded runs, and reading one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import machine, tracking
from benchmarks.contenders import Target
from benchmarks.data import RunRecord, run_record
from benchmarks.http1 import Connection, Reply
from benchmarks.scenarios.outcome import Effort, Outcome
from benchmarks.scenarios.reads import exchange, repeated
from benchmarks.seeding import Seed
from benchmarks.tracking import Json, Refused, Untrue

_HOST = "host-7"
_PAGE = 1_000


def _check_run(run: Json, number: int) -> None:
    """Raise `Untrue` unless *run* is seeded run *number*, whole."""
    record, data = run_record(number), run["data"]
    params = {pair["key"]: pair["value"] for pair in data.get("params", [])}
    tags = {pair["key"]: pair["value"] for pair in data.get("tags", [])}
    metrics = {metric["key"]: metric["value"] for metric in data.get("metrics", [])}
    if run["info"]["run_name"] != record.name:
        raise Untrue(f"{run['info']['run_name']} stands where {record.name} should")
    if (params, metrics) != (
        record.params,
        record.metrics,
    ) or not record.tags.items() <= tags.items():
        raise Untrue(f"attributes of {record.name} differ")


def _check_page(answer: Json, expected: list[int]) -> None:
    runs = answer.get("runs", [])
    if len(runs) != len(expected):
        raise Untrue(f"{len(runs)} runs on a page that has {len(expected)}")
    for run, number in zip(runs, expected, strict=True):
        _check_run(run, number)


def _search(
    target: Target, seed: Seed, effort: Effort, expected: list[int], **query: Any
) -> Outcome:
    """Time one page of a search whose runs are known."""
    body = {"experiment_ids": [seed.experiment_id], "max_results": len(expected), **query}

    def check(reply: Reply) -> None:
        _check_page(tracking.decoded(reply, "runs/search"), expected)

    request = tracking.requests(target).post("/runs/search", tracking.encode(body))
    return repeated(target, request, effort, check)


def _numbers(seed: Seed, keep: Callable[[RunRecord], bool]) -> list[int]:
    return [number for number in range(seed.runs) if keep(run_record(number))]


def _loss(number: int) -> float:
    return run_record(number).metrics["loss"]


def first_page(target: Target, seed: Seed, effort: Effort, *, rows: int) -> Outcome:
    """No filter, default order: the newest runs."""
    newest = list(range(seed.runs - 1, -1, -1))[:rows]
    return _search(target, seed, effort, newest)


def filter_order(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """A metric and a param in the filter, ordered by that metric, 100 rows."""
    hits = _numbers(seed, lambda r: r.metrics["loss"] < 0.5 and r.params["optimizer"] == "adam")
    return _search(
        target,
        seed,
        effort,
        sorted(hits, key=_loss)[:100],
        filter="metrics.loss < 0.5 AND params.optimizer = 'adam'",
        order_by=["metrics.loss ASC"],
    )


def order_by_metric(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """No filter, ordered by a metric, 100 rows."""
    ordered = sorted(range(seed.runs), key=_loss, reverse=True)[:100]
    return _search(target, seed, effort, ordered, order_by=["metrics.loss DESC"])


def tag_like(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """A pattern in a tag that one run in ten matches, default order, 100 rows."""
    hits = _numbers(seed, lambda r: f"on {_HOST}-" in r.tags["note"])
    return _search(target, seed, effort, hits[::-1][:100], filter=f"tags.note LIKE '%on {_HOST}-%'")


def all_pages(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """Every run in pages of 1,000, following the tokens; the last page against the first.

    Walked twice where time allows, and the faster of the two times is taken for the first and the
    last page: one page is too short to stand for itself beside neighbours.
    """
    connection = Connection(target.address, timeout_s=effort.scenario_s)
    walks: list[list[float]] = []
    with machine.window(*target.pids) as spent:
        while not walks or (len(walks) < 2 and sum(walks[0]) < effort.read_s):
            walks.append(_walk(target, seed, connection, limit_s=effort.scenario_s / 2))
    connection.close()
    first_s, last_s = (min(walk[page] for walk in walks) for page in (0, -1))
    figures = {
        "total_s": min(sum(walk) for walk in walks),
        "cpu_s": spent.server_cpu_s / len(walks),
        "last_over_first": last_s / first_s,
    }
    return Outcome(figures, [f"{len(walks[0])} pages, walked {len(walks)} times"], window=spent)


def _walk(target: Target, seed: Seed, connection: Connection, *, limit_s: float) -> list[float]:
    """Read and check every page; return the seconds each took, without the checking."""
    requests, taken, token = tracking.requests(target), [], ""
    body: Json = {"experiment_ids": [seed.experiment_id], "max_results": _PAGE}
    for start in range(0, seed.runs, _PAGE):
        query = body | ({"page_token": token} if token else {})
        request = requests.post("/runs/search", tracking.encode(query))
        reply, spent_s = exchange(connection, request)
        taken.append(spent_s)
        answer = tracking.decoded(reply, "runs/search")
        expected = range(seed.runs - 1 - start, max(-1, seed.runs - 1 - start - _PAGE), -1)
        _check_page(answer, list(expected))
        token = answer.get("next_page_token", "")
        if not token and start + _PAGE < seed.runs:
            raise Untrue(f"no token after {start + _PAGE} of {seed.runs} runs")
        if sum(taken) > limit_s:
            raise Refused(f"stopped after {len(taken)} pages in {limit_s:.0f} s")
    return taken


def get_run(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """Read one run by its id."""
    number = seed.runs // 2
    with tracking.Session(target) as session:
        query = {
            "experiment_ids": [seed.experiment_id],
            "max_results": 2,
            "filter": f"params.seed = '{run_record(number).params['seed']}'",
        }
        found = session.post("/runs/search", query)["runs"]
    run_id = found[0]["info"]["run_id"]

    def check(reply: Reply) -> None:
        _check_run(tracking.decoded(reply, "runs/get")["run"], number)

    request = tracking.requests(target).get(f"/runs/get?run_id={run_id}")
    return repeated(target, request, effort, check, times=effort.reads * 50)
