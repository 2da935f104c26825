"""A second client of the Open Inference Protocol, Triton's, agrees with the server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.serving.conftest import Server
from tests.services import ROOT, environment_python, unavailable


def test_as_json_and_as_bytes(served: Server) -> None:
    lock = ROOT / "tests" / "triton-env" / "requirements.lock"
    try:
        python = environment_python(ROOT / ".venvs" / "triton", lock)
    except LookupError as error:
        unavailable("triton", str(error))

    done = subprocess.run(
        [python, Path(__file__).with_name("triton_probe.py"), served.url.removeprefix("http://")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["live"]
    assert found["ready"]
    assert found["inputs"] == ["a", "b"]
    assert found["json"] == found["binary"] == pytest.approx([7.0, -6.0])
    assert found["json_id"] == found["binary_id"] == "7"
    assert "lacks the required columns 'b'" in found["refused"]
