"""`millrace audit`: read the audit trail, take it elsewhere, and prove that nobody changed it."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from millrace.cli import options
from millrace.cli.doctor import require_there
from millrace.cli.output import show_json, show_table, time_of
from millrace.cli.records import client_at, every
from millrace.core import settings

if TYPE_CHECKING:
    from millrace.api.audit import AuditEntriesReply
    from millrace.core.entities.audit import AuditEntry
    from millrace.services.verification import Report
    from millrace.stores.protocols import Stores

_of_models = click.option(
    "--registry", is_flag=True, help="The trail of registered models, where it is apart."
)
_COLUMNS = ("seq", "time", "actor", "action", "object", "changes")


@click.group()
def audit() -> None:
    """Read the audit trail, take it elsewhere, and prove that nobody changed it."""


def _when(_ctx: click.Context, _param: click.Parameter, value: datetime | None) -> int | None:
    return None if value is None else int(value.replace(tzinfo=UTC).timestamp() * 1000)


@audit.command("list")
@click.option("--actor", metavar="NAME", help="Only what this user did.")
@click.option("--action", metavar="ACTION", help="Only this, such as run.delete.")
@click.option("--kind", metavar="KIND", help="Only objects of this kind, such as run ...")
@click.option("--id", "object_id", metavar="ID", help="... with this id.")
@click.option("--request-id", metavar="ID", help="Only what this request did.")
@click.option("--since", type=click.DateTime(), callback=_when, help="Not before (UTC).")
@click.option("--until", type=click.DateTime(), callback=_when, help="Before (UTC).")
@click.option("--max-results", type=click.IntRange(1), default=100, show_default=True)
@_of_models
@options.output
@options.tracking_uri
def list_(
    *,
    actor: str | None,
    action: str | None,
    kind: str | None,
    object_id: str | None,
    request_id: str | None,
    since: int | None,
    until: int | None,
    max_results: int,
    registry: bool,
    output: str,
    tracking_uri: str | None,
) -> None:
    """List entries, the newest first."""
    from millrace.api.audit import ListAuditEntries
    from millrace.api.table import BY_NAME
    from millrace.client.verbs import PagedList

    client = client_at(tracking_uri)

    def page(token: str | None) -> PagedList[AuditEntry]:
        request = ListAuditEntries(
            actor=actor,
            action=action,
            kind=kind,
            id=object_id,
            request_id=request_id,
            since_ms=since,
            until_ms=until,
            max_results=min(max_results, 1_000),
            page_token=token,
            registry=registry or None,
        )
        reply: AuditEntriesReply = client.channel.call(BY_NAME["listAuditEntries"], request)
        return PagedList(reply.entries, reply.next_page_token)

    found = every(page, max_results)
    if output == "json":
        show_json(list(found))
    else:
        show_table(_COLUMNS, (_row(entry) for entry in found))


@audit.command()
@click.argument("seq", type=click.IntRange(1))
@_of_models
@options.tracking_uri
def show(*, seq: int, registry: bool, tracking_uri: str | None) -> None:
    """Show one entry, with the text that its hash is made over."""
    from millrace.api.audit import GetAuditEntry
    from millrace.api.table import BY_NAME

    client = client_at(tracking_uri)
    request = GetAuditEntry(seq=seq, registry=registry or None)
    show_json(client.channel.call(BY_NAME["getAuditEntry"], request))


@audit.command()
@options.option_of(settings.BACKEND_STORE_URI, "--backend-store-uri", metavar="URI")
@options.option_of(settings.REGISTRY_STORE_URI, "--registry-store-uri", metavar="URI")
@_of_models
@options.filename
def export(
    *, backend_store_uri: str, registry_store_uri: str | None, registry: bool, filename: Path | None
) -> None:
    """Write the whole trail of a database as lines of JSON, with keys and signed heads.

    The end of the chain is signed first, so that all of the export is under a signature.
    """
    from millrace.core.clock import now_ms
    from millrace.services.platform import open_platform
    from millrace.services.verification import export as write

    require_there(backend_store_uri)
    require_there(registry_store_uri or backend_store_uri)
    opened = open_platform(backend_store_uri, registry_uri=registry_store_uri)
    with closing(opened) as platform:
        platform.audit.sign(now_ms(), at_once=True)
        trail = platform.audit.trail(registry=registry)
        if filename is None:
            write(trail, sys.stdout.buffer)
            return
        with filename.open("wb") as file:
            count = write(trail, file)
    click.echo(f"{count} entries written to {filename}.")


@audit.command()
@click.argument(
    "export_file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
@options.option_of(settings.BACKEND_STORE_URI, "--backend-store-uri", metavar="URI")
@options.option_of(settings.REGISTRY_STORE_URI, "--registry-store-uri", metavar="URI")
@_of_models
@click.option(
    "--witness",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file of signed heads that was kept elsewhere.",
)
@click.option(
    "--trust", multiple=True, metavar="KEY_ID", help="Accept signatures by this key only."
)
@options.output
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    export_file: Path | None,
    backend_store_uri: str,
    registry_store_uri: str | None,
    registry: bool,
    witness: Path | None,
    trust: tuple[str, ...],
    output: str,
) -> None:
    """Prove that no entry was altered, removed, inserted or moved; the exit code is 1 if one was.

    Verifies the trail of a database or, without one, an EXPORT_FILE.
    """
    from millrace.services.verification import read_witness, verify_export, verify_store

    witnessed = []
    if witness is not None:
        with witness.open("rb") as lines:
            witnessed = read_witness(lines)
    if export_file is not None:
        with export_file.open("rb") as file:
            report = verify_export(file, witnessed=witnessed, trusted=trust)
    else:
        uri = (registry_store_uri or backend_store_uri) if registry else backend_store_uri
        require_there(uri)
        with closing(_opened(uri)) as stores:
            report = verify_store(stores.audit, witnessed=witnessed, trusted=trust)
    if output == "json":
        show_json(report)
    else:
        click.echo(_sentence(report))
    if report.finding is not None:
        ctx.exit(1)


@audit.command("rotate-key")
@options.option_of(settings.BACKEND_STORE_URI, "--backend-store-uri", metavar="URI")
@options.option_of(settings.REGISTRY_STORE_URI, "--registry-store-uri", metavar="URI")
def rotate_key(*, backend_store_uri: str, registry_store_uri: str | None) -> None:
    """Sign heads with a new key from now on; the old one signs that it was replaced."""
    from millrace.client.transports import local_context
    from millrace.services.platform import open_platform

    require_there(backend_store_uri)
    require_there(registry_store_uri or backend_store_uri)
    opened = open_platform(backend_store_uri, registry_uri=registry_store_uri)
    with closing(opened) as platform:
        key = platform.audit.rotate_key(local_context())
    click.echo(f"Heads are signed with the key {key.key_id} from now on.")


def _row(entry: AuditEntry) -> tuple[str | int | None, ...]:
    actor = entry.actor if entry.verified else f"{entry.actor} (stated)"
    action = entry.action if entry.outcome == "done" else f"{entry.action} (refused)"
    changed = ", ".join(sorted(entry.changes))
    return (entry.seq, time_of(entry.at_ms), actor, action, f"{entry.kind} {entry.id}", changed)


def _sentence(report: Report) -> str:
    if report.finding is not None:
        return f"NOT INTACT, first at entry {report.finding.seq}: {report.finding.message}"
    later = report.entries - report.signed_to
    rest = f"; the last {later} are not under a signature yet" if later else ""
    return f"Intact: {report.entries} entries, {report.heads} signed heads{rest}."


def _opened(uri: str) -> Stores:
    from millrace.stores.open import open_stores

    return open_stores(uri)
