"""`millrace registry lineage` and `servers`: what a version was made from, and what serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from millrace.cli import options
from millrace.cli.output import show_json, show_pairs, show_table, time_of
from millrace.cli.records import every, registry_at, registry_where
from millrace.core.errors import NotFound, NotSupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.client.client import MillraceClient
    from millrace.core.entities.model_server import ModelServer

_SERVERS: Final = ("model", "version", "endpoint", "url", "host", "by", "since", "serves")


@click.command()
@click.argument("name")
@click.argument("version")
@options.output
@registry_where
def lineage(
    *, name: str, version: str, output: str, tracking_uri: str | None, registry_uri: str | None
) -> None:
    """Show what a version was made from, its copies, and what serves it."""
    found = registry_at(tracking_uri, registry_uri).get_model_version_lineage(name, version)
    if output == "json":
        show_json(found)
        return
    rows: dict[str, str | None] = {
        "source": found.source,
        "run": found.run_id,
        "experiment": found.experiment_id,
        "logged model": found.model_id,
        "parent": f"{found.parent.name}/{found.parent.version}" if found.parent else None,
        "commit": found.code.commit if found.code else None,
        "data sets": ", ".join(f"{d.dataset.name}#{d.dataset.digest}" for d in found.datasets),
        "copies": ", ".join(f"{one.name}/{one.version}" for one in found.children),
        "served by": ", ".join(one.url for one in found.served_by),
    }
    show_pairs(None, {key: value for key, value in rows.items() if value})


@click.command()
@click.argument("name", required=False)
@click.argument("version", required=False)
@click.option("--endpoint", help="Only servers that call the model so.")
@click.option("--host", help="Only servers on this machine.")
@options.output
@registry_where
def servers(
    *,
    name: str | None,
    version: str | None,
    endpoint: str | None,
    host: str | None,
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """List model servers and the versions that they serve: of a model, of a version, or all."""
    client = registry_at(tracking_uri, registry_uri)
    found = list(
        every(
            lambda token: client.list_model_servers(
                name, version, endpoint=endpoint, host=host, page_token=token
            )
        )
    )
    if output == "json":
        show_json(found)
    else:
        _show(found)


def show_servers(client: MillraceClient, name: str, version: str | None = None) -> None:
    """A table of what serves a model or version, below what was shown of it; none, no table."""
    try:
        found = list(
            every(lambda token: client.list_model_servers(name, version, page_token=token))
        )
    except (NotFound, NotSupported):
        return  # a server that does not keep track of them
    if found:
        click.echo()
        _show(found)


def _show(found: Sequence[ModelServer]) -> None:
    show_table(
        _SERVERS,
        (
            (
                one.name,
                one.version,
                one.endpoint,
                one.url,
                one.host,
                one.user_id,
                time_of(one.started_timestamp),
                one.model_uri,
            )
            for one in found
        ),
    )


COMMANDS: Final = (lineage, servers)
