from __future__ import annotations

import pytest

from millrace.client.locations import OfModel, OfRun, owned
from millrace.core.errors import InvalidArgument
from millrace.core.model_uris import ByAlias, ById, ByNumber, ByStage, Latest

M = "m-" + "0" * 32


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("runs:/r", OfRun("r", "")),
        ("runs:/r/", OfRun("r", "")),
        ("RUNS:/r/a/b c.txt", OfRun("r", "a/b c.txt")),
        (f"models:/{M}", OfModel(ById(M), "")),
        (f"models:/{M}/a/b", OfModel(ById(M, "a/b"), "a/b")),
        ("models:/net/3", OfModel(ByNumber("net", "3"), "")),
        ("models:/net/3/a/b", OfModel(ByNumber("net", "3", "a/b"), "a/b")),
        ("models:/my net/Production", OfModel(ByStage("my net", "Production"), "")),
        ("models:/net/latest/x", OfModel(Latest("net", "x"), "x")),
        ("models:/net@best", OfModel(ByAlias("net", "best"), "")),
        ("models:/net@best/a", OfModel(ByAlias("net", "best", "a"), "a")),
        ("models:/m-12/3", OfModel(ByNumber("m-12", "3"), "")),
        ("s3://bucket/a", None),
        ("/a/b", None),
        ("a/b", None),
        ("mlflow-artifacts:/0/r", None),
    ],
)
def test_who_has_it(uri: str, found: object):
    assert owned(uri) == found


@pytest.mark.parametrize(
    "uri",
    """
    runs: runs:/ runs:r runs://host/r runs:/r/../x runs:/r/a\\b
    models:/ models:/net models:/net@ models:/@a/b models://profile@databricks/net/1
    """.split(),
)
def test_what_names_nothing_is_refused(uri: str):
    with pytest.raises(InvalidArgument):
        owned(uri)
