"""Files at the sizes that people log: nothing large is fetched until somebody asks for it."""

from __future__ import annotations

import contextlib
import os
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.seed import Api
from tests.browser.test_runs import artifact
from tests.services import private_millrace

GIB = 1024**3
ROWS = 250_000
TEXT = b"of a table of 50 MB, " * 8


def many_rows() -> bytes:
    """A table of 50 MB."""
    return b"id,score,name\n" + b"".join(
        b'%d,%d,"sample %07d %s"\n' % (n, n * 7_919 % ROWS, n, TEXT) for n in range(ROWS)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Api]:
    with private_millrace(folder) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def experiment(server: Api) -> str:
    return server.experiment("large")


@pytest.fixture(scope="module")
def filed(server: Api, experiment: str, folder: Path) -> str:
    """A run with a table of 50 MB, and a file of 2 GiB that takes no room on the disk."""
    run = server.run(experiment, "heavy")
    server.put(run, "rows.csv", many_rows())
    (beside,) = folder.rglob("rows.csv")
    with (beside.parent / "weights.bin").open("wb") as file:
        os.truncate(file.fileno(), 2 * GIB)
    return str(run["info"]["run_id"])


def test_ui_107_a_table_of_50_mb_shows_at_once_and_is_sorted_by_the_server(
    page: Page, experiment: str, filed: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    began = time.monotonic()
    artifact(page, experiment, filed, "rows.csv")
    expect(page.get_by_text("250 000 rows, 3 columns")).to_be_visible()
    rows = page.locator("[role=treegrid] [data-row]")
    expect(rows.first).to_contain_text("sample 0000000")
    assert time.monotonic() - began < 8  # 1 s

    sort = page.get_by_role("button", name="score", exact=True)
    head = page.get_by_role("columnheader").filter(has=sort)
    sort.click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    sort.click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_contain_text("249999", timeout=60_000)
    assert not [url for url in asked if "get-artifact" in url]


def bytes_read(folder: Path) -> int:
    """How much the server with its records in *folder* has read by now, of all it reads."""
    told = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if f"{folder}/".encode() in (process / "cmdline").read_bytes():
                told += int((process / "io").read_text().split()[1])
    assert told > 0
    return told


def test_ui_108_of_2_gib_nothing_is_fetched_and_the_download_streams(
    page: Page, server: Api, experiment: str, filed: str, folder: Path
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    artifact(page, experiment, filed, "weights.bin")
    expect(page.get_by_text(re.compile("2 GiB are a lot to look at"))).to_be_visible()
    assert not [url for url in asked if "get-artifact" in url]

    before = bytes_read(folder)
    at = f"{server.url}/get-artifact?run_id={filed}&path=weights.bin"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(at, timeout=30) as reply:
        assert int(reply.headers["content-length"]) == 2 * GIB
        assert reply.read(65_536) == bytes(65_536)
        # Rather than by the clock, by what the server has read when the first of it is here.
        assert bytes_read(folder) - before < GIB / 8
    with page.expect_download() as found:
        page.get_by_role("link", name="Download", exact=True).first.click()
    assert found.value.suggested_filename == "weights.bin"
    found.value.cancel()
