"""The `millrace` command: finds the module of a subcommand, and turns errors into exit codes.

Exit codes: 0 done, 1 it failed, 2 the command line is wrong or the store that it names cannot be
opened, 130 interrupted. One sentence on the standard error says why.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from millrace import __version__
from millrace.core.errors import MillraceError

# Command -> its module below millrace.cli, which holds it under its own name.
COMMANDS: Final = {
    "artifacts": "artifacts",
    "audit": "audit",
    "backup": "backup",
    "db": "db",
    "demo": "demo",
    "doctor": "doctor",
    "experiments": "experiments",
    "fsck": "fsck",
    "gc": "gc",
    "models": "models",
    "registry": "registry",
    "restore": "backup",
    "runs": "runs",
    "server": "server",
    "sync": "sync",
    "trash": "trash",
    "transfer": "transfer",
    "ui": "server",
    "webhooks": "webhooks",
}


class Millrace(click.Group):
    """Loads a subcommand's module when it is asked for, so that each call pays for itself only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All subcommands, by name."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of that name, its module imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"millrace.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; what the platform can explain becomes one sentence."""
        try:
            return super().invoke(ctx)
        except MillraceError as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"Error: {error.message}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error
        except OSError as error:
            if ctx.params["debug"] or isinstance(error, BrokenPipeError):
                raise
            raise click.ClickException(str(error)) from error


@click.command("millrace", cls=Millrace)
@click.version_option(__version__, prog_name="millrace", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks, and log everything.")
@click.pass_context
def main(ctx: click.Context, *, debug: bool) -> None:
    """Record machine-learning experiments, and find them again."""
    import logging

    if debug:
        logging.basicConfig(level=logging.DEBUG)
    elif COMMANDS.get(ctx.invoked_subcommand or "") != "server":
        # A driver's own words are for a server's log; a command says what they mean, once.
        logging.getLogger("millrace.stores.sql").setLevel(logging.CRITICAL)
