"""Records that real releases of MLflow wrote, each kind made once for all tests.

Making the environment of a release counts towards the test that is first to ask for it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services import clean_environment, mlflow_python, mlflow_release, unavailable

HERE = Path(__file__).parent
NEWEST = "3.17"
RELEASES = ("1.30", "2.9", "2.22", NEWEST)
LIMIT_S = 600


@dataclass(frozen=True)
class Sample:
    """What one release wrote: where to, where files are, and which features it has."""

    release: str
    uri: str
    artifacts: Path
    features: frozenset[str]


def python_of(release: str) -> Path:
    try:
        return mlflow_python() if release == NEWEST else mlflow_release(release)
    except LookupError as error:
        unavailable("mlflow", str(error))


def write(release: str, uri: str, folder: Path) -> Sample:
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = folder / "files"
    done = subprocess.run(
        [python_of(release), HERE / "sample.py", uri, artifacts],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(MLFLOW_ALLOW_FILE_STORE="true"),
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Sample(release, uri, artifacts, frozenset(json.loads(done.stdout.splitlines()[-1])))


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.fixture(scope="session")
def database(release: str, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A SQLite database of that release."""
    folder = tmp_path_factory.mktemp("database")
    return write(release, f"sqlite:///{folder / 'mlflow.db'}", folder)


@pytest.fixture(scope="session")
def folder(release: str, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A folder of files of that release."""
    folder = tmp_path_factory.mktemp("folder")
    return write(release, str(folder / "mlruns"), folder)
