from __future__ import annotations

import pytest

from millrace.client.locations import OfModel, OfRun, OfVersion, owned
from millrace.core.errors import InvalidArgument

M = "m-" + "0" * 32


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("runs:/r", OfRun("r", "")),
        ("runs:/r/", OfRun("r", "")),
        ("RUNS:/r/a/b c.txt", OfRun("r", "a/b c.txt")),
        (f"models:/{M}", OfModel(M, "")),
        (f"models:/{M}/a/b", OfModel(M, "a/b")),
        ("models:/net/3", OfVersion("net", "3", None, None, "")),
        ("models:/net/3/a/b", OfVersion("net", "3", None, None, "a/b")),
        ("models:/my net/Production", OfVersion("my net", None, "Production", None, "")),
        ("models:/net/latest/x", OfVersion("net", None, "latest", None, "x")),
        ("models:/net@best", OfVersion("net", None, None, "best", "")),
        ("models:/net@best/a", OfVersion("net", None, None, "best", "a")),
        ("models:/m-12/3", OfVersion("m-12", "3", None, None, "")),
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
