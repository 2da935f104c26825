"""Keys that are not in the database: one that signs, one that seals secrets.

They are in one file, which only its owner may read, made when a key is first needed. A copy of the
database without the file holds no secret that can be read and no head that could be signed anew.
Older keys stay in the file after a rotation, so that what was sealed with them can be opened.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import threading
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.core.entities.audit import PublicKey
from millrace.core.errors import InvalidArgument, InvalidState

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 8
_OWNER_ONLY: Final = 0o600


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the file: keys in hexadecimal, the newest last."""

    signing: tuple[str, ...]
    sealing: tuple[str, ...]


class KeyRing:
    """The keys of one place of records. Thread-safe; several processes may share the file."""

    def __init__(self, file: Path | None, *, sealing_key: str | None = None) -> None:
        """With *file* None the keys are gone with the process. *sealing_key*: 32 bytes in URL-safe
        base64 that the operator keeps elsewhere; then new secrets are sealed with it."""
        self._file = file
        self._given = None if sealing_key is None else _decoded(sealing_key)
        self._held: _File | None = None
        self._stamp: tuple[int, int] | None = None
        self._next: str | None = None
        self._lock = threading.Lock()

    @property
    def file(self) -> Path | None:
        """Where the keys are."""
        return self._file

    @property
    def has_given_key(self) -> bool:
        """Whether the operator keeps the sealing key elsewhere."""
        return self._given is not None

    # --- signing -------------------------------------------------------------------------------

    def public_key(self) -> PublicKey:
        """The key that signatures made now are checked with."""
        return _public(self._signing_key())

    def sign(self, message: bytes) -> str:
        """The Ed25519 signature of *message*, in hexadecimal."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - as above
            Ed25519PrivateKey,
        )

        return Ed25519PrivateKey.from_private_bytes(self._signing_key()).sign(message).hex()

    def next_signing(self) -> PublicKey:
        """A key to sign with after `rotate_signing`; until then it is in this process only."""
        self._next = _fresh()
        return _public(bytes.fromhex(self._next))

    def rotate_signing(self, to: PublicKey) -> None:
        """Sign with the key that `next_signing` gave from now on."""
        with self._lock:
            if self._next is None or _public(bytes.fromhex(self._next)) != to:
                raise ValueError("next_signing gave another key")
            held = self._read()
            self._replace(_File(signing=(*held.signing, self._next), sealing=held.sealing))
            self._next = None

    def _signing_key(self) -> bytes:
        with self._lock:
            return bytes.fromhex(self._read().signing[-1])

    # --- sealing -------------------------------------------------------------------------------

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        """*secret* as it may be kept in the database: AES-256-GCM, bound to its *purpose*."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        with self._lock:
            key = self._given or bytes.fromhex(self._read().sealing[-1])
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _id_of(key) + nonce + AESGCM(key).encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """What `seal` was given. `InvalidState` when the key is not there or it was altered."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        wanted, rest = sealed[:_ID_BYTES], sealed[_ID_BYTES:]
        key = self._known(wanted)
        if key is None:
            raise InvalidState(
                "A stored secret was sealed with a key that is not in "
                f"{self._file or 'this process'}. Put the key file of this database back, or set "
                "the secret anew."
            )
        try:
            return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], purpose.encode())
        except InvalidTag:
            raise InvalidState(
                "A stored secret was altered, or belongs to something else. Set it anew."
            ) from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether *sealed* was sealed with the newest key."""
        with self._lock:
            key = self._given or bytes.fromhex(self._read().sealing[-1])
        return sealed[:_ID_BYTES] == _id_of(key)

    def rotate_sealing(self) -> None:
        """Seal with a new key from now on. `InvalidArgument` while the operator gives the key."""
        if self._given is not None:
            raise InvalidArgument(
                "The key that seals secrets is given by a setting. Set a new one there; secrets "
                "are sealed anew with it when you rotate."
            )
        with self._lock:
            held = self._read()
            self._replace(_File(signing=held.signing, sealing=(*held.sealing, _fresh())))

    def _known(self, wanted: bytes) -> bytes | None:
        with self._lock:
            held = self._read()
        keys = [bytes.fromhex(one) for one in held.sealing]
        if self._given is not None:
            keys.append(self._given)
        return next((key for key in keys if _id_of(key) == wanted), None)

    # --- the file ------------------------------------------------------------------------------

    def _read(self) -> _File:
        """What is in the file now, made if it is not there; the lock is held."""
        if self._file is None:
            self._held = self._held or _new()
            return self._held
        stamp = _stamp(self._file)
        if stamp is None:
            self._make(self._file)
            stamp = _stamp(self._file)
        if self._held is None or stamp != self._stamp:
            try:
                self._held = msgspec.json.decode(self._file.read_bytes(), type=_File)
            except msgspec.MsgspecError as error:
                raise InvalidState(
                    f"The key file {self._file} is damaged. Put a copy of it back."
                ) from error
            self._stamp = stamp
        return self._held

    def _make(self, file: Path) -> None:
        draft = self._draft(file, _new())
        # A link is refused when another process was first; then its keys are ours, too.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()

    def _replace(self, keys: _File) -> None:
        if self._file is None:
            self._held = keys
            return
        self._draft(self._file, keys).replace(self._file)
        self._held = self._stamp = None

    @staticmethod
    def _draft(file: Path, keys: _File) -> Path:
        draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(handle, "wb") as stream:
            stream.write(msgspec.json.encode(keys) + b"\n")
            stream.flush()
            os.fsync(handle)
        return draft


def _public(private: bytes) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - 20 ms
        Ed25519PrivateKey,
    )

    raw = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return PublicKey(key_id=hashlib.sha256(raw).hexdigest(), public_key=raw.hex())


def check_signature(key: PublicKey, message: bytes, signature: str) -> bool:
    """Whether the owner of *key* signed *message*, and everything is spelt as it has to be."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - as above
        Ed25519PublicKey,
    )

    if not is_key(key):
        return False
    try:
        signed = bytes.fromhex(signature)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key)).verify(signed, message)
    except (ValueError, InvalidSignature):
        return False
    # Upper-case digits would do as well: then a changed byte would go unnoticed.
    return signed.hex() == signature


def is_key(key: PublicKey) -> bool:
    """Whether the id is that of the key, and both are spelt as they have to be."""
    try:
        raw = bytes.fromhex(key.public_key)
    except ValueError:
        return False
    return raw.hex() == key.public_key and hashlib.sha256(raw).hexdigest() == key.key_id


def _new() -> _File:
    return _File(signing=(_fresh(),), sealing=(_fresh(),))


def _fresh() -> str:
    return secrets.token_hex(_KEY_BYTES)


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"millrace sealing key\n" + key).digest()[:_ID_BYTES]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_mtime_ns)


def _decoded(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text.encode("ascii"))
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidArgument(
            "The key that seals secrets must be 32 bytes in URL-safe base64 (44 characters)."
        )
    return key
