"""`millrace fsck`: look through a place of records for what does not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millrace.cli import options
from millrace.cli.doctor import require_there
from millrace.cli.output import printable, show_json
from millrace.core.errors import MillraceError, NotSupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.core.entities.finding import Finding


@click.command()
@click.argument("uri")
@click.option("--full", is_flag=True, help="Look at everything that is derived, not at a sample.")
@click.option(
    "--repair", is_flag=True, help="Make anew what is derived from other records and is wrong."
)
@click.option("--artifacts", is_flag=True, help="Look at the files of runs and models, too.")
@options.artifacts_destination
@options.output
@click.pass_context
def fsck(
    ctx: click.Context,
    *,
    uri: str,
    full: bool,
    repair: bool,
    artifacts: bool,
    artifacts_destination: str | None,
    output: str,
) -> None:
    """Check that no record is damaged, lost or left over in the database at URI.

    The server may go on meanwhile. The exit code is 0 when all is well, 1 when something is damaged
    (and was not repaired), 2 when it could not be looked at. Notes do not count.
    """
    try:
        found = []
        for one in findings(
            uri,
            full=full,
            repair=repair,
            artifacts=artifacts,
            destination=artifacts_destination,
        ):
            found.append(one)
            if output != "json":
                click.echo(line_of(one))
    except MillraceError as error:
        click.echo(f"Error: {error.message}", err=True)
        ctx.exit(2)
    damaged = [one for one in found if one.weight == "damage" and not one.repaired]
    if output == "json":
        show_json({"clean": not damaged, "findings": found})
    elif not damaged:
        click.echo("Nothing is damaged.")
    if damaged:
        ctx.exit(1)


def findings(
    uri: str,
    *,
    full: bool = False,
    repair: bool = False,
    artifacts: bool = False,
    destination: str | None = None,
) -> Iterator[Finding]:
    """All findings about the records at *uri*, and about their artifacts if asked for."""
    from millrace.cli.gc import open_store
    from millrace.core.entities.finding import Finding
    from millrace.services.inspection import inspect_artifacts
    from millrace.services.places import Places
    from millrace.stores.open import open_stores
    from millrace.stores.protocols import Inspects

    require_there(uri)
    stores = open_stores(uri)
    places = Places(open_store, destination=destination, trusting=True)
    try:
        if not isinstance(stores, Inspects):
            raise NotSupported(f"A place of records of kind {stores.kind!r} has no inspection.")
        if stores.health().revision is not None:
            from millrace.stores.sql import migrate

            for one in migrate.differences(uri):
                yield Finding(check="schema", message=one)
        yield from stores.inspect(full=full, repair=repair)
        if artifacts:
            yield from inspect_artifacts(stores, places, full=full)
    finally:
        places.close()
        stores.close()


def line_of(one: Finding) -> str:
    """A finding in one line."""
    state: str = "repaired" if one.repaired else one.weight
    if one.weight == "damage" and one.repairable and not one.repaired:
        state += ", repairable"
    examples = f" Such as {', '.join(map(printable, one.examples))}." if one.examples else ""
    return f"{one.check} ({state}): {one.message}{examples}"
