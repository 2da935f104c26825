"""Finding implementations: ours at once, those of other packages only for names we do not have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from millrace.core.plugins import Registry

GROUP = "millrace.test.things"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with one module on the path; the keyword arguments are its entry points."""

    def installed(module: str, source: str, **points: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = [f"{name} = {place}" for name, place in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
        monkeypatch.syspath_prepend(tmp_path)

    return installed


def registry() -> Registry[object]:
    return Registry(GROUP, {"dumps": "json:dumps"})


def test_a_built_in_is_found() -> None:
    assert registry().find("dumps") is json.dumps


def test_what_nobody_offers_is_none() -> None:
    assert registry().find("nothing") is None


def test_a_package_s_implementation_is_found_by_its_name(install: Install) -> None:
    install("plugin_found", "def thing(): ...", theirs="plugin_found:thing")

    found = registry().find("theirs")

    assert getattr(found, "__module__", None) == "plugin_found"


def test_a_package_cannot_take_the_name_of_a_built_in(install: Install) -> None:
    """It is not even imported."""
    install("plugin_rival", "raise AssertionError", dumps="plugin_rival:thing")

    assert registry().find("dumps") is json.dumps


def test_an_implementation_is_loaded_once(install: Install) -> None:
    install("plugin_once", "def __getattr__(name): return object()", theirs="plugin_once:thing")
    known = registry()

    assert known.find("theirs") is known.find("theirs")


def test_a_name_that_was_missing_is_looked_for_again(install: Install) -> None:
    known = registry()
    before = known.find("later")

    install("plugin_later", "thing = 1", later="plugin_later:thing")

    assert (before, known.find("later")) == (None, 1)


def test_a_broken_package_says_so_itself(install: Install) -> None:
    install("plugin_broken", "raise OSError('cannot be used here')", theirs="plugin_broken:thing")

    with pytest.raises(OSError, match="cannot be used here"):
        registry().find("theirs")


def test_names_are_those_of_all(install: Install) -> None:
    install("plugin_names", "", zebra="plugin_names:a", adder="plugin_names:b")

    assert registry().names() == ["adder", "dumps", "zebra"]
