from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from millrace.client import context
from millrace.core import tags
from millrace.core.errors import InvalidArgument
from tests.services import unavailable


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    try:
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        unavailable("git", "not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-b", "trunk")
    (tmp_path / "train.py").write_text("1\n")
    git(tmp_path, "add", "train.py")
    git(tmp_path, "commit", "-m", "first")
    context._git.cache_clear()
    return tmp_path


def head(folder: Path) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_clean_repository(repository: Path):
    assert context._git(repository) == {
        tags.GIT_COMMIT: head(repository),
        tags.GIT_BRANCH: "trunk",
        tags.GIT_DIRTY: "false",
    }


def test_a_changed_file_makes_it_dirty_and_a_new_one_does_not(repository: Path):
    (repository / "notes.txt").touch()
    assert context._git(repository)[tags.GIT_DIRTY] == "false"
    context._git.cache_clear()
    (repository / "train.py").write_text("2\n")

    assert context._git(repository)[tags.GIT_DIRTY] == "true"


def test_a_detached_head_has_no_branch(repository: Path):
    git(repository, "checkout", "--detach")

    assert tags.GIT_BRANCH not in context._git(repository)


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://user:ghp_secret@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://github.com/a/b.git", "https://github.com/a/b.git"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
    ],
)
def test_the_remote_is_told_without_secrets(repository: Path, remote: str, shown: str):
    git(repository, "remote", "add", "origin", remote)

    assert context._git(repository)[tags.GIT_REPO_URL] == shown


def test_asking_runs_nothing_that_a_repository_names(repository: Path):
    trap = repository / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {repository}/sprung\n")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))

    assert tags.GIT_COMMIT in context._git(repository)
    assert not (repository / "sprung").exists()


def test_an_empty_repository_and_none_say_nothing(tmp_path: Path):
    assert context._git(tmp_path) == {}
    git(tmp_path, "init")
    context._git.cache_clear()
    assert context._git(tmp_path) == {}


def test_a_script_is_its_source(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["/x/train.py", "--lr", "1"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)

    assert context._source() == {tags.SOURCE_NAME: "/x/train.py", tags.SOURCE_TYPE: "LOCAL"}


def test_a_module_is_an_entry_point(monkeypatch: pytest.MonkeyPatch):
    spec = type("Spec", (), {"name": "package.train.__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)

    assert context._source()[tags.ENTRY_POINT] == "package.train"


def test_a_folder_that_is_run_is_no_entry_point(monkeypatch: pytest.MonkeyPatch):
    spec = type("Spec", (), {"name": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)

    assert tags.ENTRY_POINT not in context._source()


def test_a_plugin_adds_tags(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(context.CONTEXT_PLUGINS._builtin, "fake", "unused:unused")
    monkeypatch.setitem(context.CONTEXT_PLUGINS._loaded, "fake", lambda: {"cluster": "a"})
    context._plugins.cache_clear()

    assert context.run_tags()["cluster"] == "a"
    monkeypatch.undo()
    context._plugins.cache_clear()


def test_a_notebook_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    monkeypatch.setenv("JPY_SESSION_NAME", "work/train.ipynb")

    assert context._source() == {
        tags.SOURCE_NAME: "work/train.ipynb",
        tags.SOURCE_TYPE: "NOTEBOOK",
    }


def test_given_tags_win(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", '{"team": "a", "mlflow.user": "someone", "n": 5}')

    found = context.run_tags()

    assert (found["team"], found[tags.USER], found["n"]) == ("a", "someone", "5")


@pytest.mark.parametrize("text", ["{", "[]", "5"])
def test_given_tags_are_a_json_object(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", text)

    with pytest.raises(InvalidArgument, match="MLFLOW_RUN_CONTEXT"):
        context.run_tags()
