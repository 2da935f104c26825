"""Pages of tables and the media of runs over HTTP: what they hold, and what is refused."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

TABLE = "/api/3.0/millrace/artifacts/table"
MEDIA = "/api/3.0/millrace/artifacts/media"


def put(api: Api, run: str, path: str, body: bytes) -> None:
    root = build.info(api, run)["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert (
        api.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/{path}", body=body).status
        == 200
    )


def table(api: Api, run: str, path: str, **asked: object) -> dict[str, Any]:
    return dict(ok(api.get(TABLE, {"run_id": run, "path": path, **asked})))


def columns(found: dict[str, Any]) -> dict[str, list[Any]]:
    return {column["name"]: column["values"] for column in found["columns"]}


def test_columns_have_types_and_missing_cells_are_null(api: Api, run: str) -> None:
    put(api, run, "a.csv", b'\xef\xbb\xbfn;text\n1;"a;\nb"\n;x\n3.5\n')

    found = table(api, run, "a.csv")

    assert [(one["name"], one["type"]) for one in found["columns"]] == [
        ("n", "number"),
        ("text", "text"),
    ]
    assert columns(found) == {"n": ["1", None, "3.5"], "text": ["a;\nb", "x", None]}
    assert (found["total"], found["rows"], found["offset"]) == (3, 3, 0)


def test_what_is_missing_is_last_both_ways_and_ties_stay(api: Api, run: str) -> None:
    put(api, run, "a.csv", b"k,v\na,10\nb,\nc,9\nd,10\ne,x\n" + b"f,1\n" * 600)

    up = columns(table(api, run, "a.csv", sort_by="k", limit=3, text="10"))["k"]
    down = columns(table(api, run, "a.csv", sort_by="k", descending="true", limit=1_000))["k"]
    ties = columns(table(api, run, "a.csv", sort_by="v", descending="true", limit=4))["k"]

    assert up == ["a", "d"]
    assert down[-5:] == ["e", "d", "c", "b", "a"]
    # A word among the first cells makes the column one of texts.
    assert ties == ["e", "c", "a", "d"]


def test_cells_of_parquet_are_what_json_can_say(api: Api, run: str) -> None:
    made = pa.table(
        {
            "whole": [1, 2**60, None],
            "real": [1.5, float("nan"), float("inf")],
            "listed": [[1, 2], None, []],
            "long": ["x" * 5_000, "", None],
        }
    )
    for path, write in (
        ("a.parquet", pq.write_table),
        ("a.feather", pyarrow.feather.write_feather),
    ):
        sink = io.BytesIO()
        write(made, sink)
        put(api, run, path, sink.getvalue())

        found = columns(table(api, run, path))

        assert found["whole"] == [1, str(2**60), None], path
        assert found["real"] == [1.5, "NaN", "Infinity"], path
        assert found["listed"] == ["[1,2]", None, "[]"], path
        assert found["long"] == ["x" * 4_000 + "…", "", None], path


def test_a_logged_table_is_read_from_a_model_too(api: Api, experiment: str) -> None:
    model = build.add_model(api, experiment)
    uri = ok(api.get(f"logged-models/{model}"))["model"]["info"]["artifact_uri"]
    body = json.dumps({"columns": ["a", "b"], "data": [[2, "x"], [1, None], [3, "z"]]}).encode()
    root = uri.removeprefix("mlflow-artifacts:/")
    assert (
        api.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/t.json", body=body).status
        == 200
    )

    at = f"/api/3.0/millrace/logged-models/{model}/artifacts/table"
    found = columns(ok(api.get(at, {"path": "t.json", "sort_by": "a"})))

    assert found == {"a": [1, 2, 3], "b": [None, "x", "z"]}


@pytest.mark.parametrize(
    ("path", "body", "asked", "named"),
    [
        ("a.csv", b"a,b\n1,2\n", {"sort_by": "z"}, "'z'"),
        ("a.csv", b"a,b\n1,2\n", {"limit": 100_000}, "limit"),
        ("a.csv", b"x" * 2_000_000, {}, "may be no table"),
        ("a.json", b"{}", {}, "'columns'"),
        ("a.json", b'{"columns": ["a"], "data": [1]}', {}, "'data'"),
        ("a.parquet", b"PAR1 it is not", {}, "parquet"),
        ("a.feather", b"nor this", {}, "feather"),
        ("../a.csv", b"", {}, "path"),
    ],
)
def test_what_is_no_table_is_refused(
    api: Api, run: str, path: str, body: bytes, asked: dict[str, object], named: str
) -> None:
    if body:
        put(api, run, path, body)

    refused(api.get(TABLE, {"run_id": run, "path": path, **asked}), INVALID, named)


def test_other_files_are_not_tables(api: Api, run: str) -> None:
    put(api, run, "a.txt", b"a")

    assert api.get(TABLE, {"run_id": run, "path": "a.txt"}).status == 501
    refused(api.get(TABLE, {"run_id": run, "path": "none.csv"}), MISSING, "none.csv")
    refused(api.get(TABLE, {"run_id": "f" * 32, "path": "a.csv"}), MISSING)


def test_an_empty_table_has_no_rows(api: Api, run: str) -> None:
    put(api, run, "a.csv", b"a,b\n")

    found = table(api, run, "a.csv", sort_by="a")

    assert (found["total"], [one["name"] for one in found["columns"]]) == (0, ["a", "b"])


def test_media_are_found_in_folders_and_by_key(api: Api, run: str) -> None:
    for name in ("images/a%step%1%timestamp%5%u.png", "images/b+step+-1+timestamp+5+u.png"):
        put(api, run, name.replace("%", "%25"), b"p")
    for name in ("deep/er/film.mp4", "report.html", "images/plain.jpg", "table_images/t/u.png"):
        put(api, run, name, b"x")

    all_of_it = ok(api.get(MEDIA, {"run_id": run}))
    of_b = ok(api.get(MEDIA, {"run_id": run, "key": "b"}))

    assert [(one["key"], one["steps"]) for one in all_of_it["images"]] == [("a", [1]), ("b", [-1])]
    assert sorted((one["kind"], one["path"]) for one in all_of_it["files"]) == [
        ("image", "images/plain.jpg"),
        ("page", "report.html"),
        ("video", "deep/er/film.mp4"),
    ]
    assert [one["key"] for one in of_b["images"]] == ["b"]
    assert "files" not in of_b
    assert ok(api.get(MEDIA, {"run_id": build.add_run(api)})) == {}
