"""`millrace runs`: find, show, make, drop, link and export runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from millrace.cli import options
from millrace.cli.export import write_runs_csv, write_runs_json
from millrace.cli.output import Cell, show_json, show_pairs, show_table, time_of
from millrace.cli.records import VIEWS, client_at, every, every_run, experiment_named
from millrace.core import settings
from millrace.core.clock import now_ms
from millrace.core.entities.experiment import DEFAULT_ID
from millrace.core.errors import InvalidArgument
from millrace.core.tags import NOTE, PARENT_RUN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from millrace.client.client import MillraceClient
    from millrace.core.entities.run import Run

_COLUMNS: Final = ("id", "name", "status", "started", "ended")

_run_id = click.option("--run-id", required=True, metavar="ID", help="Which run.")


@click.group()
def runs() -> None:
    """Find, show, make, drop, link and export runs."""


@runs.command("list")
@options.option_of(settings.EXPERIMENT_ID, "--experiment-id", metavar="ID", required=True)
@options.view
@options.output
@options.tracking_uri
def list_(*, experiment_id: str, view: str, output: str, tracking_uri: str | None) -> None:
    """List the runs of an experiment, the latest first."""
    _show(every_run(client_at(tracking_uri), [experiment_id], view=VIEWS[view]), output)


@runs.command()
@options.experiment_ids
@options.view
@options.search
@options.output
@options.tracking_uri
def search(
    *,
    experiment_ids: tuple[str, ...],
    view: str,
    filter_string: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    output: str,
    tracking_uri: str | None,
) -> None:
    """Find runs by a filter such as "metrics.loss < 0.3 AND tags.team = 'vision'"."""
    client = client_at(tracking_uri)
    found = every(
        lambda token: client.search_runs(
            list(experiment_ids),
            filter_string=filter_string,
            run_view_type=VIEWS[view],
            order_by=list(order_by) or None,
            page_token=token,
        ),
        max_results,
    )
    _show(found, output)


@runs.command()
@_run_id
@options.output
@options.tracking_uri
def get(*, run_id: str, output: str, tracking_uri: str | None) -> None:
    """Show a run with its params, latest metrics and tags."""
    _describe(client_at(tracking_uri).get_run(run_id), output)


@runs.command()
@_run_id
@options.tracking_uri
def describe(*, run_id: str, tracking_uri: str | None) -> None:
    """Show everything of a run as JSON."""
    _describe(client_at(tracking_uri).get_run(run_id), "json")


@runs.command()
@options.option_of(settings.EXPERIMENT_ID, "--experiment-id", metavar="ID")
@options.option_of(settings.EXPERIMENT_NAME, "--experiment-name", metavar="NAME")
@click.option("--run-name", metavar="NAME", help="Its name; a random one by default.")
@click.option("--description", metavar="TEXT", help="What it is about, in Markdown.")
@options.tags
@click.option(
    "--status",
    type=click.Choice(["FINISHED", "FAILED", "KILLED"], case_sensitive=False),
    default="FINISHED",
    show_default=True,
    help="How it ended.",
)
@click.option("--parent-run-id", metavar="ID", help="The run that it is a part of.")
@options.output
@options.tracking_uri
def create(
    *,
    experiment_id: str | None,
    experiment_name: str | None,
    run_name: str | None,
    description: str | None,
    tags: tuple[tuple[str, str], ...],
    status: str,
    parent_run_id: str | None,
    output: str,
    tracking_uri: str | None,
) -> None:
    """Record a run that happened elsewhere; it has ended when the command returns."""
    client = client_at(tracking_uri)
    if parent_run_id is not None:
        client.get_run(parent_run_id)
    all_tags = dict(tags)
    if description is not None:
        all_tags[NOTE] = description
    if parent_run_id is not None:
        all_tags[PARENT_RUN_ID] = parent_run_id
    run = client.create_run(
        _experiment(client, experiment_id, experiment_name),
        start_time=now_ms(),
        tags=all_tags,
        run_name=run_name,
    )
    client.set_terminated(run.info.run_id, status)
    if output == "json":
        show_json({"run_id": run.info.run_id, "run_name": run.info.run_name})
    else:
        click.echo(f"Created run '{run.info.run_name}' with id {run.info.run_id}.")


@runs.command()
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN_ID...")
@options.tracking_uri
def stop(*, run_ids: tuple[str, ...], tracking_uri: str | None) -> None:
    """Ask running runs to stop: each hears of it with its next sign of life."""
    client = client_at(tracking_uri)
    for run_id in run_ids:
        client.stop_run(run_id)
        click.echo(f"Asked run {run_id} to stop.")


@runs.command()
@_run_id
@options.tracking_uri
def delete(*, run_id: str, tracking_uri: str | None) -> None:
    """Move a run to the trash."""
    client_at(tracking_uri).delete_run(run_id)
    click.echo(f"Moved run {run_id} to the trash.")


@runs.command()
@_run_id
@options.tracking_uri
def restore(*, run_id: str, tracking_uri: str | None) -> None:
    """Take a run out of the trash."""
    client_at(tracking_uri).restore_run(run_id)
    click.echo(f"Restored run {run_id}.")


@runs.command()
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN_ID...")
@click.option("--to", "experiment_id", required=True, metavar="ID", help="The experiment.")
@options.tracking_uri
def move(*, run_ids: tuple[str, ...], experiment_id: str, tracking_uri: str | None) -> None:
    """Move runs to another experiment, all or none; they keep their ids and histories."""
    client_at(tracking_uri).move_runs(run_ids, experiment_id)
    click.echo(f"Moved {len(run_ids)} runs to experiment {experiment_id}.")


@runs.command()
@click.argument("run_id")
@click.option("--to", "experiment_id", metavar="ID", help="The experiment; its own by default.")
@click.option(
    "--artifacts/--no-artifacts", default=True, show_default=True, help="Copy the files, too."
)
@options.tracking_uri
def copy(
    *, run_id: str, experiment_id: str | None, artifacts: bool, tracking_uri: str | None
) -> None:
    """Make a run like another under a new id, with all its points and files."""
    made = client_at(tracking_uri).copy_run(run_id, experiment_id, artifacts=artifacts)
    click.echo(made.run_id)


@runs.command()
@_run_id
@click.option("--parent-run-id", required=True, metavar="ID", help="The run that it belongs to.")
@options.tracking_uri
def link(*, run_id: str, parent_run_id: str, tracking_uri: str | None) -> None:
    """Make a run the child of another, so that they show as one tree."""
    client = client_at(tracking_uri)
    ancestor: str | None = parent_run_id
    while ancestor is not None:
        if ancestor == run_id:
            raise InvalidArgument(f"Run {run_id} would become its own ancestor.")
        ancestor = client.get_run(ancestor).data.tags.get(PARENT_RUN_ID)
    client.set_tag(run_id, PARENT_RUN_ID, parent_run_id)
    click.echo(f"Run {run_id} is now a child of run {parent_run_id}.")


@runs.command()
@options.experiment_ids
@options.view
@click.option("--filter", "filter_string", default="", metavar="FILTER", help="Only these runs.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json"]),
    default="csv",
    show_default=True,
    help="A spreadsheet, or the form of the REST API.",
)
@options.filename
@options.tracking_uri
def export(
    *,
    experiment_ids: tuple[str, ...],
    view: str,
    filter_string: str,
    form: str,
    filename: Path | None,
    tracking_uri: str | None,
) -> None:
    """Write runs to a file or the standard output."""
    found = every_run(
        client_at(tracking_uri), list(experiment_ids), view=VIEWS[view], where=filter_string
    )
    write = write_runs_csv if form == "csv" else write_runs_json
    write(found, filename)


def _experiment(client: MillraceClient, by_id: str | None, by_name: str | None) -> str:
    if by_id is None and by_name is not None:
        return experiment_named(client, by_name).experiment_id
    # Asked for, so that a server that is away is an error here: the client would spool the run.
    return client.get_experiment(by_id or DEFAULT_ID).experiment_id


def _cells(run: Run) -> tuple[Cell, ...]:
    info = run.info
    status = f"{info.status} ({info.liveness})" if info.liveness else info.status
    return info.run_id, info.run_name, status, time_of(info.start_time), time_of(info.end_time)


def _show(found: Iterable[Run], output: str) -> None:
    if output == "json":
        show_json(list(found))
    else:
        show_table(_COLUMNS, map(_cells, found))


def _describe(run: Run, output: str) -> None:
    if output == "json":
        show_json(run)
        return
    show_pairs(None, dict(zip(_COLUMNS, _cells(run), strict=True)))
    show_pairs("params", run.data.params)
    show_pairs("metrics", run.data.metrics)
    show_pairs("tags", run.data.tags)
