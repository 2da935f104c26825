"""Pages of logs over HTTP: what they hold, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, ok, refused
from tests.wire.marks import differs
from tests.wire.test_previews import put

pytestmark = differs("an endpoint of ours")

LOG = "/api/3.0/millrace/artifacts/log"
PRINTED = b"""\
2025-11-29T03:05:12.007Z out epoch 1
2025-11-29T03:05:12.008Z err WARNING slow
2025-11-29T03:05:12.009Z err Traceback (most recent call last):
2025-11-29T03:05:12.009Z err   File "a.py"
2025-11-29T03:05:12.009Z err ValueError: no
"""


def read(api: Api, run: str, path: str = "a.log", **asked: object) -> dict[str, Any]:
    return dict(ok(api.get(LOG, {"run_id": run, "path": path, **asked})))


def test_what_a_run_printed_has_times_streams_and_levels(api: Api, run: str) -> None:
    put(api, run, "logs/output.log/1.log", PRINTED)

    found = read(api, run, "logs/output.log", limit=2)
    errors = read(api, run, "logs/output.log", level="error")

    assert (found["total"], found["lines"], found["size"]) == (5, 5, len(PRINTED))
    assert found["rows"] == [
        {"line": 0, "text": "epoch 1", "time_ms": 1_764_385_512_007, "stream": "out"},
        {
            "line": 1,
            "text": "WARNING slow",
            "time_ms": 1_764_385_512_008,
            "stream": "err",
            "level": "warning",
        },
    ]
    assert [row["line"] for row in errors["rows"]] == [2, 3, 4]
    assert {row["level"] for row in errors["rows"]} == {"error"}


def test_a_long_line_is_cut_and_odd_bytes_are_shown(api: Api, run: str) -> None:
    put(api, run, "a.log", b"x" * 5_000 + b"\n\xff\r\n\x1b[31mred\n")

    rows = read(api, run)["rows"]

    assert (len(rows[0]["text"]), rows[0]["is_cut"]) == (4_000, True)
    assert [row["text"] for row in rows[1:]] == ["�", "\x1b[31mred"]


def test_an_empty_log_has_no_lines(api: Api, run: str) -> None:
    put(api, run, "a.log", b"")

    assert read(api, run, level="error") == {"total": 0, "lines": 0, "size": 0, "offset": 0}
    assert ok(api.get(f"{LOG}/search", {"run_id": run, "path": "a.log", "text": "a"})) == {}


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [
        ("a.log", {"limit": 100_000}, "limit"),
        ("a.log", {"level": "loud"}, "level"),
        ("../a.log", {}, "path"),
        ("logs", {}, "folder"),
    ],
)
def test_what_cannot_be_read_is_refused(
    api: Api, run: str, path: str, asked: dict[str, object], named: str
) -> None:
    put(api, run, "logs/a.log", b"a\n")

    refused(api.get(LOG, {"run_id": run, "path": path, **asked}), INVALID, named)


def test_packed_and_missing_logs_say_so(api: Api, run: str) -> None:
    assert api.get(LOG, {"run_id": run, "path": "a.log.gz"}).status == 501
    refused(api.get(LOG, {"run_id": run, "path": "none.log"}), MISSING, "none.log")
    refused(api.get(f"{LOG}/search", {"run_id": run, "path": "a.log", "text": ""}), INVALID, "text")
