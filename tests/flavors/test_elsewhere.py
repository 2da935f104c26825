"""The contract of flavors whose libraries are too large for our own environment.

PyTorch's is asked in every run, the others by `make flavors`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flavors import zoo
from tests.services import ROOT, clean_environment, flavors_python, unavailable

ENVIRONMENTS = {
    "pytorch": ["pytorch", "pytorch_exported", "pytorch_own_class"],
    "more": ["catboost", "prophet", "pmdarima", "spacy"],
    "spark": ["spark", "spark_sql"],
    "tensorflow": ["tensorflow", "tensorflow_module"],
    "transformers": ["keras", "keras_lambda", "transformers", "sentence_transformers"],
}
ALWAYS = {"pytorch"}


def test_every_case_of_the_zoo_is_asked_somewhere():
    elsewhere = [name for names in ENVIRONMENTS.values() for name in names]

    assert sorted([*zoo.SMALL, *elsewhere]) == sorted(zoo.MAKE)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_contract_holds_in_an_environment_of_its_own(environment: str):
    if environment not in ALWAYS and not os.environ.get("MILLRACE_TEST_ALL_FLAVORS"):
        pytest.skip("large: `make flavors` asks it")
    if environment == "spark" and shutil.which("java") is None:
        unavailable("spark", "no java; apt-get install openjdk-17-jre-headless")
    done = outcome_of(environment, "tests/flavors/test_contract.py")

    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_shap_dask_and_ray_work_with_a_model(tmp_path: Path):
    if not os.environ.get("MILLRACE_TEST_ALL_FLAVORS"):
        pytest.skip("large: `make flavors` asks it")

    # Ray writes into the home folder.
    done = outcome_of("companions", "tests/flavors/companions.py", HOME=str(tmp_path))

    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


def outcome_of(environment: str, what: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The tests *what*, run in the environment of that name."""
    try:
        python = flavors_python(environment)
    except LookupError as error:
        unavailable(f"flavors-{environment}", str(error))
    # Warnings of libraries about themselves are no errors of ours there.
    command = [python, "-m", "pytest", "-q", "-W", "default", "-p", "no:cacheprovider", what]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(
            PYTHONPATH=f"{ROOT / 'src'}:{ROOT}",
            MILLRACE_TEST_FLAVORS=",".join(ENVIRONMENTS.get(environment, ())),
            KERAS_BACKEND="tensorflow" if environment == "tensorflow" else "torch",
            TF_CPP_MIN_LOG_LEVEL="3",
            PYSPARK_PYTHON=str(python),
            SPARK_LOCAL_IP="127.0.0.1",
            HF_HUB_OFFLINE="1",
            **more,
        ),
        capture_output=True,
        text=True,
        check=False,
    )
