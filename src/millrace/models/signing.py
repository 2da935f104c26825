"""Signed models: who vouches for the files of a folder, checked before any of them is read.

The signature is the file `model.sig` of the folder, in the form of OpenSSF's model signing: a
Sigstore bundle, whose DSSE envelope holds an in-toto statement with the SHA-256 of each file, and
beside it the certificates of the signer, if any. Keyless signing is not read. Whom to believe
(`signers`), and whether everything must be signed, is said by settings.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.core import settings
from millrace.core.errors import InvalidArgument, PermissionDenied
from millrace.models import own, signers
from millrace.models.signers import Foreign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from millrace.core.entities.registry import ManifestFile
    from millrace.models.signers import Signers

SIGNATURE: Final = "model.sig"
_MOST_BYTES: Final = 32 * 1024 * 1024
_SHOWN: Final = 5
_SHA256: Final = "sha256"

_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
_PAYLOAD: Final = "application/vnd.in-toto+json"


class BadSignature(PermissionDenied):
    """A model is not signed as it has to be, or is not what was signed."""


class _Signature(msgspec.Struct, omit_defaults=True):
    sig: str
    keyid: str = ""


class _Envelope(msgspec.Struct, rename="camel"):
    payload: str
    payload_type: str
    signatures: list[_Signature]


class _PublicKey(msgspec.Struct):
    hint: str


class _Certificate(msgspec.Struct, rename="camel"):
    raw_bytes: str


class _Chain(msgspec.Struct):
    certificates: list[_Certificate]


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKey | msgspec.UnsetType = msgspec.UNSET
    x509_certificate_chain: _Chain | msgspec.UnsetType = msgspec.UNSET
    tlog_entries: list[Any] = []

    def chain(self) -> list[bytes]:
        """The certificates of the signer, his own first, in DER."""
        chain = self.x509_certificate_chain
        if chain is msgspec.UNSET:
            return []
        return [base64.b64decode(one.raw_bytes, validate=True) for one in chain.certificates]


class _Bundle(msgspec.Struct, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


class _Resource(msgspec.Struct):
    name: str
    digest: str
    algorithm: str


class _Predicate(msgspec.Struct):
    resources: list[_Resource]
    serialization: dict[str, Any]


class _Subject(msgspec.Struct):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str
    subject: list[_Subject]
    predicate_type: str
    predicate: _Predicate


def sign(folder: Path, key: Path, certificate: Path | None = None) -> Path:
    """Sign all files of *folder* with the private *key*; the signature that was written.

    *certificate*: that of the key, in PEM, followed by those of its authorities but the last, whom
    readers know. An older signature is replaced. What this user saved stays this user's own.
    """
    private = signers.private_key(key)
    chain = [] if certificate is None else signers.chain_of(private, certificate)
    was_own = own.is_own(own.digest_of(folder))
    said = msgspec.json.encode(_statement(folder.resolve().name, _files(folder)))
    if chain:
        encoded = [_Certificate(base64.b64encode(one).decode()) for one in chain]
        material = _Material(x509_certificate_chain=_Chain(encoded))
    else:
        material = _Material(public_key=_PublicKey(signers.hint_of(private)))
    envelope = _Envelope(
        payload=base64.b64encode(said).decode(),
        payload_type=_PAYLOAD,
        signatures=[_Signature(base64.b64encode(signers.signed(private, _encoded(said))).decode())],
    )
    bundle = _Bundle(_BUNDLE, material, envelope)
    target = folder / SIGNATURE
    target.unlink(missing_ok=True)
    target.write_bytes(msgspec.json.encode(bundle))
    if was_own:
        own.remember(own.digest_of(folder))
    return target


def admit(folder: Path, uri: str) -> bool:
    """Whether somebody whom the settings trust vouches for the model in *folder*, called *uri*.

    `BadSignature` when nobody does and somebody must, and always when its files are not those that
    such a signer signed.
    """
    trusted = settings.TRUSTED_SIGNERS.get()
    must = settings.REQUIRE_SIGNED_MODELS.get()
    if not trusted and not must:
        return False
    believed = signers.named(trusted, settings.TRUSTED_IDENTITIES.get())
    if not (folder / SIGNATURE).is_file():
        if must:
            raise BadSignature(
                f"The model at {uri!r} is not signed, and {settings.REQUIRE_SIGNED_MODELS.name} "
                "asks for that. Whoever has the key can: millrace models sign."
            )
        return False
    try:
        statement = _believed(folder, uri, believed)
    except Foreign as foreign:
        if must:
            raise BadSignature(
                f"The signature of the model at {uri!r} is by nobody in "
                f"{settings.TRUSTED_SIGNERS.name}, or was changed: {foreign}."
            ) from None
        return False
    _compare(folder, uri, statement)
    return True


def check(folder: Path, uri: str, keys: Sequence[Path], identities: Sequence[str] = ()) -> int:
    """The number of files, when one of *keys* signed the model as it is; else `BadSignature`.

    *keys*: public ones, or certificates of authorities; of whom these know, one of *identities*,
    if there are any.
    """
    if not (folder / SIGNATURE).is_file():
        raise BadSignature(f"The model at {uri!r} is not signed: it has no file {SIGNATURE}.")
    try:
        statement = _believed(folder, uri, signers.of(keys, identities))
    except Foreign as foreign:
        raise BadSignature(
            f"The signature of the model at {uri!r} is not by that key, or was changed: {foreign}."
        ) from None
    _compare(folder, uri, statement)
    return len(statement.predicate.resources)


# --- what is signed ------------------------------------------------------------------------------


def _files(folder: Path) -> list[ManifestFile]:
    """All files but the signature, in the order of their paths."""
    found = [one for one in own.files_of(folder) if one.path != SIGNATURE]
    return sorted(found, key=lambda one: one.path)


def _statement(name: str, files: Sequence[ManifestFile]) -> _Statement:
    whole = hashlib.sha256(b"".join(bytes.fromhex(one.sha256) for one in files))
    return _Statement(
        type=_STATEMENT,
        subject=[_Subject(name, {_SHA256: whole.hexdigest()})],
        predicate_type=_PREDICATE,
        predicate=_Predicate(
            resources=[_Resource(one.path, one.sha256, _SHA256) for one in files],
            serialization={
                "method": "files",
                "hash_type": _SHA256,
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE],
            },
        ),
    )


def _believed(folder: Path, uri: str, believed: Signers) -> _Statement:
    """What one of those signed; `Foreign` when none of them did."""
    with (folder / SIGNATURE).open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    try:
        if len(raw) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")  # noqa: TRY301 - told below
        bundle = msgspec.json.decode(raw, type=_Bundle)
        envelope = bundle.dsse_envelope
        said = base64.b64decode(envelope.payload, validate=True)
        signed = [base64.b64decode(one.sig, validate=True) for one in envelope.signatures]
        if envelope.payload_type != _PAYLOAD:
            raise Foreign(f"what is signed is {envelope.payload_type!r}")
        believed.must_have_signed(_encoded(said), signed, bundle.verification_material.chain())
        # Nothing of the statement is read before it is known whose it is.
        statement = msgspec.json.decode(said, type=_Statement)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadSignature(f"The signature of the model at {uri!r} is damaged: {error}.") from None
    if (statement.type, statement.predicate_type) != (_STATEMENT, _PREDICATE):
        raise BadSignature(f"What is signed at {uri!r} is no model: {statement.predicate_type!r}.")
    return statement


def _compare(folder: Path, uri: str, statement: _Statement) -> None:
    """`BadSignature` where the files are not those of *statement*, or could still be changed."""
    open_at = own.exposed(folder)
    if open_at is not None:
        raise BadSignature(
            f"Others could write to {open_at}, so the model at {uri!r} may change while it is read."
        )
    try:
        found = {one.path: one.sha256 for one in _files(folder)}
    except InvalidArgument as error:  # a link
        raise BadSignature(f"The model at {uri!r} is not what was signed. {error}") from None
    resources = statement.predicate.resources
    meant = {one.name: one.digest for one in resources if one.algorithm == _SHA256}
    if len(meant) < len(resources):
        raise BadSignature(
            f"The signature of the model at {uri!r} names a file twice, or not by its SHA-256."
        )
    differ = [
        f"{path} ({'missing' if path not in found else 'changed' if path in meant else 'extra'})"
        for path in sorted(found.keys() | meant.keys())
        if found.get(path) != meant.get(path)
    ]
    if differ:
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        raise BadSignature(
            f"The model at {uri!r} is not what was signed: {', '.join(differ[:_SHOWN])}{more}."
        )


def _encoded(payload: bytes) -> bytes:
    """What is signed of an envelope: DSSE v1, "PAE"."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)
