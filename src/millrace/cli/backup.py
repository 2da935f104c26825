"""`millrace backup` and `millrace restore`: a whole place of records, while it is in use."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from millrace.cli import options
from millrace.cli.doctor import require_there, without_password
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.stores.open import scheme_of

_FILES = {".db", ".sqlite", ".sqlite3"}
_path = click.Path(path_type=Path)


@click.command()
@click.argument("uri")
@click.argument("dest", type=_path)
@click.option("--artifacts", is_flag=True, help="Copy the artifacts at their destination, too.")
@options.artifacts_destination
def backup(*, uri: str, dest: Path, artifacts: bool, artifacts_destination: str | None) -> None:
    """Copy all records at URI to DEST, which must not exist; the server may go on meanwhile.

    DEST becomes a folder in an open format that can be restored into any kind of database. Named
    *.db or *.sqlite it becomes a SQLite file, where URI is one. Of a folder of records it is a
    copy, with the artifacts that are in it.
    """
    if dest.exists():
        raise AlreadyExists(f"{dest} exists already; choose another name.")
    require_there(uri)
    if artifacts and not artifacts_destination:
        raise click.UsageError("--artifacts needs --artifacts-destination: where they are.")
    if scheme_of(uri) == "file":
        _copy_records(uri, dest, artifacts=artifacts)
    elif dest.suffix.lower() in _FILES:
        _copy_file(uri, dest, artifacts=artifacts)
    else:
        _dump(uri, dest, artifacts_destination if artifacts else None)


def _copy_records(uri: str, dest: Path, *, artifacts: bool) -> None:
    from millrace.stores.file import folder_of
    from millrace.stores.file.copies import copy_folder

    source = Path(folder_of(uri))
    if artifacts:
        raise click.UsageError(
            "--artifacts is for databases: what lies in the folder is copied anyway, and other "
            "artifacts are files like any."
        )
    click.echo(f"Copied {copy_folder(source, dest)} files of {source} to {dest}.")


def _copy_file(uri: str, dest: Path, *, artifacts: bool) -> None:
    from millrace.stores.sql.copies import copy_sqlite
    from millrace.stores.sql.engine import sqlite_file

    file = sqlite_file(uri)
    if file is None or artifacts:
        raise InvalidArgument(
            f"{dest} would be a SQLite file, which holds a SQLite database and nothing else. "
            "Name a folder."
        )
    copy_sqlite(file, dest)
    click.echo(f"Copied {without_password(uri)} to {dest}.")


def _dump(uri: str, dest: Path, destination: str | None) -> None:
    from millrace.core.clock import now_ms
    from millrace.stores.sql import dump

    partial = dest.with_name(f".{dest.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        manifest = dump.write(uri, partial, at_ms=now_ms())
        files, size = _copy_artifacts(destination, partial) if destination else (0, 0)
        partial.rename(dest)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    rows = sum(one.rows for one in manifest.tables)
    also = f" and {files} files of {size} bytes" if destination else ""
    click.echo(f"Copied {rows} rows of {without_password(uri)}{also} to {dest}.")


def _copy_artifacts(destination: str, folder: Path) -> tuple[int, int]:
    from millrace.artifacts.open import open_artifacts
    from millrace.services.archives import copy_out

    store = open_artifacts(destination)
    try:
        return copy_out(store, folder / "artifacts")
    finally:
        store.close()


@click.command()
@click.argument("src", type=_path)
@click.argument("uri")
@options.artifacts_destination
@click.option("--no-check", is_flag=True, help="Do not look the restored records through.")
@click.pass_context
def restore(
    ctx: click.Context, *, src: Path, uri: str, artifacts_destination: str | None, no_check: bool
) -> None:
    """Fill the empty database at URI from the backup SRC, and look it through.

    SRC is what `millrace backup` made. A folder can be restored into any kind of database, a SQLite
    file into a file that does not exist yet, the copy of a folder of records into a new folder. Its
    artifacts, if it has any, go where --artifacts-destination says.
    """
    from millrace.stores.sql import dump
    from millrace.stores.sql.copies import copy_sqlite
    from millrace.stores.sql.engine import sqlite_file

    if not src.exists():
        raise NotFound(f"There is no backup {src}.")
    if scheme_of(uri) == "file":
        _restore_records(src, uri)
    elif src.is_file():
        file = sqlite_file(uri)
        if file is None:
            raise InvalidArgument(
                f"{src} is a SQLite file; to move its records to another kind of database, make a "
                f"folder of it first: millrace backup sqlite:///{src} FOLDER"
            )
        copy_sqlite(src, file)
        click.echo(f"Copied {src} to {without_password(uri)}.")
    else:
        kept = src / "artifacts"
        if artifacts_destination and not kept.exists():
            raise InvalidArgument(f"The backup {src} holds no artifacts.")
        manifest = dump.load(src, uri)
        rows = sum(one.rows for one in manifest.tables)
        click.echo(f"Restored {rows} rows to {without_password(uri)}.")
        if artifacts_destination:
            click.echo(f"Restored {_put_artifacts(kept, artifacts_destination)} files.")
        elif kept.exists():
            click.echo("Left its artifacts out: say --artifacts-destination to restore them.")
    if not no_check and not _is_sound(uri, artifacts_destination):
        ctx.exit(1)


def _restore_records(src: Path, uri: str) -> None:
    from millrace.stores.file import folder_of
    from millrace.stores.file.copies import copy_folder

    target = Path(folder_of(uri))
    if not src.is_dir() or (src / "manifest.json").exists():
        raise InvalidArgument(
            f"{src} is the backup of a database; restore it into one. Records get from there into "
            "a folder by: millrace transfer import"
        )
    click.echo(f"Copied {copy_folder(src, target)} files of {src} to {target}.")


def _put_artifacts(kept: Path, destination: str) -> int:
    from millrace.artifacts.open import open_artifacts
    from millrace.services.archives import copy_in

    store = open_artifacts(destination)
    try:
        return copy_in(kept, store)
    finally:
        store.close()


def _is_sound(uri: str, destination: str | None) -> bool:
    """Look the restored records through and tell what does not fit; whether nothing is damaged."""
    from millrace.cli.fsck import findings, line_of

    is_sound = True
    for one in findings(uri, artifacts=destination is not None, destination=destination):
        click.echo(line_of(one))
        is_sound = is_sound and one.weight != "damage"
    if is_sound:
        click.echo("Looked them through: nothing is damaged.")
    return is_sound
