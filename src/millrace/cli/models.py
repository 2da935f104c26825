"""`millrace models`: serve a model over HTTP; look at, check and compare models."""

from __future__ import annotations

import json
import time
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
@option_of(settings.SERVED_URL, "--public-url", metavar="URL")
@click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "venv", "virtualenv", "conda"]),
    default="local",
    show_default=True,
    help="local: this very environment; uv, venv or conda: one made of what the model needs.",
)
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
    are answered. While it serves a registered version, the registry knows.
    """
    from millrace.serving.config import Registered, ServingConfig
    from millrace.serving.fetch import fetch
    from millrace.serving.run import serve as run

    given, manager = options.pop("trusted"), options.pop("env_manager")
    found = fetch(model_uri, trusted=given, manager="venv" if manager == "virtualenv" else manager)
    # What its origin does not vouch for may still be what this user saved; the child looks.
    trusted = True if found.trusted else given
    run(
        ServingConfig(
            folder=found.folder,
            python=found.python,
            name=name or found.name,
            version=found.version,
            trusted=trusted,
            registered=Registered(name=found.name, version=found.version, uri=model_uri)
            if found.registered
            else None,
            extra=dict(map(_variable, variables)),
            **options,
        )
    )


@models.command()
@_model_uri
@click.option("--input-path", "-i", default="-", metavar="FILE", help="What to score; - is stdin.")
@click.option("--output-path", "-o", default="-", metavar="FILE", help="Where to; - is stdout.")
@click.option(
    "--content-type",
    "-t",
    "read_as",
    type=click.Choice(["csv", "json", "jsonl", "parquet"]),
    help="The format of the input; by default, what its name says, or JSON.",
)
@click.option(
    "--output-type",
    "write_as",
    type=click.Choice(["csv", "json", "jsonl", "parquet"]),
    help="The format of the output; by default, what its name says, or JSON.",
)
@click.option("--chunk-rows", "rows", type=click.IntRange(1), default=50_000, show_default=True)
@click.option("--params", metavar="JSON", help="Params of the model, as a JSON object.")
@click.option("--keep-input", is_flag=True, help="Write the input's columns, too.")
@click.option("--quiet", is_flag=True, help="No progress on the standard error.")
@_trusted
def predict(model_uri: str, *, params: str | None, quiet: bool, **options: Any) -> None:
    """Score a file with a model, chunk by chunk, in memory that does not grow with the file."""
    from millrace.models.batch import score_file
    from millrace.models.pyfunc import load_model

    model = load_model(model_uri, trusted=options.pop("trusted"))
    source, target = options.pop("input_path"), options.pop("output_path")
    told = _Progress(quiet=quiet)
    done = score_file(model, source, target, params=_params(params), progress=told.rows, **options)
    told.end(done)


class _Progress:
    """Rows on the standard error, about once a second."""

    def __init__(self, *, quiet: bool) -> None:
        self._is_quiet = quiet
        self._began = self._last = time.monotonic()

    def rows(self, done: int) -> None:
        now = time.monotonic()
        if now - self._last >= 1 and not self._is_quiet:
            self._last = now
            click.echo(f"{done:,} rows, {done / (now - self._began):,.0f} a second", err=True)

    def end(self, done: int) -> None:
        if not self._is_quiet:
            click.echo(f"{done:,} rows in {time.monotonic() - self._began:.1f} s", err=True)


def _params(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"--params is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidArgument("--params must be a JSON object, such as '{\"temperature\": 0.5}'.")
    return found


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
