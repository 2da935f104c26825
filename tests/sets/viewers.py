"""D5: a file for each viewer, and images of several keys over many steps."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import wave
import zipfile
import zlib
from typing import Any, NamedTuple

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq

from tests.browser.seed import Api
from tests.sets.attack import attack, leaving
from tests.sets.documents import film, pdf

KEYS = ("a/input", "a/mask", "b/input", "b/mask")
MODEL = """flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    pickled_model: model.pkl
scan:
  model.pkl:
    format: pickle
    imports:
    - os.system
    dangerous:
    - os.system
signature:
  inputs: '[{"name": "age", "type": "double", "required": true}]'
  outputs: '[{"name": "risk", "type": "double"}]'
"""
NOTEBOOK = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": ["# Steps\n", "<script>window.hit = 1</script>"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "source": "1 / 0",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["so far \x1b[31mgood\x1b[0m"]},
                {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "by zero"},
            ],
        },
    ],
}
PLOTLY = {
    "data": [{"type": "bar", "x": ["one", "two"], "y": [1, 3]}],
    "layout": {"title": {"text": "Counted"}},
}
VEGA = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"a": "x", "b": 2}, {"a": "y", "b": 5}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}},
}
SHAPES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"name": "square"},
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 0]]]},
        },
        {
            "type": "Feature",
            "properties": {"name": "spot"},
            "geometry": {"type": "Point", "coordinates": [1, 3]},
        },
    ],
}
PAGE_OF_PLOTLY = (
    "<html><body><div id='p'></div>"
    '<script charset="utf-8" src="https://cdn.plot.ly/plotly-3.0.0.min.js"></script>'
    "<script>Plotly.newPlot('p', [{y: [1, 2]}], {title: {text: 'From a page'}})"
    "</script></body></html>"
)


def parquet(rows: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(rows)), "word": [f"w{n}" for n in range(rows)]}), sink)
    return sink.getvalue()


def sound() -> bytes:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(range(256)) * 16)
    return sink.getvalue()


def arrays() -> dict[str, bytes]:
    one, many, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(one, np.array([[1.5, 2.5], [3.5, 4.5]]))
    np.savez_compressed(many, weights=np.zeros((30, 4), "float32"), bias=np.ones(4, "int16"))
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("inner/a.txt")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"abc"))
    return {"x.npy": one.getvalue(), "x.npz": many.getvalue(), "x.tar": packed.getvalue()}


def network() -> bytes:
    """An ONNX model: y = relu(x w)."""
    x, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", size])
        for name, size in (("x", 3), ("y", 2))
    )
    w = onnx.numpy_helper.from_array(np.ones((3, 2), "float32"), "w")
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["h"]),
        onnx.helper.make_node("Relu", ["h"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "tiny", [x], [y], [w])
    return bytes(onnx.helper.make_model(graph).SerializeToString())


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("notes/one.txt", "1")
    return sink.getvalue()


def files(probe: str) -> dict[str, bytes]:
    """A file of each kind; pages that mean harm send what they get to *probe*, `host:port`."""
    return {
        "data/rows.parquet": parquet(5_000),
        "data/rows.csv": b"n,word\n" + b"".join(b"%d,w%d\n" % (n, n) for n in range(5_000)),
        "losses.json": json.dumps({"columns": ["epoch"], "data": [[1], [2]]}).encode(),
        "figure.json": json.dumps(PLOTLY).encode(),
        "figure.html": PAGE_OF_PLOTLY.encode(),
        "chart.json": json.dumps(VEGA).encode(),
        "map.geojson": json.dumps(SHAPES).encode(),
        "steps.ipynb": json.dumps(NOTEBOOK).encode(),
        "model/MLmodel": MODEL.encode(),
        "model/requirements.txt": b"scikit-learn==1.7\nnumpy\n",
        "train.log.gz": gzip.compress(b"first line\nsecond line\n"),
        "said.wav": sound(),
        "light.mp4": film(),
        "red.pdf": pdf(),
        "attack.html": attack(probe),
        "leaving.html": leaving(probe),
        "all.zip": zipped(),
        "tiny.onnx": network(),
        "conf.yaml": b"optimizer:\n  name: adam\n  rates: [0.1, 0.01]\nseed: 7\n",
        "pyproject.toml": b"[project]\nname = 'trainer'\n",
        **arrays(),
    }


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    pixels = b"".join(b"\0" + bytes((row * 3 % 256, 90, 160)) * width for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class Viewed(NamedTuple):
    """The ids of what there is."""

    experiment: str
    filmed: str
    """A run with images under keys, one of which ends early."""
    filed: str
    """A run with a file of each kind."""


NOWHERE = "127.0.0.1:9"


def viewers(api: Api, *, steps: int = 100, probe: str = NOWHERE) -> Viewed:
    """Fill a server; every tenth step has images. *probe*: see `files`."""
    experiment = api.experiment("media")
    filmed, filed = (api.run(experiment, name) for name in ("filmed", "each kind"))
    for key in KEYS:
        log_images(api, filmed, key, range(0, 10 * (steps if key != "b/mask" else 5), 10))
    for number in range(40):
        log_images(api, filmed, f"z/{number:02}", range(1))
    api.put(filmed, "said.wav", sound())
    for path, content in files(probe).items():
        api.put(filed, path, content)
    return Viewed(experiment, *(str(run["info"]["run_id"]) for run in (filmed, filed)))


def log_images(server: Api, run: dict[str, Any], key: str, steps: range) -> None:
    for step in steps:
        stem = f"images/{key.replace('/', '~')}+step+{step}+timestamp+{step}+{step:032x}"
        server.put(run, f"{stem}.png", png(16 + step, 12))
