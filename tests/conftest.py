"""Fixtures that several folders of tests use."""

from collections.abc import Iterator

import pytest

from tests.process import RunningService


@pytest.fixture(scope="session")
def running() -> Iterator[RunningService]:
    """One service for all tests that leave it as they found it."""
    service = RunningService.start()
    yield service
    assert service.stop() == 0
