"""`millrace db`: which schema a database has, and bringing it up to date."""

from __future__ import annotations

import click

from millrace.cli.doctor import missing_file, without_password
from millrace.cli.options import output
from millrace.cli.output import show_json
from millrace.core.errors import NotFound

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

    _require(uri)
    revision = migrate.current(uri)
    if output == "json":
        show_json({"revision": revision})
    else:
        click.echo(revision or "There is no schema yet.")


@db.command()
@_uri
@output
@click.pass_context
def check(ctx: click.Context, *, uri: str, output: str) -> None:
    """Tell whether the database is up to date; the exit code is 1 when it is not."""
    from millrace.stores.sql import migrate

    _require(uri)
    revision, head = migrate.current(uri), migrate.head()
    if output == "json":
        show_json({"revision": revision, "head": head, "up_to_date": revision == head})
    elif revision == head:
        click.echo(f"Up to date, at {head}.")
    else:
        click.echo(f"At {revision or 'no revision'}; this version needs {head}.")
    if revision != head:
        ctx.exit(1)


@db.command()
@_uri
def upgrade(*, uri: str) -> None:
    """Bring the database up to date, or make a fresh one."""
    from millrace.stores.sql import migrate

    before = migrate.current(uri)
    migrate.upgrade(uri)
    after = migrate.current(uri)
    if before == after:
        click.echo(f"{without_password(uri)} was up to date, at {after}.")
    else:
        click.echo(f"{without_password(uri)}: from {before or 'nothing'} to {after}.")


def _require(uri: str) -> None:
    """Looking must not make a database where there is none."""
    if missing_file(uri) is not None:
        raise NotFound(f"There is no database file {missing_file(uri)}.")
