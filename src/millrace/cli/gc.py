"""`millrace gc`: remove what is in the trash for good, artifacts too."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final, Literal

import click

from millrace.cli import options
from millrace.cli.doctor import require_there
from millrace.cli.output import printable, show_json
from millrace.core import settings
from millrace.core.errors import InvalidArgument
from millrace.core.uris import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millrace.api.trash import Removal
    from millrace.artifacts.protocols import ArtifactStore
    from millrace.services.retention import Selection

_WORDS: Final = {
    "removed": "removed",
    "would_remove": "would remove",
    "kept": "kept",
    "failed": "FAILED",
}


@click.command()
@options.older_than
@options.option_of(settings.BACKEND_STORE_URI, "--backend-store-uri", metavar="URI")
@options.option_of(settings.REGISTRY_STORE_URI, "--registry-store-uri", metavar="URI")
@options.artifacts_destination
@click.option("--run-ids", callback=options.listed, metavar="IDS", help="Only these runs.")
@click.option(
    "--experiment-ids",
    callback=options.listed,
    metavar="IDS",
    help="Only these experiments, with all that is in them.",
)
@click.option(
    "--logged-model-ids", callback=options.listed, metavar="IDS", help="Only these logged models."
)
@click.option(
    "--tracking-uri",
    metavar="URL",
    help="Let this server do it, on its own database and artifacts; an administrator may ask.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, remove nothing.")
@click.option(
    "--registered",
    type=click.Choice(["keep", "refuse"]),
    default="keep",
    show_default=True,
    help="What a registered model version still needs: keep it and go on, or refuse to begin.",
)
@options.output
@click.pass_context
def gc(
    ctx: click.Context,
    *,
    older_than_ms: int | None,
    backend_store_uri: str,
    registry_store_uri: str | None,
    artifacts_destination: str | None,
    run_ids: tuple[str, ...],
    experiment_ids: tuple[str, ...],
    logged_model_ids: tuple[str, ...],
    tracking_uri: str | None,
    dry_run: bool,
    registered: Literal["keep", "refuse"],
    output: str,
) -> None:
    """Remove runs, experiments and logged models in the trash for good, with their artifacts.

    Several ids are separated by commas. Interrupted, it goes on when it is called again. The exit
    code is 1 when something could not be removed; it is still in the trash then.
    """
    if tracking_uri and tracking_uri.startswith(("http://", "https://")):
        from millrace.cli.records import client_at

        removals: Iterable[Removal] = client_at(tracking_uri).empty_trash(
            run_ids=run_ids,
            experiment_ids=experiment_ids,
            logged_model_ids=logged_model_ids,
            older_than_ms=older_than_ms,
            dry_run=dry_run,
        )
    else:
        from millrace.services.retention import Selection

        selection = Selection(
            ids={
                "run": run_ids,
                "experiment": experiment_ids,
                "logged_model": logged_model_ids,
            },
            older_than_ms=older_than_ms,
        )
        removals = _here(
            tracking_uri or backend_store_uri,
            registry_store_uri,
            artifacts_destination,
            selection,
            registered,
            dry_run=dry_run,
        )
    if not tell(removals, output):
        ctx.exit(1)


def _here(
    uri: str,
    registry_uri: str | None,
    destination: str | None,
    selection: Selection,
    registered: Literal["keep", "refuse"],
    *,
    dry_run: bool,
) -> Iterator[Removal]:
    """Empty the trash of a database in this process; models may be registered in another."""
    from millrace.client.transports import local_context
    from millrace.services.places import Places
    from millrace.services.retention import Retention
    from millrace.stores.open import open_stores

    apart = {uri, registry_uri or uri} - {uri}
    for one in (uri, *apart):
        require_there(one)
    with ExitStack() as opened:
        stores = opened.enter_context(closing(open_stores(uri)))
        models = [opened.enter_context(closing(open_stores(one))) for one in apart] or [stores]
        places = Places(open_store, destination=destination, trusting=True)
        opened.enter_context(closing(places))
        retention = Retention(stores, places, registry=models[0].registry, registered=registered)
        yield from retention.removals(local_context(), selection, dry_run=dry_run)


def open_store(uri: str) -> ArtifactStore:
    """A store of artifacts that this process can reach by itself."""
    from millrace.artifacts.open import open_artifacts

    if uri.startswith("mlflow-artifacts:"):
        raise InvalidArgument(
            f"{redacted(uri)} is a place on a server; say where that server keeps its artifacts "
            "(--artifacts-destination)."
        )
    return open_artifacts(uri)


def tell(removals: Iterable[Removal], output: str) -> bool:
    """Print what became of each thing, and the sum; whether nothing failed."""
    counts = dict.fromkeys(_WORDS, 0)
    points = files = size = 0
    shown = []
    for one in removals:
        counts[one.outcome] += 1
        if one.outcome in {"removed", "would_remove"}:
            points, files, size = points + one.points, files + one.files, size + one.bytes
        if output == "json":
            shown.append(one)
            continue
        click.echo(_line(one))
    if output == "json":
        show_json({"removals": shown, **counts, "points": points, "files": files, "bytes": size})
    else:
        said = ", ".join(f"{_WORDS[key]} {count}" for key, count in counts.items() if count)
        click.echo(
            f"{said[:1].upper()}{said[1:]}: {points} points, {files} files of {size} bytes."
            if said
            else "There is nothing to remove."
        )
    return not counts["failed"]


def _line(one: Removal) -> str:
    kind = one.kind.replace("_", " ")
    text = f"{_WORDS[one.outcome]} {kind} {one.id} ({printable(one.name)})"
    if one.reason:
        return f"{text}: {one.reason}"
    if one.kind != "experiment":
        text += f": {one.points} points, {one.files} files of {one.bytes} bytes"
    if one.left:
        text += f"; {one.left} is no folder of its own and stays"
    return text
