"""`millrace sync`: send what was logged while no server could be reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from millrace.cli import options
from millrace.cli.output import show_json
from millrace.core import settings

if TYPE_CHECKING:
    from millrace.client.sync import Sent


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--tracking-uri", metavar="URI", help="Send there, wherever it was meant for.")
@options.output
@click.pass_context
def sync(ctx: click.Context, *, folder: Path | None, output: str, tracking_uri: str | None) -> None:
    """Send what was logged offline.

    FOLDER is the spool, MILLRACE_SPOOL_DIR by default. What has been sent is deleted, so the
    command may be repeated. The exit code is 1 when the server refused records; they stay beside
    their journal.
    """
    from millrace.client.sync import sync as send

    where = folder or Path(settings.SPOOL_DIR.get())
    as_json = output == "json"
    done = send(where, tracking_uri, told=None if as_json else _tell)
    if as_json:
        show_json([{**sent._asdict(), "journal": str(sent.journal)} for sent in done])
    elif not done:
        click.echo(f"Nothing to send in {where}.")
    if any(sent.refused for sent in done):
        ctx.exit(1)


def _tell(sent: Sent) -> None:
    state = f"waits for {sent.waits_for}" if sent.waits_for else "done"
    click.echo(f"{sent.journal.name}: {sent.records} sent, {sent.refused} refused; {state}.")
