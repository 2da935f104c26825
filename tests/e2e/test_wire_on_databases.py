"""What the wire suite says of records holds on every database, not on the one it starts alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import databases
from tests.databases import KINDS
from tests.services import ROOT, clean_environment, private_millrace
from tests.wire.conftest import SERVER_URI

# Those whose answers come from the store; the others are about HTTP, files, or many requests.
MODULES = (
    "eval_datasets", "experiments", "inputs", "log_batch", "logged_models", "metric_sampling",
    "metrics", "model_versions", "params_and_tags", "registered_models", "registry_notes", "runs",
    "scalars", "search_experiments", "search_logged_models", "search_order", "search_registry",
    "search_runs", "series",
)  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_the_wire_suite_passes_on(kind: str, tmp_path: Path) -> None:
    database = databases.server(kind)
    name = database.create()
    files = [f"tests/wire/test_{one}.py" for one in MODULES]
    with private_millrace(tmp_path, store=database.uri(name)) as uri:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
            cwd=ROOT,
            env=clean_environment(**{SERVER_URI: uri}),
            capture_output=True,
            text=True,
            check=False,
        )
    database.drop(name)

    assert done.returncode == 0, done.stdout[-8_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 20 * len(MODULES)
    assert "skipped" not in done.stdout
