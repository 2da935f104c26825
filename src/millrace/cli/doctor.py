"""`millrace doctor`: what is installed, what is set, and whether records can be kept."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import msgspec

from millrace import __version__
from millrace.cli import options
from millrace.cli.output import show_json, show_pairs, show_table
from millrace.core import settings
from millrace.core.errors import MillraceError
from millrace.core.uris import redacted
from millrace.stores.places import NotThere

_LIBRARIES: Final = (
    "alembic",
    "click",
    "google-re2",
    "httptools",
    "msgspec",
    "pandas",
    "psutil",
    "sqlalchemy",
    "urllib3",
    "uvicorn",
    "uvloop",
)


class Store(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the records at `uri` can be reached, and what is known of them."""

    uri: str
    ready: bool
    kind: str | None = None
    version: str | None = None
    revision: str | None = None
    message: str | None = None


@click.command()
@click.option("--mask-envs", is_flag=True, help="Show which variables are set, not their values.")
@options.output
@options.tracking_uri
@click.pass_context
def doctor(ctx: click.Context, *, mask_envs: bool, output: str, tracking_uri: str | None) -> None:
    """Tell what is installed, set and reachable.

    Looks at the server or database of the tracking URI, or else at the server's own database.
    The exit code is 1 when it cannot be reached.
    """
    uri = tracking_uri or settings.BACKEND_STORE_URI.get()
    versions, in_force, store = _versions(), _in_force(hide=mask_envs), _store(uri)
    if output == "json":
        show_json({"versions": versions, "settings": in_force, "store": store})
    else:
        show_pairs("versions", versions)
        if in_force:
            click.echo("settings")
            rows = [(f"  {each['name']}", each["value"], each["source"]) for each in in_force]
            show_table(("  name", "value", "set by"), rows)
        show_pairs("store", {k: str(v) for k, v in msgspec.to_builtins(store).items()})
    if not store.ready:
        ctx.exit(1)


def _versions() -> dict[str, str]:
    found = {
        "millrace": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found


def _in_force(*, hide: bool) -> list[dict[str, str]]:
    """The settings that are not at their defaults, secrets masked."""
    rows = []
    for setting in settings.SETTINGS:
        source = setting.source()
        if source is None:
            continue
        try:
            value = str(setting.get())
        except MillraceError as error:
            value = f"unreadable: {error.message}"
        shown = "***" if hide or setting.secret else without_password(value)
        rows.append({"name": setting.name, "value": shown, "source": source})
    return rows


def without_password(text: str) -> str:
    """*text* with the password masked, if it is a URI that has one."""
    if "://" not in text or "@" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:  # a host that is none
        return redacted(text)
    user, _, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return parts._replace(netloc=f"{name}{colon and ':***'}@{host}").geturl()


def _store(uri: str) -> Store:
    shown = without_password(uri)
    try:
        return _server(uri) if uri.startswith(("http://", "https://")) else _database(uri)
    except MillraceError as error:
        return Store(uri=shown, ready=False, message=error.message)


def _server(uri: str) -> Store:
    """What the server at *uri* says of itself."""
    from millrace.api.system import Readiness
    from millrace.client import auth
    from millrace.http.client import HttpClient, Message
    from millrace.http.patience import Patience

    address = auth.address(uri)
    client = HttpClient(address.base_url, address.headers, auth.options())
    at_once = Patience(retries=0, timeout_s=10.0)
    try:
        answer = client.request(Message(method="GET", path="/ready"), at_once)
    except NotThere:
        # Not ours, but perhaps another server of the same API.
        answer = client.request(Message(method="GET", path="/version"), at_once)
        version = answer.body.decode(errors="replace").strip()
        return Store(uri=address.base_url, ready=True, version=version)
    said = msgspec.json.decode(answer.body, type=Readiness)
    return Store(
        uri=address.base_url,
        ready=True,
        kind=said.store,
        version=said.version,
        revision=said.revision,
    )


def _database(uri: str) -> Store:
    """Open the database at *uri*, unless that would make a new one."""
    from millrace.stores.open import open_stores

    require_there(uri)
    stores = open_stores(uri)
    try:
        health = stores.health()
    finally:
        stores.close()
    return Store(
        uri=without_password(uri),
        ready=health.ready,
        kind=health.kind,
        revision=health.revision,
        message=health.message,
    )


def require_there(uri: str) -> None:
    """Raise `NotThere` where there is nothing: looking must not make a store."""
    from millrace.stores.open import scheme_of

    file = missing_file(uri)
    if file is not None:
        raise NotThere(f"There is no database file {file} yet; a server makes it when it starts.")
    if scheme_of(uri) == "file":
        from millrace.stores.file import folder_of

        if not Path(folder_of(uri)).is_dir():
            raise NotThere(f"There is no folder {folder_of(uri)} yet; a server makes it.")


def missing_file(uri: str) -> str | None:
    """The file of a SQLite URI that is not there; None when it is there, or for other databases."""
    scheme, separator, path = uri.partition(":///")
    if not separator or scheme.partition("+")[0] != "sqlite" or path in {"", ":memory:"}:
        return None
    file = path.partition("?")[0]
    return None if Path(file).exists() else file
