"""Options that several commands share, and options that a setting gives a default to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

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


def artifacts_destination(command: F) -> F:
    """`--artifacts-destination`: what `mlflow-artifacts:/` means, if anything."""
    return click.option(
        "--artifacts-destination",
        envvar=list(settings.ARTIFACTS_DESTINATION.names),
        metavar="URI",
        help="Where the server keeps the artifacts that it proxies (mlflow-artifacts:/...).",
    )(command)


def older_than(command: F) -> F:
    """`--older-than 7d12h`: an age; the command gets milliseconds."""
    return click.option(
        "--older-than",
        "older_than_ms",
        metavar="AGE",
        callback=_age,
        help="Only what was deleted at least that long ago: days, hours, minutes and seconds as in "
        "7d12h or 1.5h.",
    )(command)


_AGE: Final = re.compile(
    r"(?:(?P<d>[0-9.]+)d)?(?:(?P<h>[0-9.]+)h)?(?:(?P<m>[0-9.]+)m)?(?:(?P<s>[0-9.]+)s)?"
)
_UNIT_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}


def _age(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    found = _AGE.fullmatch(value.strip())
    try:
        parts = {unit: float(text) for unit, text in found.groupdict().items() if text}  # type: ignore[union-attr]  # None is caught
    except (AttributeError, ValueError):
        parts = {}
    if not parts:
        raise click.BadParameter(f"{value!r} is no age such as 7d12h, 30m or 1.5h.", ctx, param)
    return round(sum(_UNIT_MS[unit] * number for unit, number in parts.items()))


def listed(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """A comma-separated option as its parts."""
    del ctx, param
    return tuple(one.strip() for one in (value or "").split(",") if one.strip())


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
