"""skops files that are read without skops: the same objects, and never more than skops trusts."""

from __future__ import annotations

import io
import itertools
import json
import pkgutil
import subprocess
import sys
import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES

from millrace.models import plain_skops
from millrace.models.plain_skops import NotPlain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = np.random.default_rng(0).normal(size=(60, 3))
FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(kind=["x", "y", "z"] * 20)
LABELS = np.array(["no", "yes"])[(ROWS[:, 0] > 0).astype(int)]

PLAIN = {
    "linear": LogisticRegression(class_weight={"no": 1.0, "yes": 2.0}).fit(ROWS, LABELS),
    "integer-keys": LogisticRegression(class_weight={0: 1, 1: 2}).fit(ROWS, ROWS[:, 0] > 0),
    "net": ElasticNet(alpha=0.1).fit(ROWS, ROWS[:, 1]),
    "scaled": make_pipeline(StandardScaler(), SVC()).fit(FRAME[["a", "b"]], LABELS),
    "clusters": make_pipeline(PCA(2), KMeans(2, n_init=1, random_state=0)).fit(ROWS),
    "bayes": GaussianNB().fit(ROWS, LABELS),
    "columns": make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["a", "b"]),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
        ),
        LogisticRegression(),
    ).fit(FRAME, LABELS),
}
NOT_PLAIN = {
    "trees": RandomForestClassifier(2).fit(ROWS, LABELS),
    "a function": FunctionTransformer(np.log1p).fit(ROWS),
    "a type of numbers that skops mistrusts": SimpleImputer().fit(ROWS),
    "a set": {1, 2},
}


def written(thing: Any, folder: Path) -> Path:
    skops.io.dump(thing, folder / "model.skops")
    return folder / "model.skops"


def with_schema(path: Path, schema: object) -> Path:
    """The file at *path* with another tree."""
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    entries["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, data in entries.items():
            new.writestr(name, data)
    return path


def node(kind: str, name: str, loader: str, content: object = None) -> dict[str, Any]:
    said = {"__module__": kind, "__class__": name, "__loader__": loader, "protocol": 2}
    named = {**said, "__id__": next(IDS)}
    return named if content is None else {**named, "content": content}


IDS = itertools.count()


def value(thing: object) -> dict[str, Any]:
    return node("builtins", "str", "JsonNode", json.dumps(thing))


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_estimator_is_what_skops_reads(name: str, tmp_path: Path) -> None:
    path = written(PLAIN[name], tmp_path)
    ours, theirs = plain_skops.read(path), skops.io.load(path)
    data = FRAME if name == "columns" else FRAME[["a", "b"]] if name == "scaled" else ROWS
    assert type(ours) is type(theirs)
    assert repr(ours) == repr(theirs)
    np.testing.assert_array_equal(ours.predict(data), theirs.predict(data))
    # Written again both are the same, but for the ids, which are addresses.
    assert tree(ours) == tree(theirs)


def tree(thing: Any) -> Any:
    """What skops writes of *thing*, without what differs from one writing to the next."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(thing))) as file:

        def told(part: Any) -> Any:
            if isinstance(part, list):
                return [told(each) for each in part]
            if isinstance(part, dict):
                if "file" in part:
                    return file.read(part["file"])
                return {key: told(each) for key, each in part.items() if key != "__id__"}
            return part

        return told(json.loads(file.read("schema.json")))


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_whatever_else_is_left_to_skops(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotPlain):
        plain_skops.read(written(NOT_PLAIN[name], tmp_path))
    assert skops.io.load(
        tmp_path / "model.skops",
        trusted=skops.io.get_untrusted_types(file=tmp_path / "model.skops"),
    )


HOSTILE = {
    "a function": node("os", "system", "FunctionNode"),
    "a type": node("subprocess", "Popen", "TypeNode"),
    "an object of anybody's": node("pathlib", "Path", "ObjectNode"),
    "a call": node("builtins", "eval", "ConstructorFromReduceNode", value(["1"])),
    "a method": node("sklearn.svm", "SVC", "MethodNode", {"func": "fit", "obj": value(1)}),
    "a list that is something else": node("subprocess", "Popen", "ListNode", [value("true")]),
    "a dict that is something else": node("os", "system", "DictNode", {}),
    "a tuple that is something else": node("os", "system", "TupleNode", []),
    "a number that is something else": {
        **node("os", "system", "NdArrayNode"),
        "type": "numpy",
        "file": "x.npy",
    },
    "a function of scikit-learn": node("sklearn.datasets", "fetch_openml", "ObjectNode"),
    "a class of scikit-learn that is no estimator": node(
        "sklearn.tree._tree", "Tree", "ObjectNode"
    ),
    "a private estimator": node("sklearn.linear_model._base", "LinearModel", "ObjectNode"),
    "an estimator by another's name": node("sklearn.base", "LogisticRegression", "ObjectNode"),
    "a module that does things": node(
        "sklearn.experimental.enable_iterative_imputer", "IterativeImputer", "ObjectNode"
    ),
    "a module beyond scikit-learn": node("sklearn.externals.joblib", "Memory", "ObjectNode"),
    "a path for a module": node("sklearn/../os", "system", "ObjectNode"),
    "a state that is no dict": node("sklearn.svm._classes", "SVC", "ObjectNode", value([1])),
    "keys of any type": {
        **node("builtins", "dict", "DictNode", {"1": value(1)}),
        "key_types": node("builtins", "list", "ListNode", [node("builtins", "eval", "TypeNode")]),
    },
    "another protocol": {**value(1), "protocol": 1},
    "protocol true": {**value(1), "protocol": True},
    "no node": [1, 2],
    "no loader": {"protocol": 2},
    "a list for a loader": {"__loader__": [], "protocol": 2},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_tree_is_not_plain(name: str, tmp_path: Path) -> None:
    path = with_schema(written(PLAIN["bayes"], tmp_path), HOSTILE[name])
    with pytest.raises(NotPlain):
        plain_skops.read(path)


def test_a_tree_too_deep_is_not_plain(tmp_path: Path) -> None:
    deep = json.dumps(node("builtins", "list", "ListNode", []))[:-2]
    path = written(1, tmp_path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", deep * 5000 + json.dumps(value(1)) + "]}" * 5000)
    with pytest.raises(NotPlain):
        plain_skops.read(path)


def test_a_pickle_in_an_array_is_not_read(tmp_path: Path) -> None:
    path = written(np.arange(3), tmp_path)
    with zipfile.ZipFile(path) as file:
        schema = json.loads(file.read("schema.json"))
    data = io.BytesIO()
    np.save(data, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", json.dumps(schema))
        file.writestr(schema["file"], data.getvalue())
    with pytest.raises(NotPlain):
        plain_skops.read(path)


@pytest.mark.parametrize("damage", [b"", b"PK", b"no zip at all" * 10])
def test_a_damaged_file_is_left_to_skops(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(damage)
    with pytest.raises(NotPlain):
        plain_skops.read(tmp_path / "model.skops")


def test_what_is_plain_here_is_trusted_by_skops(tmp_path: Path) -> None:
    """Each class that is to be had in scikit-learn: those that are made here skops trusts too."""
    path = tmp_path / "model.skops"
    made = 0
    for found in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        if {"tests", "externals", "conftest", "experimental", "_build_utils", "_test_common"} & {
            *found.name.split(".")
        }:
            continue
        for name, each in vars(import_module(found.name)).items():
            if not isinstance(each, type) or not issubclass(each, BaseEstimator):
                continue
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("schema.json", json.dumps(node(each.__module__, name, "ObjectNode")))
            try:
                plain_skops.read(path)
            except NotPlain:
                continue
            assert f"{each.__module__}.{name}" in SKLEARN_ESTIMATOR_TYPE_NAMES
            made += 1
    assert made > 150


NAMES = ("list", "dict", "tuple", "set", "eval", "system", "SVC", "Tree", "ndarray", "float64")
MODULES = ("builtins", "os", "numpy", "sklearn.svm._classes", "sklearn.tree._tree", "sklearn.svm")
SEEN = skops.io.dumps(PLAIN["scaled"])


@pytest.mark.filterwarnings("ignore:Trying to unpickle")
@given(data=st.data())
def test_a_tree_that_was_changed_is_never_plain_where_skops_mistrusts_it(
    data: st.DataObject,
) -> None:
    with zipfile.ZipFile(io.BytesIO(SEEN)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(entries["schema.json"])
    for _ in range(data.draw(st.integers(1, 3))):
        one = data.draw(st.sampled_from(list(nodes(schema))))
        field = data.draw(st.sampled_from(["__class__", "__module__", "__loader__", "__id__"]))
        pools = {"__class__": NAMES, "__module__": MODULES, "__id__": (1, 2), "__loader__": LOADERS}
        one[field] = data.draw(st.sampled_from(pools[field]))
    entries["schema.json"] = json.dumps(schema).encode()
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as out:
        for name, content in entries.items():
            out.writestr(name, content)
    try:
        found = plain_skops.read(changed)
    except NotPlain:
        return
    assert skops.io.get_untrusted_types(data=changed.getvalue()) == []
    assert type(found) is type(skops.io.loads(changed.getvalue()))


LOADERS = (
    "ConstructorFromReduceNode",
    "DTypeNode",
    "SliceNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "MethodNode",
    "NdArrayNode",
    "ObjectNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
)


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    """Each node of a tree."""
    if isinstance(part, dict):
        if "__loader__" in part:
            yield part
        part = [*part.values()]
    if isinstance(part, list):
        for each in part:
            yield from nodes(each)


CODE = """
import sys
from pathlib import Path
from millrace.models import plain_skops
plain_skops.read(Path(sys.argv[1]))
print(*sorted({"skops", "sklearn.ensemble", "sklearn.cluster"} & {*sys.modules}))
"""


def test_reading_a_plain_estimator_imports_no_more_than_it(tmp_path: Path) -> None:
    path = written(PLAIN["linear"], tmp_path)
    said = subprocess.run(
        [sys.executable, "-c", CODE, path], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == ""
