"""S97, P12: who signed a model, and that nothing of it is read before it is what was signed."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import millrace
from millrace.cli.main import main
from millrace.models import signing
from millrace.models.signing import SIGNATURE, BadSignature
from millrace.models.trust import UntrustedModel
from tests.unit.models.test_safe_loading import MARK, sklearn_pickle


class Keys(NamedTuple):
    private: Path
    public: Path


def keys(folder: Path, name: str, made: object = None) -> Keys:
    key = made or ed25519.Ed25519PrivateKey.generate()
    found = Keys(folder / f"{name}.key", folder / f"{name}.pem")
    found.private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]  # all keys have it
    )
    public = key.public_key()  # type: ignore[attr-defined]  # all keys have it
    found.public.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return found


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Keys of a signer whom the settings trust."""
    made = keys(tmp_path, "ours")
    monkeypatch.setenv("MILLRACE_TRUSTED_SIGNERS", str(made.public))
    return made


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded that is not signed."""
    monkeypatch.setenv("MILLRACE_REQUIRE_SIGNED_MODELS", "true")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A stranger's pickle, which makes a file when it is loaded."""
    sklearn_pickle(tmp_path / "m", tmp_path / MARK)
    return tmp_path / "m"


def loaded(folder: Path, **said: object) -> bool:
    """Whether the pickle ran."""
    mark = folder.parent / MARK
    mark.unlink(missing_ok=True)
    millrace.sklearn.load_model(folder, **said)
    return mark.exists()


@pytest.mark.parametrize(
    "make", [ed25519.Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP256R1())]
)
def test_what_a_trusted_signer_signed_may_run(
    make: Callable[[], object], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = keys(tmp_path, "signer", make())
    monkeypatch.setenv("MILLRACE_TRUSTED_SIGNERS", str(tmp_path))  # a folder of keys
    with pytest.raises(UntrustedModel):
        loaded(model)

    signing.sign(model, signer.private)

    assert loaded(model)
    assert signing.check(model, "m", [signer.public]) == 2
    with pytest.raises(UntrustedModel):
        loaded(model, trusted=False)


def changed(folder: Path) -> None:
    (folder / "model.pkl").write_bytes((folder / "model.pkl").read_bytes() + b"\n")


def added(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "x.py").touch()


def removed(folder: Path) -> None:
    (folder / "model.pkl").unlink()


def renamed(folder: Path) -> None:
    (folder / "model.pkl").rename(folder / "model.pickle")


def linked(folder: Path) -> None:
    shutil.move(folder / "model.pkl", folder.parent / "elsewhere")
    (folder / "model.pkl").symlink_to(folder.parent / "elsewhere")


def unreadable(folder: Path) -> None:
    """Nothing is parsed: this would be told by whoever reads it."""
    (folder / "MLmodel").write_bytes(b"\x00{[")


def others_may_write(folder: Path) -> None:
    (folder / "model.pkl").chmod(0o666)


def statement_changed(folder: Path) -> None:
    bundle = json.loads((folder / SIGNATURE).read_bytes())
    envelope = bundle["dsseEnvelope"]
    said = base64.b64decode(envelope["payload"]).replace(b"model.pkl", b"model.pk1")
    envelope["payload"] = base64.b64encode(said).decode()
    (folder / SIGNATURE).write_text(json.dumps(bundle))


def damaged(folder: Path) -> None:
    (folder / SIGNATURE).write_bytes(b'{"dsseEnvelope": ')


def gone(folder: Path) -> None:
    (folder / SIGNATURE).unlink()


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (changed, "model.pkl (changed)"),
        (added, "sub/x.py (extra)"),
        (removed, "model.pkl (missing)"),
        (renamed, "model.pickle (extra), model.pkl (missing)"),
        (linked, "is a link"),
        (unreadable, "MLmodel (changed)"),
        (others_may_write, "Others could write"),
        (statement_changed, "by none of the keys"),
        (damaged, "is damaged"),
        (gone, "is not signed"),
    ],
)
@pytest.mark.parametrize("word", [None, True])
def test_what_is_not_as_signed_is_refused_whatever_the_caller_says(
    spoil: Callable[[Path], None], said: str, word: bool | None, ours: Keys, model: Path
) -> None:
    signing.sign(model, ours.private)
    spoil(model)

    with pytest.raises(BadSignature) as refused:
        millrace.pyfunc.load_model(model, trusted=word)

    assert said in refused.value.message
    assert not (model.parent / MARK).exists()


@pytest.mark.usefixtures("ours")
def test_a_foreign_signature_is_none(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing.sign(model, keys(tmp_path, "foreign").private)

    with pytest.raises(UntrustedModel):
        loaded(model)
    monkeypatch.setenv("MILLRACE_REQUIRE_SIGNED_MODELS", "true")
    with pytest.raises(BadSignature, match="by none of the keys"):
        loaded(model)


def test_what_a_trusted_signer_signed_and_somebody_changed_is_refused_without_a_policy(
    ours: Keys, model: Path
) -> None:
    signing.sign(model, ours.private)
    changed(model)

    with pytest.raises(BadSignature, match=r"model\.pkl \(changed\)"):
        loaded(model, trusted=True)


def test_without_settings_a_signature_says_nothing(model: Path, tmp_path: Path) -> None:
    signing.sign(model, keys(tmp_path, "k").private)
    changed(model)

    assert loaded(model, trusted=True)


def test_ones_own_stays_ones_own_when_it_is_signed(tmp_path: Path) -> None:
    model = tmp_path / "m"
    millrace.pyfunc.save_model(
        model, python_model=lambda rows: rows, signature=False, pip_requirements=[]
    )

    signing.sign(model, keys(tmp_path, "k").private)

    assert millrace.pyfunc.load_model(model).predict([1]) == [1]


def test_keys_that_are_none(ours: Keys, model: Path, tmp_path: Path) -> None:
    rsa_keys = keys(tmp_path, "rsa", rsa.generate_private_key(65537, 2048))

    with pytest.raises(millrace.MillraceError, match="Ed25519, or ECDSA"):
        signing.sign(model, rsa_keys.private)
    with pytest.raises(millrace.MillraceError, match="no private key in PEM"):
        signing.sign(model, ours.public)
    with pytest.raises(millrace.MillraceError, match="no public key in PEM"):
        signing.check(signing.sign(model, ours.private).parent, "m", [ours.private])
    with pytest.raises(millrace.MillraceError, match="cannot be read"):
        signing.sign(model, tmp_path / "nothing")


def test_the_commands(ours: Keys, model: Path, tmp_path: Path) -> None:
    other = keys(tmp_path, "other")

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["models", *map(str, words)])
        return done.exit_code, done.output

    assert run("sign", model, "--key", ours.private) == (0, f"Wrote {model / SIGNATURE}.\n")
    right = run("check-signature", "-m", model, "--public-key", ours.public)
    assert right == (0, f"{model} is what was signed: 2 files.\n")
    code, said = run("check-signature", "-m", model, "--public-key", other.public)
    assert code != 0
    assert "is not by that key" in said
