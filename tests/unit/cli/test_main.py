"""The command finds its subcommands late, and turns what goes wrong into an exit code."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner, Result

from millrace import __version__
from millrace.cli.main import COMMANDS, Millrace, main
from millrace.core.errors import NotFound


def run(*args: str, command: click.Command = main) -> Result:
    return CliRunner().invoke(command, args, prog_name="millrace")


def failing(error: Exception) -> Millrace:
    """A `millrace` with one subcommand, `fail`, that raises *error*."""

    class One(Millrace):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return self.commands.get(cmd_name)

    group = One("millrace", params=[click.Option(["--debug"], is_flag=True)])

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_the_version_is_one_line() -> None:
    assert run("--version").output == f"millrace {__version__}\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there_and_explains_itself(name: str) -> None:
    found = run(name, "--help")

    assert found.exit_code == 0
    assert found.output.startswith(f"Usage: millrace {name}")


def test_the_list_of_commands_has_a_sentence_for_each() -> None:
    lines = run("--help").output.partition("Commands:")[2].strip().splitlines()

    assert [line.split()[0] for line in lines if not line.startswith("   ")] == sorted(COMMANDS)
    assert all(len(line.split()) > 2 for line in lines)


def test_what_the_platform_can_explain_is_one_sentence() -> None:
    found = run("fail", command=failing(NotFound("No run 'x'.")))

    assert found.exit_code == 1
    assert found.stderr == "Error: No run 'x'.\n"


def test_what_the_system_refuses_is_one_sentence() -> None:
    found = run("fail", command=failing(PermissionError(13, "Permission denied", "/x/y.csv")))

    assert found.exit_code == 1
    assert found.stderr == "Error: [Errno 13] Permission denied: '/x/y.csv'\n"


def test_debug_shows_where_it_came_from() -> None:
    error = NotFound("No run 'x'.")

    assert run("--debug", "fail", command=failing(error)).exception is error


def test_a_bug_is_not_dressed_up() -> None:
    bug = ZeroDivisionError()

    assert run("fail", command=failing(bug)).exception is bug


@pytest.mark.parametrize(
    "args", [["nonsense"], ["runs", "nonsense"], ["runs", "get"], ["--nonsense"]]
)
def test_a_wrong_command_line_exits_with_2(args: list[str]) -> None:
    found = run(*args)

    assert found.exit_code == 2
    assert found.stderr.startswith("Usage: millrace")
