"""Pickles are found by what they are, whatever they are called and wherever they hide."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.models import scan


class Payload:
    """Would run a harmless command."""

    def __reduce__(self):
        return os.system, ("true",)


EVIL = pickle.dumps(Payload())
CALL = f"{os.system.__module__}.system"


def zipped(data: bytes, name: str = "a/data.pkl") -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return body.getvalue()


def tarred(data: bytes) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        info = tarfile.TarInfo("weights.bin")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return body.getvalue()


def of_numpy(**arrays: object) -> bytes:
    body = io.BytesIO()
    np.savez(body, **arrays)
    return body.getvalue()


def of_joblib(value: object, compress: object = 0) -> bytes:
    body = io.BytesIO()
    joblib.dump(value, body, compress=compress)
    return body.getvalue()


OBJECTS = np.array([Payload()], dtype=object)

HIDDEN = {
    **{f"protocol {n}": pickle.dumps([1, {"a": Payload()}], protocol=n) for n in range(6)},
    "renamed": EVIL,
    "behind another pickle": pickle.dumps(1) + EVIL,
    "gzip": gzip.compress(EVIL),
    "bzip2": bz2.compress(EVIL),
    "xz": lzma.compress(EVIL),
    "zlib": zlib.compress(EVIL),
    "zip": zipped(EVIL),
    "a zip behind a picture": b"GIF89a" + b"x" * 100 + zipped(EVIL),
    "tar": tarred(EVIL),
    "tar.gz": gzip.compress(tarred(EVIL)),
    "zip in tar in gzip": gzip.compress(tarred(zipped(EVIL))),
    "npz": of_numpy(x=OBJECTS),
    "joblib": of_joblib([Payload()]),
    "joblib among arrays": of_joblib([np.zeros(100), Payload()]),
    "joblib, compressed": of_joblib([np.zeros(100), Payload()], 3),
    "names from the memo": (
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94" + b"0" * 2 + b"h\x00h\x01\x93\x8c\x04true\x85R."
    ),
    "names in the old way": b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("where", HIDDEN)
def test_a_pickle_is_found(where: str, tmp_path: Path):
    path = tmp_path / "model.json"
    path.write_bytes(HIDDEN[where])

    found = scan.scan_file(path)

    assert found is not None
    assert found.format.endswith("pickle")
    assert {"os.system", CALL} & {*found.dangerous}


HARMLESS = {
    "text": b'{"a": 1}',
    "words": b"c os\nsystem is a word",
    "nothing": b"",
    "arrays": of_numpy(x=np.zeros(3)),
    "a number of LightGBM": b"tree\nversion=v4\nnum_class=1\n",
    "a zip of text": zipped(b"hello", "a.txt"),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_data_is_not_taken_for_a_pickle(what: str, tmp_path: Path):
    path = tmp_path / "model.pkl"
    path.write_bytes(HARMLESS[what])

    assert scan.scan_file(path) is None


def test_what_cannot_be_looked_into_is_unknown(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"0" * 100)
    zstd = scan.scan_file(path)
    deep = EVIL
    for _ in range(10):
        deep = gzip.compress(deep)
    path.write_bytes(deep)
    nested = scan.scan_file(path)

    assert zstd is not None
    assert zstd.format == "zstd > unknown"
    assert nested is not None
    assert "beyond the limit" in (nested.note or "")


def test_code_is_named_and_harmless_imports_are_told_apart(tmp_path: Path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "m.py").write_text("x = 1")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(np.zeros(3)))

    found = scan.scan_folder(tmp_path)

    assert found.keys() == {"code/m.py", "model.pkl"}
    assert found["code/m.py"].format == "Python code"
    assert found["model.pkl"].dangerous == []
    assert "numpy.dtype" in found["model.pkl"].imports


@given(st.binary(max_size=200))
def test_any_bytes_are_looked_at_in_peace(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.mktemp("any") / "x"
    path.write_bytes(data)

    scan.scan_file(path)
