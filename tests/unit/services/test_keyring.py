"""Keys outside the database: made once, readable by their owner only, replaced without loss."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from millrace.core.errors import InvalidArgument, InvalidState
from millrace.services.keyring import KeyRing, check_signature, is_key

SECRET = b"canary-5f1e"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.db.keys"


def test_a_signature_is_good_for_what_was_signed_only(file: Path) -> None:
    keys = KeyRing(file)
    signature = keys.sign(b"message")

    assert check_signature(keys.public_key(), b"message", signature)
    assert not check_signature(keys.public_key(), b"massage", signature)
    assert not check_signature(keys.public_key(), b"message", signature.upper())
    assert not check_signature(keys.public_key(), b"message", "xyz")
    assert not check_signature(KeyRing(None).public_key(), b"message", signature)


def test_the_file_is_for_its_owner_only(file: Path) -> None:
    KeyRing(file).public_key()

    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_nothing_is_made_before_it_is_needed(file: Path) -> None:
    KeyRing(file)

    assert not file.exists()


def test_all_who_make_the_file_at_once_share_it(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: KeyRing(file).public_key().key_id, range(32)))

    assert len(made) == 1


def test_a_secret_is_opened_by_whoever_has_the_file(file: Path) -> None:
    sealed = KeyRing(file).seal(SECRET, purpose="webhook 1")

    assert SECRET not in sealed
    assert KeyRing(file).open(sealed, purpose="webhook 1") == SECRET


def test_a_secret_is_bound_to_its_purpose_and_cannot_be_altered(file: Path) -> None:
    keys = KeyRing(file)
    sealed = keys.seal(SECRET, purpose="webhook 1")

    with pytest.raises(InvalidState, match="Set it anew"):
        keys.open(sealed, purpose="webhook 2")
    for place in range(8, len(sealed)):
        forged = bytearray(sealed)
        forged[place] ^= 1
        with pytest.raises(InvalidState):
            keys.open(bytes(forged), purpose="webhook 1")


def test_without_the_key_nothing_is_opened(file: Path, tmp_path: Path) -> None:
    sealed = KeyRing(file).seal(SECRET, purpose="p")

    with pytest.raises(InvalidState, match="key file"):
        KeyRing(tmp_path / "other.keys").open(sealed, purpose="p")


def test_what_was_sealed_before_a_rotation_is_opened_after_it(file: Path) -> None:
    keys, other = KeyRing(file), KeyRing(file)
    sealed = keys.seal(SECRET, purpose="p")
    assert other.is_current(sealed)
    keys.rotate_sealing()

    assert other.open(sealed, purpose="p") == SECRET
    assert not other.is_current(sealed)
    assert other.is_current(other.seal(SECRET, purpose="p"))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_rotated_signing_key_is_used_by_all(file: Path) -> None:
    keys, other = KeyRing(file), KeyRing(file)
    before = other.public_key()
    keys.rotate_signing(keys.next_signing())

    assert other.public_key() == keys.public_key() != before
    assert is_key(other.public_key())


def test_the_operator_may_keep_the_sealing_key(file: Path) -> None:
    given = base64.urlsafe_b64encode(bytes(range(32))).decode()
    keys = KeyRing(file, sealing_key=given)
    sealed = keys.seal(SECRET, purpose="p")

    assert keys.open(sealed, purpose="p") == SECRET
    with pytest.raises(InvalidState):
        KeyRing(file).open(sealed, purpose="p")
    with pytest.raises(InvalidArgument, match="setting"):
        keys.rotate_sealing()


@pytest.mark.parametrize("given", ["", "short", "é" * 44, "!" * 44])
def test_a_key_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(InvalidArgument, match="32 bytes") as raised:
        KeyRing(None, sealing_key=given)
    assert not given or given not in raised.value.message


def test_a_damaged_file_is_told(file: Path) -> None:
    file.write_text("nonsense")

    with pytest.raises(InvalidState, match="damaged"):
        KeyRing(file).public_key()
