"""Signed models: who vouches for the files of a folder, checked before any of them is read.

The signature is the file `model.sig` of the folder, in the form of OpenSSF's model signing: a
Sigstore bundle, whose DSSE envelope holds an in-toto statement with the SHA-256 of each file. Keys
are Ed25519 or ECDSA on P-256, in PEM; certificates and keyless signing are not read. Whom to
believe, and whether everything must be signed, is said by settings.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.core import settings
from millrace.core.errors import InvalidArgument, NotFound, PermissionDenied
from millrace.models import own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.entities.registry import ManifestFile

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


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKey
    tlog_entries: list[Any] = []


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


def sign(folder: Path, key: Path) -> Path:
    """Sign all files of *folder* with the private *key*; the signature that was written.

    An older signature is replaced. What this user saved stays this user's own.
    """
    private = _private_key(key)
    was_own = own.is_own(own.digest_of(folder))
    said = msgspec.json.encode(_statement(folder.resolve().name, _files(folder)))
    public = _pem(private.public_key())
    envelope = _Envelope(
        payload=base64.b64encode(said).decode(),
        payload_type=_PAYLOAD,
        signatures=[_Signature(base64.b64encode(_signed(private, _encoded(said))).decode())],
    )
    hint = hashlib.sha256(public).hexdigest()
    bundle = _Bundle(_BUNDLE, _Material(_PublicKey(hint)), envelope)
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
    keys = _keys_of(trusted)
    if not (folder / SIGNATURE).is_file():
        if must:
            raise BadSignature(
                f"The model at {uri!r} is not signed, and {settings.REQUIRE_SIGNED_MODELS.name} "
                "asks for that. Whoever has the key can: millrace models sign."
            )
        return False
    statement = _believed(folder, uri, keys)
    if statement is None:
        if must:
            raise BadSignature(
                f"The signature of the model at {uri!r} is by none of the keys in "
                f"{settings.TRUSTED_SIGNERS.name}, or was changed."
            )
        return False
    _compare(folder, uri, statement)
    return True


def check(folder: Path, uri: str, keys: Sequence[Path]) -> int:
    """The number of files, when one of the public *keys* signed the model as it is; else
    `BadSignature`."""
    if not (folder / SIGNATURE).is_file():
        raise BadSignature(f"The model at {uri!r} is not signed: it has no file {SIGNATURE}.")
    statement = _believed(folder, uri, [_public_key(one) for one in keys])
    if statement is None:
        raise BadSignature(f"The signature of the model at {uri!r} is not by that key.")
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


def _believed(folder: Path, uri: str, keys: Sequence[Any]) -> _Statement | None:
    """What one of *keys* signed; None when none of them did."""
    with (folder / SIGNATURE).open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    try:
        if len(raw) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")  # noqa: TRY301 - told below
        envelope = msgspec.json.decode(raw, type=_Bundle).dsse_envelope
        said = base64.b64decode(envelope.payload, validate=True)
        signed = [base64.b64decode(one.sig, validate=True) for one in envelope.signatures]
        is_ours = envelope.payload_type == _PAYLOAD and any(
            _is_by(key, each, _encoded(said)) for key in keys for each in signed
        )
        # Nothing of the statement is read before it is known whose it is.
        statement = msgspec.json.decode(said, type=_Statement) if is_ours else None
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadSignature(f"The signature of the model at {uri!r} is damaged: {error}.") from None
    if statement is not None and (statement.type, statement.predicate_type) != (
        _STATEMENT,
        _PREDICATE,
    ):
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


# --- keys ----------------------------------------------------------------------------------------
# cryptography takes 20 ms to import, and most models are loaded without a look at a signature.
# ruff: noqa: PLC0415


def _keys_of(named: str) -> list[Any]:
    """The public keys that a setting names: files, and folders with files `*.pem`."""
    keys = []
    for each in filter(None, (one.strip() for one in named.split(","))):
        path = Path(each).expanduser()
        keys += [
            _public_key(one) for one in (sorted(path.glob("*.pem")) if path.is_dir() else [path])
        ]
    return keys


def _public_key(path: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return _known(load_pem_public_key(_read(path)), path)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidArgument(f"{path} is no public key in PEM.") from None


def _private_key(path: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _known(load_pem_private_key(_read(path), None), path)
    except TypeError:
        raise InvalidArgument(f"{path} has a password; sign with a key that has none.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidArgument(f"{path} is no private key in PEM.") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"The key {path} cannot be read: {error.strerror}.") from None


def _known(key: Any, path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        return key
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)) and isinstance(
        key.curve, ec.SECP256R1
    ):
        return key
    raise InvalidArgument(f"{path}: keys are Ed25519, or ECDSA on the curve P-256.")


def _signed(private: Any, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    signature: bytes = private.sign(message, ec.ECDSA(SHA256()))
    return signature


def _is_by(public: Any, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        else:
            public.verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _pem(public: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem
