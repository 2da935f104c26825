"""S97, P12: who signed a model, and that nothing of it is read before it is what was signed."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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


# --- certificates --------------------------------------------------------------------------------


class Authority:
    """Gives certificates. *above*: who gave it its own; nobody gave one to a root."""

    def __init__(self, name: str, above: Authority | None = None) -> None:
        self.name, self.key = name, ec.generate_private_key(ec.SECP256R1())
        self.certificate = (above or self).given(name, self.key.public_key(), is_authority=True)

    def given(
        self,
        name: str,
        key: Any,
        *,
        is_authority: bool = False,
        days: int = 1,
        use: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        address: str | None = None,
    ) -> x509.Certificate:
        """A certificate that is in force from the day before yesterday, for *days* from now."""

        def called(one: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)])

        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(called(name))
            .issuer_name(called(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority,
                    key_cert_sign=is_authority,
                    crl_sign=is_authority,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if not is_authority:
            made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if address is not None:
            names = x509.SubjectAlternativeName([x509.RFC822Name(address)])
            made = made.add_extension(names, critical=False)
        return made.sign(self.key, SHA256())


def pem(path: Path, *certificates: x509.Certificate) -> Path:
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    return path


class Team(NamedTuple):
    """An authority that readers know, one below it, and a signer whom that knows."""

    root: Path
    below: Authority
    private: ec.EllipticCurvePrivateKey
    key: Path

    def chain(self, **said: Any) -> Path:
        """The signer's certificate, and that of the authority that gave it."""
        leaf = self.below.given("release", self.private.public_key(), **said)
        return pem(self.key.with_suffix(".chain"), leaf, self.below.certificate)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    root = Authority("root")
    private = ec.generate_private_key(ec.SECP256R1())
    file = pem(tmp_path / "root.pem", root.certificate)
    monkeypatch.setenv("MILLRACE_TRUSTED_SIGNERS", str(file))
    return Team(file, Authority("team", root), private, keys(tmp_path, "release", private).private)


def test_what_somebody_signed_whom_an_authority_vouches_for_may_run(
    team: Team, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing.sign(model, team.key, team.chain(address="ci@example.org"))

    assert loaded(model)
    assert signing.check(model, "m", [team.root], ["ci@example.org"]) == 2
    monkeypatch.setenv("MILLRACE_TRUSTED_IDENTITIES", "release, other@example.org")
    assert loaded(model)
    changed(model)
    with pytest.raises(BadSignature, match=r"model\.pkl \(changed\)"):
        loaded(model, trusted=True)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"days": -1}, "the certificate of release is not in force"),
        ({"use": ExtendedKeyUsageOID.SERVER_AUTH}, "is not for signing code"),
        ({"address": "eve@example.org"}, "it is by eve@example.org, release"),
    ],
)
def test_a_certificate_that_will_not_do_vouches_for_nothing(
    given: dict[str, Any], said: str, team: Team, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TRUSTED_IDENTITIES", "ci@example.org")
    signing.sign(model, team.key, team.chain(address="ci@example.org"))
    assert loaded(model, trusted=True)
    replaced = x509.load_pem_x509_certificates(team.chain(**given).read_bytes())
    told(model, replaced)

    with pytest.raises(BadSignature, match=said):
        loaded(model, trusted=True)


def told(model: Path, chain: list[x509.Certificate]) -> None:
    """Put other certificates beside a signature."""
    bundle = json.loads((model / SIGNATURE).read_bytes())
    encoded = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]
    material = {"x509CertificateChain": {"certificates": [{"rawBytes": one} for one in encoded]}}
    bundle["verificationMaterial"] |= material
    (model / SIGNATURE).write_text(json.dumps(bundle))


@pytest.mark.usefixtures("strict")
def test_a_certificate_of_nobody_who_is_known(team: Team, model: Path, tmp_path: Path) -> None:
    signing.sign(model, team.key, team.chain())
    leaf, above = x509.load_pem_x509_certificates(team.chain().read_bytes())

    told(model, [leaf])
    with pytest.raises(BadSignature, match="no authority that is named vouches for release"):
        loaded(model)
    stranger = Authority("root").given("release", team.private.public_key())
    told(model, [stranger, above])
    with pytest.raises(BadSignature, match="no authority that is named vouches for release"):
        loaded(model)
    thief = team.below.given("thief", ec.generate_private_key(ec.SECP256R1()).public_key())
    told(model, [thief, above])
    with pytest.raises(BadSignature, match="not what the owner of the certificate signed"):
        loaded(model)
    told(model, [leaf] * 17)
    with pytest.raises(BadSignature, match="17 certificates"):
        loaded(model)
    with pytest.raises(BadSignature, match="no authority is named"):
        signing.check(model, "m", [keys(tmp_path, "a").public])


def test_certificates_that_are_none(team: Team, model: Path, tmp_path: Path) -> None:
    other = keys(tmp_path, "other")
    with pytest.raises(millrace.MillraceError, match="is not that of the key"):
        signing.sign(model, other.private, team.chain())
    with pytest.raises(millrace.MillraceError, match="not for signing code"):
        signing.sign(model, team.key, team.chain(use=ExtendedKeyUsageOID.CLIENT_AUTH))
    with pytest.raises(millrace.MillraceError, match="no certificates in PEM"):
        signing.sign(model, team.key, other.public)


def test_the_commands_with_certificates(team: Team, model: Path) -> None:
    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["models", *map(str, words)])
        return done.exit_code, done.output

    run("sign", model, "--key", team.key, "--certificate", team.chain())
    checked = ("check-signature", "-m", model, "--public-key", team.root)
    assert run(*checked, "--identity", "release")[0] == 0
    code, said = run(*checked, "--identity", "somebody")
    assert code != 0
    assert "it is by release" in said
