from __future__ import annotations

import importlib
import logging

import pytest

import millrace
from millrace import _doors


@pytest.mark.parametrize("name", _doors.public())
def test_every_public_name_leads_somewhere(name: str):
    assert getattr(millrace, name) is not None
    assert name in dir(millrace)


@pytest.mark.parametrize("name", sorted(_doors.MODULES))
def test_a_module_under_two_names_is_one(name: str):
    alias, real = importlib.import_module(name), importlib.import_module(_doors.MODULES[name])

    assert alias is real
    assert real.__name__ == real.__spec__.name == _doors.MODULES[name]
    assert getattr(millrace, name.partition(".")[2]) is real


def test_a_package_of_the_house_has_a_public_face():
    """`millrace.artifacts` holds the stores; scripts know it for other things."""
    import millrace.artifacts as face  # noqa: PLC0415

    for name, module in _doors.FACES["millrace.artifacts"].items():
        assert getattr(face, name) is getattr(importlib.import_module(module), name)
        assert name in dir(face)
    assert millrace.artifacts is face
    assert importlib.import_module("millrace.artifacts.protocols").ArtifactStore
    with pytest.raises(AttributeError, match="no attribute 'download_everything'"):
        _ = face.download_everything


def test_scripts_import_what_they_are_used_to():
    from millrace.entities import Metric, Param, RunTag, ViewType  # noqa: PLC0415
    from millrace.exceptions import MlflowException  # noqa: PLC0415
    from millrace.tracking import MlflowClient  # noqa: PLC0415

    assert (Metric("m", 1.0, 2, 3).step, Param("p", 1).key, RunTag("t", 1).value) == (3, "p", 1)
    assert ViewType.ALL == 3
    assert MlflowClient is millrace.MillraceClient is millrace.MlflowClient
    assert MlflowException is millrace.MlflowException is millrace.MillraceError


def test_an_unknown_name_is_none_of_ours():
    with pytest.raises(AttributeError, match="no attribute 'log_everything'"):
        _ = millrace.log_everything
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("millrace.everything")


def test_autolog_is_honest_about_what_it_can_do(caplog: pytest.LogCaptureFixture):
    assert millrace.autolog(log_models=False) == []
    assert "nothing is logged automatically" in caplog.text.replace("\n", " ")

    caplog.clear()
    with caplog.at_level(logging.WARNING):
        millrace.autolog(silent=True)
        millrace.autolog(disable=True)
    assert caplog.records == []


def test_autolog_switches_integrations(monkeypatch: pytest.MonkeyPatch):
    from millrace.autolog import INTEGRATIONS  # noqa: PLC0415

    switched = []
    monkeypatch.setitem(INTEGRATIONS._builtin, "fake", f"{__name__}:unused")
    monkeypatch.setitem(INTEGRATIONS._loaded, "fake", lambda **options: switched.append(options))

    assert millrace.autolog(log_models=False) == ["fake"]
    assert millrace.autolog(disable=True, exclude_flavors=["fake"]) == []
    assert switched == [{"disable": False, "log_models": False}]
