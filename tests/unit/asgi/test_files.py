"""Files over HTTP: conditions, ranges, digests and heads, as the RFCs have them."""

from __future__ import annotations

import base64
import hashlib

import pytest

from millrace.asgi.files import (
    asked_range,
    check_match,
    content_type,
    disposition,
    is_unchanged,
    sent_digests,
)
from millrace.core.errors import InvalidArgument, PreconditionFailed, RangeNotSatisfiable


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (b"bytes=0-9", (0, 10)),
        (b"Bytes = 5 - 5", (5, 6)),
        (b"bytes=90-", (90, 100)),
        (b"bytes=-1", (99, 100)),
        (b"bytes=-1000", (0, 100)),
        (b"bytes=99-1000", (99, 100)),
        (b"bytes=-", None),
        (b"bytes=9-5", None),
        (b"bytes=0-1,3-4", None),
        (b"bytes=0-1,", None),
        (b"items=0-1", None),
        (b"bytes=+1-2", None),
        (b"bytes=0x1-2", None),
        (b"bytes=" + b"9" * 100 + b"-", None),
        (b"", None),
    ],
)
def test_one_range_is_understood(given: bytes, found: tuple[int, int] | None) -> None:
    assert asked_range({b"range": given}, 100, "t") == found


@pytest.mark.parametrize("given", [b"bytes=100-", b"bytes=100-200", b"bytes=-0"])
def test_a_range_beyond_the_end(given: bytes) -> None:
    with pytest.raises(RangeNotSatisfiable, match="100 bytes"):
        asked_range({b"range": given}, 100, "t")


def test_no_part_of_an_empty_file() -> None:
    with pytest.raises(RangeNotSatisfiable):
        asked_range({b"range": b"bytes=0-"}, 0, "t")


@pytest.mark.parametrize(
    ("condition", "counts"),
    [(b'"t"', True), (b'W/"t"', False), (b'"u"', False), (b"Thu, 01 Jan 1970 00:00:00 GMT", False)],
)
def test_a_range_of_the_file_that_is_known(condition: bytes, counts: bool) -> None:
    found = asked_range({b"range": b"bytes=1-", b"if-range": condition}, 9, "t")

    assert found == ((1, 9) if counts else None)


@pytest.mark.parametrize(
    ("headers", "unchanged"),
    [
        ({}, False),
        ({b"if-none-match": b'"t"'}, True),
        ({b"if-none-match": b'"a" , W/"t"'}, True),
        ({b"if-none-match": b"*"}, True),
        ({b"if-none-match": b'"a"'}, False),
        ({b"if-none-match": b"t"}, False),
        ({b"if-none-match": b'"a", garbage, "t"'}, False),
        ({b"if-modified-since": b"Thu, 01 Jan 1970 00:00:05 GMT"}, True),
        ({b"if-modified-since": b"Thu, 01 Jan 1970 00:00:04 GMT"}, False),
        ({b"if-modified-since": b"yesterday"}, False),
        # A tag is more exact than a time.
        (
            {b"if-none-match": b'"a"', b"if-modified-since": b"Fri, 01 Jan 2100 00:00:00 GMT"},
            False,
        ),
        ({b"if-match": b'"t"'}, False),
        ({b"if-unmodified-since": b"Thu, 01 Jan 1970 00:00:05 GMT"}, False),
    ],
)
def test_what_the_client_has_is_not_sent_again(
    headers: dict[bytes, bytes], unchanged: bool
) -> None:
    assert is_unchanged(headers, "t", 5_900) is unchanged


@pytest.mark.parametrize(
    "headers",
    [
        {b"if-match": b'"a"'},
        {b"if-match": b'W/"t"'},
        {b"if-unmodified-since": b"Thu, 01 Jan 1970 00:00:04 GMT"},
    ],
)
def test_what_the_client_insists_on(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(PreconditionFailed):
        is_unchanged(headers, "t", 5_900)


def test_what_may_be_replaced() -> None:
    check_match({}, None)
    check_match({b"if-match": b"*"}, "t")
    check_match({b"if-none-match": b"*"}, None)
    check_match({b"if-none-match": b'"a"'}, "t")
    for headers, there in (
        ({b"if-match": b"*"}, None),
        ({b"if-match": b'"a"'}, "t"),
        ({b"if-none-match": b"*"}, "t"),
        ({b"if-none-match": b'"t"'}, "t"),
    ):
        with pytest.raises(PreconditionFailed):
            check_match(headers, there)


def test_digests_by_their_names() -> None:
    digest = hashlib.sha256(b"x").digest()
    text = base64.b64encode(digest)

    found = sent_digests(
        {
            b"repr-digest": b"sha-256=:" + text + b":, unknown=:AAAA:",
            b"content-md5": base64.b64encode(b"1" * 16),
        }
    )

    assert found == {"sha-256": digest, "unknown": b"\0\0\0", "md5": b"1" * 16}
    assert sent_digests({}) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {b"repr-digest": b"sha-256=AAAA"},
        {b"content-digest": b"sha-256=:A:"},
        {b"content-digest": b":AAAA:"},
        {b"content-md5": b"?"},
    ],
)
def test_a_digest_that_cannot_be_read_is_refused(headers: dict[bytes, bytes]) -> None:
    """To ignore it would be to promise a check that is not made."""
    with pytest.raises(InvalidArgument):
        sent_digests(headers)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", b"text/plain; charset=utf-8"),
        ("A.YAML", b"text/plain; charset=utf-8"),
        ("MLmodel", b"text/plain; charset=utf-8"),
        ("a.png", b"image/png"),
        ("a.html", b"text/html"),
        ("a.tar.gz", b"application/octet-stream"),
        ("a.b.gz", b"application/octet-stream"),
        ("v1.2.png", b"image/png"),
        (".png", b"application/octet-stream"),
        ("a.", b"application/octet-stream"),
        ("a.pkl", b"application/octet-stream"),
        ("txt", b"application/octet-stream"),
        ("", b"application/octet-stream"),
    ],
)
def test_media_types(name: str, kind: bytes) -> None:
    assert content_type(name) == kind


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a b.txt", b'attachment; filename="a b.txt"'),
        ("ä.txt", b"attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A4.txt"),
        ('a"\\b', b"attachment; filename=\"a__b\"; filename*=UTF-8''a%22%5Cb"),
        ("a\r\nX: y", b"attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("50%41", b"attachment; filename=\"50_41\"; filename*=UTF-8''50%2541"),
    ],
)
def test_a_name_in_a_header_is_only_a_name(name: str, line: bytes) -> None:
    assert disposition(name) == line
