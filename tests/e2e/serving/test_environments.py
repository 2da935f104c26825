"""A model served in an environment that is made of its own requirements, from the package index.

It needs a network and a minute: `make flavors` asks it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import millrace.pyfunc
import pytest

from tests.e2e.serving.conftest import DEADLINE_S, Server
from tests.services import clean_environment

# A small library without dependencies that our own environment lacks.
NEEDED = "roman"


SCRIPT = """
import millrace.pyfunc
import pandas as pd
import roman

from millrace.models import set_model


class Numeral(millrace.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return [roman.toRoman(int(one)) for one in model_input["n"]]


set_model(Numeral())
"""


def test_what_is_missing_for_an_environment_is_said_in_one_sentence(
    linear: Path, tmp_path: Path
) -> None:
    asked = [sys.executable, "-m", "millrace", "models", "serve", "-m", str(linear)]
    done = subprocess.run(
        [*asked, "--env-manager", "conda"],
        env=clean_environment(PATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert done.returncode != 0
    [said] = done.stderr.strip().splitlines()
    assert "needs one of mamba, conda, micromamba on the PATH" in said
    assert "--env-manager uv" in said


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("manager", ["uv", "venv"])
def test_a_model_is_served_with_what_it_needs(manager: str, tmp_path: Path) -> None:
    if not os.environ.get("MILLRACE_TEST_ALL_FLAVORS"):
        pytest.skip("an environment is made from the network: make flavors")
    assert find_spec(NEEDED) is None
    script = tmp_path / "numeral.py"
    script.write_text(SCRIPT, encoding="utf-8")
    millrace.pyfunc.save_model(
        tmp_path / "model",
        python_model=str(script),
        signature=False,
        pip_requirements=["cloudpickle", "pandas", NEEDED],
    )

    # Installing takes its time.
    options = {"MILLRACE_CACHE_DIR": str(tmp_path / "cache")}
    server = Server(tmp_path / "model", tmp_path, "--env-manager", manager, ready_s=500, **options)

    try:
        reply = server.ask("/invocations", {"dataframe_records": [{"n": 4}, {"n": 1987}]})
        assert (reply.status, reply.json) == (200, {"predictions": ["IV", "MCMLXXXVII"]})
    finally:
        server.process.stop()
    [made] = (tmp_path / "cache" / "environments").glob("*/.ready")
    assert list(made.parent.glob(f"lib/python*/site-packages/{NEEDED}*"))
