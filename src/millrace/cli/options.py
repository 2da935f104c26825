"""Options that several commands share, and options that a setting gives a default to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millrace.core import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.settings import Setting

F = TypeVar("F", bound="Callable[..., Any]")


def option_of(setting: Setting[Any], *names: str, **more: Any) -> Callable[[F], F]:
    """An option whose default, help and environment variables are those of *setting*."""
    help_text = f"{setting.doc}  [{', '.join(setting.names)}]"
    shown = setting.default if setting.default not in (None, "", False) else None
    return click.option(
        *names,
        default=setting.get,
        show_default=str(shown) if shown else False,
        help=help_text,
        **more,
    )


def tracking_uri(command: F) -> F:
    """`--tracking-uri`: whose records the command is about."""
    return option_of(settings.TRACKING_URI, "--tracking-uri", metavar="URI")(command)


def output(command: F) -> F:
    """`--output`: for people or for programs."""
    return click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people, or JSON for programs.",
    )(command)


def filename(command: F) -> F:
    """`--filename`: where an export goes."""
    return click.option(
        "--filename",
        "-o",
        type=click.Path(path_type=Path, dir_okay=False, writable=True),
        help="The file to write; the standard output by default.",
    )(command)


def experiment_ids(command: F) -> F:
    """`--experiment-id`, once or more."""
    return click.option(
        "--experiment-id",
        "experiment_ids",
        multiple=True,
        required=True,
        metavar="ID",
        help="Where to look; may be given several times.",
    )(command)


def search(command: F) -> F:
    """`--filter`, `--order-by` and `--max-results`."""
    for option in (
        click.option("--max-results", type=click.IntRange(1), help="No more than that."),
        click.option("--order-by", multiple=True, metavar="FIELD", help="Sort by; repeatable."),
        click.option("--filter", "filter_string", default="", metavar="FILTER", help="Only these."),
    ):
        command = option(command)
    return command


def view(command: F) -> F:
    """`--view`: whether the trash is wanted."""
    return click.option(
        "--view",
        "-v",
        type=click.Choice(["active_only", "deleted_only", "all"], case_sensitive=False),
        default="active_only",
        show_default=True,
        help="What is active, what is in the trash, or both.",
    )(command)


def tags(command: F) -> F:
    """`--tags key=value`, any number of times; the command gets pairs."""
    return click.option(
        "--tags",
        "-t",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_pairs,
        help="A tag; may be given several times.",
    )(command)


def _pairs(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found = []
    for value in values:
        key, separator, rest = value.partition("=")
        if not (key and separator):
            raise click.BadParameter(f"{value!r} is not of the form key=value.", ctx, param)
        found.append((key, rest))
    return tuple(found)
