"""The client library inside a training script: importing it, calling it, what arrives."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.contenders import BENCH, CONTENDERS, ROOT, Contender, Target, surroundings
from benchmarks.scenarios.outcome import Effort, Outcome
from benchmarks.tracking import Session, Untrue

_PROBE = ROOT / "benchmarks" / "foreign" / "client_probe.py"
_FILES = ROOT / "benchmarks" / "foreign" / "artifact_probe.py"
_KEY = "train/loss"
_IMPORTS = 5
# Three files, each at its source, in the store, fetched, and twice more on MLflow's way into it.
_TOUCHED_MIB = 3 * 5 * 256


def _probe(
    contender: Contender, *words: str, timeout_s: float, program: Path = _PROBE
) -> dict[str, Any]:
    answer = subprocess.run(
        [contender.python, str(program), *words],
        capture_output=True,
        check=False,
        text=True,
        timeout=timeout_s,
        env=surroundings({"GIT_PYTHON_REFRESH": "quiet"}),
    )
    if answer.returncode:
        raise RuntimeError(f"{contender.name} client: {answer.stderr.strip()[-400:]}")
    result: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
    return result


def importing(target: Target, effort: Effort) -> Outcome:
    """`import` in a fresh interpreter, five times; medians."""
    contender = CONTENDERS[target.contender]
    found = [
        _probe(contender, "import", contender.package, timeout_s=effort.scenario_s)
        for _ in range(_IMPORTS)
    ]
    return Outcome({name: statistics.median(probe[name] for probe in found) for name in found[0]})


def calling(target: Target, effort: Effort) -> Outcome:
    """`log_metric` as called by default, synchronously, and through the client's queue.

    The queue gets a fixed number of calls; what it costs to call, and how many metrics a second
    become durable from the first call to the end of the flush, are two figures.
    """
    contender = CONTENDERS[target.contender]
    uri = f"http://{target.address.host}:{target.address.port}"
    figures: dict[str, float] = {}
    notes: list[str] = []
    for mode in ("default", "synchronous", "asynchronous"):
        calls = contender.queued_calls if effort.name == "full" else contender.queued_calls // 4
        words = ("log", contender.package, uri, mode, str(calls), str(effort.write_s))
        probe = _probe(contender, *words, timeout_s=effort.scenario_s)
        _verify(target, probe)
        figures[f"{mode}_us"] = probe["call_us"]
        figures[f"{mode}_cpu_us"] = probe["call_cpu_us"]
        notes.append(f"{probe['calls']} {mode} calls")
        if mode == "asynchronous":
            figures["durable_per_s"] = probe["calls"] / probe["durable_s"]
            figures["ready_s"] = probe["ready_s"]
    return Outcome(figures, notes)


def files(target: Target, effort: Effort) -> Outcome:
    """A folder of 1,000 files of 4 KB, and a file of 256 MiB, logged, listed and downloaded, each
    library with its own client; a quarter of it in a quick run. The best of three.

    Memory is touched before, as for `artifacts.large`: here, too, chance would decide who pays.
    """
    contender = CONTENDERS[target.contender]
    uri = f"http://{target.address.host}:{target.address.port}"
    share = 1 if effort.name == "full" else 4
    machine.touch_memory(BENCH, _TOUCHED_MIB // share << 20)
    with tempfile.TemporaryDirectory(dir=BENCH) as folder:
        words = (contender.package, uri, folder, str(1000 // share), "4096", str(256 // share), "3")
        found = _probe(contender, *words, timeout_s=effort.scenario_s, program=_FILES)
    return Outcome(found)


def _verify(target: Target, probe: dict[str, Any]) -> None:
    with Session(target) as session:
        found = session.history(probe["run_id"], _KEY)
    held = {(point.step, point.value) for point in found}
    sent = {(step, 1 / 3 * step) for step in range(probe["calls"])}
    if lost := len(sent - held):
        raise Untrue(f"lost {lost} of {len(sent)} points")
    if len(found) != len(sent):
        raise Untrue(f"holds {len(found)} points of {len(sent)}")
