"""The server under test, and the mark for what we deliberately do otherwise than MLflow.

`MILLRACE_TEST_SERVER_URI` names a running server; without it one is started for the session. The
suite also passes against MLflow itself: tests marked `differs` are skipped there, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.services import private_millrace
from tests.wire import build
from tests.wire.client import Api

SERVER_URI = "MILLRACE_TEST_SERVER_URI"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [(item, mark) for item in items if (mark := item.get_closest_marker("differs"))]
    uri = os.environ.get(SERVER_URI)
    if marked and uri and _is_mlflow(Api(uri)):
        for item, mark in marked:
            item.add_marker(pytest.mark.skip(reason=f"differs from MLflow: {mark.args[0]}"))


def _is_mlflow(api: Api) -> bool:
    """MLflow serves no description of itself; any server of ours does."""
    return api.get("/openapi.json").status == 404


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server under test, without a slash at the end."""
    if uri := os.environ.get(SERVER_URI):
        yield uri.rstrip("/")
        return
    with private_millrace(tmp_path_factory.mktemp("wire")) as url:
        yield url


@pytest.fixture(scope="session")
def api(server: str) -> Api:
    return Api(server, is_mlflow=bool(os.environ.get(SERVER_URI)) and _is_mlflow(Api(server)))


@pytest.fixture
def experiment(api: Api) -> str:
    """Id of a new, empty experiment."""
    return build.add_experiment(api)


@pytest.fixture
def run(api: Api, experiment: str) -> str:
    """Id of a new run in `experiment`."""
    return build.add_run(api, experiment)
