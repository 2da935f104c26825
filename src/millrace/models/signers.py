"""Who signs models: keys, and people or machines to whom an authority gave a certificate.

Keys are Ed25519 or ECDSA on P-256, in PEM. A certificate has to be for signing code, be in force
now, and lead to an authority that the reader names; revoked ones are not known of. Timestamps are
not read, so what was signed with a certificate that has expired since is not believed.
"""

# cryptography takes 20 ms to import, and most models are loaded without a look at a signature.
# ruff: noqa: PLC0415

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from millrace.core import clock
from millrace.core.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_MOST_CERTIFICATES: Final = 16


class Foreign(Exception):
    """Nobody who is believed signed it; the text says what is known of who did."""


class Signers(Struct, frozen=True):
    """Whom to believe: public keys, and authorities for those of certain names (empty: any)."""

    keys: list[Any]
    authorities: list[Any]
    identities: frozenset[str]

    def must_have_signed(
        self, message: bytes, signatures: Sequence[bytes], chain: Sequence[bytes]
    ) -> None:
        """Return when one of them made one of *signatures*, else raise `Foreign`.

        *chain*: certificates in DER that came along, the signer's first.
        """
        why = "it is by none of the keys that are named"
        keys = list(self.keys)
        if chain:
            try:
                keys.append(self._vouched(chain))
            except Foreign as foreign:
                why = str(foreign)
            else:
                why = "it is not what the owner of the certificate signed"
        if not any(_is_by(key, each, message) for key in keys for each in signatures):
            raise Foreign(why)

    def _vouched(self, chain: Sequence[bytes]) -> Any:
        """The key of the first certificate, when an authority vouches for it."""
        from cryptography import x509
        from cryptography.x509 import verification

        if not self.authorities:
            raise Foreign("it came with a certificate, and no authority is named")
        if len(chain) > _MOST_CERTIFICATES:
            raise Foreign(f"it came with {len(chain)} certificates")
        leaf, *others = [x509.load_der_x509_certificate(one) for one in chain]
        names = sorted(_names_of(leaf))
        shown = ", ".join(names) or "nobody"
        now = datetime.fromtimestamp(clock.now_ms() / 1_000, UTC)
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(self.authorities))
            .time(now)
            .extension_policies(
                ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
                ee_policy=verification.ExtensionPolicy.permit_all(),
            )
            .build_client_verifier()
        )
        try:
            verifier.verify(leaf, others)
        except verification.VerificationError:
            if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
                until = leaf.not_valid_after_utc
                raise Foreign(
                    f"the certificate of {shown} is not in force, until {until}"
                ) from None
            raise Foreign(f"no authority that is named vouches for {shown}") from None
        if not _is_for_signing(leaf):
            raise Foreign(f"the certificate of {shown} is not for signing code")
        if self.identities and self.identities.isdisjoint(names):
            raise Foreign(f"it is by {shown}")
        try:
            return _known(leaf.public_key(), f"the certificate of {shown}")
        except InvalidArgument as error:
            raise Foreign(error.message.rstrip(".")) from None


def named(text: str, identities: str) -> Signers:
    """Whom settings name: files, and folders with files `*.pem`; names, in a list with commas."""
    paths: list[Path] = []
    for each in _listed(text):
        path = Path(each).expanduser()
        paths += sorted(path.glob("*.pem")) if path.is_dir() else [path]
    return of(paths, _listed(identities))


def of(paths: Iterable[Path], identities: Iterable[str] = ()) -> Signers:
    """Those whose public keys, or authorities whose certificates, are in files."""
    keys, authorities = [], []
    for path in paths:
        raw = _read(path)
        if _CERTIFICATE in raw:
            authorities += _certificates(raw, path)
        else:
            keys.append(_public_key(raw, path))
    return Signers(keys, authorities, frozenset(identities))


def private_key(path: Path) -> Any:
    """The private key in a file."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _known(load_pem_private_key(_read(path), None), path)
    except TypeError:
        raise InvalidArgument(f"{path} has a password; sign with a key that has none.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidArgument(f"{path} is no private key in PEM.") from None


def chain_of(private: Any, path: Path) -> list[bytes]:
    """The certificates in a file, in DER; the first has to be that of the key."""
    from cryptography.hazmat.primitives.serialization import Encoding

    found = _certificates(_read(path), path)
    if found[0].public_key() != private.public_key():
        raise InvalidArgument(f"The first certificate in {path} is not that of the key.")
    if not _is_for_signing(found[0]):
        raise InvalidArgument(
            f"The first certificate in {path} is not for signing code: it needs the key usage "
            "digitalSignature and the extended key usage codeSigning."
        )
    return [one.public_bytes(Encoding.DER) for one in found]


def hint_of(private: Any) -> str:
    """How the key of a signature is told from others: the SHA-256 of the public one in PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def signed(private: Any, message: bytes) -> bytes:
    """The signature of *message*."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    signature: bytes = private.sign(message, ec.ECDSA(SHA256()))
    return signature


def _listed(text: str) -> list[str]:
    return [one for each in text.split(",") if (one := each.strip())]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"The key {path} cannot be read: {error.strerror}.") from None


def _public_key(raw: bytes, path: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return _known(load_pem_public_key(raw), path)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidArgument(f"{path} is no public key in PEM.") from None


def _certificates(raw: bytes, path: Path) -> list[Any]:
    from cryptography import x509

    try:
        return list(x509.load_pem_x509_certificates(raw))
    except ValueError:
        raise InvalidArgument(f"{path} has no certificates in PEM.") from None


def _known(key: Any, where: object) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        return key
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)) and isinstance(
        key.curve, ec.SECP256R1
    ):
        return key
    raise InvalidArgument(f"{where}: keys are Ed25519, or ECDSA on the curve P-256.")


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


def _names_of(certificate: Any) -> set[str]:
    """Addresses and names that a certificate is for."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    found = {
        str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    }
    try:
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
    return found | {name for kind in kinds for name in other.get_values_for_type(kind)}


def _is_for_signing(certificate: Any) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    extensions = certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.digital_signature and ExtendedKeyUsageOID.CODE_SIGNING in extended
