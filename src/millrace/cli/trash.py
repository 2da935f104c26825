"""`millrace trash`: what was deleted, getting it back, and removing it for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from millrace.cli import options
from millrace.cli.gc import tell
from millrace.cli.output import show_json, show_table, time_of
from millrace.cli.records import client_at, every

if TYPE_CHECKING:
    from millrace.core.entities.trash import TrashItem, TrashKind

_COLUMNS: Final = (
    "kind",
    "id",
    "name",
    "experiment",
    "deleted",
    "runs",
    "models",
    "points",
    "needed by",
)


def _ids(command: options.F) -> options.F:
    for option in (
        click.option("--logged-model-id", "logged_model_ids", multiple=True, metavar="ID"),
        click.option("--experiment-id", "-x", "experiment_ids", multiple=True, metavar="ID"),
        click.option("--run-id", "-r", "run_ids", multiple=True, metavar="ID"),
    ):
        command = option(command)
    return command


@click.group()
def trash() -> None:
    """Look at what was deleted, restore it, or remove it for good."""


@trash.command("list")
@click.option("--experiment-id", "-x", metavar="ID", help="Only what is in this experiment.")
@click.option(
    "--all", "everything", is_flag=True, help="Also what was deleted along with its experiment."
)
@options.output
@options.tracking_uri
def list_(
    *, experiment_id: str | None, everything: bool, output: str, tracking_uri: str | None
) -> None:
    """List what is in the trash, the longest there first."""
    client = client_at(tracking_uri)
    kinds: list[TrashKind] = ["experiment", "run", "logged_model"]
    alone = not (everything or experiment_id)
    found = [
        item
        for kind in kinds
        for item in every(
            lambda token, kind=kind: client.search_trash(  # type: ignore[misc]  # a default
                kind, experiment_id=experiment_id, alone=alone, page_token=token
            )
        )
    ]
    if output == "json":
        show_json(found)
    else:
        show_table(_COLUMNS, map(_row, found))


def _row(item: TrashItem) -> tuple[str | int | None, ...]:
    when = "being removed" if item.purging else time_of(item.deleted_ms) or "unknown"
    is_experiment = item.kind == "experiment"
    return (
        item.kind.replace("_", " "),
        item.id,
        item.name,
        item.experiment_id,
        when,
        item.runs if is_experiment else None,
        item.logged_models if is_experiment else None,
        item.points,
        ", ".join(f"{one.name}/{one.version}" for one in item.needed_by) or None,
    )


@trash.command()
@_ids
@options.tracking_uri
def restore(
    *,
    run_ids: tuple[str, ...],
    experiment_ids: tuple[str, ...],
    logged_model_ids: tuple[str, ...],
    tracking_uri: str | None,
) -> None:
    """Take runs, experiments and logged models out of the trash. Options may be repeated."""
    if not (run_ids or experiment_ids or logged_model_ids):
        raise click.UsageError("Say what to restore: --run-id, --experiment-id, --logged-model-id.")
    client = client_at(tracking_uri)
    # Experiments first: nothing can be restored into one that is in the trash.
    for one in experiment_ids:
        client.restore_experiment(one)
        click.echo(f"Restored experiment {one} and its runs.")
    for one in run_ids:
        client.restore_run(one)
        click.echo(f"Restored run {one}.")
    for one in logged_model_ids:
        client.restore_logged_model(one)
        click.echo(f"Restored logged model {one}.")


@trash.command()
@_ids
@options.older_than
@click.option("--dry-run", is_flag=True, help="Say what would be removed, remove nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@options.output
@options.tracking_uri
@click.pass_context
def empty(
    ctx: click.Context,
    *,
    run_ids: tuple[str, ...],
    experiment_ids: tuple[str, ...],
    logged_model_ids: tuple[str, ...],
    older_than_ms: int | None,
    dry_run: bool,
    yes: bool,
    output: str,
    tracking_uri: str | None,
) -> None:
    """Remove what is in the trash for good, or only what is named, or only what is old."""
    client = client_at(tracking_uri)
    if not (dry_run or yes):
        click.confirm("Remove it for good? It cannot be brought back", abort=True, err=True)
    removals = client.empty_trash(
        run_ids=run_ids,
        experiment_ids=experiment_ids,
        logged_model_ids=logged_model_ids,
        older_than_ms=older_than_ms,
        dry_run=dry_run,
    )
    if not tell(removals, output):
        ctx.exit(1)
