from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from millrace.client import documents
from millrace.core.errors import InvalidArgument

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(JSON)
def test_json_comes_back(document: object):
    assert documents.read(documents.written(document, "d"), "d") == document


@given(JSON)
def test_yaml_comes_back(document: object):
    assert documents.read(documents.written(document, "d.yml"), "d.yml") == document


def test_the_suffix_decides():
    assert documents.written({"b": "é", "a": [1]}, "x/d.YAML") == "b: é\na:\n- 1\n".encode()
    for name in ("d.json", "d.txt", "d"):
        assert json.loads(documents.written({1: "é"}, name)) == {"1": "é"}


@pytest.mark.parametrize("name", ["d.json", "d.yml"])
def test_what_arrays_and_scalars_hold_is_kept(name: str):
    document = {"i": np.int64(2), "f": np.float32(0.5), "a": np.arange(3), "na": pd.NA, "s": {1}}

    found = documents.read(documents.written(document, name), name)

    assert found | {"s": None} == {"i": 2, "f": 0.5, "a": [0, 1, 2], "na": None, "s": None}


def test_anything_else_becomes_text():
    assert json.loads(documents.written({"p": dt.date(2020, 1, 2)}, "d")) == {"p": "2020-01-02"}
    assert yaml.safe_load(documents.written({"o": complex(1, 2)}, "d.yml")) == {"o": "(1+2j)"}


def test_what_cannot_be_kept_is_named():
    endless: list[object] = []
    endless.append(endless)
    for name in ("d.json", "d.yml"):
        with pytest.raises(InvalidArgument, match=name):
            documents.written(endless, name)
    with pytest.raises(InvalidArgument, match="surrogate"):
        documents.written({"a": "\ud800"}, "d.json")


@pytest.mark.parametrize(("body", "name"), [(b"{", "d.json"), (b"\xff", "d"), (b"a: [", "d.yml")])
def test_what_is_no_document_is_named(body: bytes, name: str):
    with pytest.raises(InvalidArgument, match=f"'{name}' is not"):
        documents.read(body, name)


def test_yaml_makes_no_objects():
    with pytest.raises(InvalidArgument, match="is not YAML"):
        documents.read(b"!!python/object/apply:os.system ['true']", "d.yml")


def test_plain_values():
    values = [float("nan"), float("inf"), 2**70, pd.NaT, b"x", (1,), dt.datetime(2020, 1, 2)]  # noqa: DTZ001

    assert documents.plain(values) == [
        None, None, str(2**70), None, "x", [1], "2020-01-02T00:00:00.000",
    ]  # fmt: skip
