"""A database server of our own for each module: tests here kill, stop and lock it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace.stores.open import open_stores
from millrace.stores.protocols import Stores
from tests import databases
from tests.databases import KINDS, Server
from tests.services import unavailable


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    # Killed, it must come back with all that it had acknowledged.
    options = {"postgresql": [], "mysql": ["--innodb-flush-log-at-trx-commit=1"]}
    try:
        own = databases.own_server(request.param, *options[request.param])
    except LookupError as error:
        unavailable({"postgresql": "postgres"}.get(request.param, request.param), str(error))
    yield own
    own.stop()


@pytest.fixture
def uri(server: Server) -> Iterator[str]:
    name = server.create()
    yield server.uri(name)
    server.drop(name)


@pytest.fixture
def stores(uri: str) -> Iterator[Stores]:
    opened = open_stores(uri)
    yield opened
    opened.close()
