"""Settings of all tests: deterministic Hypothesis, no deadlines, isolated failures; and two shared services."""

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.process import PATIENT, RunningService

LONG = [Path(__file__).parent / name for name in ("cpu", "deploy", "hostile", "image", "soak", "system")]
"""Directories of tests that take minutes, or need programs beside Python."""

settings.register_profile(
    "same", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # A background job of a shell ignores SIGINT, and child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # The same of nohup and SIGHUP.


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of some directories as long."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in LONG):
            item.add_marker("long")


def pytest_collection_finish() -> None:
    """Keep what collection made out of each later search for garbage: it lives to the end."""
    gc.freeze()


def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """After the first failure, show unclosed resources as warnings instead of failing a test.

    Python finds them whenever it collects garbage, and they may belong to the failed test.
    """
    node.config.addinivalue_line("filterwarnings", "default::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="session")
def running() -> Iterator[RunningService]:
    """Start one service for all tests that do not change its state."""
    with RunningService.start() as service:
        yield service


@pytest.fixture(scope="session")
def uncached() -> Iterator[RunningService]:
    """Start one service without a cache for all tests that do not change its state."""
    with RunningService.start(cache_mb=0, **PATIENT) as service:
        yield service
