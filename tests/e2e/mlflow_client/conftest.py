"""The unmodified MLflow client, in an environment of its own, against the server under test.

A test module `test_x.py` belongs to the script `flows/x.py`. The scenarios of all scripts that are
asked for run once, in one process of the MLflow environment (importing MLflow takes seconds), and
print what they saw; the tests say what they should have seen.

`MILLRACE_TEST_SERVER_URI` names a running server to test; without it one is started, and scripts
that are about records are run on servers on other databases, too. All tests that are not marked
`differs` also pass against MLflow itself.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.databases import KINDS
from tests.services import (
    answers,
    clean_environment,
    mlflow_python,
    private_millrace,
    private_mlflow,
    unavailable,
)

SERVER_URI = "MILLRACE_TEST_SERVER_URI"
HERE = Path(__file__).parent
FLOWS = HERE / "flows"
# Making the environment of MLflow counts towards the test that is first to ask for it.
LIMIT_S = 600


# What these see comes from the store.
ABOUT_RECORDS = {
    "evaluation_datasets",
    "experiments",
    "inputs",
    "logged_models",
    "metrics",
    "paging",
    "registry",
    "runs",
    "search",
}
SERVER = "server"
"""The server under test; other databases are named by `databases.KINDS`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # A module with a fixture `flow` of its own says itself which servers it means.
    if "flow" in metafunc.fixturenames and not hasattr(metafunc.module, "flow"):
        others = KINDS if script_of(Path(metafunc.module.__file__)) in ABOUT_RECORDS else ()
        metafunc.parametrize("flow", [SERVER, *others], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give our tests time for the shared fixtures, and skip `differs` against MLflow itself."""
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    told = os.environ.get(SERVER_URI)
    is_mlflow = bool(ours and told and not answers(f"{told.rstrip('/')}/openapi.json"))
    for item in ours:
        item.add_marker(pytest.mark.timeout(LIMIT_S))
        if is_mlflow and (mark := item.get_closest_marker("differs")):
            item.add_marker(pytest.mark.skip(reason=f"differs from MLflow: {mark.args[0]}"))


@pytest.fixture(scope="session")
def stock_python() -> Path:
    """Interpreter of the environment that holds the unmodified MLflow."""
    try:
        return mlflow_python()
    except LookupError as error:
        unavailable("mlflow", str(error))


@pytest.fixture(scope="session")
def millrace_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server under test, without a slash at the end."""
    if told := os.environ.get(SERVER_URI):
        uri = told.rstrip("/")
        if not answers(f"{uri}/health"):
            pytest.fail(f"{SERVER_URI} is set but {uri}/health does not answer", pytrace=False)
        yield uri
        return
    # Some scripts write their files themselves, into folders that they name.
    folder = tmp_path_factory.mktemp("millrace")
    with private_millrace(folder, "--allow-local-artifact-locations") as uri:
        yield uri


@pytest.fixture(scope="session")
def mlflow_server(stock_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a fresh server of the real MLflow, to compare with."""
    with private_mlflow(tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


@dataclass(frozen=True)
class Report:
    """What the scenarios of one script saw: results, and the HTTP exchanges of each."""

    scenarios: dict[str, dict[str, Any]]

    def __call__(self, scenario: str) -> Any:
        """The scenario's result; a server error on the way to it fails the test, too."""
        result = self.whatever_it_took(scenario)
        broken = [call for call in self.scenarios[scenario]["calls"] if call[2] >= 500]
        if broken:
            pytest.fail(f"{scenario} met server errors: {broken}", pytrace=False)
        return result

    def whatever_it_took(self, scenario: str) -> Any:
        """The scenario's result; its traceback fails the test that asks."""
        told = self.scenarios[scenario]
        if told["error"]:
            pytest.fail(f"{scenario} raised:\n{told['error']}", pytrace=False)
        return told["result"]

    def calls(self, scenario: str) -> list[str]:
        """The exchanges in order, as "POST runs/create 200", their common prefix left out."""
        self(scenario)
        return [
            f"{method} {path.removeprefix('/api/2.0/mlflow/')} {status}"
            for method, path, status in self.scenarios[scenario]["calls"]
        ]


@dataclass(frozen=True)
class Client:
    """Runs flow scripts with the stock client, each time in a fresh process."""

    python: Path
    folder: Path

    def run(self, *scripts: str, uri: str, **settings: str) -> dict[str, Report]:
        """Run all scenarios of *scripts* against *uri*; their reports by script."""
        environment = clean_environment(
            MLFLOW_TRACKING_URI=uri,
            # One retry covers a lost connection and still shows a server that keeps failing.
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
            MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR="0",
            MLFLOW_HTTP_REQUEST_TIMEOUT="60",
            **settings,
        )
        done = subprocess.run(
            [self.python, FLOWS, *scripts],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S - 60,
            check=False,
        )
        if done.returncode:
            pytest.fail(
                f"{scripts} exited {done.returncode}:\n{done.stderr[-4000:]}", pytrace=False
            )
        return {script: Report(told) for script, told in json.loads(done.stdout).items()}


@pytest.fixture(scope="session")
def stock_client(stock_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(stock_python, tmp_path_factory.mktemp("client"))


Reports = Callable[[str], dict[str, Report]]


@pytest.fixture(scope="session")
def reports(
    request: pytest.FixtureRequest,
    stock_client: Client,
    millrace_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Reports:
    """For each place the reports of the scripts that the chosen tests ask for by `flow`."""
    asking = [item for item in request.session.items if "flow" in getattr(item, "fixturenames", ())]
    scripts = {script_of(item.path) for item in asking if item.path.is_relative_to(HERE)}

    @cache
    def reports_on(place: str) -> dict[str, Report]:
        if place == SERVER:
            return stock_client.run(*sorted(scripts), uri=millrace_server)
        database = databases.server(place)
        name = database.create()
        folder = tmp_path_factory.mktemp(place)
        options = ("--allow-local-artifact-locations",)
        with private_millrace(folder, *options, store=database.uri(name)) as uri:
            found = stock_client.run(*sorted(scripts & ABOUT_RECORDS), uri=uri)
        database.drop(name)
        return found

    return reports_on


@pytest.fixture
def flow(request: pytest.FixtureRequest, reports: Reports) -> Report:
    """Report of the script that the asking test module is named after."""
    if request.param != SERVER and os.environ.get(SERVER_URI):
        pytest.skip("the server under test has a database of its own")
    return reports(request.param)[script_of(request.path)]


def script_of(module: Path) -> str:
    return module.stem.removeprefix("test_")
