"""As whom to speak to S3: keys of the environment, of profile files, or of boto3.

Roles of instances, containers and web identities are left to obstore, which finds and renews them
itself; where boto3 is installed it knows more ways (single sign-on, assumed roles, processes).
"""

from __future__ import annotations

import configparser
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

import msgspec

from millrace.core import settings
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT: Final = "default"


class Keys(msgspec.Struct, frozen=True):
    """An access key; `token` belongs to one that expires."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Keys({self.access_key!r})"


Method: TypeAlias = Literal["GET", "PUT", "POST", "DELETE", "HEAD"]


class Identity(NamedTuple):
    """Where keys come from: `keys` is asked each time, since they change. None: obstore's way."""

    keys: Callable[[], Keys] | None
    region: str | None


def identity() -> Identity:
    """Environment, then the profile's files, then boto3, in the order that AWS's tools keep."""
    profile = settings.AWS_PROFILE.get()
    access, secret = settings.AWS_ACCESS_KEY_ID.get(), settings.AWS_SECRET_ACCESS_KEY.get()
    files = _Files(profile or _DEFAULT)
    region = settings.AWS_REGION.get() or settings.AWS_DEFAULT_REGION.get() or files.region
    if access and secret:
        fixed = Keys(access, secret, settings.AWS_SESSION_TOKEN.get())
        return Identity(lambda: fixed, region)
    if files.has_keys:
        return Identity(files.keys, region)
    if (ask := _boto3(profile)) is not None:
        return Identity(ask, region)
    if profile:
        raise InvalidArgument(
            f"AWS profile {profile!r} has no keys in {files.names}. Profiles that use single "
            "sign-on, roles or processes need boto3: pip install boto3."
        )
    return Identity(None, region)


class _Files:
    """The shared credentials and config files, as far as *profile* is concerned."""

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._paths = [
            Path(settings.AWS_SHARED_CREDENTIALS_FILE.get()).expanduser(),
            Path(settings.AWS_CONFIG_FILE.get()).expanduser(),
        ]
        self.names = " and ".join(str(path) for path in self._paths)
        found = self._section()
        self.region = found.get("region")
        self.has_keys = {"aws_access_key_id", "aws_secret_access_key"} <= set(found)

    def keys(self) -> Keys:
        """Read anew: other programs renew what is in there."""
        found = self._section()
        return Keys(
            found.get("aws_access_key_id", ""),
            found.get("aws_secret_access_key", ""),
            found.get("aws_session_token"),
        )

    def _section(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        # In the config file, profiles other than the default are called `profile x`.
        for path, prefix in reversed(list(zip(self._paths, ("", "profile "), strict=True))):
            parser = configparser.RawConfigParser(strict=False)
            try:
                parser.read(path)
            except (configparser.Error, UnicodeDecodeError, OSError) as error:
                raise InvalidArgument(f"{path} cannot be read: {type(error).__name__}.") from None
            for section in (self._profile, f"{prefix}{self._profile}"):
                if parser.has_section(section):
                    found |= dict(parser.items(section))
        return found


def _boto3(profile: str | None) -> Callable[[], Keys] | None:
    """Keys as boto3 finds them, if it is installed and finds any."""
    try:
        import boto3.session  # type: ignore[import-not-found]  # noqa: PLC0415 - nobody has to have it
    except ModuleNotFoundError:
        return None
    try:
        found: Any = boto3.session.Session(profile_name=profile).get_credentials()
    except Exception as error:  # botocore's own classes
        raise InvalidArgument(f"boto3 finds no credentials: {type(error).__name__}.") from error
    if found is None:
        return None

    def ask() -> Keys:
        frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    return ask


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be signed; the query is not encoded, headers beyond the host are signed too."""

    method: Method
    url: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}


def presigned(
    request: Request, keys: Keys, *, region: str, ttl_s: int, at_ms: int
) -> dict[str, str]:
    """The query that lets whoever holds it make *request*, until *ttl_s* seconds after *at_ms*.

    Source: AWS Signature Version 4 for S3, query parameters, payload unsigned.
    """
    parts = urlsplit(request.url)
    at = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{at[:8]}/{region}/s3/aws4_request"
    headers = {"host": parts.netloc} | {name.lower(): v for name, v in request.headers.items()}
    signed_headers = ";".join(sorted(headers))
    query = dict(request.query) | {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": at,
        "X-Amz-Expires": str(ttl_s),
        "X-Amz-SignedHeaders": signed_headers,
    }
    if keys.token:
        query["X-Amz-Security-Token"] = keys.token
    canonical = "\n".join(
        [
            request.method,
            parts.path or "/",
            encoded(query),
            *(f"{name}:{headers[name].strip()}" for name in sorted(headers)),
            "",
            signed_headers,
            "UNSIGNED-PAYLOAD",
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{keys.secret_key}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}"
    return query | {"X-Amz-Signature": hmac.digest(key, text.encode(), "sha256").hex()}


def encoded(query: Mapping[str, str]) -> str:
    """A query string as AWS signs it: sorted, everything but unreserved characters encoded."""
    pairs = sorted((quote(name, safe="-_.~"), quote(query[name], safe="-_.~")) for name in query)
    return "&".join(f"{name}={value}" for name, value in pairs)
