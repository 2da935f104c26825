"""CSV that Arrow reads is read by pandas as the same, to the last bit; the rest Arrow leaves."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.models.signature import ModelSignature
from millrace.models.types import ColSpec, DataType, Schema
from millrace.serving.csv_tables import CsvTable

KINDS = {
    "n": DataType.long,
    "x": DataType.double,
    "s": DataType.string,
    "ok": DataType.boolean,
}


def signature_of(names: list[str]) -> ModelSignature:
    return ModelSignature(Schema(tuple(ColSpec(KINDS[name], name) for name in names)))


def by_pandas(body: bytes, signature: ModelSignature) -> pd.DataFrame:
    """As a server without Arrow reads it."""
    dtypes = {"x": "float64", "s": str}
    frame = pd.read_csv(io.BytesIO(body), dtype=dtypes, index_col=False, low_memory=False)
    enforced = signature.enforce(frame)
    assert isinstance(enforced, pd.DataFrame)
    return enforced


ODD = """
0 -0 007 +1 1. .5 1e3 1E-3 1e400 -1e400 5e-324 1_000 1,000 0x1f 1f 9223372036854775807
9223372036854775808 -9223372036854775808 inf -Infinity +inf infinity iNf nan NaN -nan -NaN NA N/A
#N/A <NA> None null NULL true True TRUE tRue false
0.1 2.675 1.7976931348623157e308 4.35 t f yes # é 'a'
"""
CELLS = st.one_of(
    st.sampled_from(
        [*ODD.split(), "", " ", " 1", "1 ", "\t2", '"3"', '"a,b"', '"', "1\r", "#N/A N/A"]
    ),
    st.floats().map(repr),
    st.floats(width=32).map(str),
    st.integers(-(2**64), 2**64).map(str),
    st.from_regex(r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text("0123456789+-.eENaninf _xé\t", max_size=6),
)


@given(
    names=st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4, unique=True),
    data=st.data(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    head=st.sampled_from(["", "", "\ufeff", "\n", " "]),
)
@pytest.mark.fuzz
def test_what_arrow_takes_pandas_reads_as_the_same(
    names: list[str], data: st.DataObject, end: str, head: str
) -> None:
    signature = signature_of(names)
    fitting = {
        "n": st.integers(-(2**63), 2**63 - 1).map(str),
        "x": st.floats().map(repr),
        "s": st.sampled_from(["a", "b c", "é", "7"]),
        "ok": st.sampled_from(["True", "false", "TRUE"]),
    }
    # Mostly cells that fit, so that most tables are taken.
    row = st.tuples(*(fitting[name] | fitting[name] | fitting[name] | CELLS for name in names))
    rows = data.draw(st.lists(row.map(list) | st.lists(CELLS, max_size=5), max_size=4))
    last = data.draw(st.sampled_from(["", end, end * 2]))
    text = head + end.join(",".join(cells) for cells in [names, *rows]) + last

    found = CsvTable(signature.inputs).read(text.encode())

    if found is not None:
        frame, count = found
        assert count == len(frame)
        pd.testing.assert_frame_equal(frame, by_pandas(text.encode(), signature), check_exact=True)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_plain_tables_are_taken(end: bytes) -> None:
    signature = signature_of(["n", "x", "s", "ok"])
    body = end.join([b"n,x,s,ok", b"1,0.1,a,True", b"-2,NaN,b c,false", b""])

    found = CsvTable(signature.inputs).read(body)

    assert found is not None
    pd.testing.assert_frame_equal(found[0], by_pandas(body, signature), check_exact=True)


def test_doubles_become_an_array_over_many_blocks() -> None:
    signature = signature_of(["x"])
    values = np.random.default_rng(0).normal(size=50_000)
    body = "\n".join(["x", *map(repr, values.tolist())]).encode()

    found = CsvTable(signature.inputs, as_array=True).read(body)

    assert found is not None
    np.testing.assert_array_equal(found[0], values.reshape(-1, 1))
    assert found[1] == len(values)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x\n",
        b"y\n1\n",
        b"x,y\n1,2\n",
        b"x\n1,2\n",
        b'x\n"1"\n',
        b"x\n1\rx\n",
        b"x\nabc\n",
        b"x\n0x1f\n",
        b"x\n1\n \n",
        b"x\n\xff\n",
        b"\xff\n1\n",
    ],
)
def test_the_unusual_is_left_to_pandas(body: bytes) -> None:
    assert CsvTable(signature_of(["x"]).inputs).read(body) is None
