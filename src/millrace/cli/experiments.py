"""`millrace experiments`: make, find, rename, drop and export experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from millrace.cli import options
from millrace.cli.export import write_runs_csv
from millrace.cli.output import show_json, show_table, time_of
from millrace.cli.records import VIEWS, client_at, every, every_run, experiment_named
from millrace.core import settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from millrace.core.entities.experiment import Experiment

_COLUMNS: Final = ("id", "name", "stage", "created", "artifacts")

_experiment_id = options.option_of(
    settings.EXPERIMENT_ID, "--experiment-id", "-x", metavar="ID", required=True
)


@click.group()
def experiments() -> None:
    """Make, find, rename, drop and export experiments."""


@experiments.command()
@click.option("--experiment-name", "-n", required=True, metavar="NAME", help="Its name; unique.")
@click.option("--artifact-location", "-l", metavar="URI", help="Where its artifacts go.")
@options.tags
@options.output
@options.tracking_uri
def create(
    *,
    experiment_name: str,
    artifact_location: str | None,
    tags: tuple[tuple[str, str], ...],
    output: str,
    tracking_uri: str | None,
) -> None:
    """Make an experiment."""
    made = client_at(tracking_uri).create_experiment(
        experiment_name, artifact_location=artifact_location, tags=dict(tags) or None
    )
    if output == "json":
        show_json({"experiment_id": made})
    else:
        click.echo(f"Created experiment '{experiment_name}' with id {made}.")


@experiments.command()
@options.view
@options.search
@options.output
@options.tracking_uri
def search(
    *,
    view: str,
    filter_string: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    output: str,
    tracking_uri: str | None,
) -> None:
    """Find experiments by a filter such as "name LIKE 'risk-%'"."""
    client = client_at(tracking_uri)
    _show(
        every(
            lambda token: client.search_experiments(
                view_type=VIEWS[view],
                filter_string=filter_string or None,
                order_by=list(order_by) or None,
                page_token=token,
            ),
            max_results,
        ),
        output,
    )


@experiments.command("list")
@options.view
@options.output
@options.tracking_uri
def list_(*, view: str, output: str, tracking_uri: str | None) -> None:
    """List all experiments."""
    client = client_at(tracking_uri)
    found = every(lambda token: client.search_experiments(view_type=VIEWS[view], page_token=token))
    _show(found, output)


@experiments.command()
@click.option("--experiment-id", "-x", metavar="ID", help="Which one, by id ...")
@click.option("--experiment-name", "-n", metavar="NAME", help="... or by name.")
@options.output
@options.tracking_uri
def get(
    *, experiment_id: str | None, experiment_name: str | None, output: str, tracking_uri: str | None
) -> None:
    """Show one experiment."""
    client = client_at(tracking_uri)
    match experiment_id, experiment_name:
        case str(by_id), None:
            found = client.get_experiment(by_id)
        case None, str(by_name):
            found = experiment_named(client, by_name)
        case _:
            raise click.UsageError("Give either --experiment-id or --experiment-name.")
    _show([found], output, one=True)


@experiments.command()
@_experiment_id
@options.tracking_uri
def delete(*, experiment_id: str, tracking_uri: str | None) -> None:
    """Move an experiment and its runs to the trash."""
    client_at(tracking_uri).delete_experiment(experiment_id)
    click.echo(f"Moved experiment {experiment_id} and its runs to the trash.")


@experiments.command()
@_experiment_id
@options.tracking_uri
def restore(*, experiment_id: str, tracking_uri: str | None) -> None:
    """Take an experiment and its runs out of the trash."""
    client_at(tracking_uri).restore_experiment(experiment_id)
    click.echo(f"Restored experiment {experiment_id} and its runs.")


@experiments.command()
@_experiment_id
@click.option("--new-name", required=True, metavar="NAME", help="Its name from now on; unique.")
@options.tracking_uri
def rename(*, experiment_id: str, new_name: str, tracking_uri: str | None) -> None:
    """Rename an experiment."""
    client_at(tracking_uri).rename_experiment(experiment_id, new_name)
    click.echo(f"Renamed experiment {experiment_id} to '{new_name}'.")


@experiments.command()
@_experiment_id
@options.filename
@options.tracking_uri
def csv(*, experiment_id: str, filename: Path | None, tracking_uri: str | None) -> None:
    """Write all runs of an experiment as CSV."""
    write_runs_csv(every_run(client_at(tracking_uri), [experiment_id]), filename)


def _show(found: Iterable[Experiment], output: str, *, one: bool = False) -> None:
    experiments = list(found)
    if output == "json":
        show_json(experiments[0] if one else experiments)
        return
    show_table(
        _COLUMNS,
        (
            (
                each.experiment_id,
                each.name,
                each.lifecycle_stage,
                time_of(each.creation_time),
                each.artifact_location,
            )
            for each in experiments
        ),
    )
