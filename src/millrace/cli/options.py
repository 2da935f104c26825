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


class KeyValue(click.ParamType):
    """`key=value`."""

    name = "key=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The pair; only the first `=` separates."""
        if isinstance(value, tuple):
            return value
        key, separator, rest = str(value).partition("=")
        if not (key and separator):
            self.fail(f"{value!r} is not of the form key=value.", param, ctx)
        return key, rest


def tags(command: F) -> F:
    """`--tags key=value`, any number of times."""
    return click.option(
        "--tags", "-t", type=KeyValue(), multiple=True, help="A tag; may be given several times."
    )(command)
