"""Paths of clients and places of artifacts: what is taken, what is refused."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import uris
from millrace.core.errors import InvalidArgument
from millrace.core.uris import join, path_below, place, redacted, safe_folder, safe_path

if TYPE_CHECKING:
    from pathlib import Path

TAKEN = [
    "a",
    "model/MLmodel",
    "a b/c d.txt",
    "100%",
    "100%25",
    "a%20b",
    "50%off",
    "..a/b..c/...d",
    ".hidden/.x",
    "größe/日本語/🙂.png",
    "1:b",
    "x/c:y",
    "a~b/~c",
    "console/nullable/com10/aux_data",
    "a;b=c",
    "a?b#c",
    "x" * 255,
    "é" * 127,
    "/".join(["d" * 63] * 64),
]

REFUSED = {
    "S1": [
        "..",
        "../a",
        "a/..",
        "a/../b",
        "a/b/../../..",
        "%2e%2e%2fa",
        "%2E%2e/a",
        ".%2e/a",
        "a/%2e./b",
    ],
    "S2": [
        "%252e%252e%252fa",
        "a/%25252e%25252e/b",
        "%252fetc",
        "%2500",
        "a%2500",
        "%252561:b",
        "%" + "25" * 40 + "41",
        "file%253a///x",
    ],
    "S3": [
        "/etc/x",
        "//x",
        "///x",
        "%2fetc",
        "C:\\x",
        "c:x",
        "\\\\host\\share",
        "~",
        "~user/x",
        "file:///x",
        "s3:x",
        "x-y+z.1:",
        " file:x",
        "\u3000file:x",
        "javascript:x",
        "a%3a/x",
    ],
    "S4": ["..\\a", "a\\b", "..%5ca", "a%5c..%5cb", "a%255cb"],
    "S5": [
        "a\x00b",
        "a\nb",
        "\x7f",
        "a\x1fb",
        "a\x85b",
        "%00",
        "a%0ab",
        "%c0%af",
        "%ff",
        "a\ud800",
        "．．/a",
        "a／b",
        "a＼b",
        "․․/a",
        "…/a",
        "a%uff0e％2e",
        "～user/x",
        "file：x",
    ],
    "S6": [
        "a//b",
        "a/./b",
        ".",
        "./a",
        "a/.",
        "a ",
        "a./b",
        "a/b ",
        "a/",
        "x" * 256,
        "é" * 128,
        "/".join(["d" * 63] * 64) + "dd",
        "CON",
        "a/nul",
        "Aux.txt",
        "com1",
        "LPT9.tar.gz",
        "con .x",
        "CONIN$",
        "com¹",
    ],
    "S7": ["", "/", "%2f", "a/..", "a/%2e%2e"],
}


@pytest.mark.parametrize("path", TAKEN)
def test_a_plain_path_is_taken_as_it_is(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    ("rule", "path"), [(rule, path) for rule, paths in REFUSED.items() for path in paths]
)
def test_a_path_that_may_mislead_is_refused(rule: str, path: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid path") as caught:
        safe_path(path)

    assert rule
    assert caught.value.message.isascii()


def test_a_folder_to_list_may_be_the_root_or_end_in_a_slash() -> None:
    assert [safe_folder(path) for path in ("", "a", "a/", "a/b/")] == ["", "a", "a", "a/b"]
    for path in ("/", "//", "a//", ".", "../", "%2f"):
        with pytest.raises(InvalidArgument):
            safe_folder(path)


# What attackers write with, and enough of the harmless to make whole paths of.
PIECES = [
    *("/", "//", ".", "..", "...", "\\", "~", ":", " ", "a", "B", "é", "x.y", "0", "C:", "file:"),
    *("%", "%2e", "%2E", "%2f", "%5c", "%00", "%25", "%252e", "%252f", "%c0%af", "%ff", "%7e"),
    *("．", "／", "＼", "․", "‥", "\0", "\n", "\x7f", "\ud800", "\u202e", "root", "out", "in"),
    *("％", "CON", "nul", "etc", "passwd", "target", "link"),
]  # fmt: skip


def reference(root: str, path: str) -> str | None:
    """Where the kernel ends up for *path* below *root*; None when it cannot be asked."""
    try:
        return os.path.realpath(f"{root}/{path}")
    except (ValueError, OSError):
        return None


def escapes(root: str, path: str) -> bool:
    """Whether *path*, as it is or decoded any number of times, leaves *root* or is root itself."""
    seen = path
    for _ in range(40):
        for form in (seen, seen.replace("\\", "/")):
            real = reference(root, form)
            is_absolute = form.startswith(("/", "~"))
            if is_absolute or real is None or not real.startswith(f"{root}/"):
                return True
        after = unquote(seen)
        if after == seen:
            return False
        seen = after
    return True


@pytest.mark.fuzz
def test_no_taken_path_leaves_its_root(tmp_path: Path, full_size: bool) -> None:
    """P8: of generated paths none that is taken leads out, whoever decodes it how often."""
    root = os.path.realpath(tmp_path / "root")
    (tmp_path / "root" / "in" / "a").mkdir(parents=True)
    (tmp_path / "target").write_text("outside")
    count, seed = (1_000_000, random.randrange(2**32)) if full_size else (100_000, 8)
    choose = random.Random(seed)
    taken = 0

    for _ in range(count):
        path = "".join(choose.choices(PIECES, k=choose.randint(1, 7)))
        if choose.random() < 0.1:
            path = quote(path, safe="", errors="surrogatepass")
        try:
            safe_path(path)
        except InvalidArgument:
            continue
        taken += 1
        assert not escapes(root, path), (seed, path)

    assert taken > count // 100


def test_whatever_leads_out_is_refused(tmp_path: Path) -> None:
    """The other direction: every short combination that the kernel takes outside is refused."""
    root = os.path.realpath(tmp_path / "root")
    (tmp_path / "root" / "in").mkdir(parents=True)
    small = ["/", "..", ".", "in", "%2e", "%2f", "%252e", "\\"]

    for path in map("".join, itertools.product(small, repeat=4)):
        if escapes(root, path):
            with pytest.raises(InvalidArgument):
                safe_path(path)


@given(st.text(max_size=40))
def test_any_text_is_taken_as_it_is_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidArgument):
        assert safe_path(text) == text


def test_what_is_taken_at_a_glance_would_pass_every_check() -> None:
    """Names of devices and of nearly that, in all cases, with what may come before and after."""
    names = ("con", "CON", "Com1", "com", "com10", "lpt9", "nul", "aux", "prn", "conin$", "a-b")
    around = ("", "..", "/.", *"a0./- %~:\\\néſ")
    glances = 0

    for before, name, between, after in itertools.product(around, names, around, around):
        path = f"{before}{name}{between}{after}"
        if uris._PLAIN.fullmatch(path):
            glances += 1
            assert uris._why_not(path) is None, path

    assert glances > 500


# Places


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("S3://bucket/a b", ("s3", "bucket", "/a b", "")),
        ("mlflow-artifacts:/3", ("mlflow-artifacts", "", "/3", "")),
        ("/srv/a", ("file", "", "/srv/a", "")),
        ("file:///srv/a%20b", ("file", "", "/srv/a b", "")),
        ("FILE://localhost/srv/a", ("file", "", "/srv/a", "")),
        ("wasbs://c@a.host/p", ("wasbs", "c@a.host", "/p", "")),
        ("s3://b/p?x=1", ("s3", "b", "/p", "x=1")),
        ("C:/x", ("file", "", "C:/x", "")),
    ],
)
def test_a_place_is_taken_apart(uri: str, parts: tuple[str, ...]) -> None:
    assert place(uri) == parts


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "s3://b/a#f",
        "s3://b/a;p=1",
        "s3://ada:pw@b/a",
        "s3://ada@b/a",
        "wasbs://c:p@a/x",
        "a\x00b",
        "s3://b/a\r\nX: y",
        "s3://b/../a",
        "s3://b/%2e%2e/a",
        "s3://b/%252E%252e%252fa",
        "a\\..\\b",
        "s3://[b/a",
        "s3://b/p?x=/../y",
    ],
)
def test_what_no_place_may_have(uri: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        place(uri)

    assert "pw" not in caught.value.message


@pytest.mark.parametrize(
    ("root", "uri", "path"),
    [
        ("/a/b", "/a/b/c", "c"),
        ("/a/b/", "/a/b", ""),
        ("/a/b", "/a/bc", None),
        ("/a/b", "/a", None),
        ("/a/b", "file:///a/b/c/d", "c/d"),
        ("file:///a", "file://localhost/a/b", "b"),
        ("/a", "file://elsewhere/a/b", None),
        ("/", "/a", "a"),
        ("s3://b/p", "s3://b/p/q", "q"),
        ("s3://b/p", "s3://b2/p/q", None),
        ("s3://b", "S3://b/q", "q"),
        ("s3://b/p", "s3://b/p/../../x", None),
        ("s3://b/p", "s3://b/p/%2e%2e/x", None),
        ("s3://b/p", "gs://b/p/q", None),
        ("mlflow-artifacts:/", "mlflow-artifacts:/3/r/artifacts", "3/r/artifacts"),
        ("mlflow-artifacts:/", "mlflow-artifacts://host/3", None),
    ],
)
def test_a_place_lies_below_another_by_whole_segments(
    root: str, uri: str, path: str | None
) -> None:
    assert path_below(root, uri) == path


def test_places_are_joined() -> None:
    assert join("mlflow-artifacts:/", "3/x") == "mlflow-artifacts:/3/x"
    assert join("s3://b/p/", "x") == "s3://b/p/x"
    assert join("s3://b/p?k=v", "x") == "s3://b/p/x?k=v"
    assert join("s3://b/p", "") == "s3://b/p"


def test_a_login_is_not_shown() -> None:
    assert redacted("sftp://ada:pw@host/a?token=t") == "sftp://host/a"
    assert redacted("s3://b/a@c") == "s3://b/a@c"
