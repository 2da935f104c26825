"""Put a model into production with the approval of others, go back, and prove who did what.

    python examples/approvals.py

Everything happens in a temporary folder. The second person is this script under another name: on a
server with accounts, names are proved.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import millrace
from millrace.core.errors import PermissionDenied

POLICY = {
    "models": "credit-*",
    "guards": [{"stage": "Production"}],
    "approvals": 1,
    "expires_s": 86_400,
    "gates": {
        "metrics": [
            {"metric": "accuracy", "compare": ">=", "value": 0.8},
            {"metric": "accuracy", "compare": ">", "than_current": True},
        ],
        "manifest": True,
    },
}
NAME = "credit-risk"


def main() -> None:
    """Train twice, ask, be refused, ask again, approve, go back, verify."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        uri = f"sqlite:///{Path(folder, 'records.db')}"
        os.environ["MILLRACE_TRACKING_URI"] = uri
        client = millrace.MillraceClient(uri)
        old, weak, good = (train(client, accuracy) for accuracy in (0.82, 0.71, 0.91))
        client.transition_model_version_stage(NAME, old, "Production")  # before there was a policy
        client.set_approval_policy(POLICY)

        try:
            client.create_transition_request(NAME, weak, "Production")
        except PermissionDenied as refused:
            print(refused.message)
        request = client.create_transition_request(
            NAME, good, "Production", archive_existing_versions=True, comment="Better on all data."
        )
        try:
            client.approve_transition_request(NAME, request.id)
        except PermissionDenied as refused:
            print(refused.message)
        print(somebody_else("registry", "approve", NAME, request.id, "--comment", "Looks good."))

        back = client.create_transition_request(NAME, stage="Production", rollback=True)
        print(somebody_else("registry", "approve", NAME, back.id))
        (standing,) = client.get_latest_versions(NAME, ["Production"])
        print(f"version {standing.version} is in Production again")

        somebody_else("audit", "export", "--backend-store-uri", uri, "-o", "trail.jsonl")
        print(somebody_else("audit", "verify", "trail.jsonl"))
        flip_a_byte(Path("trail.jsonl"))
        print(somebody_else("audit", "verify", "trail.jsonl", code=1))
        os.chdir(Path(folder).anchor)


def train(client: millrace.MillraceClient, accuracy: float) -> str:
    """A run with its metric and a file, registered; the number of the version."""
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "accuracy", accuracy)
    client.log_text(run_id, f"weights of {accuracy}", "model/weights.txt")
    return client.register_model(f"runs:/{run_id}/model", NAME).version


def somebody_else(*command: str, code: int = 0) -> str:
    """What `millrace` says to another person."""
    done = subprocess.run(
        [sys.executable, "-m", "millrace", *command],
        env=os.environ | {"LOGNAME": "second-reviewer"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != code:
        raise RuntimeError(done.stdout + done.stderr)
    return (done.stdout + done.stderr).strip()


def flip_a_byte(trail: Path) -> None:
    """Let the trail tell of another reviewer than the one who approved."""
    held = trail.read_bytes()
    place = held.index(b"second-reviewer")
    trail.write_bytes(held[:place] + b"z" + held[place + 1 :])


if __name__ == "__main__":
    main()
