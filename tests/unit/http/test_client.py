"""The HTTP client against a real server that answers as told."""

from __future__ import annotations

import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from millrace.core.errors import (
    InvalidArgument,
    LimitExceeded,
    MillraceError,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from millrace.http.client import HttpClient, Message, Options, Tls
from millrace.http.faults import Untrusted
from millrace.http.patience import Patience
from tests.services import free_port, unavailable
from tests.unit.http.standin import DROP, Told, standin

POST = Message(method="POST", path="/api/2.0/x", body=b'{"a": 1}')
GET = Message(method="GET", path="/api/2.0/x", query=(("a", "ü&="), ("b", "1"), ("b", "2")))
QUICK = Patience(retries=3, backoff_s=1.0, jitter_s=0.0, timeout_s=10.0)


class Pauses(list):
    """Notes how long the client wanted to wait, and does not."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


PLAIN = Options()


def client(url: str, options: Options = PLAIN, pause: Pauses | None = None) -> HttpClient:
    waits = Pauses() if pause is None else pause
    return HttpClient(url, lambda: {"Authorization": "Bearer t"}, options, pause=waits)


def test_an_answer_comes_with_what_was_sent():
    with standin(Told.json({"ok": 1})) as server:
        answer = client(server.url).request(POST)

    [asked] = server.asked
    assert (answer.status, answer.body) == (200, b'{"ok": 1}')
    assert (asked.method, asked.target, asked.body) == ("POST", "/api/2.0/x", b'{"a": 1}')
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == "Bearer t"


def test_a_query_is_percent_encoded():
    with standin(Told()) as server:
        client(server.url + "/prefix/").request(GET)

    assert server.asked[0].target == "/prefix/api/2.0/x?a=%C3%BC%26%3D&b=1&b=2"
    assert "content-type" not in server.asked[0].headers


def test_connections_are_kept_alive():
    with standin(Told()) as server:
        http = client(server.url)
        for _ in range(3):
            http.request(POST)

    assert len({asked.port for asked in server.asked}) == 1


def test_a_closed_client_opens_again():
    with standin(Told()) as server:
        http = client(server.url)
        for _ in range(2):
            http.request(POST)
            http.close()

    assert len({asked.port for asked in server.asked}) == 2


def test_connections_are_left_alone_after_a_fork():
    with standin(Told()) as server:
        http = client(server.url)
        http.request(POST)
        http.forget_connections()
        http.request(POST)

    assert len({asked.port for asked in server.asked}) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int):
    pauses = Pauses()
    with standin(Told(status), Told(status), Told.json({"ok": 1})) as server:
        answer = client(server.url, pause=pauses).request(POST, QUICK)

    assert answer.status == 200
    assert [asked.body for asked in server.asked] == [POST.body] * 3
    assert pauses == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 501])
def test_what_will_not_pass_is_not_tried_again(status: int):
    with standin(Told(status)) as server, pytest.raises(MillraceError):
        client(server.url).request(POST, QUICK)

    assert len(server.asked) == 1


def test_a_dropped_answer_is_asked_for_again_at_once():
    pauses = Pauses()
    with standin(DROP, DROP, Told()) as server:
        client(server.url, pause=pauses).request(POST, QUICK)

    assert len(server.asked) == 3
    assert pauses == [0.0, 2.0]


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nx-content-type-opt",
        b"HTTP/1.1 200 OK\r\ncontent-length:",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunk",
        b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{",
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(cut: bytes):
    """Also where it does so in its head, which `http.client` takes for a whole one."""
    with standin(Told(drop=True, cut=cut), Told()) as server:
        answer = client(server.url).request(POST, QUICK)

    assert (answer.status, answer.body) == (200, b"{}")
    assert len(server.asked) == 2


def test_jitter_is_added_and_bounded():
    patience = Patience(backoff_s=1.0, jitter_s=0.5)
    pauses = {patience.pause_s(0) for _ in range(50)}

    assert len(pauses) > 1
    assert all(1.0 <= pause <= 1.5 for pause in pauses)
    assert patience.pause_s(1000) == 120.0


def test_the_server_may_say_when_to_come_again():
    pauses = Pauses()
    later = Told(503, headers={"Retry-After": "7"})
    with standin(later, Told()) as server:
        client(server.url, pause=pauses).request(POST, QUICK)

    assert pauses == [7.0]


@pytest.mark.parametrize(
    ("said", "waited"),
    [("99999999999", 120.0), ("Fri, 01 Jan 2100 00:00:00 GMT", 120.0), ("soon", 1.0), ("-5", 1.0)],
)
def test_the_server_may_not_say_anything(said: str, waited: float):
    pauses = Pauses()
    with standin(Told(503, headers={"Retry-After": said}), Told()) as server:
        client(server.url, pause=pauses).request(POST, QUICK)

    assert pauses == [waited]


def test_the_server_is_not_heeded_if_so_told():
    pauses = Pauses()
    patience = Patience(backoff_s=1.0, jitter_s=0.0, respect_retry_after=False)
    with standin(Told(503, headers={"Retry-After": "7"}), Told()) as server:
        client(server.url, pause=pauses).request(POST, patience)

    assert pauses == [1.0]


def test_patience_ends():
    busy = Told.error(503, "TEMPORARILY_UNAVAILABLE", "busy")
    with standin(busy) as server, pytest.raises(Unavailable, match="busy") as caught:
        client(server.url).request(POST, QUICK)

    assert len(server.asked) == 4
    assert "4 attempts" in caught.value.__notes__[0]


def test_no_attempt_begins_after_the_total_time():
    patience = Patience(retries=100, backoff_s=1.0, jitter_s=0.0, total_s=0.5)
    with standin(Told(503)) as server, pytest.raises(Unavailable):
        client(server.url).request(POST, patience)

    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        (Told.error(404, "RESOURCE_DOES_NOT_EXIST", "gone"), NotFound, "RESOURCE_DOES_NOT_EXIST"),
        (Told.error(400, "SOMETHING_NEW", "gone"), InvalidArgument, "SOMETHING_NEW"),
        (Told.error(401, "UNAUTHENTICATED", "gone"), Unauthenticated, "UNAUTHENTICATED"),
        (Told.json({"detail": "gone"}, 404), NotFound, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_an_error_is_the_one_it_was_on_the_server(told: Told, kind: type, code: str):
    with standin(told) as server, pytest.raises(kind, match="gone") as caught:
        client(server.url).request(POST)

    assert caught.value.error_code == code


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (429, LimitExceeded), (502, Unavailable), (504, Unavailable)],
)
def test_an_answer_that_is_not_ours_is_shown(status: int, kind: type):
    page = Told(status, b"<html>\n  <h1>Proxy</h1>" + b"x" * 5000, {"Content-Type": "text/html"})
    with standin(page) as server, pytest.raises(kind) as caught:
        client(server.url).request(POST, Patience(retries=0))

    assert f"{status} with text/html: '<html> <h1>Proxy</h1>xxx" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_nobody_there():
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1.*refused"):
        client(f"http://127.0.0.1:{free_port()}").request(POST, QUICK)


def test_no_such_host():
    with pytest.raises(Unavailable, match="cannot be reached"):
        client("http://nobody.invalid").request(POST, Patience(retries=0))


def test_an_answer_that_takes_too_long():
    done = threading.Event()

    def wait(_: object) -> Told:
        done.wait(30)
        return Told()

    with standin(answer=wait) as server:
        with pytest.raises(Unavailable, match="did not answer in time"):
            client(server.url).request(POST, Patience(retries=0, timeout_s=0.1))
        done.set()


def test_an_answer_that_is_too_long_is_refused():
    with standin(Told(body=b"x" * 1001)) as server, pytest.raises(InvalidArgument, match="1000 b"):
        client(server.url, Options(limit_bytes=1000)).request(POST, QUICK)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch):
    with standin(Told()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        client("http://tracking.invalid").request(POST)

    assert proxy.asked[0].target == "http://tracking.invalid/api/2.0/x"


def test_a_proxy_is_passed_by_for_whom_the_environment_says_so(monkeypatch: pytest.MonkeyPatch):
    with standin(Told()) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        client(server.url).request(POST)

    assert len(server.asked) == 1


# --- redirects ---------------------------------------------------------------------------------


def test_a_redirect_within_the_origin_is_followed():
    there = Told(307, headers={"Location": "/elsewhere"})
    with standin(there, Told.json({"ok": 1})) as server:
        assert client(server.url).request(POST).body == b'{"ok": 1}'

    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("POST", "/api/2.0/x"),
        ("POST", "/elsewhere"),
    ]


def test_a_redirect_to_another_origin_gets_no_credentials():
    with standin(Told()) as other:
        there = Told(307, headers={"Location": f"{other.url}/steal"})
        with standin(there) as server, pytest.raises(InvalidArgument, match="another origin"):
            client(server.url).request(POST)

    assert other.asked == []


def test_a_post_is_never_turned_into_a_get():
    there = Told(302, headers={"Location": "/elsewhere"})
    with standin(there) as server, pytest.raises(InvalidArgument, match="a POST into a GET"):
        client(server.url).request(POST)

    assert len(server.asked) == 1


def test_a_circle_of_redirects_ends():
    there = Told(307, headers={"Location": "/api/2.0/x"})
    with standin(there) as server, pytest.raises(InvalidArgument, match="circle"):
        client(server.url).request(POST)

    assert len(server.asked) < 10


def test_redirects_may_be_forbidden():
    there = Told(307, headers={"Location": "/elsewhere"})
    with standin(there) as server, pytest.raises(InvalidArgument, match="REDIRECTS is off"):
        client(server.url, Options(redirects=False)).request(POST)


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, pem, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-keyout {key} -out {pem} -subj /CN=millrace-test -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        subprocess.run(command.split(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        unavailable("openssl", str(error))
    both.write_bytes(key.read_bytes() + pem.read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_an_unknown_certificate_is_not_trusted_and_not_tried_again(tls: ssl.SSLContext):
    pauses = Pauses()
    with standin(Told(), tls=tls) as server, pytest.raises(Untrusted, match="SERVER_CERT_PATH"):
        client(server.url, pause=pauses).request(POST, QUICK)

    assert server.asked == []
    assert pauses == []


def test_a_named_authority_is_trusted(tls: ssl.SSLContext, certificate: Path):
    options = Options(tls=Tls(ca_file=str(certificate)))
    with standin(Told(), tls=tls) as server:
        assert client(server.url, options).request(POST).status == 200


def test_the_check_may_be_switched_off(tls: ssl.SSLContext):
    with standin(Told(), tls=tls) as server:
        assert client(server.url, Options(tls=Tls(verify=False))).request(POST).status == 200


def test_a_client_certificate_is_shown(tls: ssl.SSLContext, certificate: Path):
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificate)
    shown = Tls(ca_file=str(certificate), client_certificate=str(certificate))
    with standin(Told(), tls=tls) as server:
        assert client(server.url, Options(tls=shown)).request(POST).status == 200
        hidden = Options(tls=Tls(ca_file=str(certificate)))
        with pytest.raises(Unavailable):
            client(server.url, hidden).request(POST, Patience(retries=0))
