"""`millrace db`: which schema a database has, and bringing it up to date."""

from __future__ import annotations

import click

from millrace.cli.doctor import missing_file, require_there, without_password
from millrace.cli.options import output
from millrace.cli.output import show_json, show_table

_uri = click.argument("uri")


@click.group()
def db() -> None:
    """Look after the schema of a database."""


@db.command()
@_uri
@output
def current(*, uri: str, output: str) -> None:
    """Show which revision the database has."""
    from millrace.stores.sql import migrate

    require_there(uri)
    revision = migrate.current(uri)
    if output == "json":
        show_json({"revision": revision})
    else:
        click.echo(revision or "There is no schema yet.")


@db.command()
@_uri
@output
def history(*, uri: str, output: str) -> None:
    """List all revisions, and which of them the database has."""
    from millrace.stores.sql import migrate

    held = None if missing_file(uri) else migrate.current(uri)
    rows = [
        (one.number, one.when, "yes" if held and one.number <= held else "no", one.summary)
        for one in migrate.history()
    ]
    if output == "json":
        show_json(
            [
                {"revision": number, "when": when, "applied": applied == "yes", "summary": summary}
                for number, when, applied, summary in rows
            ]
        )
    else:
        show_table(("revision", "when", "applied", "summary"), rows)


@db.command()
@_uri
@output
@click.pass_context
def check(ctx: click.Context, *, uri: str, output: str) -> None:
    """Tell whether the schema is what this version expects; the exit code is 1 when it is not.

    Says which revision is missing, or in which the tables differ from those of that revision.
    """
    from millrace.stores.sql import migrate

    require_there(uri)
    revision, head = migrate.current(uri), migrate.head()
    differences = migrate.differences(uri) if revision == head else []
    if output == "json":
        show_json(
            {
                "revision": revision,
                "head": head,
                "up_to_date": revision == head,
                "differences": differences,
            }
        )
    elif differences:
        click.echo(f"At {head}, but somebody has changed the schema by hand:")
        for one in differences:
            click.echo(f"  {one}")
    elif revision == head:
        click.echo(f"Up to date, at {head}.")
    else:
        click.echo(f"At {revision or 'no revision'}; this version needs {head}.")
    if revision != head or differences:
        ctx.exit(1)


@db.command()
@_uri
@click.option("--dry-run", is_flag=True, help="Print the SQL, change nothing.")
@click.option(
    "--no-backup", is_flag=True, help="Take no copy of a SQLite file first; you have one."
)
@click.option(
    "--yes",
    "--i-have-a-backup",
    "-y",
    "has_backup",
    is_flag=True,
    help="Go on although Millrace cannot take a backup of this kind of database itself.",
)
def upgrade(*, uri: str, dry_run: bool, no_backup: bool, has_backup: bool) -> None:
    """Bring the database up to date, or make a fresh one.

    A SQLite file is copied first. Interrupted at any point it goes on when it is called again, and
    two at once do not disturb each other.
    """
    from millrace.stores.sql import migrate

    before = None if missing_file(uri) else migrate.current(uri)
    if dry_run:
        # To connect to a file that is not there would make it.
        connects = missing_file(uri) is None
        click.echo(migrate.plan(uri, before, connects=connects), nl=False)
        return
    if before is not None and before != migrate.head():
        _secure(uri, before, copies=not no_backup, has_backup=has_backup)
    after = migrate.upgrade(uri)
    if before == after:
        click.echo(f"{without_password(uri)} was up to date, at {after}.")
    else:
        click.echo(f"{without_password(uri)}: from {before or 'nothing'} to {after}.")


def _secure(uri: str, revision: str, *, copies: bool, has_backup: bool) -> None:
    """Copy a SQLite file; refuse to touch another database unless its owner *has_backup*."""
    from millrace.core.clock import now_ms
    from millrace.stores.sql.copies import copy_sqlite
    from millrace.stores.sql.engine import sqlite_file

    file = sqlite_file(uri)
    if file is None:
        if not has_backup:
            raise click.ClickException(
                "Millrace takes no backup of this kind of database by itself. Make one (millrace "
                "backup, or the database's own tools), then add --i-have-a-backup."
            )
    elif copies:
        target = file.with_name(f"{file.name}.at-{revision}-{now_ms()}.backup")
        copy_sqlite(file, target)
        click.echo(f"Copied {file} to {target}.")
