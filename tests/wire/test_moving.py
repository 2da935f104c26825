"""Moving and copying runs over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.services import private_millrace
from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, ok, refused

PROXY = "/api/2.0/mlflow-artifacts/artifacts/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("moving")
    with private_millrace(folder) as url:
        yield Api(url)


def put(api: Api, path: str, body: bytes) -> None:
    assert api.request("PUT", PROXY + quote(path), body=body).status == 200


def got(api: Api, path: str) -> bytes:
    reply = api.request("GET", PROXY + quote(path))
    assert reply.status == 200, reply
    return reply.body


def test_moved_runs_keep_id_history_and_files(site: Api) -> None:
    home, away = build.add_experiment(site), build.add_experiment(site)
    runs = [build.add_run(site, home) for _ in range(2)]
    done(site.post("runs/log-batch", {"run_id": runs[0], "metrics": build.points(1, 2, 3)}))
    place = build.info(site, runs[0])["artifact_uri"]

    done(site.post("runs/move", {"run_ids": runs, "experiment_id": away}))

    found = ok(site.post("runs/search", {"experiment_ids": [away]}))["runs"]
    assert {one["info"]["run_id"] for one in found} == set(runs)
    assert build.info(site, runs[0])["artifact_uri"] == place
    history = ok(site.get("metrics/get-history", {"run_id": runs[0], "metric_key": "m"}))
    assert len(history["metrics"]) == 3


def test_one_refused_run_keeps_all_where_they_are(site: Api) -> None:
    home, away = build.add_experiment(site), build.add_experiment(site)
    run = build.add_run(site, home)

    reply = site.post("runs/move", {"run_ids": [run, "f" * 32], "experiment_id": away})

    refused(reply, MISSING, "f" * 32)
    assert build.info(site, run)["experiment_id"] == home


@pytest.mark.parametrize("runs", [[], ["x"] * 1_001, "abc", [""]])
def test_a_list_of_runs_is_asked_for(site: Api, runs: object) -> None:
    refused(site.post("runs/move", {"run_ids": runs, "experiment_id": "0"}), INVALID)


def test_a_copy_has_the_points_and_files_of_its_own(site: Api) -> None:
    home, away = build.add_experiment(site), build.add_experiment(site)
    run = build.add_run(site, home)
    done(site.post("runs/log-batch", {"run_id": run, "metrics": build.points(1, 2)}))
    put(site, f"{home}/{run}/artifacts/deep/ä.bin", b"bytes")

    made = ok(site.post("runs/copy", {"run_id": run, "experiment_id": away}))["run_info"]

    copy = made["run_id"]
    assert made["artifact_uri"] == f"mlflow-artifacts:/{away}/{copy}/artifacts"
    assert build.latest(site, copy) == build.latest(site, run)
    done(site.request("DELETE", PROXY + f"{home}/{run}/artifacts/deep"))
    assert got(site, f"{away}/{copy}/artifacts/deep/ä.bin") == b"bytes"


def test_a_copy_without_files_has_none(site: Api) -> None:
    run = build.add_run(site)
    home = build.info(site, run)["experiment_id"]
    put(site, f"{home}/{run}/artifacts/a.txt", b"a")

    made = ok(site.post("runs/copy", {"run_id": run, "artifacts": False}))["run_info"]

    assert made["experiment_id"] == home
    assert ok(site.get("artifacts/list", {"run_id": made["run_id"]})).get("files") is None


def test_what_is_not_there_is_not_copied(site: Api) -> None:
    run = build.add_run(site)

    refused(site.post("runs/copy", {"run_id": "f" * 32}), MISSING, "f" * 32)
    refused(site.post("runs/copy", {"run_id": run, "experiment_id": "424242"}), MISSING)
    refused(site.post("runs/copy", {"run_id": run, "experiment_id": "x"}), INVALID)
