"""YAML that others wrote."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument
from millrace.files.documents import read_yaml, write_yaml

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = st.none() | st.integers(-(2**63), 2**63 - 1) | texts | st.booleans()
hexes = st.text("0123456789abcdefx", min_size=1, max_size=34)
words = st.text("0123456789abefnoxyNY~./:-_' #", max_size=12)


@given(st.dictionaries(st.text("abc_", min_size=1), scalars | hexes | words, max_size=6))
def test_what_is_written_is_read(document: dict[str, object]) -> None:
    assert read_yaml(write_yaml(document)) == document


@given(st.text("abc_", min_size=1, max_size=3), words | hexes)
def test_a_line_means_what_it_means_to_any_reader(key: str, value: str) -> None:
    """The short way through flat documents never has an opinion of its own."""
    data = f"{key}: {value}\n".encode()
    try:
        expected = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError):
        with pytest.raises(InvalidArgument):
            read_yaml(data)
    else:
        assert repr(read_yaml(data)) == repr(expected)


@pytest.mark.parametrize(
    "data",
    [
        b"a: [",
        b"\xff\xfe",
        b"a: !!python/object/apply:os.system ['true']",
        b"a: &a [x]\n" + b"".join(b"b%d: *a\n" % n for n in range(40)),
        b"[" * 100 + b"]" * 100,
        b"a: " + b"x" * 2_000,
    ],
    ids=["broken", "no UTF-8", "object", "aliases", "deep", "long"],
)
def test_what_is_no_plain_document_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        read_yaml(data, limit=1_000)
