"""Errors: what each is on the wire, and the way back from an answer."""

from __future__ import annotations

import inspect

import pytest

from millrace.core import errors
from millrace.core.errors import (
    AlreadyExists,
    Conflict,
    DataLoss,
    DiskFull,
    InvalidArgument,
    InvalidState,
    KeyReused,
    LimitExceeded,
    MalformedRequest,
    MethodNotAllowed,
    MillraceError,
    MissingExtra,
    NoSuchEndpoint,
    NotFound,
    NotSupported,
    PermissionDenied,
    PreconditionFailed,
    RangeNotSatisfiable,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    from_answer,
)

INVALID, INTERNAL = ("KAM00", "INVALID_PARAMETER_VALUE"), ("XXM00", "CLIENT_INTERNAL_ERROR")
ABSENT = ("KAM00", "RESOURCE_NOT_FOUND")
# Class, code, status, (sqlstate, error_class): the wire contract's table, and what HTTP adds to it.
TABLE = [
    (MillraceError, "INTERNAL_ERROR", 500, INTERNAL),
    (InvalidArgument, "INVALID_PARAMETER_VALUE", 400, INVALID),
    (MalformedRequest, "BAD_REQUEST", 400, INVALID),
    (MissingExtra, "BAD_REQUEST", 400, INVALID),
    (AlreadyExists, "RESOURCE_ALREADY_EXISTS", 400, ("KAM00", "RESOURCE_ALREADY_EXISTS")),
    (Unauthenticated, "UNAUTHENTICATED", 401, None),
    (PermissionDenied, "PERMISSION_DENIED", 403, ("KAM00", "PERMISSION_DENIED")),
    (NotFound, "RESOURCE_DOES_NOT_EXIST", 404, ABSENT),
    (NoSuchEndpoint, "ENDPOINT_NOT_FOUND", 404, ABSENT),
    (MethodNotAllowed, "BAD_REQUEST", 405, INVALID),
    (Conflict, "RESOURCE_CONFLICT", 409, None),
    (PreconditionFailed, "RESOURCE_CONFLICT", 412, None),
    (TooLarge, "BAD_REQUEST", 413, INVALID),
    (UnsupportedMediaType, "BAD_REQUEST", 415, INVALID),
    (RangeNotSatisfiable, "INVALID_PARAMETER_VALUE", 416, INVALID),
    (KeyReused, "INVALID_PARAMETER_VALUE", 422, INVALID),
    (LimitExceeded, "REQUEST_LIMIT_EXCEEDED", 429, None),
    (InvalidState, "INVALID_STATE", 500, INTERNAL),
    (DataLoss, "DATA_LOSS", 500, None),
    (NotSupported, "NOT_IMPLEMENTED", 501, None),
    (Unavailable, "TEMPORARILY_UNAVAILABLE", 503, INTERNAL),
    (DiskFull, "RESOURCE_EXHAUSTED", 507, None),
]
names = [kind.__name__ for kind, *_ in TABLE]


def test_the_table_has_all_errors() -> None:
    ours = {kind for _, kind in inspect.getmembers(errors, inspect.isclass)}

    assert {kind for kind, *_ in TABLE} == {
        kind for kind in ours if kind.__module__ == errors.__name__
    }


@pytest.mark.parametrize(("kind", "code", "status", "sql"), TABLE, ids=names)
def test_an_error_on_the_wire(
    kind: type[MillraceError], code: str, status: int, sql: tuple[str, str] | None
) -> None:
    error = kind("It is so.")

    known = {"error_code": code, "message": "It is so."}
    if sql:
        known |= {"sqlstate": sql[0], "error_class": sql[1]}
    assert error.body() == known
    assert error.status == status
    assert str(error) == "It is so."


@pytest.mark.parametrize(("kind", "code", "status", "sql"), TABLE, ids=names)
def test_an_answer_becomes_the_error_that_made_it(
    kind: type[MillraceError], code: str, status: int, sql: object
) -> None:
    """But for what is missing in this very process: no server answers with that."""
    back = from_answer(status, code, "It is so.")

    assert type(back) is (MalformedRequest if kind is MissingExtra else kind)
    assert (back.error_code, back.status, back.message) == (code, status, "It is so.")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        # other names of the contract
        (404, "NOT_FOUND", NotFound),
        (409, "ALREADY_EXISTS", Conflict),
        (409, "ABORTED", Conflict),
        (429, "RESOURCE_EXHAUSTED", LimitExceeded),
        (401, "CUSTOMER_UNAUTHORIZED", Unauthenticated),
        (500, "FEATURE_DISABLED", MillraceError),
        (499, "CANCELLED", MillraceError),
        (504, "DEADLINE_EXCEEDED", MillraceError),
        # a foreign code, or none at all, goes by its status
        (400, "SOMETHING_NEW", InvalidArgument),
        (404, None, NotFound),
        (404, "", NotFound),
        (429, None, LimitExceeded),
        (503, None, Unavailable),
        (418, "TEAPOT", MillraceError),
        # a status that says otherwise than the code wins, where we know it
        (413, "INVALID_PARAMETER_VALUE", TooLarge),
        (503, "INTERNAL_ERROR", Unavailable),
        (418, "RESOURCE_DOES_NOT_EXIST", NotFound),
        (418, "NOT_FOUND", NotFound),
        (418, "ALREADY_EXISTS", Conflict),
        (418, "ABORTED", Conflict),
        (418, "RESOURCE_EXHAUSTED", LimitExceeded),
        (418, "CUSTOMER_UNAUTHORIZED", Unauthenticated),
    ],
)
def test_an_answer_of_another_server(
    status: int, code: str | None, kind: type[MillraceError]
) -> None:
    found = from_answer(status, code, "It is so.")

    assert type(found) is kind
    assert found.error_code == (code or kind.code)


def test_details_are_told_beside_the_message() -> None:
    error = NotFound("No such run.", run_id="a")

    assert error.body()["run_id"] == "a"


def test_the_way_out_ends_the_message_and_stands_by_itself() -> None:
    error = InvalidArgument("Run 'a' is deleted.", hint="Restore it first.")

    assert str(error) == error.message == "Run 'a' is deleted. Restore it first."
    assert error.body()["hint"] == "Restore it first."


def test_an_error_is_a_problem_document_on_demand() -> None:
    error = InvalidArgument("It is so.", field="filter", column=3)

    assert error.problem() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "It is so.",
        "field": "filter",
        "column": 3,
        **error.body(),
    }
