"""`millrace artifacts` does what its words say, on a database and a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.client.client import MillraceClient


@pytest.fixture
def run_id(client: MillraceClient) -> str:
    return client.create_run("0").info.run_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plots"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "sub" / "b.txt").write_text("bb")
    return made


def test_log_takes_files_and_folders(millrace, said, run_id: str, folder: Path):
    file = folder / "a.txt"

    shown = millrace("artifacts", "log", "-r", run_id, "-a", "in", str(folder), str(file)).stdout

    assert shown.count("Logged ") == 2
    found = said("artifacts", "list", "--run-id", run_id, "--recursive")
    assert [each["path"] for each in found] == ["in/a.txt", "in/plots/a.txt", "in/plots/sub/b.txt"]


def test_the_commands_of_mlflow(millrace, said, run_id: str, folder: Path):
    """With the options that its users type."""
    millrace("artifacts", "log-artifact", "-l", str(folder / "a.txt"), "-r", run_id, "-a", "x")
    millrace("artifacts", "log-artifacts", "--local-dir", str(folder), "--run-id", run_id)

    assert said("artifacts", "list", "-r", run_id, "-a", "x") == [
        {"path": "x/a.txt", "is_dir": False, "file_size": 1}
    ]
    assert millrace("artifacts", "list", "-r", run_id).stdout == (
        "bytes  path\n1      a.txt\n       sub/\n       x/\n"
    )


def test_list_by_uri(said, client: MillraceClient, run_id: str, folder: Path):
    client.log_artifacts(run_id, folder)

    for uri in (f"runs:/{run_id}/sub", f"mlflow-artifacts:/0/{run_id}/artifacts/sub", str(folder)):
        found = said("artifacts", "list", "-u", uri)
        assert found[-1]["path"].rpartition("/")[2] in {"b.txt", "sub"}


def test_download_prints_where(millrace, said, client: MillraceClient, run_id: str, tmp_path: Path):
    client.log_text(run_id, "1", "a/b.txt")
    out = tmp_path / "out"

    shown = millrace("artifacts", "download", "-r", run_id, "-a", "a/b.txt", "-d", str(out)).stdout
    by_uri = said("artifacts", "download", "-u", f"runs:/{run_id}/a")

    assert shown == f"{out / 'b.txt'}\n"
    assert (out / "b.txt").read_text() == "1"
    assert Path(by_uri["path"], "b.txt").read_text() == "1"


def test_du_adds_up(millrace, said, client: MillraceClient, run_id: str, folder: Path):
    client.log_artifacts(run_id, folder)
    client.log_artifact(run_id, folder)

    told = said("artifacts", "du", "-r", run_id)

    assert (told["files"], told["bytes"]) == (4, 6)
    assert told["entries"] == [
        {"files": 1, "bytes": 1, "path": "a.txt"},
        {"files": 2, "bytes": 3, "path": "plots/"},
        {"files": 1, "bytes": 2, "path": "sub/"},
    ]
    shown = millrace("artifacts", "du", "-r", run_id, "-a", "plots").stdout.splitlines()
    assert [line.split() for line in shown[-2:]] == [["1", "2", "plots/sub/"], ["2", "3", "total"]]


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "list -r x -u runs:/x/a",
        "list -u runs:/x/a -a b",
        "list -u runs:/x/a -R",
        "download",
        "download -r x -u y",
        "log -r x",
        "log-artifact -r x -l nothing-here",
        "log-artifacts -r x -l records.db",
        "du",
    ],
)
def test_a_wrong_command_line_exits_with_2(millrace, client: MillraceClient, words: str):
    client.create_experiment("so that records.db is there")

    millrace("artifacts", *words.split(), code=2)


def test_failures_are_one_sentence(millrace, run_id: str):
    gone = millrace("artifacts", "download", "-r", run_id, "-a", "gone", code=1)
    unknown = millrace("artifacts", "list", "-r", "0123", code=1)
    outside = millrace("artifacts", "list", "-r", run_id, "-a", "../x", code=1)

    assert gone.stderr == f"Error: Run '{run_id}' has no artifact 'gone'.\n"
    assert "0123" in unknown.stderr
    assert "'..'" in outside.stderr
