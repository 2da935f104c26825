"""Random requests made from the served description: whatever comes, no answer blames the server.

Short here; `make fuzz` runs the same at full size (`HYPOTHESIS_PROFILE=long`).
"""

from __future__ import annotations

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.wire.client import Api
from tests.wire.expect import ok
from tests.wire.marks import differs

pytestmark = [pytest.mark.fuzz, differs("MLflow does not describe itself")]

# Each of some sixty operations gets this many requests.
CASES = max(5, settings.default.max_examples // 10) if settings.default else 10
fuzzed = settings(
    max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False
)


@pytest.fixture
def description(api: Api) -> object:
    """The served OpenAPI document, read by the fuzzer."""
    if api.is_mlflow:
        pytest.skip("MLflow does not describe itself")
    document = ok(api.get("/openapi.json"))
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=api.url)
    return schema


schema = schemathesis.pytest.from_fixture("description")


@schema.parametrize()
@fuzzed
def test_no_request_is_answered_with_a_server_error(case: schemathesis.Case) -> None:
    answer = case.call()

    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        error = json.loads(answer.content)
        assert error["error_code"]
        assert error["message"]
