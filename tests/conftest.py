"""Rules for all tests: the same draws everywhere, no limit of time, a failure that fails no other; and two services."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.process import PATIENT, RunningService

LONG = [Path(__file__).parent / name for name in ("cpu", "deploy", "image", "soak", "system")]
"""Folders of tests that want programs beside Python, or minutes."""

settings.register_profile(
    "same", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # As in a shell's background, and so in all processes below.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of some folders as long."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in LONG):
            item.add_marker("long")


def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """From the first failure on, show what is found left open, and blame nobody for it.

    It comes to light whenever Python collects it, and may be the failed test's.
    """
    node.config.addinivalue_line("filterwarnings", "default::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="session")
def running() -> Iterator[RunningService]:
    """One service for all tests that leave it as they found it."""
    with RunningService.start() as service:
        yield service


@pytest.fixture(scope="session")
def uncached() -> Iterator[RunningService]:
    """One service that scores everything anew, for all tests that leave it as they found it."""
    with RunningService.start(cache_mb=0, **PATIENT) as service:
        yield service
