"""`s3://bucket/path`: Amazon S3 and everything that speaks its protocol.

The operator's settings say where the server is and as whom to speak; a URI only names the bucket.
"""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, urlsplit

import msgspec

from millrace.artifacts import aws
from millrace.artifacts.cloud import PATIENCE, CloudArtifacts, opened, retries
from millrace.artifacts.location import bucket_in
from millrace.artifacts.paths import segments
from millrace.artifacts.protocols import SignedUrl
from millrace.artifacts.streams import check_parts
from millrace.core import settings
from millrace.core.clock import now_ms
from millrace.core.errors import InvalidArgument, NotFound, NotSupported, PermissionDenied
from millrace.core.lazy import require
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from obstore.store import S3Config, S3Credential, S3Store

    from millrace.artifacts.location import Location
    from millrace.artifacts.open import Reach
    from millrace.artifacts.protocols import Part

_DEFAULT_REGION: Final = "us-east-1"
_OURS_TTL_S: Final = 300
# Keys of MLFLOW_S3_UPLOAD_EXTRA_ARGS, as boto3 names them, and the settings of obstore they become.
_EXTRA_ARGS: Final = {
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "sse_bucket_key_enabled",
    "RequestPayer": "request_payer",
    "ChecksumAlgorithm": "checksum_algorithm",
}
# With any of these as its value, an ACL changes nothing for a bucket of today.
_ACLS_WITHOUT_EFFECT: Final = frozenset({"private", "bucket-owner-full-control"})


class _Bucket(msgspec.Struct, frozen=True):
    """Where objects are, for the requests that we sign ourselves."""

    url: str
    region: str
    identity: aws.Identity
    ignore_tls: bool
    patience: Patience


class S3Artifacts(CloudArtifacts):
    """A bucket that takes large files in signed parts, too."""

    def __init__(self, bucket: S3Store, where: Location, ours: _Bucket) -> None:
        super().__init__(bucket, where)
        self._ours = ours

    def start_parts(self, path: str, count: int, *, ttl_s: int) -> tuple[str, Sequence[SignedUrl]]:
        """See `Multipart`."""
        segments(path)
        answer = self._send("POST", path, {"uploads": ""})
        upload = _text(answer, "UploadId")
        urls = [
            self._signed("PUT", path, {"partNumber": f"{number}", "uploadId": upload}, ttl_s)
            for number in range(1, count + 1)
        ]
        return upload, [SignedUrl(url=url, method="PUT") for url in urls]

    def finish_parts(
        self, path: str, upload: str, parts: Sequence[Part], *, size: int | None = None
    ) -> None:
        """See `Multipart`."""
        if size is not None:
            self._check_length(path, upload, parts, size)
        root = ET.Element("CompleteMultipartUpload")
        for part in sorted(parts, key=lambda part: part.number):
            each = ET.SubElement(root, "Part")
            ET.SubElement(each, "PartNumber").text = str(part.number)
            ET.SubElement(each, "ETag").text = f'"{part.etag.strip(chr(34))}"'
        try:
            answer = self._send("POST", path, {"uploadId": upload}, body=ET.tostring(root))
        except NotFound:
            # Completed before, and the answer was lost: then the object is made of these parts.
            known = self.stat(path)
            if known is None or known.etag != _etag_of(parts):
                raise
            return
        if b"<Error>" in answer:  # S3 may find out after it has begun to answer 200
            raise InvalidArgument(f"{path!r} was not completed: {_text(answer, 'Code')}.")

    def _check_length(self, path: str, upload: str, parts: Sequence[Part], size: int) -> None:
        """Raise `InvalidArgument` unless *parts* are *size* bytes in all. Completing would replace
        what is there, so this comes before."""
        try:
            sizes = self._sizes_of_parts(path, upload)
        except NotFound:
            known = self.stat(path)  # completed before, or aborted: completing tells
            count = known.size if known is not None else size
        except PermissionDenied as error:
            raise PermissionDenied(
                f"{self._where}: the length of parts is compared before they replace anything, for "
                "which these credentials need s3:ListMultipartUploadParts."
            ) from error
        else:
            count = sum(sizes.get(part.number, 0) for part in parts)
        check_parts(path, count, size)

    def _sizes_of_parts(self, path: str, upload: str) -> dict[int, int]:
        """How many bytes arrived of each part, by its number."""
        found: dict[int, int] = {}
        marker = "0"
        while True:
            asked = {"uploadId": upload, "part-number-marker": marker}
            answer = self._send("GET", path, asked)
            for part in re.findall(rb"<Part>.*?</Part>", answer, re.DOTALL):
                found[int(_text(part, "PartNumber"))] = int(_text(part, "Size"))
            following = _text(answer, "NextPartNumberMarker")
            if _text(answer, "IsTruncated") != "true" or following in {"", marker}:
                return found
            marker = following

    def abort_parts(self, path: str, upload: str) -> None:
        """See `Multipart`."""
        try:
            self._send("DELETE", path, {"uploadId": upload})
        except NotFound:
            return

    def check_owner(self, account: str) -> None:
        """Raise `PermissionDenied` unless the bucket belongs to *account*."""
        try:
            self._send("HEAD", "", {}, headers={"x-amz-expected-bucket-owner": account})
        except PermissionDenied as error:
            raise PermissionDenied(
                f"{self._where} does not belong to account {account} "
                "(MLFLOW_S3_EXPECTED_BUCKET_OWNER), or these credentials may not look."
            ) from error

    def _url(self, path: str) -> str:
        key = self._key(path) if path else ""
        return f"{self._ours.url}/{quote(key, safe='/-_.~')}"

    def _signed(self, method: aws.Method, path: str, query: Mapping[str, str], ttl_s: int) -> str:
        request = aws.Request(method=method, url=self._url(path), query=query)
        return f"{request.url}?{aws.encoded(self._presigned(request, ttl_s))}"

    def _presigned(self, request: aws.Request, ttl_s: int) -> dict[str, str]:
        if self._ours.identity.keys is None:
            raise NotSupported(
                f"{self._where}: signing parts needs keys that this process can read: those of the "
                "environment or a profile, or pip install boto3 for roles."
            )
        return aws.presigned(
            request,
            self._ours.identity.keys(),
            region=self._ours.region,
            ttl_s=ttl_s,
            at_ms=now_ms(),
        )

    def _send(
        self,
        method: aws.Method,
        path: str,
        query: Mapping[str, str],
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
    ) -> bytes:
        from millrace.http.client import HttpClient, Message, Options, Tls  # noqa: PLC0415 - few need it

        request = aws.Request(method=method, url=self._url(path), query=query, headers=headers)
        parts = urlsplit(request.url)
        client = HttpClient(
            f"{parts.scheme}://{parts.netloc}",
            dict,
            Options(tls=Tls(verify=not self._ours.ignore_tls), redirects=False),
        )
        try:
            answer = client.request(
                Message(
                    method=method,
                    path=parts.path,
                    query=tuple(self._presigned(request, _OURS_TTL_S).items()),
                    body=body,
                    headers=headers,
                ),
                self._ours.patience,
            )
        finally:
            client.close()
        return answer.body


def _text(document: bytes, name: str) -> str:
    """The text of the first element called *name*, whatever its namespace."""
    found = re.search(rb"<%s>([^<]*)</%s>" % (name.encode(), name.encode()), document)
    return found[1].decode() if found else ""


def _etag_of(parts: Sequence[Part]) -> str:
    """The ETag that S3 gives an object made of *parts*."""
    try:
        digests = [
            bytes.fromhex(part.etag.strip('"'))
            for part in sorted(parts, key=lambda part: part.number)
        ]
    except ValueError:
        return ""
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(parts)}"


def open_s3(uri: str, reach: Reach) -> S3Artifacts:
    """Open a bucket. Nothing is sent yet, unless its owner is to be checked."""
    stores = require("obstore.store", extra="s3")
    where = bucket_in(uri)
    who = aws.identity()
    region = who.region or _DEFAULT_REGION
    ours = _Bucket(
        _base_url(where.authority, region),
        region,
        who,
        settings.S3_IGNORE_TLS.get(),
        Patience(retries=4, backoff_s=0.2, total_s=reach.patience_s),
    )
    config = _config(where, region) | _extra_args()
    with opened(where):
        bucket = stores.S3Store(
            where.authority,
            config=config,
            client_options=PATIENCE
            | {
                "allow_http": ours.url.startswith("http:"),
                "allow_invalid_certificates": ours.ignore_tls,
            },
            retry_config=retries(reach.patience_s),
            credential_provider=_provider(who),
        )
    store = S3Artifacts(bucket, where, ours)
    if owner := settings.S3_EXPECTED_BUCKET_OWNER.get():
        store.check_owner(owner)
    return store


def _is_virtual(bucket: str) -> bool:
    """Whether the bucket is part of the host name; `auto` as boto3 decides it."""
    match settings.BOTO_CLIENT_ADDRESSING_STYLE.get():
        case "PATH":
            return False
        case "VIRTUAL":
            return True
        case _:
            return not settings.S3_ENDPOINT_URL.get() and "." not in bucket


def _base_url(bucket: str, region: str) -> str:
    """Where the bucket's keys begin, without a slash at the end."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = (settings.S3_ENDPOINT_URL.get() or f"https://s3.{region}.{domain}").rstrip("/")
    if "://" not in endpoint:
        raise InvalidArgument(
            f"MLFLOW_S3_ENDPOINT_URL={endpoint!r} is no URL: http(s)://host[:port]."
        )
    if not _is_virtual(bucket):
        return f"{endpoint}/{bucket}"
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://{bucket}.{rest}"


def _config(where: Location, region: str) -> S3Config:
    config: S3Config = {
        "region": region,
        "virtual_hosted_style_request": _is_virtual(where.authority),
        "copy_if_not_exists": "multipart",
        # Bucket tagging needs a permission that most policies do not give.
        "disable_tagging": True,
    }
    if endpoint := settings.S3_ENDPOINT_URL.get():
        base = _base_url(where.authority, region)
        config["endpoint"] = (
            base if config["virtual_hosted_style_request"] else endpoint.rstrip("/")
        )
    return config


def _extra_args() -> S3Config:
    """MLFLOW_S3_UPLOAD_EXTRA_ARGS, a JSON object, in obstore's words."""
    text = settings.S3_UPLOAD_EXTRA_ARGS.get()
    try:
        given = json.loads(text) if text else {}
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise InvalidArgument("MLFLOW_S3_UPLOAD_EXTRA_ARGS is no JSON object.")
    if given.get("ACL") in _ACLS_WITHOUT_EFFECT:
        del given["ACL"]
    unknown = sorted(set(given) - set(_EXTRA_ARGS))
    if unknown:
        raise InvalidArgument(
            f"MLFLOW_S3_UPLOAD_EXTRA_ARGS: {', '.join(unknown)} cannot be sent by this store; "
            f"known are {', '.join(_EXTRA_ARGS)}. Set the rest on the bucket."
        )
    return cast("S3Config", {_EXTRA_ARGS[name]: value for name, value in given.items()})


def _provider(who: aws.Identity) -> Callable[[], S3Credential] | None:
    """What obstore asks for keys; None: it finds and renews them itself."""
    ask = who.keys
    if ask is None:
        return None

    def provide() -> S3Credential:
        keys = ask()
        soon = datetime.fromtimestamp(now_ms() / 1000, UTC) + timedelta(minutes=5)
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": soon,
        }

    return provide
