"""`millrace server`: start the tracking server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from millrace.cli.options import option_of
from millrace.core import settings
from millrace.core.errors import NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable

# Options of the contract that this server does not offer: to ignore one could lose data or leave a
# door open, so it is refused by name. "flag" options take no value.
REFUSED: Final = {
    "--read-replica-backend-store-uri": ("value", "A read replica"),
    "--app-name": ("value", "Sign-in to the server"),
    "--expose-prometheus": ("value", "Prometheus metrics"),
    "--trace-archival-config": ("value", "Trace archival"),
    "--workspace-store-uri": ("value", "Workspaces"),
    "--enable-workspaces": ("flag", "Workspaces"),
}
# Options of the contract that make no difference here.
WITHOUT_EFFECT: Final = {
    "--disable-workspaces": "flag",
    "--dev": "flag",
    "--gunicorn-opts": "value",
    "--waitress-opts": "value",
    "--uvicorn-opts": "value",
    "--secrets-cache-ttl": "value",
    "--secrets-cache-max-size": "value",
}


def _refuse(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        option = param.opts[0]
        raise NotSupported(
            f"{REFUSED[option][1]} is not offered by this server; start it without {option}."
        )


def _warn(ctx: click.Context, param: click.Parameter, value: object) -> None:
    # What is switched off here anyway needs no word.
    if value and not ctx.resilient_parsing and param.opts[0] != "--disable-workspaces":
        click.echo(f"Warning: {param.opts[0]} has no effect on this server.", err=True)


def _of_the_contract(command: Callable[..., Any]) -> Callable[..., Any]:
    """Declare the options that are refused or without effect; they do not show in the help."""
    kinds = {name: kind for name, (kind, _) in REFUSED.items()} | WITHOUT_EFFECT
    for name, kind in kinds.items():
        act = _refuse if name in REFUSED else _warn
        command = click.option(
            name,
            is_flag=kind == "flag",
            default=None,
            hidden=True,
            expose_value=False,
            callback=act,
        )(command)
    return command


@click.command()
@option_of(settings.BACKEND_STORE_URI, "--backend-store-uri", metavar="URI")
@option_of(settings.REGISTRY_STORE_URI, "--registry-store-uri", metavar="URI")
@option_of(settings.DEFAULT_ARTIFACT_ROOT, "--default-artifact-root", metavar="URI")
@option_of(settings.SERVE_ARTIFACTS, "--serve-artifacts/--no-serve-artifacts")
@option_of(settings.ARTIFACTS_DESTINATION, "--artifacts-destination", metavar="URI")
@option_of(settings.ARTIFACTS_ONLY, "--artifacts-only", is_flag=True)
@option_of(settings.ARTIFACTS_PRESIGNED_ONLY, "--artifacts-presigned-only", is_flag=True)
@option_of(
    settings.ALLOW_LOCAL_ARTIFACT_LOCATIONS, "--allow-local-artifact-locations", is_flag=True
)
@option_of(settings.HOST, "--host", "-h")
@option_of(settings.PORT, "--port", "-p", type=click.IntRange(0, 65535))
@option_of(settings.WORKERS, "--workers", "-w", type=click.IntRange(1))
@option_of(settings.STATIC_PREFIX, "--static-prefix", metavar="PATH")
@option_of(settings.ALLOWED_HOSTS, "--allowed-hosts", metavar="HOSTS")
@option_of(settings.CORS_ALLOWED_ORIGINS, "--cors-allowed-origins", metavar="ORIGINS")
@option_of(settings.DISABLE_SECURITY_MIDDLEWARE, "--disable-security-middleware", is_flag=True)
@option_of(
    settings.X_FRAME_OPTIONS,
    "--x-frame-options",
    type=click.Choice(["SAMEORIGIN", "DENY", "NONE"], case_sensitive=False),
)
@_of_the_contract
@click.pass_context
def server(ctx: click.Context, /, **options: Any) -> None:
    """Start the tracking server.

    Ctrl-C or SIGTERM ends it, once the requests in flight are answered.
    """
    source = ctx.get_parameter_source("backend_store_uri")
    if options["artifacts_only"] and source is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "--backend-store-uri cannot be given with --artifacts-only: such a server keeps no "
            "records of experiments."
        )
    from millrace.server.config import ServerConfig
    from millrace.server.run import serve

    serve(ServerConfig(**options))


ui = server
