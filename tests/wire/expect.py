"""What every answer must look like: JSON that succeeded, or a refusal a client can act on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tests.wire.client import Reply

INVALID = "INVALID_PARAMETER_VALUE"
MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
NO_ENDPOINT = "ENDPOINT_NOT_FOUND"

STATUS = {INVALID: 400, "BAD_REQUEST": 400, EXISTS: 400, MISSING: 404, NO_ENDPOINT: 404}

# What no answer to a client's mistake may hold: stack traces, SQL, drivers, server paths, markup.
_LEAKS = re.compile(
    r"Traceback|File \"|site-packages|sqlalchemy|sqlite3|psycopg|pymysql|IntegrityError"
    r"|\bINSERT INTO\b|\bSELECT \w|\bUNIQUE constraint|<html|<!doctype",
    re.IGNORECASE,
)


def ok(reply: Reply) -> Any:
    """The message of a 200 answer."""
    assert reply.status == 200, reply
    assert reply.headers.get("content-type", "").split(";")[0] == "application/json", reply
    return reply.json


def done(reply: Reply) -> None:
    """A 200 answer that has nothing to say."""
    assert ok(reply) == {}, reply


def refused(reply: Reply, code: str = INVALID, *naming: str) -> str:
    """Check a refusal with *code* whose message names all of *naming*; return the message."""
    error = clean_error(reply)
    assert reply.status == STATUS[code], reply
    assert error["error_code"] == code, reply
    for word in naming:
        assert word in error["message"], f"{word!r} is not named in {error['message']!r}"
    return str(error["message"])


def turned_away(reply: Reply, *statuses: int) -> None:
    """Check a refusal by transport rules: one of *statuses*, in the JSON shape, no secrets."""
    assert reply.status in statuses, reply
    clean_error(reply)


def clean_error(reply: Reply) -> dict[str, Any]:
    """The JSON object of an answer that blames the client: code and message, no internals."""
    assert 400 <= reply.status < 500 or reply.status == 501, reply
    assert reply.headers.get("content-type", "").split(";")[0] == "application/json", reply
    error = reply.json
    assert isinstance(error, dict), reply
    assert isinstance(error.get("error_code"), str), reply
    assert error["error_code"], reply
    assert isinstance(error.get("message"), str), reply
    assert error["message"].strip(), reply
    assert reply.by_mlflow or not _LEAKS.search(reply.text), reply
    return error


def pairs(items: Iterable[dict[str, Any]] | None) -> dict[str, Any]:
    """`[{"key": k, "value": v}]` as a dictionary; None (absent on the wire when empty) as `{}`."""
    found = {item["key"]: item["value"] for item in items or ()}
    assert len(found) == len(list(items or ())), f"a key appears twice in {items}"
    return found
