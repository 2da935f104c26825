"""`millrace registry`: list, register, move, compare, verify and export registered models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from millrace.cli import approvals, lineage, options
from millrace.cli.output import show_json, show_pairs, show_table, time_of
from millrace.cli.records import every, registry_at, registry_where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.client.client import MillraceClient
    from millrace.core.entities.registry import ModelVersion, RegisteredModel

_MODELS: Final = ("name", "latest", "aliases", "updated", "description")
_VERSIONS: Final = ("version", "stage", "aliases", "run", "created", "source")
_NAMED: Final = ("name", *_VERSIONS)


_name = click.argument("name")
_version = click.argument("version")


@click.group()
def registry() -> None:
    """List, register, move, compare, verify and export registered models."""


for _command in (*approvals.COMMANDS, *lineage.COMMANDS):
    registry.add_command(_command)


@registry.command("list")
@options.search
@click.option("--versions", is_flag=True, help="List versions instead of models.")
@options.output
@registry_where
def list_(
    *,
    filter_string: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    versions: bool,
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """List models, or versions, that match a filter such as "name LIKE 'risk-%'"."""
    client = registry_at(tracking_uri, registry_uri)
    order = list(order_by) or None
    if versions:
        found = every(
            lambda token: client.search_model_versions(
                filter_string or None, order_by=order, page_token=token
            ),
            max_results,
        )
        _show_versions(list(found), output, named=True)
        return
    models = every(
        lambda token: client.search_registered_models(
            filter_string or None, order_by=order, page_token=token
        ),
        max_results,
    )
    _show_models(list(models), output)


@registry.command()
@_name
@click.argument("version", required=False)
@options.output
@registry_where
def show(
    *,
    name: str,
    version: str | None,
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Show a model with its versions, or one version of it."""
    client = registry_at(tracking_uri, registry_uri)
    if version is not None:
        one = client.get_model_version(name, version)
        if output == "json":
            show_json(one)
            return
        show_pairs(None, {key: _cell(value) for key, value in one if value})
        lineage.show_servers(client, name, version)
        return
    model = client.get_registered_model(name)
    versions = list(_versions_of(client, name))
    if output == "json":
        show_json({"registered_model": model, "model_versions": versions})
        return
    told = ((key, value) for key, value in model if key != "latest_versions")
    show_pairs(None, {key: _cell(value) for key, value in told if value})
    click.echo()
    _show_versions(versions, output)
    lineage.show_servers(client, name)


@registry.command()
@click.argument("model_uri")
@_name
@options.tags
@options.output
@registry_where
def register(
    *,
    model_uri: str,
    name: str,
    tags: tuple[tuple[str, str], ...],
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Register MODEL_URI (models:/ID, runs:/ID/PATH, models:/NAME/VERSION) as the next version."""
    client = registry_at(tracking_uri, registry_uri)
    made = client.register_model(model_uri, name, tags=dict(tags) or None)
    if output == "json":
        show_json(made)
    else:
        click.echo(f"Registered version {made.version} of '{name}'.")


@registry.command()
@_name
@_version
@click.argument("stage")
@click.option("--archive-existing", is_flag=True, help="Archive other versions in that stage.")
@registry_where
def transition(
    *,
    name: str,
    version: str,
    stage: str,
    archive_existing: bool,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Move a version to a stage: None, Staging, Production or Archived."""
    client = registry_at(tracking_uri, registry_uri)
    moved = client.transition_model_version_stage(name, version, stage, archive_existing)
    click.echo(f"Version {moved.version} of '{name}' is in {moved.current_stage}.")


@registry.command()
@_name
@click.argument("alias")
@click.argument("version", required=False)
@click.option("--delete", "is_deleted", is_flag=True, help="Delete the alias.")
@registry_where
def alias(
    *,
    name: str,
    alias: str,
    version: str | None,
    is_deleted: bool,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Point an alias at a version, or tell where it points."""
    if is_deleted and version is not None:
        raise click.UsageError("Give a version or --delete, and not both.")
    client = registry_at(tracking_uri, registry_uri)
    if is_deleted:
        client.delete_registered_model_alias(name, alias)
        click.echo(f"'{alias}' of '{name}' points nowhere.")
        return
    if version is not None:
        client.set_registered_model_alias(name, alias, version)
    else:
        version = client.get_model_version_by_alias(name, alias).version
    click.echo(f"'{alias}' of '{name}' points at version {version}.")


@registry.command()
@_name
@click.argument("key")
@click.argument("value", required=False)
@click.option("--version", metavar="VERSION", help="Of this version, not of the model.")
@click.option("--delete", "is_deleted", is_flag=True, help="Delete the tag.")
@registry_where
def tag(
    *,
    name: str,
    key: str,
    value: str | None,
    version: str | None,
    is_deleted: bool,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Set or delete a tag of a model, or of a version."""
    if is_deleted == (value is not None):
        raise click.UsageError("Give a value or --delete, and not both.")
    client = registry_at(tracking_uri, registry_uri)
    match version, value:
        case None, None:
            client.delete_registered_model_tag(name, key)
        case None, str(text):
            client.set_registered_model_tag(name, key, text)
        case str(number), None:
            client.delete_model_version_tag(name, number, key)
        case str(number), str(text):
            client.set_model_version_tag(name, number, key, text)
    click.echo(f"{'Deleted' if is_deleted else 'Set'} tag '{key}'.")


@registry.command()
@_name
@click.argument("version", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@registry_where
def delete(
    *,
    name: str,
    version: str | None,
    yes: bool,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Delete a version, or a model with all its versions, for good."""
    what = f"version {version} of '{name}'" if version else f"'{name}' with all its versions"
    if not yes:
        click.confirm(f"Delete {what} for good?", abort=True)
    client = registry_at(tracking_uri, registry_uri)
    if version is None:
        client.delete_registered_model(name)
    else:
        client.delete_model_version(name, version)
    click.echo(f"Deleted {what}.")


@registry.command()
@_name
@_version
@options.output
@registry_where
def verify(
    *, name: str, version: str, output: str, tracking_uri: str | None, registry_uri: str | None
) -> None:
    """Read all files of a version and compare them with what was registered."""
    client = registry_at(tracking_uri, registry_uri)
    problems = client.verify_model_version(name, version)
    if output == "json":
        show_json({"ok": not problems, "problems": problems})
    elif problems:
        show_table(
            ("problem", "path", "message"),
            ((one.problem, one.path, one.message) for one in problems),
        )
    else:
        click.echo(f"All files of version {version} of '{name}' are as they were registered.")
    if problems:
        raise click.exceptions.Exit(1)


@registry.command()
@_name
@click.argument("text", required=False)
@click.option("--version", metavar="VERSION", help="On this version, not on the model.")
@options.output
@registry_where
def comment(
    *,
    name: str,
    text: str | None,
    version: str | None,
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Say something of a model or version, or list what was said."""
    client = registry_at(tracking_uri, registry_uri)
    if text is not None:
        client.create_comment(name, text, version)
    found = list(every(lambda token: client.list_comments(name, version, page_token=token)))
    if output == "json":
        show_json(found)
        return
    show_table(
        ("id", "by", "at", "comment"),
        ((one.id, one.user_id, time_of(one.creation_timestamp), one.comment) for one in found),
    )


@registry.command()
@_name
@click.argument("first")
@click.argument("second")
@options.output
@registry_where
def diff(
    *,
    name: str,
    first: str,
    second: str,
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Compare two versions: their runs' params and metrics, tags, files."""
    client = registry_at(tracking_uri, registry_uri)
    one, other = (_told(client, client.get_model_version(name, at)) for at in (first, second))
    rows = [
        (what, one.get(what), other.get(what))
        for what in sorted(one.keys() | other.keys())
        if one.get(what) != other.get(what)
    ]
    if output == "json":
        show_json([{"what": what, "first": old, "second": new} for what, old, new in rows])
    else:
        show_table(("what", first, second), rows)


@registry.command()
@_name
@registry_where
def export(*, name: str, tracking_uri: str | None, registry_uri: str | None) -> None:
    """Write all that is known of a model as JSON: versions, comments, lineage, manifests."""
    client = registry_at(tracking_uri, registry_uri)
    versions = list(_versions_of(client, name))
    show_json(
        {
            "registered_model": client.get_registered_model(name),
            "comments": list(every(lambda token: client.list_comments(name, page_token=token))),
            "model_versions": [
                {
                    "model_version": one,
                    "lineage": client.get_model_version_lineage(name, one.version),
                    "manifest": client.get_model_version_manifest(name, one.version),
                    "comments": _comments(client, one),
                }
                for one in versions
            ],
        }
    )


def _comments(client: MillraceClient, of: ModelVersion) -> list[object]:
    return list(every(lambda token: client.list_comments(of.name, of.version, page_token=token)))


def _told(client: MillraceClient, version: ModelVersion) -> dict[str, str | None]:
    """All that two versions may differ in, as text by what it is."""
    found: dict[str, str | None] = {
        "stage": version.current_stage,
        "source": version.source,
        "description": version.description or None,
    }
    found |= {f"tags.{key}": value for key, value in version.tags.items()}
    if version.run_id:
        run = client.get_run(version.run_id)
        found |= {f"params.{key}": value for key, value in run.data.params.items()}
        found |= {f"metrics.{key}": repr(value) for key, value in run.data.metrics.items()}
    manifest = client.get_model_version_manifest(version.name, version.version)
    return found | {f"files.{one.path}": one.sha256 for one in manifest.files}


def _versions_of(client: MillraceClient, name: str) -> Iterator[ModelVersion]:
    quote = '"' if "'" in name else "'"
    where = f"name = {quote}{name}{quote}"
    return every(
        lambda token: client.search_model_versions(
            where, order_by=["version_number"], page_token=token
        )
    )


def _show_models(models: list[RegisteredModel], output: str) -> None:
    if output == "json":
        show_json(models)
        return
    show_table(
        _MODELS,
        (
            (
                one.name,
                max((int(each.version) for each in one.latest_versions), default=None),
                ", ".join(f"{alias}={at}" for alias, at in one.aliases.items()),
                time_of(one.last_updated_timestamp),
                one.description,
            )
            for one in models
        ),
    )


def _show_versions(versions: list[ModelVersion], output: str, *, named: bool = False) -> None:
    if output == "json":
        show_json(versions)
        return
    show_table(
        _NAMED if named else _VERSIONS,
        (
            (
                *((one.name,) if named else ()),
                one.version,
                one.current_stage,
                ", ".join(one.aliases),
                one.run_id,
                time_of(one.creation_timestamp),
                one.source,
            )
            for one in versions
        ),
    )


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={held}" for key, held in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
