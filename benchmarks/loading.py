"""Loading a small scikit-learn model in a fresh process, beside MLflow: the same folder, in turns.

    python -m benchmarks.loading [--rounds 7] [--mlflow ENV/bin/python] [--millrace ENV/bin/python]

MLflow saves the model, as skops (its default) and as a pickle. The time is that of the whole
process: start, import, `pyfunc.load_model`, end. The floor is what nobody can go below: the same
process with nothing but the import of the estimators. First both predict, and must agree. skops
imports pytest where that is installed: `--millrace` names an environment as users have it, made
with `pip install 'millrace[sklearn]'`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.contenders import CONTENDERS, surroundings
from benchmarks.serving import SAVE
from benchmarks.tracking import Untrue

_LOAD: Final = "import {library} as platform, sys; model = platform.pyfunc.load_model(sys.argv[1])"
_PREDICT: Final = "; print(model.predict(model.metadata.load_input_example(sys.argv[1])).tolist())"
_FLOOR: Final = "import sklearn.linear_model, sklearn.pipeline, sklearn.preprocessing"
_FORMATS: Final = ("skops", "cloudpickle")


def taken(python: Path, code: str, model: Path) -> tuple[float, str]:
    """Seconds of the process that runs *code*, and what it printed."""
    variables = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # Who saved the model is trusted by both: a pickle asks here, a skops file does not.
        "MILLRACE_TRUSTED_MODELS": str(model.parent),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
    }
    began = time.perf_counter()
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, model],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        cwd=model.parent,
        env=surroundings(variables),
    )
    return time.perf_counter() - began, done.stdout


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Median seconds, by format and who loads."""
    pythons = {"millrace": options.millrace, "mlflow": options.mlflow}
    found = {}
    for kind in _FORMATS:
        model = folder / kind
        subprocess.run([options.mlflow, "-c", SAVE, model, kind], check=True, cwd=folder)
        codes = {name: _LOAD.format(library=name) for name in pythons}
        said = {
            name: taken(pythons[name], code + _PREDICT, model)[1] for name, code in codes.items()
        }
        if said["millrace"] != said["mlflow"]:
            raise Untrue(f"{kind}: {said}")
        times: dict[str, list[float]] = {name: [] for name in (*pythons, "floor")}
        for _ in range(options.rounds):
            for name, code in codes.items():
                times[name].append(taken(pythons[name], code, model)[0])
            times["floor"].append(taken(pythons["millrace"], _FLOOR, model)[0])
        found[kind] = {name: statistics.median(each) for name, each in times.items()}
    return found


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    programs = CONTENDERS["mlflow"].programs
    for name, usual in (("mlflow", programs / "python"), ("millrace", Path(sys.executable))):
        # The model is in another folder; a link is not followed, for it is the environment.
        parser.add_argument(f"--{name}", type=lambda text: Path(text).absolute(), default=usual)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loading-") as name:
        found = measure(options, Path(name))
    print("| seconds | Millrace | MLflow | times | estimators alone |\n|---|--:|--:|--:|--:|")
    for kind, one in found.items():
        ours, theirs = one["millrace"], one["mlflow"]
        print(f"| {kind} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} | {one['floor']:.2f} |")


if __name__ == "__main__":
    main()
