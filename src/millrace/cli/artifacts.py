"""`millrace artifacts`: upload, list, download and measure the files of runs and models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from millrace.cli import options
from millrace.cli.output import show_json, show_table
from millrace.cli.records import client_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.client.client import MillraceClient
    from millrace.core.entities.artifact import FileInfo

_COLUMNS: Final = ("bytes", "path")
_TOTALS: Final = ("files", "bytes", "path")

_run_id = click.option("--run-id", "-r", required=True, metavar="ID", help="Which run.")
_one_run = click.option("--run-id", "-r", metavar="ID", help="Which run.")
_uri = click.option(
    "--artifact-uri",
    "-u",
    metavar="URI",
    help="Instead of a run: runs:/ID/PATH, models:/MODEL/PATH, a location, or a local path.",
)
_into = click.option(
    "--artifact-path", "-a", metavar="PATH", help="The folder of the run to put them into."
)
_path = click.option("--artifact-path", "-a", metavar="PATH", help="Where in the run.")


@click.group()
def artifacts() -> None:
    """Upload, list, download and measure the files of runs and models."""


@artifacts.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@_run_id
@_into
@options.tracking_uri
def log(
    *, paths: tuple[Path, ...], run_id: str, artifact_path: str | None, tracking_uri: str | None
) -> None:
    """Upload files, and folders under their own names."""
    client = client_at(tracking_uri)
    for path in paths:
        client.log_artifact(run_id, path, artifact_path)
        click.echo(f"Logged {path} to run {run_id}.")


@artifacts.command()
@click.option(
    "--local-file",
    "-l",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="The file, or a folder, which keeps its name.",
)
@_run_id
@_into
@options.tracking_uri
def log_artifact(
    *, local_file: Path, run_id: str, artifact_path: str | None, tracking_uri: str | None
) -> None:
    """Upload a file."""
    client_at(tracking_uri).log_artifact(run_id, local_file, artifact_path)
    click.echo(f"Logged {local_file} to run {run_id}.")


@artifacts.command()
@click.option(
    "--local-dir",
    "-l",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder; its name is not kept.",
)
@_run_id
@_into
@options.tracking_uri
def log_artifacts(
    *, local_dir: Path, run_id: str, artifact_path: str | None, tracking_uri: str | None
) -> None:
    """Upload all that is in a folder."""
    client_at(tracking_uri).log_artifacts(run_id, local_dir, artifact_path)
    click.echo(f"Logged what is in {local_dir} to run {run_id}.")


@artifacts.command("list")
@_one_run
@_path
@_uri
@click.option("--recursive", "-R", is_flag=True, help="With a run: what is in folders, too.")
@options.output
@options.tracking_uri
def list_(
    *,
    run_id: str | None,
    artifact_path: str | None,
    artifact_uri: str | None,
    recursive: bool,
    output: str,
    tracking_uri: str | None,
) -> None:
    """List a folder of a run, or the one at a URI."""
    _check_which(run_id, artifact_path, artifact_uri)
    client = client_at(tracking_uri)
    if artifact_uri is not None:
        if recursive:
            raise click.UsageError("--recursive needs --run-id.")
        found = client.list_at(artifact_uri)
    elif recursive:
        found = list(_files(client, run_id or "", artifact_path))
    else:
        found = client.list_artifacts(run_id or "", artifact_path)
    if output == "json":
        show_json(found)
    else:
        show_table(_COLUMNS, [(each.file_size, _name(each)) for each in found])


@artifacts.command()
@_one_run
@_path
@_uri
@click.option(
    "--dst-path",
    "-d",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to download into, made if need be; a new temporary one by default.",
)
@options.output
@options.tracking_uri
def download(
    *,
    run_id: str | None,
    artifact_path: str | None,
    artifact_uri: str | None,
    dst_path: Path | None,
    output: str,
    tracking_uri: str | None,
) -> None:
    """Download a file or folder, and print where it is now.

    What is cut off goes on where it stopped when the command is given again with the same
    --dst-path.
    """
    _check_which(run_id, artifact_path, artifact_uri)
    client = client_at(tracking_uri)
    if artifact_uri is not None:
        where = client.download_at(artifact_uri, dst_path)
    else:
        where = client.download_artifacts(run_id or "", artifact_path or "", dst_path)
    if output == "json":
        show_json({"path": where})
    else:
        click.echo(where)


@artifacts.command()
@_run_id
@_path
@options.output
@options.tracking_uri
def du(*, run_id: str, artifact_path: str | None, output: str, tracking_uri: str | None) -> None:
    """Show how many files and bytes a run has, by what is in the folder."""
    client = client_at(tracking_uri)
    rows: list[tuple[int, int, str]] = []
    for each in client.list_artifacts(run_id, artifact_path):
        inside = list(_files(client, run_id, each.path)) if each.is_dir else [each]
        rows.append((len(inside), sum(file.file_size or 0 for file in inside), _name(each)))
    files, size = sum(row[0] for row in rows), sum(row[1] for row in rows)
    if output == "json":
        entries = [dict(zip(_TOTALS, row, strict=True)) for row in rows]
        show_json({"files": files, "bytes": size, "entries": entries})
    else:
        show_table(_TOTALS, [*rows, (files, size, "total")])


def _files(client: MillraceClient, run_id: str, path: str | None) -> Iterator[FileInfo]:
    """All files below a folder."""
    for each in client.list_artifacts(run_id, path):
        if each.is_dir:
            yield from _files(client, run_id, each.path)
        else:
            yield each


def _name(info: FileInfo) -> str:
    return f"{info.path}/" if info.is_dir else info.path


def _check_which(run_id: str | None, artifact_path: str | None, artifact_uri: str | None) -> None:
    if (run_id is None) == (artifact_uri is None):
        raise click.UsageError("Give --run-id or --artifact-uri, and not both.")
    if artifact_uri is not None and artifact_path is not None:
        raise click.UsageError("--artifact-path goes with --run-id; add it to the --artifact-uri.")
