"""Host, Origin, CORS: who may be asked for, and who may ask."""

from __future__ import annotations

import pytest

from millrace.asgi.security import Guard, Policy, authority, host_entries, origin_entries
from millrace.core.errors import InvalidArgument, MalformedRequest, PermissionDenied

LOCAL = Policy()


def admits(policy: Policy, method: str = "GET", path: str = "/x", **headers: str) -> bool:
    given = {"host": "localhost", **{k.replace("_", "-"): v for k, v in headers.items()}}
    try:
        Guard(policy).admit(
            method, path, {k.encode(): v.encode("latin-1") for k, v in given.items()}
        )
    except PermissionDenied:
        return False
    return True


def hosts(*names: str) -> Policy:
    return Policy(hosts=host_entries(names), private_hosts=False)


def origins(*names: str) -> Policy:
    return Policy(origins=origin_entries(names))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("localhost", ("localhost", None)),
        ("LocalHost:80", ("localhost", "80")),
        ("a-b.example_1.org:65535", ("a-b.example_1.org", "65535")),
        ("[::1]:5000", ("[::1]", "5000")),
        ("", None), (":80", None), ("a:", None), ("a:65536", None), ("a:8o", None),
        ("a:80:80", None),
        ("a@b", None), ("a b", None), ("a,b", None), ("a/b", None), ("a#b", None), ("a\\b", None),
        ("-a", None), ("a-", None), ("a..b", None), ("a.", None), (".a", None), ("::1", None),
        ("[::1", None), ("[::1]x", None), ("[x]", None), ("\ta", None), ("a\n", None), ("é", None),
        ("a" * 64, None),
    ],
)  # fmt: skip
def test_authority(text: str, parsed: tuple[str, str | None] | None) -> None:
    assert authority(text) == parsed


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:5000", "127.0.0.1", "[::1]:1", "0.0.0.0:80", "10.0.0.1",
     "10.255.1.1:5", "172.16.0.1", "172.31.255.255", "192.168.1.1", "[fc00::1]",
     "[fd12:3456::1]:80"],
)  # fmt: skip
def test_local_names_are_ours(host: str) -> None:
    assert admits(LOCAL, host=host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "10.evil.example", "127.0.0.1.evil.example", "127.0.0.1:5000.evil.example",
     "localhost:80@evil.example", "", "localhost.", "127.1", "2130706433", "0x7f000001", "8.8.8.8",
     "172.15.0.1", "172.32.0.1", "192.169.0.1", "11.0.0.1", "010.0.0.1", "[::2]", "[fe80::1]",
     "[::ffff:10.0.0.1]", "127.0.0.2"],
)  # fmt: skip
def test_other_names_are_not(host: str) -> None:
    assert not admits(LOCAL, host=host)


def test_a_missing_host_is_refused() -> None:
    with pytest.raises(PermissionDenied):
        Guard(LOCAL).admit("GET", "/x", {})


@pytest.mark.parametrize(
    ("listed", "host", "ours"),
    [
        ("tracking.example", "tracking.example", True),
        ("tracking.example", "Tracking.Example:8080", True),
        ("tracking.example:*", "tracking.example:8080", True),
        ("tracking.example:8080", "tracking.example:8080", True),
        ("tracking.example:8080", "tracking.example", False),
        ("tracking.example", "a.tracking.example", False),
        ("*.example", "a.b.example:1", True),
        ("*.example", "example", False),
        ("*.example", "a.example.evil", False),
        ("*.example", "aexample", False),
        ("*", "anything.at.all:1", True),
        ("*", "two words", False),
        ("[2001:db8::1]", "[2001:DB8::1]:5000", True),
        ("tracking.example", "localhost", False),
    ],
)
def test_a_list_replaces_the_default(listed: str, host: str, ours: bool) -> None:
    assert admits(hosts(*listed.split(",")), host=host) is ours


@pytest.mark.parametrize("entry", ["192.168.*", "a.*.b", "*a", "a b", "http://a", "a/b", "a:b:c"])
def test_entries_that_would_need_guessing_are_refused(entry: str) -> None:
    with pytest.raises(InvalidArgument, match=r"\*\.example\.com"):
        host_entries([entry])


def test_open_paths_answer_to_any_name() -> None:
    policy = Policy(open_paths=frozenset({"/health"}))

    assert admits(policy, path="/health", host="evil.example")
    assert not admits(policy, path="/health/", host="evil.example")


def test_checks_can_be_switched_off() -> None:
    policy = Policy(checks=False)

    assert admits(policy, "POST", host="evil.example", origin="http://evil.example")


# --- origins -----------------------------------------------------------------------------------

WRITES = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost.evil.example", "",
     "http://localhost@evil.example",
     "http://evil.example#localhost", "http://evil.example/localhost", "//localhost", "localhost",
     "http://", "file://", "http://localhost:99999", "http://localhost http://evil.example"],
)  # fmt: skip
def test_foreign_origins_may_not_write(method: str, origin: str) -> None:
    assert not admits(LOCAL, method, origin=origin)


@pytest.mark.parametrize(
    "origin", ["http://localhost", "https://127.0.0.1:3000", "http://[::1]:80"]
)
def test_pages_of_this_machine_may_write(origin: str) -> None:
    assert admits(LOCAL, "POST", origin=origin)


def test_our_own_pages_may_write_under_any_of_our_names() -> None:
    policy = hosts("tracking.example")

    assert admits(policy, "POST", host="tracking.example:80", origin="http://tracking.example:80")
    assert not admits(policy, "POST", host="tracking.example", origin="http://other.example")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_foreign_origins_may_ask_to_read(method: str) -> None:
    assert admits(LOCAL, method, origin="http://evil.example", sec_fetch_site="cross-site")


@pytest.mark.parametrize(
    ("site", "may"),
    [("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True)],
)
def test_what_the_browser_says_counts_without_an_origin(site: str, may: bool) -> None:
    assert admits(LOCAL, "POST", sec_fetch_site=site) is may


def test_an_allowed_origin_outweighs_the_site() -> None:
    policy = origins("https://app.example")

    assert admits(policy, "POST", origin="https://app.example", sec_fetch_site="cross-site")


@pytest.mark.parametrize(
    ("listed", "origin", "may"),
    [
        ("https://app.example", "https://app.example", True),
        ("https://app.example/", "https://app.example:443", True),
        ("https://app.example", "http://app.example", False),
        ("https://app.example", "https://app.example:8443", False),
        ("https://app.example:8443", "https://app.example:8443", True),
        ("https://*.example", "https://a.example", True),
        ("https://*.example", "https://example", False),
        ("https://*.example", "https://a.example.evil", False),
        ("*", "https://anybody.example", True),
    ],
)
def test_listed_origins(listed: str, origin: str, may: bool) -> None:
    assert admits(origins(listed), "POST", origin=origin) is may


@pytest.mark.parametrize("entry", ["app.example", "https://", "https://a*.example", "https://a b"])
def test_origins_that_would_need_guessing_are_refused(entry: str) -> None:
    with pytest.raises(InvalidArgument):
        origin_entries([entry])


# --- CORS --------------------------------------------------------------------------------------


def cors(policy: Policy, origin: str) -> dict[bytes, bytes]:
    headers = Guard(policy).headers({b"host": b"localhost", b"origin": origin.encode()})
    return {name: value for name, value in headers if name.startswith(b"access-control")}


def test_foreign_pages_may_not_read() -> None:
    assert cors(LOCAL, "http://evil.example") == {}
    assert cors(LOCAL, "null") == {}


def test_allowed_pages_may_read_with_credentials() -> None:
    assert cors(origins("https://app.example"), "https://app.example") == {
        b"access-control-allow-origin": b"https://app.example",
        b"access-control-allow-credentials": b"true",
    }


def test_any_page_may_read_without_credentials() -> None:
    assert cors(origins("*"), "https://x.example") == {b"access-control-allow-origin": b"*"}


def test_preflight() -> None:
    headers = {
        b"host": b"localhost",
        b"origin": b"http://localhost:3000",
        b"access-control-request-method": b"POST",
        b"access-control-request-headers": b"content-type",
    }
    guard = Guard(LOCAL)

    answer = guard.preflight(headers)

    assert answer is not None
    assert answer.status == 200
    assert dict(answer.headers)[b"access-control-allow-headers"] == b"content-type"
    assert guard.preflight({b"origin": b"http://localhost"}) is None
    with pytest.raises(MalformedRequest, match="evil"):
        guard.preflight(headers | {b"origin": b"http://evil.example"})


def test_frame_options_can_be_switched_off() -> None:
    assert b"x-frame-options" not in dict(Guard(Policy(frame_options="NONE")).headers({}))
    assert dict(Guard(Policy(frame_options="DENY")).headers({}))[b"x-frame-options"] == b"DENY"


def test_made_up_names_do_not_fill_the_memory() -> None:
    guard = Guard(Policy())
    for number in range(3000):
        with pytest.raises(PermissionDenied):
            guard.admit("GET", "/", {b"host": b"h%d.example" % number})

    assert len(guard._hosts) <= 1000
    guard.admit("GET", "/", {b"host": b"localhost"})
