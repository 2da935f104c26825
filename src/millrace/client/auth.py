"""Where a tracking URI leads, and as whom: basic, bearer, Databricks profiles, header plugins.

User name and password win over a token, as the field has it. Credentials in the URI win over both.
No secret is ever part of a `repr`, a log line or an error.
"""

from __future__ import annotations

import base64
import configparser
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, unquote, urlsplit

from millrace.client.context import user
from millrace.core import settings
from millrace.core.errors import InvalidArgument
from millrace.core.plugins import Registry
from millrace.http.client import Options, Tls
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEADER_PLUGINS: Final = Registry["Callable[[], Mapping[str, str]]"]("millrace.headers", {})
"""Entry points that are called before each request and return headers to add."""


class Address:
    """A server and the headers that name us to it."""

    def __init__(self, base_url: str, authorization: Callable[[], str | None]) -> None:
        self.base_url = base_url
        self._authorization = authorization
        self._plugins: list[Callable[[], Mapping[str, str]]] | None = None

    @staticmethod
    def anonymous() -> dict[str, str]:
        """Headers that do not say who we are, for a server that we have no credentials for."""
        from millrace import __version__  # noqa: PLC0415 - the doors are above every floor

        return {"User-Agent": f"millrace-python-client/{__version__}"}

    def headers(self) -> dict[str, str]:
        """Headers of the next request; what a plugin says wins over our own."""
        # Whom the audit trail names while the server has no accounts.
        headers = {**self.anonymous(), "X-Millrace-User": quote(user())}
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        if self._plugins is None:
            found = (HEADER_PLUGINS.find(name) for name in HEADER_PLUGINS.names())
            self._plugins = [plugin for plugin in found if plugin is not None]
        for plugin in self._plugins:
            headers |= plugin()
        return headers


def address(uri: str) -> Address:
    """The address that *uri* names: `http[s]://[user:password@]host` or `databricks[://profile]`.

    Credentials of the settings are read for each request, so that a token may be renewed.
    """
    parts = urlsplit(uri)
    if parts.scheme == "databricks" or uri == "databricks":
        return _databricks(parts.netloc or None)
    if parts.username:
        given = _basic(unquote(parts.username), unquote(parts.password or ""))
        bare = parts.netloc.rpartition("@")[2]
        return Address(parts._replace(netloc=bare).geturl(), lambda: given)
    return Address(uri, _of_settings)


def _of_settings() -> str | None:
    user, password = settings.TRACKING_USERNAME.get(), settings.TRACKING_PASSWORD.get()
    if user and password:
        return _basic(user, password)
    token = settings.TRACKING_TOKEN.get()
    return f"Bearer {token}" if token else None


def options() -> Options:
    """Connection options of the settings; `InvalidArgument` when they contradict each other."""
    insecure, ca_file = (
        settings.TRACKING_INSECURE_TLS.get(),
        settings.TRACKING_SERVER_CERT_PATH.get(),
    )
    if insecure and ca_file:
        raise InvalidArgument(
            f"{settings.TRACKING_INSECURE_TLS.source()} switches the check of the certificate off "
            f"and {settings.TRACKING_SERVER_CERT_PATH.source()} says how to check it; unset one."
        )
    certificate = settings.TRACKING_CLIENT_CERT_PATH.get()
    for setting, path in (
        (settings.TRACKING_SERVER_CERT_PATH, ca_file),
        (settings.TRACKING_CLIENT_CERT_PATH, certificate),
    ):
        if path and not Path(path).exists():
            raise InvalidArgument(f"{setting.source()}={path!r}: no such file.")
    return Options(
        tls=Tls(verify=not insecure, ca_file=ca_file, client_certificate=certificate),
        connections=settings.HTTP_POOL_MAXSIZE.get(),
        redirects=settings.ALLOW_HTTP_REDIRECTS.get(),
    )


def patience() -> Patience:
    """How long to go on trying, as the settings have it."""
    return Patience(
        retries=settings.HTTP_REQUEST_MAX_RETRIES.get(),
        backoff_s=settings.HTTP_REQUEST_BACKOFF_FACTOR.get(),
        jitter_s=settings.HTTP_REQUEST_BACKOFF_JITTER.get(),
        timeout_s=settings.HTTP_REQUEST_TIMEOUT.get(),
        respect_retry_after=settings.HTTP_RESPECT_RETRY_AFTER_HEADER.get(),
    )


def _basic(user: str, password: str) -> str:
    """RFC 7617; UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _databricks(profile: str | None) -> Address:
    """Environment first unless a profile is named, then the profile in the configuration file."""
    host, token = settings.DATABRICKS_HOST.get(), settings.DATABRICKS_TOKEN.get()
    if profile is None and host and token:
        return _known(host, f"Bearer {token}")
    name = profile or settings.DATABRICKS_CONFIG_PROFILE.get() or configparser.DEFAULTSECT
    path = Path(settings.DATABRICKS_CONFIG_FILE.get()).expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except configparser.Error as error:
        raise InvalidArgument(f"{path} cannot be read: {type(error).__name__}.") from error
    if name != configparser.DEFAULTSECT and not parser.has_section(name):
        raise InvalidArgument(
            f"No profile {name!r} in {path}, and DATABRICKS_HOST with DATABRICKS_TOKEN is not set."
        )
    section = cast("Mapping[str, str]", parser[name])
    if not section.get("host"):
        raise InvalidArgument(f"Profile {name!r} in {path} has no host.")
    if token := section.get("token"):
        return _known(section["host"], f"Bearer {token}")
    if (user := section.get("username")) and (password := section.get("password")):
        return _known(section["host"], _basic(user, password))
    raise InvalidArgument(f"Profile {name!r} in {path} has neither a token nor a password.")


def _known(host: str, authorization: str) -> Address:
    base_url = (host if "://" in host else f"https://{host}").rstrip("/")
    return Address(base_url, lambda: authorization)
