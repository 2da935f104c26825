"""Artifacts by the stock client, in each way that bytes may go: through the server, past it to a
store of the experiment, and through a server for artifacts beside the one for records."""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tests.artifact_servers import S3Server, make_s3_bucket, private_swift, served
from tests.e2e.mlflow_client.conftest import SERVER_URI, Client, Report
from tests.services import clean_environment, private_millrace

Open = Callable[[ExitStack, Path], str]


def through_the_server(stack: ExitStack, folder: Path) -> str:
    return stack.enter_context(private_millrace(folder / "server"))


def past_the_server(stack: ExitStack, folder: Path) -> str:
    root = ("--default-artifact-root", str(folder / "root"))
    return stack.enter_context(private_millrace(folder / "server", "--no-serve-artifacts", *root))


def through_another_server(stack: ExitStack, folder: Path) -> str:
    kept = ("--artifacts-destination", str(folder / "kept"))
    files = stack.enter_context(private_millrace(folder / "files", "--artifacts-only", *kept))
    root = ("--default-artifact-root", files.replace("http", "mlflow-artifacts") + "/")
    return stack.enter_context(private_millrace(folder / "server", "--no-serve-artifacts", *root))


WAYS: tuple[Open, ...] = (through_the_server, past_the_server, through_another_server)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.__name__)
def flow(
    request: pytest.FixtureRequest, stock_client: Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Report]:
    """The report of the script, whose scenarios ran against a server of that way."""
    told = os.environ.get(SERVER_URI)
    if told and request.param is not through_the_server:
        pytest.skip(f"{SERVER_URI} names one server, in the mode that it is in")
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(request.param.__name__)
        uri = told or request.param(stack, folder)
        told_of = stock_client.run("artifacts", "artifact_packages", uri=uri)
        yield Report(told_of["artifacts"].scenarios | told_of["artifact_packages"].scenarios)


def test_text_and_documents(flow: Report):
    assert flow("text_and_documents") == {
        "root": [["a", None], ["d.json", 39], ["empty", 0], ["s.bin", 2000], ["twice.txt", 6]],
        "folder": [["a/b.txt", 8], ["a/d.yml", 17]],
        "of_a_file": [],
        "missing": [],
        "text": "grüße\n",
        "empty": "",
        "twice": "second",
        "dict": {"a": "ü", "b": [1]},
        "by_location": True,
        "by_uri": ["a/b.txt", "a/d.yml"],
    }


def test_files_and_folders(flow: Report):
    assert flow("files_and_folders") == {
        "folder": True,
        "part": True,
        "root": True,
        "count": 2 * 63 + 1 + 12,
        "file": ["top.txt", "1"],
        "listing": [["copy/of", None]],
        "names": ["with space & ü/ß (1).txt"],
    }


def test_figures_and_images(flow: Report):
    assert flow("figures_and_images") == {
        "sizes": [[6, 4], [5, 5]],
        "steps": ["3", "3", "4", "4"],
        "tag": "True",
    }


def test_tables(flow: Report):
    found = flow("tables")

    assert found | {"tag": None} == {
        "rows": [[1, "x"], [2, "ü"], [3, "z"]],
        "runs": True,
        "parquet": [1.5],
        "tag": None,
    }
    assert [each["path"] for each in json.loads(found["tag"])] == ["t/t.json", "t.parquet"]


def test_what_is_missing(flow: Report):
    assert flow("missing") == {
        "listing": [],
        "unknown_run": "RESOURCE_DOES_NOT_EXIST",
        "download": True,
        "up": True,
    }


def test_deleting(flow: Report):
    assert flow("delete") == ["e"]


def test_a_large_file(flow: Report):
    assert flow("large") == {"same": True, "listing": [["large.bin", 12 * 1024 * 1024]]}


def test_a_model_is_logged_loaded_and_registered(flow: Report):
    assert flow("logged_model") == {
        "status": "READY",
        "listed": ["MLmodel", "python_model.pkl"],
        "in_the_run": True,
        "predictions": [[3.0], [3.0], [3.0]],
        "version": True,
    }


@pytest.fixture(scope="module")
def in_parts(stock_client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """The report of a large file whose parts go past our server, straight to its S3."""
    bucket = f"millracetest{uuid.uuid4().hex[:12]}"
    told = functools.partial(msgspec.json.decode, type=S3Server)
    for s3 in served("s3", told, private_swift):
        make_s3_bucket(s3, bucket)
        environment = clean_environment(
            MLFLOW_S3_ENDPOINT_URL=s3.endpoint,
            AWS_ACCESS_KEY_ID=s3.access_key,
            AWS_SECRET_ACCESS_KEY=s3.secret_key,
            AWS_REGION=s3.region,
        )
        kept = ("--artifacts-destination", f"s3://{bucket}/kept")
        folder = tmp_path_factory.mktemp("in_parts")
        with private_millrace(folder, *kept, environment=environment) as uri:
            yield stock_client.run(
                "artifacts:large",
                uri=uri,
                MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true",
                MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=str(6 * 1024 * 1024),
                MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(5 * 1024 * 1024),
            )["artifacts"]


def test_a_large_file_in_parts(in_parts: Report):
    assert in_parts("large") == {"same": True, "listing": [["large.bin", 12 * 1024 * 1024]]}
    # What goes to S3 itself is not among the calls; no file has gone through the server.
    mpu = [call for call in in_parts.calls("large") if "/mpu/" in call]
    assert [call.rpartition("/mpu/")[2].partition("/")[0] for call in mpu] == ["create", "complete"]
    assert not any(
        call.startswith("PUT /api/2.0/mlflow-artifacts") for call in in_parts.calls("large")
    )


def test_files_of_a_model(flow: Report):
    assert flow("files_of_a_model") == {
        "root": ["card.md", "more"],
        "folder": ["more/x"],
        "card": "# Card",
    }
