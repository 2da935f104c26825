"""`millrace models show`, `scan`, `verify`, ...: models looked at, checked, compared, prepared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from millrace.cli import options
from millrace.cli.output import show_json, show_table

if TYPE_CHECKING:
    from millrace.models.envs import Manager
    from millrace.models.model import Model
    from millrace.models.resolve import Resolved

_model = click.option(
    "--model-uri",
    "-m",
    required=True,
    metavar="URI",
    help="models:/NAME/VERSION, models:/NAME@ALIAS, models:/ID, runs:/ID/PATH, or a folder.",
)
_manager = click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "venv", "virtualenv", "conda"]),
    default="uv",
    show_default=True,
    help="local: this very environment; uv, venv or conda: one made of what the model needs.",
)
_odd = click.option(
    "--allow-odd-requirements",
    is_flag=True,
    help="Follow requirement lines that are more than a name with versions: read them first.",
)
_trusted = click.option(
    "--trusted/--untrusted",
    default=None,
    help="Whether code that is part of the model may run; by default it depends on its origin.",
)


@click.command()
@_model
@options.output
@options.tracking_uri
def show(*, model_uri: str, output: str, tracking_uri: str | None) -> None:
    """Show what a model says of itself, and what runs code when it is loaded."""
    from millrace.models.environment import load_environment

    found = _found(model_uri, tracking_uri)
    model = _mlmodel(found)
    if output == "json":
        show_json({**model.to_dict(), "uri": model_uri})
        return
    rows: list[tuple[str, Any]] = [
        ("uri", model_uri),
        ("flavors", ", ".join(sorted(model.flavors))),
        ("created", model.utc_time_created),
        ("written by", model.mlflow_version),
        ("run", model.run_id),
        ("bytes", model.model_size_bytes),
        ("license", model.license),
    ]
    signature = model.signature
    if signature is not None:
        parts = ("inputs", "outputs", "params")
        rows += [(part, str(getattr(signature, part))) for part in parts]
    rows.append(
        ("requires", ", ".join(one.line for one in load_environment(found.folder).requirements))
    )
    show_table(("what", ""), [row for row in rows if row[1] not in {None, "", "None"}])
    _show_scan(found)


@click.command()
@_model
@options.output
@options.tracking_uri
def scan(*, model_uri: str, output: str, tracking_uri: str | None) -> None:
    """Look for files that run code when they are read; nothing is loaded.

    Ends with 1 when one of them calls what no model needs.
    """
    import msgspec

    from millrace.models.scan import scan_folder

    found = _found(model_uri, tracking_uri)
    seen = scan_folder(found.folder)
    if output == "json":
        show_json({path: msgspec.to_builtins(one) for path, one in seen.items()})
    else:
        _show_scan(found)
    if any(one.dangerous for one in seen.values()):
        sys.exit(1)


@click.command()
@_model
@_manager
@_odd
@options.tracking_uri
def prepare_env(
    *, model_uri: str, env_manager: str, allow_odd_requirements: bool, tracking_uri: str | None
) -> None:
    """Make the environment that a model needs, unless it is there, and print its interpreter."""
    from millrace.models import envs

    found = _found(model_uri, tracking_uri)
    click.echo(envs.prepare(found.folder, _by(env_manager), allow_odd=allow_odd_requirements))


@click.command()
@_model
@_manager
@_trusted
@_odd
@options.tracking_uri
def verify(
    *,
    model_uri: str,
    env_manager: str,
    trusted: bool | None,
    allow_odd_requirements: bool,
    tracking_uri: str | None,
) -> None:
    """Load a model in a clean environment, score its example, compare with the stored output."""
    from millrace.models import verifying

    found = _found(model_uri, tracking_uri)
    done = verifying.verify(
        found, _by(env_manager), trusted=trusted, allow_odd=allow_odd_requirements
    )
    if done.differs:
        for line in done.differs:
            click.echo(line)
        raise click.ClickException("The model does not give what it gave when it was saved.")
    click.echo(f"{model_uri} loads and gives what it gave when it was saved.")


@click.command()
@click.argument("one", metavar="URI")
@click.argument("other", metavar="URI")
@options.output
@options.tracking_uri
def diff(*, one: str, other: str, output: str, tracking_uri: str | None) -> None:
    """Show in which two models differ: signature, flavors, requirements, files, notes."""
    import msgspec

    from millrace.models import verifying

    folders = [_found(uri, tracking_uri).folder for uri in (one, other)]
    found = verifying.compare(*folders)
    if output == "json":
        show_json([msgspec.to_builtins(each) for each in found])
    else:
        show_table(("what", one, other), [(each.what, each.one, each.other) for each in found])


@click.command()
@_model
@click.option(
    "--output-directory",
    "-d",
    type=click.Path(file_okay=False, path_type=Path),
    default="millrace-dockerfile",
    show_default=True,
    help="The new folder to write into.",
)
@click.option("--base-image", metavar="NAME", help="Instead of the slim image of its Python.")
@_odd
@options.tracking_uri
def generate_dockerfile(
    *,
    model_uri: str,
    output_directory: Path,
    base_image: str | None,
    allow_odd_requirements: bool,
    tracking_uri: str | None,
) -> None:
    """Write a folder that any builder makes a server of the model of."""
    from millrace.models import dockerfile

    found = _found(model_uri, tracking_uri)
    made = dockerfile.generate(
        found.folder, output_directory, base_image=base_image, allow_odd=allow_odd_requirements
    )
    click.echo(f"Wrote {made}. Build it: docker build {output_directory}")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A private key in PEM, Ed25519 or ECDSA on P-256.",
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its certificate in PEM, followed by those of its authorities but the last.",
)
def sign(*, folder: Path, key: Path, certificate: Path | None) -> None:
    """Sign all files of a model in a folder, before it is registered or given away.

    Make a key with: openssl genpkey -algorithm ed25519 -out key.pem
    """
    from millrace.models import signing

    click.echo(f"Wrote {signing.sign(folder, key, certificate)}.")


@click.command()
@_model
@click.option(
    "--public-key",
    "keys",
    required=True,
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A public key, or the certificate of an authority, in PEM; given several times, one of "
    "them has to be the signer's.",
)
@click.option(
    "--identity",
    "identities",
    multiple=True,
    help="An address or name that a certificate has to be for; any, if none is given.",
)
@options.tracking_uri
def check_signature(
    *,
    model_uri: str,
    keys: tuple[Path, ...],
    identities: tuple[str, ...],
    tracking_uri: str | None,
) -> None:
    """Say whether a model is what the owner of a key or certificate signed."""
    from millrace.models import signing

    count = signing.check(_found(model_uri, tracking_uri).folder, model_uri, keys, identities)
    click.echo(f"{model_uri} is what was signed: {count} files.")


COMMANDS: Final = (
    *(show, scan, prepare_env, verify, diff, generate_dockerfile),
    *(sign, check_signature),
)
"""What `millrace models` has of these."""


def _by(name: str) -> Manager:
    from millrace.models.envs import MANAGERS

    wanted = "venv" if name == "virtualenv" else name
    return next(one for one in MANAGERS if one == wanted)


def _found(uri: str, tracking_uri: str | None) -> Resolved:
    from millrace.core import settings
    from millrace.models import resolve

    if tracking_uri is not None:
        settings.TRACKING_URI.put(tracking_uri)
    return resolve.resolve(uri)


def _mlmodel(found: Resolved) -> Model:
    from millrace.models import model

    return model.Model.load(found.folder)


def _show_scan(found: Resolved) -> None:
    from millrace.models.scan import scan_folder

    seen = scan_folder(found.folder)
    if not seen:
        click.echo("No file of it runs code when it is read.")
        return
    rows = [(path, one.format, ", ".join(one.dangerous)) for path, one in seen.items()]
    show_table(("runs code when read", "format", "calls what no model needs"), rows)
