"""Random requests made from the served description: whatever comes, no answer blames the server.

Short here; `make fuzz` runs the same at full size (`HYPOTHESIS_PROFILE=long`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.services import private_millrace
from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import ok
from tests.wire.marks import differs

pytestmark = [pytest.mark.fuzz, differs("MLflow does not describe itself")]

DESCRIBED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
VERBS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (verb, path)
    for path, verbs in json.loads(DESCRIBED.read_text())["paths"].items()
    for verb in VERBS
    if verb in verbs
]
# A tenth of what other properties get, for there are so many operations and each case is a request.
CASES = max(5, settings().max_examples // 10)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server of its own: random requests may delete what other tests rely on."""
    with private_millrace(tmp_path_factory.mktemp("fuzz")) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def served(api: Api) -> schemathesis.BaseSchema:
    """The served description, read by the fuzzer."""
    found = schemathesis.openapi.from_dict(ok(api.get("/openapi.json")))
    found.config.update(base_url=api.url)
    return found


@pytest.fixture
def known(api: Api) -> Mapping[str, object]:
    """Values of fields that name something there is."""
    experiment = build.add_experiment(api)
    run = build.add_run(api, experiment)
    model = build.add_model(api, experiment)
    build.log(api, run, metrics=build.points(*range(5)))
    return {
        "experiment_id": experiment,
        "experiment_ids": [experiment],
        "run_id": run,
        "run_uuid": run,
        "run_ids": [run],
        "model_id": model,
        "metric_key": "m",
    }


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("verb", "path"), OPERATIONS, ids=str)
def test_no_request_is_answered_with_a_server_error(
    served: schemathesis.BaseSchema, known: Mapping[str, object], verb: str, path: str
) -> None:
    operation = served[path][verb]
    fit = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    unfit = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=fit | unfit, real=st.just(set(known)) | st.sets(st.sampled_from(sorted(known))))
    def send(case: schemathesis.Case, real: set[str]) -> None:
        for part in (case.body, case.query, case.path_parameters):
            if isinstance(part, dict):
                part.update({name: known[name] for name in real if name in part})

        if path.endswith("/events"):  # a stream has no end, but for one that is refused
            case.query = {**(case.query or {}), "last_event_id": "none"}

        answer = case.call()

        assert answer.status_code < 500 or answer.status_code == 501, answer.content
        if answer.status_code >= 400:
            error = json.loads(answer.content)
            assert error["error_code"]
            assert error["message"]

    send()
