"""`millrace transfer`: moving in from other trackers, archives, and comparing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from millrace.cli import options
from millrace.cli.output import show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.transfer.carry import Report, Tally

_source = click.argument("source")
_experiments = click.option(
    "--experiment",
    "-x",
    "experiments",
    multiple=True,
    metavar="NAME|ID",
    help="Only this experiment; may be repeated. All by default.",
)


@click.group()
def transfer() -> None:
    """Move in and out: from MLflow's databases, folders and servers, and archives.

    SOURCE is a database URI (MLflow's or Millrace's), a server's address, a folder of files such as
    ./mlruns, or an archive that `export` wrote.
    """


@transfer.command("import")
@_source
@click.option("--into", required=True, metavar="URI", help="The store to put the records into.")
@_experiments
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and change nothing.")
@click.option(
    "--renumber",
    is_flag=True,
    help="Give experiments the store's next free ids; those of a name it has go together.",
)
@click.option(
    "--copy-artifacts",
    "destination",
    metavar="PLACE",
    help="Copy files, too, into the folder or URI that the store's server keeps artifacts in "
    "(its --artifacts-destination). Left out: files stay where they are.",
)
@click.option(
    "--source-artifacts",
    "origin",
    metavar="PLACE",
    help="The folder or URI that the server of SOURCE keeps artifacts in, where it proxied them.",
)
@options.output
@click.pass_context
def bring_in(
    ctx: click.Context,
    *,
    source: str,
    into: str,
    experiments: tuple[str, ...],
    dry_run: bool,
    renumber: bool,
    destination: str | None,
    origin: str | None,
    output: str,
) -> None:
    """Put the records of SOURCE into a store, with their ids, times and users.

    May be interrupted and repeated: what is there already is compared, not written again. The exit
    code is 1 when something could not be read or was refused.
    """
    from millrace.stores.open import open_stores
    from millrace.transfer.carry import Plan, carry
    from millrace.transfer.files import Files
    from millrace.transfer.open import open_source

    plan = Plan(dry_run=dry_run, experiments=frozenset(experiments), renumber=renumber)
    with open_source(source) as opened:
        stores = open_stores(into)
        files = destination and Files(
            stores.artifacts, destination, origin=origin, server=getattr(opened, "http", None)
        )
        try:
            report = carry(opened, stores, plan, files=files or None, told=_teller(output))
        finally:
            if files:
                files.close()
            stores.close()
    _show(report, output, dry_run=dry_run)
    if not report.is_complete:
        ctx.exit(1)


@transfer.command()
@_source
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_experiments
@options.output
def export(*, source: str, folder: Path, experiments: tuple[str, ...], output: str) -> None:
    """Write the records of SOURCE as an archive of Parquet and JSON into FOLDER."""
    from millrace.transfer.archive import export as write
    from millrace.transfer.open import open_source

    with open_source(source) as opened:
        manifest = write(opened, folder, frozenset(experiments), told=_teller(output))
    if output == "json":
        show_json(msgspec.to_builtins(manifest))
    else:
        click.echo(
            f"{manifest.experiments} experiments, {manifest.runs} runs, {manifest.points} points, "
            f"{manifest.models} logged and {manifest.registered} registered models in "
            f"{len(manifest.files)} files."
        )


@transfer.command()
@_source
@click.argument("other")
@_experiments
@options.output
@click.pass_context
def verify(
    ctx: click.Context, *, source: str, other: str, experiments: tuple[str, ...], output: str
) -> None:
    """Compare SOURCE with OTHER record by record, and list every difference.

    What only OTHER has is no difference. The exit code is 1 when there are any.
    """
    from millrace.transfer.open import open_source
    from millrace.transfer.verify import differences

    found = 0
    with open_source(source) as left, open_source(other) as right:
        listed = []
        for difference in differences(left, right, frozenset(experiments)):
            found += 1
            if output == "json":
                listed.append(difference)
            else:
                click.echo(difference)
    if output == "json":
        show_json({"differences": listed})
    elif not found:
        click.echo("No difference.")
    if found:
        ctx.exit(1)


def _teller(output: str) -> Callable[[str], None]:
    return (lambda text: click.echo(text, err=True)) if output == "table" else (lambda _: None)


def _show(report: Report, output: str, *, dry_run: bool) -> None:
    if output == "json":
        show_json(msgspec.to_builtins(report))
        return
    kinds: dict[str, Tally] = {
        "experiments": report.experiments,
        "runs": report.runs,
        "points": report.points,
        "logged models": report.logged_models,
        "registered models": report.registered_models,
    }
    column = "would be carried" if dry_run else "carried"
    show_table(("", "seen", column), [(kind, one.seen, one.carried) for kind, one in kinds.items()])
    if report.files is not None:
        done = "would be copied" if dry_run else "copied"
        click.echo(
            f"{report.files.copied} of {report.files.seen} files {done}, "
            f"{report.files.bytes_copied} bytes."
        )
    for sentence in (*report.refused, *report.damaged):
        click.echo(sentence, err=True)
