"""A folder as the place of a client, of a server, and of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.services import clean_environment, private_millrace

SCRIPT = """
import millrace
millrace.set_experiment("local")
with millrace.start_run(run_name="one") as run:
    millrace.log_params({"a/b": 1})
    millrace.log_metric("loss", 0.5, step=3)
    millrace.log_text("hello", "notes/n.txt")
print(run.info.run_id, run.info.artifact_uri)
"""


def test_a_script_logs_into_a_folder_without_any_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=clean_environment(MILLRACE_TRACKING_URI="./mlruns"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    run_id, artifacts = done.stdout.split()[-2:]
    folder = tmp_path / "mlruns" / "1" / run_id
    assert artifacts == f"{folder.as_uri()}/artifacts"
    assert (folder / "params" / "a" / "b").read_text() == "1"
    assert (folder / "metrics" / "loss").read_text().endswith(" 0.5 3\n")
    assert (folder / "artifacts" / "notes" / "n.txt").read_text() == "hello"


def call(url: str, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as reply:
        return json.loads(reply.read())


def test_several_server_processes_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    with private_millrace(tmp_path, "--workers", "2", store=str(folder)) as url:
        runs = [call(url, "runs/create", experiment_id="0")["run"] for _ in range(10)]
        ids = [run["info"]["run_id"] for run in runs]
        for number, run_id in enumerate(ids):
            call(url, "runs/log-metric", run_id=run_id, key="m", value=number, timestamp=1)
        found = call(url, "runs/search", experiment_ids=["0"], filter="metrics.m >= 5")

        assert {run["info"]["run_id"] for run in found["runs"]} == set(ids[5:])
    assert (folder / "0" / ids[3] / "metrics" / "m").read_text() == "1 3.0 0\n"


def test_fsck_lists_what_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns"
    with private_millrace(tmp_path, store=str(folder)) as url:
        run_id = call(url, "runs/create", experiment_id="0")["run"]["info"]["run_id"]
    (folder / "0" / run_id / "meta.yaml").write_text("a: [")

    done = subprocess.run(
        [sys.executable, "-m", "millrace", "fsck", str(folder)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert f"0/{run_id} is left out" in done.stdout
