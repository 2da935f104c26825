"""The contract of flavors whose libraries are too large for our own environment.

PyTorch's is asked in every run, the others by `make flavors`.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.flavors import zoo
from tests.services import ROOT, clean_environment, flavors_python, unavailable

ENVIRONMENTS = {
    "pytorch": ["pytorch", "pytorch_exported", "pytorch_own_class"],
    "more": ["catboost", "prophet", "pmdarima", "spacy"],
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
    try:
        python = flavors_python(environment)
    except LookupError as error:
        unavailable(f"flavors-{environment}", str(error))

    # Warnings of libraries about themselves are no errors of ours there.
    done = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-q",
            "-W",
            "default",
            "-p",
            "no:cacheprovider",
            "tests/flavors/test_contract.py",
        ],
        cwd=ROOT,
        env=clean_environment(
            PYTHONPATH=f"{ROOT / 'src'}:{ROOT}",
            MILLRACE_TEST_FLAVORS=",".join(ENVIRONMENTS[environment]),
            KERAS_BACKEND="torch",
            HF_HUB_OFFLINE="1",
        ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
