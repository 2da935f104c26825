"""Bundles: what goes in comes out, however it is cut into pieces; nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import bundles
from millrace.core.bundles import Entry

Files = list[tuple[str, bytes]]
files = st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=200)), max_size=8)


def packed(given: Files) -> bytes:
    parts = [bundles.told(Entry(path=path, size=len(body))) + body for path, body in given]
    return b"".join([*parts, bundles.END])


@given(files, st.integers(1, 50))
def test_any_pieces_give_the_same_files(given: Files, step: int) -> None:
    body = packed(given)
    pieces = [body[at : at + step] for at in range(0, len(body), step)]

    found = [(entry.path, part) for entry, part in bundles.arriving(pieces)]

    assert found == given == [(entry.path, part) for entry, part in bundles.unpacked(body)]


@given(files)
def test_a_cut_bundle_is_none(given: Files) -> None:
    body = packed(given)

    for stop in range(len(body)):
        with pytest.raises(ValueError, match="breaks off"):
            list(bundles.unpacked(body[:stop]))


def test_a_file_that_is_apart_has_no_bytes() -> None:
    body = bundles.told(Entry(path="a", size=10**12, apart=True)) + packed([("b", b"x")])

    assert [(entry.path, part) for entry, part in bundles.unpacked(body)] == [
        ("a", b""),
        ("b", b"x"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{}\n" + bundles.END + b"more",
        b"not json\n" + bundles.END,
        b"[]\n" + bundles.END,
        b'{"path":"\xff"}\n' + bundles.END,
        b'{"path":"a","size":-1}\n' + bundles.END,
        b'{"path":"a","size":1000000}\n' + bundles.END,
        b'{"path":"a","size":"1"}\nx' + bundles.END,
        b"x" * bundles.LINE_BYTES,
    ],
)
def test_what_is_no_bundle(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"bundle|at most"):
        list(bundles.unpacked(body))
