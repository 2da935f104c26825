"""What holds for every test: order, examples, and an environment that says nothing of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent

# The cheap ones first, so that a mistake shows in seconds; folders not named here come last.
CHEAP_FIRST = (
    "unit",
    "contract",
    "differential",
    "faults",
    "flavors",
    "docs",
    "contract_artifacts",
    "migration",
    "packaging",
    "typing",
    "wire",
    "e2e",
)

# The suite runs on machines that do other things too: time says nothing about one example.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=2_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-size",
        action="store_true",
        help="run proofs at the size that is promised, not at the one that fits a short run",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
    # A job in the background ignores these, and its children inherit that: theirs must arrive.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    # Settings of whoever runs the tests would change whom we talk to, or as whom.
    for name in _settings():
        del os.environ[name]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the random order within each folder, and put the folders in order of cost."""
    items.sort(key=_rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """File names that are no text, which some tests have logged, can be sent to whoever reports."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT).parts[0]
    if folder == "browser":
        # Playwright's loop runs in this thread from its first test on: nobody else could run one.
        return len(CHEAP_FIRST) + 1
    return CHEAP_FIRST.index(folder) if folder in CHEAP_FIRST else len(CHEAP_FIRST)


def _settings() -> dict[str, str]:
    """Settings in the environment, but for those of the tests themselves."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("MILLRACE_", "MLFLOW_")) and not name.startswith("MILLRACE_TEST_")
    }


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    """No test leaves settings to the next one: `set_tracking_uri` holds for the whole process."""
    before = _settings()
    yield
    for name in _settings().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


# What tools keep there, and what git ignores.
_KEPT_IN_ROOT = {".coverage", ".hypothesis", ".venvs", "build", "dist", "site"}


@pytest.fixture(scope="session", autouse=True)
def _tidy_root() -> Iterator[None]:
    """No test leaves anything in the root of the repository, such as records at a relative path."""
    before = {one.name for one in ROOT.parent.iterdir()}
    yield
    left = {one.name for one in ROOT.parent.iterdir()} - before - _KEPT_IN_ROOT
    assert [one for one in left if not one.endswith("_cache")] == []


@pytest.fixture(scope="session")
def full_size(pytestconfig: pytest.Config) -> bool:
    """Whether to prove things at full size (`make crash`, `make fuzz`, `make test-all`)."""
    return bool(pytestconfig.getoption("--full-size"))
