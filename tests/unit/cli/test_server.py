"""`millrace server` hands its options on, and ignores none of those it does not offer."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from millrace.cli.main import main
from millrace.cli.server import REFUSED, WITHOUT_EFFECT, server


def run(*args: str) -> Result:
    """The command line is read completely; the port is wrong, so that no server is started."""
    return CliRunner().invoke(main, ["server", *args, "--port", "none"], prog_name="millrace")


@pytest.mark.parametrize("option", sorted(REFUSED))
def test_what_is_not_offered_is_refused_by_name(option: str) -> None:
    kind, what = REFUSED[option]

    found = run(option) if kind == "flag" else run(option, "value")

    assert found.exit_code == 1
    assert (
        found.stderr == f"Error: {what} is not offered by this server; start it without {option}.\n"
    )


@pytest.mark.parametrize("option", ["--dev", "--gunicorn-opts", "--uvicorn-opts"])
def test_what_makes_no_difference_is_taken_with_a_warning(option: str) -> None:
    found = run(option) if WITHOUT_EFFECT[option] == "flag" else run(option, "--value=1")

    assert f"Warning: {option} has no effect on this server.\n" in found.stderr
    assert "'none' is not a valid integer" in found.stderr


def test_switching_off_what_is_off_needs_no_word() -> None:
    assert "Warning" not in run("--disable-workspaces").stderr


def test_an_artifacts_server_keeps_no_records() -> None:
    found = CliRunner().invoke(
        main, ["server", "--artifacts-only", "--backend-store-uri", "sqlite:///a.db"]
    )

    assert found.exit_code == 2
    assert "cannot be given with --artifacts-only" in found.stderr


def test_the_help_promises_nothing_that_is_refused() -> None:
    shown = CliRunner().invoke(main, ["server", "--help"]).output

    assert "--backend-store-uri" in shown
    assert [name for name in (*REFUSED, *WITHOUT_EFFECT) if name in shown] == []


def test_short_forms_are_those_of_the_contract() -> None:
    short = {opt for param in server.params for opt in param.opts if not opt.startswith("--")}

    assert short == {"-h", "-p", "-w"}


def test_options_take_their_defaults_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_HOST", "::1")
    monkeypatch.setenv("MLFLOW_PORT", "many")

    found = CliRunner().invoke(main, ["server"], prog_name="millrace")

    assert found.exit_code == 1
    assert (
        found.stderr == "Error: Environment variable MLFLOW_PORT='many': expected a whole number.\n"
    )
