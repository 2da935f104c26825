"""Addresses that others tell us to call (S20 to S22), and receivers that mean no good."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from millrace.core.errors import InvalidArgument
from millrace.http.outbound import (
    Limits,
    Policy,
    Unreachable,
    Url,
    address_of,
    check,
    is_public,
    parse,
    policy,
    post,
    resolve,
)
from tests.receivers import Receiver, receiving, status

STRICT = Policy()
SOON = Limits(timeout_s=1.0)


def allowing(receiver: Receiver, **more: Any) -> Policy:
    return Policy(http=True, allowed=frozenset({receiver.place}), **more)


# --- spelling ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "example.com",
        "//example.com/",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com/#fragment",
        "https://example.com#",
        "https://example.com/\r\nX-Evil: 1",
        "https://example.com/a b",
        "https://example.com\\@127.0.0.1/",
        "https://exam\tple.com/",
        "https://example.com:22/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://[::1/",
        "https://[not-an-address]/",
        "https://ex%61mple.com/",
        "https://①②⑦.⓪.⓪.①/",
        "https://münchen.example/",
        "https://-example.com/",
        "https://example..com/",
        "https://" + "a" * 2100 + "/",
    ],
)
def test_what_may_not_be_written_down(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse(text, STRICT)


@pytest.mark.parametrize(
    ("text", "host", "port", "target"),
    [
        ("https://Example.COM", "example.com", 443, "/"),
        ("https://example.com./a?b=c", "example.com", 443, "/a?b=c"),
        ("https://example.com:8443/x", "example.com", 8443, "/x"),
        ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example", 443, "/"),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443, "/"),
    ],
)
def test_what_may_be_written_down(text: str, host: str, port: int, target: str) -> None:
    assert parse(text, STRICT) == Url(scheme="https", host=host, port=port, target=target)


def test_no_error_repeats_a_password() -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse("https://user:canary-77@example.com/", STRICT)
    assert "canary" not in raised.value.message


# --- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "foo.localhost",
        "metadata.google.internal",
        "printer.local",
    ],
)
def test_no_way_of_spelling_leads_inside(host: str) -> None:
    with pytest.raises(InvalidArgument, match="host"):
        check(f"https://{host}/", STRICT)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_a_name_is_no_address() -> None:
    assert address_of("example.com") is None
    assert address_of("127.1") == ipaddress.ip_address("127.0.0.1")


def test_a_name_that_leads_inside_is_refused_without_a_connection() -> None:
    """The name of this machine resolves to the loopback or a private network, as a hostile one."""
    name = socket.gethostname()
    with receiving() as receiver:
        rules = Policy(http=True, ports=frozenset({receiver.port}))
        for host in ("localhost", name):
            with pytest.raises(InvalidArgument):
                post(f"http://{host}:{receiver.port}/", b"{}", {}, rules, SOON)
        assert receiver.connections == 0


def test_a_name_nobody_knows_is_told() -> None:
    with pytest.raises(InvalidArgument, match="cannot be resolved"):
        check("https://nobody.invalid/", STRICT)


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "127.0.0.1/32", "127.0.0.1:8443"])
def test_the_operator_may_allow_what_is_inside(allowed: str) -> None:
    rules = Policy(allowed=frozenset({allowed}))

    check("https://127.0.0.1:8443/", rules)
    with pytest.raises(InvalidArgument):
        check("https://10.0.0.1:8443/", rules)


def test_a_port_is_allowed_with_its_host() -> None:
    rules = Policy(allowed=frozenset({"127.0.0.1:5001"}))

    check("https://127.0.0.1:5001/", rules)
    with pytest.raises(InvalidArgument, match="Port"):
        check("https://127.0.0.1:5002/", rules)


def test_names_may_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOWED_HOSTS", "LocalHost, 10.0.0.0/8")
    monkeypatch.setenv("MILLRACE_OUTBOUND_PORTS", "443, 9443")
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOW_HTTP", "true")
    rules = policy()

    url = parse("http://localhost:9443/", rules)
    assert all(address.is_loopback for address in resolve(url, rules))
    check("https://10.9.9.9/", rules)


def test_ports_that_are_none_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_OUTBOUND_PORTS", "443,https")
    with pytest.raises(InvalidArgument, match="OUTBOUND_PORTS"):
        policy()


# --- the call ----------------------------------------------------------------------------------


def test_a_call_arrives_as_it_was_meant() -> None:
    with receiving(status(202, b"thanks")) as receiver:
        answer = post(f"{receiver.url}?a=b", b'{"x":1}', {"X-Own": "1"}, allowing(receiver), SOON)

    assert answer == (202, b"thanks")
    (heard,) = receiver.heard
    assert (heard.path, heard.body, heard.headers["x-own"]) == ("/hook?a=b", b'{"x":1}', "1")
    assert heard.headers["host"] == receiver.place


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(code: int) -> None:
    with receiving() as target, receiving() as receiver:
        receiver.answer = status(code, Location=target.url)
        found, _ = post(receiver.url, b"{}", {}, allowing(receiver), SOON)

    assert found == code
    assert target.connections == 0


def test_no_more_is_read_than_the_limit() -> None:
    with receiving(status(200, b"x" * 1_000_000)) as receiver:
        _, body = post(receiver.url, b"{}", {}, allowing(receiver), Limits(answer_bytes=100))

    assert len(body) == 100


def _endless(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        request.wfile.write(b"1\r\nx\r\n")
        request.wfile.flush()


def test_an_endless_answer_ends() -> None:
    with receiving(_endless) as receiver:
        code, body = post(receiver.url, b"{}", {}, allowing(receiver), Limits(answer_bytes=5_000))

    assert (code, len(body)) == (200, 5_000)


def _dripping(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    pause = threading.Event()
    while True:
        request.wfile.write(b"X-More: 1\r\n"[:1])
        request.wfile.flush()
        pause.wait(0.05)


def _silent(request: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(30)


@pytest.mark.parametrize("answer", [_dripping, _silent])
def test_a_receiver_that_dawdles_costs_no_more_than_the_deadline(answer: Any) -> None:
    began = time.monotonic()
    with receiving(answer) as receiver, pytest.raises(Unreachable, match="in time"):
        post(receiver.url, b"{}", {}, allowing(receiver), Limits(timeout_s=0.5))

    assert time.monotonic() - began < 5


def _hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.connection.close()


def _nonsense(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"I am no web server: canary-99\r\n\r\n")


@pytest.mark.parametrize("answer", [_hangs_up, _nonsense])
def test_what_is_no_answer_is_told_without_its_words(answer: Any) -> None:
    with receiving(answer) as receiver, pytest.raises(Unreachable) as raised:
        post(receiver.url, b"{}", {}, allowing(receiver), SOON)

    assert "did not answer" in raised.value.message
    assert "canary" not in raised.value.message


def test_a_closed_door_is_told() -> None:
    with receiving() as receiver:
        pass
    with pytest.raises(Unreachable, match="cannot be reached"):
        post(receiver.url, b"{}", {}, allowing(receiver), SOON)


def test_a_listener_that_never_accepts_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        rules = Policy(http=True, allowed=frozenset({place}))
        with pytest.raises(Unreachable):
            post(f"http://{place}/", b"{}", {}, rules, Limits(timeout_s=0.5))


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "receiver.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with receiving(tls=context) as receiver:
        yield receiver


def test_https_with_a_certificate_we_trust(secure: Receiver, certificate: Path) -> None:
    rules = Policy(allowed=frozenset({secure.place}), ca_file=str(certificate))

    assert post(secure.url, b"{}", {}, rules, SOON)[0] == 200


def test_a_certificate_that_nobody_signed_is_refused(secure: Receiver) -> None:
    with pytest.raises(Unreachable, match="certificate"):
        post(secure.url, b"{}", {}, Policy(allowed=frozenset({secure.place})), SOON)
    assert secure.heard == []


def test_a_handshake_that_hangs_ends() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        rules = Policy(allowed=frozenset({place}))
        with pytest.raises(Unreachable, match="in time"):
            post(f"https://{place}/", b"{}", {}, rules, Limits(timeout_s=0.5))
