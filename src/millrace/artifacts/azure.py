"""`wasbs://container@account.blob.core.windows.net/path`, `abfss://...dfs...`, `az://container/path`.

Credentials from a connection string, a key, a SAS, or as obstore finds them: a service principal
(``AZURE_CLIENT_ID``, ``AZURE_TENANT_ID``, ``AZURE_CLIENT_SECRET``), a workload's or machine's own.
They are sent to Azure and to the address in the operator's connection string, to nobody else.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, ClassVar, Final, Literal
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import msgspec

from millrace.artifacts.cloud import PATIENCE, CloudArtifacts, opened, retries
from millrace.artifacts.location import Location, parse
from millrace.artifacts.paths import segments
from millrace.artifacts.protocols import SignedUrl
from millrace.artifacts.streams import check_parts
from millrace.core import settings
from millrace.core.errors import InvalidArgument, NotFound, NotSupported
from millrace.core.lazy import require
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obstore.store import AzureConfig, AzureStore

    from millrace.artifacts.open import Reach
    from millrace.artifacts.protocols import Part

_DOMAINS: Final = (
    ".blob.core.windows.net",
    ".dfs.core.windows.net",
    ".blob.core.chinacloudapi.cn",
    ".dfs.core.chinacloudapi.cn",
    ".blob.core.usgovcloudapi.net",
    ".dfs.core.usgovcloudapi.net",
)
_OURS_TTL_S: Final = 300
_BLOCK: Final[dict[str, str]] = {"x-ms-blob-type": "BlockBlob"}


class AzureArtifacts(CloudArtifacts):
    """A container that takes large files in signed blocks, too."""

    put_headers: ClassVar = _BLOCK

    def __init__(self, bucket: AzureStore, where: Location, patience: Patience) -> None:
        super().__init__(bucket, where)
        self._patience = patience

    def sign(self, path: str, method: Literal["GET", "PUT"], *, ttl_s: int) -> SignedUrl:
        """See `Signs`. `NotSupported` for a path that a URL has to encode: obstore 0.12 signs
        the encoded name where Azure wants the plain one."""
        key = self._key(path)
        if quote(key, safe="/!$&'()*+,:;=@~-._") != key:
            raise NotSupported(f"{path!r} cannot be signed for Azure; send it through the server.")
        return super().sign(path, method, ttl_s=ttl_s)

    def start_parts(self, path: str, count: int, *, ttl_s: int) -> tuple[str, Sequence[SignedUrl]]:
        """See `Multipart`. Nothing is sent: blocks that are never put together expire in a week."""
        segments(path)
        upload = secrets.token_hex(8)
        url = self.sign(path, "PUT", ttl_s=ttl_s).url
        blocks = [_block(upload, number) for number in range(1, count + 1)]
        return upload, [
            SignedUrl(url=f"{url}&comp=block&blockid={_quoted(block)}", method="PUT")
            for block in blocks
        ]

    def finish_parts(
        self, path: str, upload: str, parts: Sequence[Part], *, size: int | None = None
    ) -> None:
        """See `Multipart`. `Latest` finds blocks also after they were put together."""
        if size is not None:
            sizes = self._sizes_of_blocks(path)
            count = sum(sizes.get(_block(upload, part.number), 0) for part in parts)
            check_parts(path, count, size)
        root = ET.Element("BlockList")
        for part in sorted(parts, key=lambda part: part.number):
            ET.SubElement(root, "Latest").text = _block(upload, part.number)
        self._send("PUT", path, "comp=blocklist", ET.tostring(root))

    def _sizes_of_blocks(self, path: str) -> dict[str, int]:
        """How many bytes each block has that is there for the file, put together or not."""
        try:
            answer = self._send("GET", path, "comp=blocklist&blocklisttype=all")
        except NotFound:
            return {}
        return {
            found[1].decode(): int(found[2])
            for found in re.finditer(rb"<Name>([^<]*)</Name>\s*<Size>(\d+)</Size>", answer)
        }

    def _send(
        self, method: Literal["GET", "PUT"], path: str, query: str, body: bytes | None = None
    ) -> bytes:
        from millrace.http.client import HttpClient, Message, Options  # noqa: PLC0415 - few need it

        url = urlsplit(self.sign(path, method, ttl_s=_OURS_TTL_S).url)
        client = HttpClient(f"{url.scheme}://{url.netloc}", dict, Options(redirects=False))
        message = Message(
            method=method,
            path=f"{url.path}?{url.query}&{query}",
            body=body,
            headers={"Content-Type": "application/xml"},
        )
        try:
            return client.request(message, self._patience).body
        finally:
            client.close()

    def abort_parts(self, path: str, upload: str) -> None:
        """See `Multipart`. What was sent is never seen, and expires."""


def _block(upload: str, number: int) -> str:
    """The id of a block; all of a blob must be of one length."""
    return base64.b64encode(f"{upload}-{number:05}".encode()).decode()


def _quoted(block: str) -> str:
    return block.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


class _Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection string says."""

    name: str | None = None
    key: str | None = None
    sas: str | None = None
    endpoint: str | None = None


def open_azure(uri: str, reach: Reach) -> AzureArtifacts:
    """Open a container; nothing is sent yet."""
    stores = require("obstore.store", extra="azure")
    where = parse(uri)
    container, account, host = _container(where)
    given = _connection_string()
    if given.name and account and given.name != account:
        raise InvalidArgument(
            f"{where}: AZURE_STORAGE_CONNECTION_STRING is for the account {given.name!r}."
        )
    account = account or given.name or settings.AZURE_STORAGE_ACCOUNT_NAME.get()
    if account is None:
        raise InvalidArgument(f"{where} names no account; set AZURE_STORAGE_ACCOUNT_NAME.")
    config: AzureConfig = {"account_name": account, "disable_tagging": True}
    if key := given.key or settings.AZURE_STORAGE_ACCESS_KEY.get():
        config["account_key"] = key
    elif sas := given.sas or settings.AZURE_STORAGE_SAS_TOKEN.get():
        config["sas_key"] = sas.removeprefix("?")
    if given.endpoint:
        config["endpoint"] = given.endpoint
    elif host and not host.endswith("windows.net"):
        config["endpoint"] = f"https://{host.replace('.dfs.', '.blob.')}"
    with opened(where):
        bucket = stores.AzureStore(
            container,
            config=config,
            client_options=PATIENCE | {"allow_http": (given.endpoint or "").startswith("http:")},
            retry_config=retries(reach.patience_s),
        )
    patience = Patience(retries=4, backoff_s=0.2, total_s=reach.patience_s)
    return AzureArtifacts(bucket, where, patience)


def _container(where: Location) -> tuple[str, str | None, str | None]:
    """Container, account and host that a URI names."""
    if where.query or where.password is not None or not where.authority:
        raise InvalidArgument(
            f"{where}: expected wasbs://container@account.blob.core.windows.net/path or "
            "az://container/path."
        )
    if where.user is None:
        return where.authority, None, None
    host = where.authority.lower()
    given = _connection_string()
    ours = urlsplit(given.endpoint).netloc.lower() if given.endpoint else None
    account, _, rest = host.partition(".")
    if host == ours:
        return where.user, given.name, None
    if f".{rest}" not in _DOMAINS:
        # Credentials go where the operator sends them, not where a URI says.
        raise InvalidArgument(
            f"{where}: {host!r} is no address of Azure Blob Storage. For another server, name its "
            "BlobEndpoint in AZURE_STORAGE_CONNECTION_STRING."
        )
    return where.user, account, host


def _connection_string() -> _Account:
    text = settings.AZURE_STORAGE_CONNECTION_STRING.get()
    if not text:
        return _Account()
    fields = dict(field.partition("=")[::2] for field in text.split(";") if "=" in field)
    name = fields.get("AccountName")
    endpoint = fields.get("BlobEndpoint")
    suffix = fields.get("EndpointSuffix", "core.windows.net")
    if not endpoint and name and suffix != "core.windows.net":
        scheme = fields.get("DefaultEndpointsProtocol", "https")
        endpoint = f"{scheme}://{name}.blob.{suffix}"
    if endpoint and not name:
        name = (urlsplit(endpoint).hostname or "").partition(".")[0]
    if not name:
        raise InvalidArgument("AZURE_STORAGE_CONNECTION_STRING names no account.")
    return _Account(
        name=name,
        key=fields.get("AccountKey"),
        sas=fields.get("SharedAccessSignature"),
        endpoint=endpoint.rstrip("/") if endpoint else None,
    )
