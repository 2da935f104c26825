"""The endpoint table holds together: whatever is derived from it may rely on this."""

from __future__ import annotations

import re

import msgspec
import pytest

from millrace.api.endpoint import Admin, Anyone, Endpoint, Results, SignedIn
from millrace.api.table import BY_NAME, ENDPOINTS, area_not_offered
from millrace.core.entities.access import Permission

each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda row: row.name)


def field_names(struct: type) -> set[str]:
    return {field.name for field in msgspec.structs.fields(struct)}


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(ENDPOINTS)


def test_no_two_endpoints_share_method_and_path() -> None:
    routes = [(row.method, path) for row in ENDPOINTS for path in row.paths]

    assert len(set(routes)) == len(routes)


def test_an_endpoint_without_needs_cannot_be_built() -> None:
    row = ENDPOINTS[0]
    fields = {name: getattr(row, name) for name in row.__struct_fields__ if name != "needs"}

    with pytest.raises(TypeError, match="needs"):
        Endpoint(**fields)


@each_endpoint
def test_names_read_as_operation_ids(endpoint: Endpoint) -> None:
    assert re.fullmatch(r"[a-z][A-Za-z0-9]+", endpoint.name)


@each_endpoint
def test_summaries_are_one_sentence(endpoint: Endpoint) -> None:
    assert re.fullmatch(r"[A-Z][^\n]+\.", endpoint.summary)
    assert endpoint.group


@each_endpoint
def test_path_parameters_are_request_fields(endpoint: Endpoint) -> None:
    in_path = re.findall(r"{(\w+)}", endpoint.path)

    assert set(in_path) <= field_names(endpoint.request)
    assert endpoint.path == "/" + "/".join(part for part in endpoint.path.split("/") if part)


@each_endpoint
def test_the_resource_of_a_permission_is_a_request_field(endpoint: Endpoint) -> None:
    """Check and handler read one parsed object, so the locator must name a field of it."""
    for locator in (needs.on for needs in (endpoint.needs, *endpoint.also)):
        if not isinstance(locator, Anyone | SignedIn | Admin | Results):
            assert locator.field in field_names(endpoint.request)


@each_endpoint
def test_whatever_only_reads_asks_for_no_more_than_read(endpoint: Endpoint) -> None:
    if endpoint.method == "GET":
        assert endpoint.needs.permission <= Permission.READ
    if endpoint.method in {"PATCH", "DELETE", "PUT"}:
        assert endpoint.writes


@each_endpoint
def test_requests_ignore_no_field_silently(endpoint: Endpoint) -> None:
    """The strict form is what the fast path decodes; see core.wire for the tolerant one."""
    assert endpoint.request.__struct_config__.forbid_unknown_fields


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("/mlflow/workspaces/create", "workspaces"),
        ("/mlflow/traces", "traces"),
        ("/mlflow/tracesearch", None),
        ("/mlflow/runs/create", None),
    ],
)
def test_areas_not_offered_are_matched_on_whole_segments(path: str, area: str | None) -> None:
    assert area_not_offered(path) == area


def test_no_endpoint_lies_in_an_area_that_is_not_offered() -> None:
    assert [row.name for row in ENDPOINTS if area_not_offered(row.path)] == []
