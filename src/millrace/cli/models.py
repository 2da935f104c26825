"""`millrace models`: serve a model over HTTP; look at, check and compare models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millrace.cli import packaging
from millrace.cli.options import option_of
from millrace.core import settings
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable


def _model_uri(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--model-uri",
        "-m",
        required=True,
        metavar="URI",
        help="A folder, models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID/PATH, or a store's URI.",
    )(command)


def _trusted(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--trusted/--untrusted",
        default=None,
        help="Whether code that is part of the model may run; by default, what you saved and what "
        "MILLRACE_TRUSTED_MODELS names.",
    )(command)


@click.group()
def models() -> None:
    """Serve packaged models; look at them, check them, compare them."""


for _command in packaging.COMMANDS:
    models.add_command(_command)


@models.command()
@_model_uri
@option_of(settings.HOST, "--host", "-h")
@option_of(settings.PORT, "--port", "-p", type=click.IntRange(0, 65535))
@option_of(settings.MODEL_WORKERS, "--workers", "-w", type=click.IntRange(1))
@option_of(settings.SCORING_TIMEOUT, "--timeout", "-t", "timeout_s", type=float)
@option_of(settings.SCORING_BODY_BYTES, "--max-body", type=click.IntRange(1), metavar="BYTES")
@option_of(settings.SCORING_ROWS, "--max-rows", type=click.IntRange(1))
@option_of(settings.SCORING_QUEUE, "--max-waiting", type=click.IntRange(1))
@option_of(
    settings.SCORING_BATCH_REQUESTS, "--batch-requests", type=click.IntRange(1), metavar="COUNT"
)
@option_of(
    settings.SCORING_BATCH_SECONDS, "--batch-window", "batch_s", type=float, metavar="SECONDS"
)
@option_of(settings.ALLOWED_HOSTS, "--allowed-hosts", metavar="HOSTS")
@option_of(settings.CORS_ALLOWED_ORIGINS, "--cors-allowed-origins", metavar="ORIGINS")
@click.option("--name", help="What the Open Inference Protocol calls it; by default, its own name.")
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="An environment variable for the model; it gets few others. May be given several times.",
)
@_trusted
def serve(model_uri: str, variables: tuple[str, ...], name: str | None, **options: Any) -> None:
    """Serve a model over HTTP.

    POST /invocations takes rows as JSON, CSV or Parquet; /v2 speaks the Open Inference Protocol;
    /openapi.json says what the model takes. Ctrl-C or SIGTERM ends it, once the requests in flight
    are answered.
    """
    from millrace.serving.config import ServingConfig
    from millrace.serving.fetch import fetch
    from millrace.serving.run import serve as run

    given = options.pop("trusted")
    found = fetch(model_uri, trusted=given)
    # What its origin does not vouch for may still be what this user saved; the child looks.
    trusted = True if found.trusted else given
    run(
        ServingConfig(
            folder=found.folder,
            name=name or found.name,
            version=found.version,
            trusted=trusted,
            extra=dict(map(_variable, variables)),
            **options,
        )
    )


def _variable(text: str) -> tuple[str, str]:
    name, has_value, value = text.partition("=")
    if not name or "\0" in text:
        raise InvalidArgument(f"--env {text!r}: give NAME, or NAME=VALUE.")
    if has_value:
        return name, value
    there = settings.passed_on({name}, ())
    if name not in there:
        raise InvalidArgument(f"--env {name}: it is not set here.")
    return name, there[name]
