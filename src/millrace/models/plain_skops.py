"""Reading the plain part of skops' format, without skops.

To know what is harmless skops imports all of scikit-learn, which takes longer than everything else
in loading a small model. Most files need none of that: their nodes are numbers, strings, lists,
tuples, dicts, arrays and public estimators of scikit-learn. Those are read here; whatever else a
file holds makes it not plain, and skops reads it, with its own audit, as if nobody had looked
before. What is plain here is harmless to skops too, never the other way round.

The format: https://skops.readthedocs.io/en/stable/persistence.html, protocol 2: a zip with a tree
of nodes in `schema.json` and an `.npy` for each array.
"""

from __future__ import annotations

import importlib
import inspect
import io
import itertools
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_Node = dict[str, Any]

_SCHEMA: Final = "schema.json"
_PROTOCOL: Final = 2
_MODULE: Final = re.compile(r"sklearn(\.[A-Za-z_][A-Za-z0-9_]*)+")
# Modules that do something when they are imported, or that are not scikit-learn's own.
_ASIDE: Final = frozenset({"base", "conftest", "experimental", "externals", "setup", "tests"})
_BUILTIN: Final = {"bool": bool, "float": float, "int": int, "str": str}
_UNMADE: Final = object()
_KEYS: Final = (str, int)
# What a file that is not as it should be raises on the way; skops then says what is wrong with it.
_ODD: Final = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


class NotPlain(Exception):
    """There is more in the file than is read here."""


def read(path: Path | BinaryIO) -> Any:
    """The object in the skops file at *path*. Raises `NotPlain` when skops itself must read it,
    also because the file is damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            schema = json.loads(file.read(_SCHEMA))
            if schema["protocol"] != _PROTOCOL:
                raise NotPlain
            return _Reader(file).made(schema)
    except _ODD as error:
        raise NotPlain from error


class _Reader:
    """Makes the objects of one file."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._seen: dict[int, Any] = {}

    def made(self, node: _Node) -> Any:
        """The object that *node* describes; one that came before under its id is the same one."""
        name = node["__id__"]
        if name in self._seen:
            if self._seen[name] is _UNMADE:  # it is in itself
                raise NotPlain
            return self._seen[name]
        way = _WAYS.get(node["__loader__"])
        if way is None:
            raise NotPlain
        self._seen[name] = _UNMADE
        self._seen[name] = found = way(self, node)
        return found

    def value(self, node: _Node) -> Any:
        return json.loads(node["content"])

    def list(self, node: _Node) -> Any:
        _only(node, "builtins.list")
        return [self.made(each) for each in node["content"]]

    def tuple(self, node: _Node) -> Any:
        _only(node, "builtins.tuple")
        return tuple(self.made(each) for each in node["content"])

    def dict(self, node: _Node) -> Any:
        _only(node, "builtins.dict")
        keys = self.made(node["key_types"])
        if not all(each in _KEYS for each in keys):
            raise NotPlain
        content = node["content"].items()
        return {kind(key): self.made(each) for kind, (key, each) in zip(keys, content, strict=True)}

    def array(self, node: _Node) -> Any:
        import numpy as np  # noqa: PLC0415 - an extra

        if node["type"] == "json":
            _only(node, "numpy.ndarray")
            items = [self.made(each) for each in node["content"]]
            if self.made(node["shape"]) != (len(items),):
                raise NotPlain
            objects = np.empty(len(items), dtype=object)
            for at, item in enumerate(items):
                objects[at] = item
            return objects
        data = io.BytesIO(self._file.read(node["file"]))
        found = np.lib.format.read_array(data, allow_pickle=False)
        if _named(node) == "numpy.ndarray":
            return found
        return _scalar_type(node)(found)

    def slice(self, node: _Node) -> Any:
        ends = [node["content"][name] for name in ("start", "stop", "step")]
        if not all(each is None or type(each) is int for each in ends):
            raise NotPlain
        return slice(*ends)

    def type(self, node: _Node) -> Any:
        if node["__module__"] == "builtins":
            return _BUILTIN[node["__class__"]]
        return _scalar_type(node)

    def estimator(self, node: _Node) -> Any:
        made = object.__new__(_estimator(node))
        if "content" in node:
            state = self.made(node["content"])
            if type(state) is not dict:
                raise NotPlain
            made.__setstate__(state)
        return made


_WAYS: Final[dict[str, Callable[[_Reader, _Node], Any]]] = {
    "JsonNode": _Reader.value,
    "ListNode": _Reader.list,
    "TupleNode": _Reader.tuple,
    "DictNode": _Reader.dict,
    "NdArrayNode": _Reader.array,
    "SliceNode": _Reader.slice,
    "TypeNode": _Reader.type,
    "ObjectNode": _Reader.estimator,
}


def _named(node: _Node) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _only(node: _Node, name: str) -> None:
    if _named(node) != name:
        raise NotPlain


def _scalar_type(node: _Node) -> Any:
    """One of numpy's types of numbers and texts."""
    import numpy as np  # noqa: PLC0415 - an extra

    if node["__module__"] != "numpy":
        raise NotPlain
    found = np.sctypeDict.get(node["__class__"])
    if found is None or found.__name__ != node["__class__"] or issubclass(found, np.object_):
        raise NotPlain
    return found


def _estimator(node: _Node) -> Any:
    """A public estimator of scikit-learn whose state is set in the way of all of them.

    Nothing but a public package of scikit-learn is imported to find it.
    """
    module, name = node["__module__"], node["__class__"]
    if not _MODULE.fullmatch(module) or name.startswith("_"):
        raise NotPlain
    parts = module.split(".")
    if not _ASIDE.isdisjoint(parts):
        raise NotPlain
    public = ".".join(itertools.takewhile(lambda part: not part.startswith("_"), parts))
    base: Any = importlib.import_module("sklearn.base").BaseEstimator
    found: Any = getattr(importlib.import_module(public), name)
    if not isinstance(found, type) or not issubclass(found, base) or inspect.isabstract(found):
        raise NotPlain
    # Nothing of its own happens when one is made and its state is set.
    if any(getattr(found, each) is not getattr(base, each) for each in ("__new__", "__setstate__")):
        raise NotPlain
    if found.__module__ != module:
        raise NotPlain
    return found
